"""Errors of the client.

::

    ClientError
    ├── ConnectError          no connection could be made
    │   ├── ConnectTimeout    … in the time allowed
    │   └── TlsFailed         … because one side does not trust the other's certificate
    ├── ConnectionLost        the connection broke and trying again did not help, or would not be safe
    ├── ReplyTimeout          the server lives, but did not answer this request in time
    ├── ProtocolViolation     the peer does not speak the protocol
    ├── DigestError           samples arrived that are not those whose digest the server gave
    ├── ClientClosed          the client was closed, by `close()` or the end of its `async with`
    └── ServerError           the server answered "no"; has its code, field and both texts
        ├── RequestRejected   the request itself is wrong (a field, an offset, an unknown message)
        ├── LoginRejected     wrong login or password, or too many attempts
        ├── NotAllowed        this account may not do that
        ├── NotFound          no such thing, or none this account may know of
        ├── Conflict          somebody was first; an exam UUID that names another exam
        ├── Unavailable       not now: busy, shutting down, no room, no database
        └── ServerFailed      the server could not do it: a damaged exam, an internal failure

Values that cannot be true raise :class:`cardioserver.ecg.errors.InvalidField` before anything is sent.
``str()`` of an error is English; :meth:`ClientError.say` gives either language.
"""

from __future__ import annotations

import errno
import os
import socket

from cardioserver.client.address import Address
from cardioserver.language import Language, Phrase
from cardioserver.protocol.messages import Error, ErrorCode


class ClientError(Exception):
    """Base of all errors of :mod:`cardioserver.client`."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase)
        self.phrase = phrase

    def __str__(self) -> str:
        return self.phrase.en

    def say(self, language: Language) -> str:
        """What happened and what to do, for a person."""
        return self.phrase.say(language)


class ConnectError(ClientError):
    """No connection could be made."""

    def __init__(self, address: Address, reason: Phrase) -> None:
        super().__init__(
            Phrase(
                f"Cannot connect to {address}: {reason.en}. Check the address and that the server runs.",
                f"Нет соединения с {address}: {reason.ru}. Проверьте адрес и то, что сервер запущен.",
            )
        )


class ConnectTimeout(ConnectError):
    """No connection could be made in the time allowed."""

    def __init__(self, address: Address, seconds: float) -> None:
        super().__init__(address, Phrase(f"no answer within {seconds:g} s", f"нет ответа за {seconds:g} с"))


class TlsFailed(ConnectError):
    """The two sides do not agree on TLS, or one does not trust the other's certificate."""

    def __init__(self, address: Address, reason: str) -> None:
        ClientError.__init__(
            self,
            Phrase(
                f"No trusted TLS connection to {address}: {reason}. "
                "Check that the server uses TLS and that its authority is given (--tls-ca).",
                f"Нет доверенного соединения TLS с {address}: {reason}. "
                "Проверьте, включён ли TLS на сервере и указан ли его удостоверяющий центр (--tls-ca).",
            ),
        )


class ConnectionLost(ClientError):
    """The connection broke; what was asked may or may not have been done."""

    def __init__(self, address: Address, reason: Phrase) -> None:
        super().__init__(
            Phrase(
                f"The connection to {address} broke: {reason.en}. "
                "Try again: an upload goes on where it stopped.",
                f"Соединение с {address} оборвалось: {reason.ru}. "
                "Повторите: передача продолжится с места обрыва.",
            )
        )


class ReplyTimeout(ClientError):
    """The server lives, but did not answer this request in time."""

    def __init__(self, address: Address, request: str, seconds: float) -> None:
        super().__init__(
            Phrase(
                f"{address} did not answer {request} within {seconds:g} s. Try again later.",
                f"{address} не ответил на {request} за {seconds:g} с. Повторите позже.",
            )
        )


class ProtocolViolation(ClientError):
    """The peer does not speak the protocol."""

    def __init__(self, address: Address, reason: str) -> None:
        super().__init__(
            Phrase(
                f"{address} does not speak the protocol: {reason}. "
                "Is that the right port, and does it need TLS?",
                f"{address} нарушает протокол: {reason}. Тот ли это порт, нужен ли TLS?",
            )
        )


