"""`cardioserver start`, `stop` and `status`: the server in the background."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.installation import ConfigOption, home, read_config
from cardioserver.cli.output import say, show_json
from cardioserver.cli.parameters import Json
from cardioserver.cli.serve import HostOption, PortOption
from cardioserver.language import Phrase

DirOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", envvar="CARDIOSERVER_DATA", help="Data directory; storage by default."
    ),
]
LogsOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Directory of the log; logs by default.")
]


def start(
    *,
    embedded: Annotated[
        bool,
        typer.Option("--embedded", help="On this machine, with SQLite and the bank in the data directory."),
    ] = False,
    config: ConfigOption = None,
    data: DirOption = None,
    logs: LogsOption = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Start the server in the background and wait until it listens."""
    if not embedded:
        raise Failure(
            Phrase("How to start? There is `start --embedded`.", "Как запустить? Есть `start --embedded`."),
            ExitCode.USAGE,
        )
    from cardioserver.cli.background import Background

    settings = read_config(config, data, host, port)
    background = Background(settings.data, logs or home() / "logs")
    arguments = _options({"--config": config and config.absolute(), "--host": host, "--port": port})
    running = background.start(arguments)
    say(
        Phrase(
            f"The server listens on {running.host}:{running.port} "
            f"(process {running.pid}, log {running.log}).",
            f"Сервер принимает подключения на {running.host}:{running.port} "
            f"(процесс {running.pid}, журнал {running.log}).",
        )
    )


def stop(data: DirOption = None, config: ConfigOption = None) -> None:
    """Stop the background server; it finishes its requests first."""
    from cardioserver.cli.background import Background

    pid = Background(_data(config, data), home() / "logs").stop()
    say(Phrase(f"Stopped (process {pid}).", f"Остановлен (процесс {pid})."))


def status(data: DirOption = None, config: ConfigOption = None, as_json: Json = False) -> None:
    """Tell whether the background server runs; exit status 6 if not."""
    from cardioserver.cli.background import Background

    running = Background(_data(config, data), home() / "logs").status()
    if as_json:
        show_json({"running": running is not None, **(asdict(running) if running else {})})
    elif running is None:
        say(Phrase("No server is running.", "Сервер не запущен."))
    elif not running.port:
        say(Phrase(f"It is starting (process {running.pid}).", f"Запускается (процесс {running.pid})."))
    else:
        say(
            Phrase(
                f"It runs: {running.host}:{running.port}, version {running.version}, process {running.pid}, "
                f"log {running.log}",
                f"Работает: {running.host}:{running.port}, версия {running.version}, процесс {running.pid}, "
                f"журнал {running.log}",
            )
        )
    if running is None:
        raise typer.Exit(ExitCode.NOT_RUNNING)


def _data(config: Path | None, data: Path | None) -> Path:
    """The data directory; only a configuration needs reading, which takes a moment."""
    return read_config(config, data).data if config else (data or home() / "storage")


def _options(given: dict[str, object]) -> list[str]:
    return [part for name, value in given.items() if value is not None for part in (name, str(value))]
