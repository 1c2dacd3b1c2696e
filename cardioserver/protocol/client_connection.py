"""The client's end of a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol import messages as m
from cardioserver.protocol.errors import BrokenFrame, LocalProtocolError, MalformedMessage
from cardioserver.protocol.events import Failure, Push, Reply
from cardioserver.protocol.frames import Flags, Frame, FrameParser, Header, frame
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import Capability, Error, ErrorCode
from cardioserver.protocol.rules import (
    LAST_CLOSING_CODE,
    MAX_REPLY_PAYLOAD,
    REPLY_TYPES,
    TYPE_NUMBERS,
    State,
    max_payload,
    refusal,
)
from cardioserver.protocol.texts import error_of
from cardioserver.protocol.wire import Buffer

_MAX_REQUEST_ID = 0xFFFF_FFFF


class ClientConnection:
    """The client's end.

    Parameters
    ----------
    max_payload
        Bytes in one frame of the server that are accepted.
    """

    __slots__ = ("_in_flight", "_last_id", "_max_payload", "_parser", "info", "state")

    def __init__(self, max_payload: int = MAX_REPLY_PAYLOAD) -> None:
        self.state = State.GREETING
        self.info: m.ServerInfo | None = None
        """What the server said of itself."""
        self._max_payload = max_payload
        self._parser = FrameParser()
        self._in_flight: dict[int, int] = {}  # request id → message type
        self._last_id = 0

    @property
    def requests_in_flight(self) -> int:
        """Requests sent and not answered."""
        return len(self._in_flight)

    def send_request(self, message: object) -> tuple[int, list[Buffer]]:
        """The id and the bytes of a request.

        Raises
        ------
        LocalProtocolError
            The message may not be sent now: before the hello or the login, beyond the server's limits,
            or of a capability that the server has not; or it cannot be sent at all.
        """
        number = TYPE_NUMBERS.get(type(message))
        if number is None:
            raise LocalProtocolError(f"{type(message).__name__} is not a request")
        self._check_sendable(type(message))
        payload = serialise(message)
        size = sum(map(len, payload))
        if self.info is not None and size > max_payload(type(message), self.state, self.info.limits):
            raise LocalProtocolError(f"{type(message).__name__} is larger than the server accepts")
        request_id = self._next_id()
        self._in_flight[request_id] = number
        return request_id, frame(number, Flags.NONE, request_id, payload)

    def receive_data(self, data: Buffer) -> None:
        """Take received bytes. They are copied: the buffer may be used again."""
        if self.state is not State.CLOSED:
            self._parser.receive(data)

    def next_event(self) -> Reply | Failure | Push | None:
        """The next thing the server says, ``None`` if more bytes must come first.

        Raises
        ------
        RemoteProtocolError
            The server does not keep to the protocol: close.
        """
        if self.state is State.CLOSED:
            return None
        try:
            while True:
                header = self._parser.next_header()
                if header is not None:
                    if header.flags is Flags.PUSH and header.type not in m.PUSHES:
                        self._parser.skip(header)  # of a later version
                        continue
                    self._screen(header)
                    self._parser.accept(header)
                received = self._parser.next_frame()
                return None if received is None else self._open(received)
        except (BrokenFrame, MalformedMessage):
            self.state = State.CLOSED
            raise

    def events(self) -> Iterator[Reply | Failure | Push]:
        """All events there are; see :meth:`next_event`."""
        while (event := self.next_event()) is not None:
            yield event

    def _check_sendable(self, request: type) -> None:
        if self.state is State.CLOSED:
            raise LocalProtocolError("the connection is closed")
        agreed = Capability.NONE if self.info is None else self.info.capabilities
        code = refusal(request, self.state, agreed)
        if code is None and self.info is not None and len(self._in_flight) >= self.info.limits.max_in_flight:
            code = ErrorCode.TOO_MANY_REQUESTS
        if code is not None:
            raise LocalProtocolError(f"{request.__name__} may not be sent now: {code.name}")

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % _MAX_REQUEST_ID + 1
            if self._last_id not in self._in_flight:
                return self._last_id

    def _screen(self, header: Header) -> None:
        if header.length > self._max_payload:
            raise BrokenFrame(ErrorCode.FRAME_TOO_LARGE, header.request_id)
        flags = header.flags
        if flags in (Flags.REPLY, Flags.REPLY | Flags.PART):
            expected = self._in_flight.get(header.request_id)
            if expected is None or header.type != expected:
                raise BrokenFrame(ErrorCode.BAD_HEADER, header.request_id)
        elif flags == Flags.REPLY | Flags.ERROR:
            if header.request_id and header.request_id not in self._in_flight:
                raise BrokenFrame(ErrorCode.BAD_HEADER, header.request_id)
        elif flags != Flags.PUSH:
            raise BrokenFrame(ErrorCode.BAD_HEADER, header.request_id)

    def _open(self, received: Frame) -> Reply | Failure | Push:
        request_id = received.request_id
        if received.flags is Flags.PUSH:
            try:
                return Push(parse(m.PUSHES[received.type], received.payload))
            except InvalidField as error:
                raise MalformedMessage(error.field, "impossible value") from None
        if received.flags & Flags.ERROR:
            return self._fail(request_id, received.payload)
        more = bool(received.flags & Flags.PART)
        number = self._in_flight[request_id] if more else self._in_flight.pop(request_id)
        try:
            message: Any = parse(REPLY_TYPES[number], received.payload)
        except (MalformedMessage, InvalidField) as error:
            self._in_flight.pop(request_id, None)
            return Failure(request_id, error_of(error))
        if not more:
            self._advance(number, message)
        return Reply(request_id, message, more)

    def _fail(self, request_id: int, payload: memoryview) -> Failure:
        self._in_flight.pop(request_id, None)
        try:
            error = parse(Error, payload)
        except InvalidField as invalid:
            raise MalformedMessage(invalid.field, "impossible value") from None
        if error.code <= LAST_CLOSING_CODE:
            self.state = State.CLOSED
        return Failure(request_id, error)

    def _advance(self, number: int, message: object) -> None:
        if isinstance(message, m.ServerInfo):
            self.info = message
            self.state = State.OPEN
        elif isinstance(message, m.LoggedIn):
            self.state = State.AUTHENTICATED
        elif number == TYPE_NUMBERS[m.Logout]:
            self.state = State.OPEN
