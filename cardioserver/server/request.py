"""Requests between their arrival and their reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cardioserver.protocol.connection import ServerConnection

if TYPE_CHECKING:
    from cardioserver.server.session import Session

Buffers = Sequence[bytes | bytearray | memoryview]


class Pending:
    """A request without its reply."""

    __slots__ = ("charged", "request_id", "request_type", "since")

    def __init__(self, request_id: int, request_type: type, since: float, charged: int) -> None:
        self.request_id = request_id
        self.request_type = request_type
        self.since = since
        self.charged = charged  # bytes of the upload budget


class Desk(Protocol):
    """Who answers requests; see :mod:`cardioserver.server.desk`."""

    def take(self, session: Session, pending: Pending, message: Any) -> None:
        """Answer, now or later, with exactly one ``session.reply…`` or ``session.fail``."""

    def forget(self, session: Session) -> None:
        """The connection has ended."""


class PartedReply:
    """A reply in several messages, each turned to bytes when the peer has read the one before.

    *done* tells that it is sent, or never will be.
    """

    __slots__ = ("_frames", "done", "pending")

    def __init__(
        self,
        connection: ServerConnection,
        pending: Pending,
        parts: Iterator[Any],
        done: Callable[[], None],
    ) -> None:
        self.pending = pending
        self.done = done
        self._frames = _frames(connection, pending.request_id, parts)

    def next_frame(self) -> Buffers | None:
        """The next part's bytes; ``None`` after the last."""
        return next(self._frames, None)


def _frames(connection: ServerConnection, request_id: int, parts: Iterator[Any]) -> Iterator[Buffers]:
    last = next(parts)
    for part in parts:
        yield connection.send_reply(request_id, last, more=True)
        last = part
    yield connection.send_reply(request_id, last)
