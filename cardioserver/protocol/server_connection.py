"""The server's end of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol import messages as m
from cardioserver.protocol.checks import check_request
from cardioserver.protocol.errors import BrokenFrame, LocalProtocolError, MalformedMessage
from cardioserver.protocol.events import Rejected, Request
from cardioserver.protocol.frames import VERSION, Flags, Frame, FrameParser, Header, frame
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import Capability, Error, ErrorCode
from cardioserver.protocol.rules import (
    LAST_CLOSING_CODE,
    MAX_REPLY_PAYLOAD,
    PUSH_NUMBERS,
    REPLY_TYPES,
    REQUEST_TYPES,
    TYPE_NUMBERS,
    State,
    max_payload,
    refusal,
)
from cardioserver.protocol.texts import error_message, error_of
from cardioserver.protocol.wire import Buffer


def _today() -> date:
    return datetime.now(UTC).date()


class ServerConnection:
    """The server's end.

    Parameters
    ----------
    limits
        What the peer is held to, and told in the hello.
    capabilities
        What this server can do.
    today
        The date in UTC, to know a birthday in the future.
    """

    __slots__ = (
        "_in_flight",
        "_logging_in",
        "_offered",
        "_parser",
        "_today",
        "capabilities",
        "limits",
        "state",
        "version",
    )

    def __init__(
        self,
        limits: m.Limits,
        capabilities: Capability = Capability.ALL,
        today: Callable[[], date] = _today,
    ) -> None:
        self.limits = limits
        self.state = State.GREETING
        self.version = VERSION
        self.capabilities = Capability.NONE
        """Those of both sides, from the hello on."""
        self._offered = capabilities
        self._today = today
        self._parser = FrameParser()
        self._in_flight: dict[int, int] = {}  # request id → message type
        self._logging_in = False

    @property
    def greeted(self) -> bool:
        """Whether the hello has come."""
        return self.state in (State.OPEN, State.AUTHENTICATED)

    @property
    def requests_in_flight(self) -> int:
        """Requests taken and not answered."""
        return len(self._in_flight)

    @property
    def bytes_received(self) -> int:
        """Of the whole connection."""
        return self._parser.bytes_received

    @property
    def bytes_wanted(self) -> int:
        """Bytes missing of the frame that has begun (or of its header); 0 between frames.

        Meaningful when :meth:`next_event` has returned ``None``.
        """
        return self._parser.bytes_wanted

    @property
    def frame_size(self) -> int:
        """Bytes in the payload that is being received; 0 if none is, or if it is skipped."""
        return self._parser.payload_size

    def receive_data(self, data: Buffer) -> None:
        """Take received bytes. They are copied: the buffer may be used again."""
        if self.state is not State.CLOSED:
            self._parser.receive(data)

    def next_event(self) -> Request | Rejected | None:
        """The next thing the peer wants, ``None`` if more bytes must come first.

        Raises
        ------
        BrokenFrame
            The connection is of no more use: send its ``message`` with ``send_error(0, …)`` and close.
        """
        if self.state is State.CLOSED:
            return None
        try:
            header = self._parser.next_header()
            if header is not None:
                code = self._screen(header)
                if code is not None:
                    self._parser.skip(header)
                    return self._rejected(header.request_id, error_message(code), 0, header.type)
                self._parser.accept(header)
            received = self._parser.next_frame()
            return None if received is None else self._open(received)
        except BrokenFrame:
            self.state = State.CLOSED
            raise

    def events(self) -> Iterator[Request | Rejected]:
        """All events there are; see :meth:`next_event`."""
        while (event := self.next_event()) is not None:
            yield event

    def send_reply(self, request_id: int, message: object, *, more: bool = False) -> list[Buffer]:
        """The bytes of a reply, or with *more* of a part of one.

        Raises
        ------
        LocalProtocolError
            No such request waits for such a reply, or the message cannot be sent.
        """
        number = self._in_flight.get(request_id)
        if number is None:
            raise LocalProtocolError(f"no request {request_id} is in flight")
        if type(message) is not REPLY_TYPES[number]:
            raise LocalProtocolError(f"{type(message).__name__} answers no {REQUEST_TYPES[number].__name__}")
        payload = serialise(message)
        if sum(map(len, payload)) > MAX_REPLY_PAYLOAD:
            raise LocalProtocolError(f"{type(message).__name__} is larger than a reply may be")
        flags = Flags.REPLY | Flags.PART if more else Flags.REPLY
        buffers = frame(number, flags, request_id, payload)
        if not more:
            self._finish(request_id)
            if isinstance(message, m.LoggedIn) and self.state is State.OPEN:
                self.state = State.AUTHENTICATED
        return buffers

    def send_error(self, request_id: int, error: Error) -> list[Buffer]:
        """The bytes of an error: of a request's, or (id 0) of the whole connection's.

        After a code below 100 the connection is ``CLOSED``.

        Raises
        ------
        LocalProtocolError
            No such request is in flight.
        """
        number = self._in_flight.get(request_id, 0)
        if request_id and not number:
            raise LocalProtocolError(f"no request {request_id} is in flight")
        buffers = _error_frame(number, request_id, error)
        if request_id:
            self._finish(request_id)
        if error.code <= LAST_CLOSING_CODE:
            self.state = State.CLOSED
        return buffers

    def send_push(self, event: m.Event) -> list[Buffer]:
        """The bytes of a push.

        Raises
        ------
        LocalProtocolError
            Nobody is logged in who could have asked for it.
        """
        if self.state is not State.AUTHENTICATED or not self.capabilities & Capability.EVENTS:
            raise LocalProtocolError("nobody can have subscribed on this connection")
        return frame(PUSH_NUMBERS[type(event)], Flags.PUSH, 0, serialise(event))

    def _screen(self, header: Header) -> ErrorCode | None:
        """Why a request is not accepted, from its header alone."""
        if header.flags or header.request_id == 0:
            raise BrokenFrame(ErrorCode.BAD_HEADER, header.request_id)
        if header.request_id in self._in_flight:
            raise BrokenFrame(ErrorCode.DUPLICATE_REQUEST, header.request_id)
        request = REQUEST_TYPES.get(header.type)
        code = refusal(request, self.state, self.capabilities)
        if code is None and len(self._in_flight) >= self.limits.max_in_flight:
            code = ErrorCode.TOO_MANY_REQUESTS
        if request is m.Login and self._logging_in:
            code = ErrorCode.UNEXPECTED_MESSAGE
        largest = self.limits.max_payload
        if code is None and request is not None:
            largest = max_payload(request, self.state, self.limits)
        if header.length > largest:
            raise BrokenFrame(ErrorCode.FRAME_TOO_LARGE, header.request_id)
        return code

    def _open(self, received: Frame) -> Request | Rejected:
        request_id, size = received.request_id, len(received.payload)
        try:
            message: Any = parse(REQUEST_TYPES[received.type], received.payload)
            check_request(message, self.limits, self._today)
        except (MalformedMessage, InvalidField) as error:
            return self._rejected(request_id, error_of(error), size, received.type)
        if isinstance(message, m.Hello):
            self._greet(message, request_id)
        elif isinstance(message, m.Login):
            self._logging_in = True
        elif isinstance(message, m.Logout):
            self.state = State.OPEN
        self._in_flight[request_id] = received.type
        return Request(request_id, message, size)

    def _greet(self, hello: m.Hello, request_id: int) -> None:
        if not hello.version_min <= VERSION <= hello.version_max:
            raise BrokenFrame(ErrorCode.UNSUPPORTED_VERSION, request_id)
        self.capabilities = self._offered & hello.capabilities
        self.state = State.OPEN

    def _rejected(self, request_id: int, error: Error, size: int, number: int) -> Rejected:
        return Rejected(request_id, error, size, _error_frame(number, request_id, error))

    def _finish(self, request_id: int) -> None:
        if self._in_flight.pop(request_id) == TYPE_NUMBERS[m.Login]:
            self._logging_in = False


def _error_frame(number: int, request_id: int, error: Error) -> list[Buffer]:
    return frame(number, Flags.REPLY | Flags.ERROR, request_id, serialise(error))
