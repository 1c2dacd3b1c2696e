"""Errors of the protocol.

::

    ProtocolError
    ├── RemoteProtocolError   they broke it: what came cannot be understood; has an ``ErrorCode``
    │   ├── BrokenFrame       the stream cannot be trusted any more: answer and close
    │   └── MalformedMessage  the frame is whole but its payload is not the message it claims to be
    └── LocalProtocolError    we broke it: a message that must not or cannot be sent

An impossible value inside a well-formed message is :class:`cardioserver.ecg.errors.InvalidField`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cardioserver.protocol.messages import Error, ErrorCode


class ProtocolError(Exception):
    """Base of all errors of :mod:`cardioserver.protocol`."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol."""


class BrokenFrame(RemoteProtocolError):
    """The bytes are not a frame, or not one that may be accepted; the connection is of no more use.

    Parameters
    ----------
    code
        One of the codes below 100.
    request_id
        Of the frame, 0 if the header cannot be trusted.
    """

    def __init__(self, code: ErrorCode, request_id: int = 0) -> None:
        super().__init__(code, request_id)
        self.code = code
        self.request_id = request_id

    @property
    def message(self) -> Error:
        """What to tell the peer."""
        from cardioserver.protocol.texts import error_of  # noqa: PLC0415  the texts need these errors

        return error_of(self)

    def __str__(self) -> str:
        return f"broken frame: {self.code.name}"


class MalformedMessage(RemoteProtocolError):
    """A payload ends too early, or holds bytes that its field cannot have.

    Parameters
    ----------
    field
        Dotted name of the field at which reading stopped; never its value.
    why
        What is wrong, in English.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(field, why)
        self.field = field
        self.why = why

    def __str__(self) -> str:
        return f"{self.field or 'message'}: {self.why}"


class LocalProtocolError(ProtocolError):
    """This side tried to send what the protocol does not allow; nothing was sent."""
