"""What may be asked in which state, and how large it may be: the same rules for both ends."""

from __future__ import annotations

from enum import Enum

from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import Capability, ErrorCode, Limits

MAX_STRANGER_PAYLOAD = 4096
"""Bytes in a frame of somebody who has not logged in."""

MAX_PLAIN_PAYLOAD = 1 << 20
"""Bytes in a frame of a request that carries no samples."""

MAX_REPLY_PAYLOAD = 32 << 20
"""Bytes in a frame of a server."""

LAST_CLOSING_CODE = 99
"""Errors up to here end the connection."""

REQUEST_TYPES = {number: request for number, (request, _) in m.REQUESTS.items()}
REPLY_TYPES = {number: reply for number, (_, reply) in m.REQUESTS.items()}
TYPE_NUMBERS = {request: number for number, request in REQUEST_TYPES.items()}
PUSH_NUMBERS = {message: number for number, message in m.PUSHES.items()}

NEEDS: dict[type, Capability] = {
    m.UploadBegin: Capability.RESUME,
    m.UploadChunk: Capability.RESUME,
    m.UploadCommit: Capability.RESUME,
    m.UploadAbort: Capability.RESUME,
    m.Subscribe: Capability.EVENTS,
    m.Unsubscribe: Capability.EVENTS,
    m.CreateOrder: Capability.ORDERS,
    m.FindOrders: Capability.ORDERS,
    m.TakeOrder: Capability.ORDERS,
    m.ReleaseOrder: Capability.ORDERS,
}
"""Request → the capability that both sides must have."""

_WITH_SAMPLES = (m.Upload, m.UploadChunk)


class State(Enum):
    """Where a connection stands."""

    GREETING = "waiting for the hello"
    OPEN = "hello exchanged, nobody logged in"
    AUTHENTICATED = "logged in"
    CLOSED = "of no more use"


def refusal(request: type | None, state: State, capabilities: Capability) -> ErrorCode | None:
    """Why a request (``None``: of an unknown type) may not be made now; ``None``: it may.

    Parameters
    ----------
    capabilities
        Those of both sides.
    """
    if state is State.GREETING:
        return None if request is m.Hello else ErrorCode.HELLO_REQUIRED
    if request is None:
        return ErrorCode.UNKNOWN_MESSAGE
    if request is m.Hello or NEEDS.get(request, Capability.NONE) & ~capabilities:
        return ErrorCode.UNEXPECTED_MESSAGE
    if state is State.AUTHENTICATED:
        return ErrorCode.ALREADY_LOGGED_IN if request is m.Login else None
    return None if request in (m.Login, m.Ping) else ErrorCode.LOGIN_REQUIRED


def max_payload(request: type, state: State, limits: Limits) -> int:
    """Bytes that the payload of a request may have."""
    if state is not State.AUTHENTICATED:
        return min(MAX_STRANGER_PAYLOAD, limits.max_payload)
    return limits.max_payload if request in _WITH_SAMPLES else min(MAX_PLAIN_PAYLOAD, limits.max_payload)
