"""What a server says of itself when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cardioserver.language import Language, Phrase


@dataclass(frozen=True, slots=True)
class Banner:
    """The lines of the original's start, with the values of this server."""

    version: str
    host: str
    port: int
    tls: bool
    cardiobank: Path
    postfix: int
    server_type: str
    server_id: int
    pool_size: int
    cluster_ids: tuple[int, ...]

    def lines(self, language: Language) -> list[str]:
        """The lines for a person."""
        listen = f"{_bracketed(self.host)}:{self.port}" + (" TLS" if self.tls else "")
        rows: list[tuple[Phrase, object]] = [
            (Phrase("Server version", "Версия сервера"), self.version),
            (Phrase("Listen address", "Адрес приёма подключений"), listen),
            (Phrase("Cardiobank path", "Путь к кардиобанку"), self.cardiobank),
            (Phrase("Postfix", "Постфикс"), self.postfix),
            (Phrase("Server type", "Тип сервера"), self.server_type),
            (Phrase("Server id", "Идентификатор сервера"), self.server_id),
            (Phrase("Database pool size", "Размер пула соединений с БД"), self.pool_size),
            (Phrase("Cluster ids", "Идентификаторы кластера"), ", ".join(map(str, self.cluster_ids))),
        ]
        return [f"{name.say(language)}: {value}" for name, value in rows]


READY = Phrase("Ready.", "Готов к работе.")
STOPPING = Phrase(
    "Stopping: finishing requests, at most {seconds:g} s. Again to stop at once.",
    "Останов: завершаю запросы, не дольше {seconds:g} с. Повторите, чтобы остановить сразу.",
)
STOPPED = Phrase("Stopped.", "Остановлен.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
