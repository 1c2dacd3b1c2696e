"""What happens on a connection, as its two ends tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cardioserver.protocol.messages import Error, Event
from cardioserver.protocol.wire import Buffer


@dataclass(frozen=True, slots=True)
class Request:
    """The peer asks; answer with ``send_reply`` or ``send_error``."""

    request_id: int
    message: Any
    size: int  # bytes of the payload


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that could not be accepted; the connection goes on once *reply* is sent."""

    request_id: int
    error: Error
    size: int  # bytes of the payload that were stored for it
    reply: list[Buffer]


@dataclass(frozen=True, slots=True)
class Reply:
    """The server answers; *more* parts of the answer follow."""

    request_id: int
    message: Any
    more: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The server answers with an error, or with something that cannot be read (``MALFORMED_MESSAGE``).

    With a code below 100 the server closes the connection; request id 0 then means all requests.
    """

    request_id: int
    error: Error


@dataclass(frozen=True, slots=True)
class Push:
    """The server tells something unasked."""

    message: Event