class DigestError(ClientError):
    """Samples arrived that are not those whose digest the server gave."""

    def __init__(self, exam_id: int) -> None:
        super().__init__(
            Phrase(
                f"The samples of exam {exam_id} arrived damaged (SHA-256 differs). Read them again.",
                f"Отсчёты обследования {exam_id} пришли повреждёнными (SHA-256 не совпал). "
                "Прочитайте их ещё раз.",
            )
        )


class ClientClosed(ClientError):
    """The client was closed."""

    def __init__(self) -> None:
        super().__init__(Phrase("The client was closed.", "Клиент закрыт."))


class ServerError(ClientError):
    """The server answered with an error.

    Attributes
    ----------
    code
        The protocol's error code.
    field
        Dotted name of the field that is wrong (``INVALID_FIELD``), else empty.
    retry_after
        Seconds after which trying again makes sense; 0: no advice.
    detail
        ``UPLOAD_OFFSET``: the offset the server expects.
    """

    def __init__(self, error: Error) -> None:
        super().__init__(Phrase(error.text_en, error.text_ru))
        self.code = error.code
        self.field = error.field
        self.retry_after = error.retry_after
        self.detail = error.detail

    def say(self, language: Language) -> str:
        """The server's own words, with the field they are about."""
        said = self.phrase.say(language)
        return f"{self.field}: {said}" if self.field and self.field not in said else said

    def __str__(self) -> str:
        return f"{self.say('en')} ({self.code.name})"


class RequestRejected(ServerError):
    """The request itself is wrong."""


class LoginRejected(ServerError):
    """Wrong login or password, a disabled account, or too many attempts."""


class NotAllowed(ServerError):
    """This account may not do that."""


class NotFound(ServerError):
    """No such thing, or none this account may know of."""


class Conflict(ServerError):
    """Somebody was first, or an exam UUID names another exam."""


class Unavailable(ServerError):
    """Not now: busy, shutting down, no room, no database."""


class ServerFailed(ServerError):
    """The server could not do it."""


_CLASSES: dict[ErrorCode, type[ServerError]] = {
    ErrorCode.TIMEOUT: Unavailable,
    ErrorCode.TOO_MANY_CONNECTIONS: Unavailable,
    ErrorCode.SHUTTING_DOWN: Unavailable,
    ErrorCode.LOGIN_REQUIRED: NotAllowed,
    ErrorCode.LOGIN_FAILED: LoginRejected,
    ErrorCode.LOGIN_THROTTLED: LoginRejected,
    ErrorCode.ACCESS_DENIED: NotAllowed,
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.CONFLICT: Conflict,
    ErrorCode.NOT_OFFERED: ServerFailed,
    ErrorCode.UUID_REUSED: Conflict,
    ErrorCode.TOO_MANY_REQUESTS: Unavailable,
    ErrorCode.BUSY: Unavailable,
    ErrorCode.STORAGE_FULL: Unavailable,
    ErrorCode.DATABASE_UNAVAILABLE: Unavailable,
    ErrorCode.DAMAGED_EXAM: ServerFailed,
    ErrorCode.INTERNAL: ServerFailed,
}


def server_error(error: Error) -> ServerError:
    """The exception for an error reply."""
    return _CLASSES.get(error.code, RequestRejected)(error)


_REASONS: dict[int, Phrase] = {
    errno.ECONNREFUSED: Phrase("nobody listens there", "там никто не слушает"),
    errno.ECONNRESET: Phrase("reset by the peer", "сброшено другой стороной"),
    errno.EPIPE: Phrase("closed by the peer", "закрыто другой стороной"),
    errno.EHOSTUNREACH: Phrase("no route to the host", "нет маршрута к узлу"),
    errno.ENETUNREACH: Phrase("the network is unreachable", "сеть недоступна"),
    errno.ETIMEDOUT: Phrase("the peer does not answer", "другая сторона не отвечает"),
}


def reason_of(error: OSError) -> Phrase:
    """Why the system could not connect or lost a connection."""
    if isinstance(error, socket.gaierror):
        return Phrase("unknown host name", "неизвестное имя узла")
    said = os.strerror(error.errno) if error.errno else type(error).__name__
    return _REASONS.get(error.errno or 0, Phrase(said, said))
