"""Both ends of a connection as state machines: bytes in, events out, and messages to bytes.

Nothing here reads or writes a socket. A caller hands received bytes to ``receive_data``, takes
events from ``next_event`` until there is none, and sends the buffers that the ``send_…`` functions
return, in that order. Not taking events is how a caller makes a peer wait.

States of the server's end::

    GREETING ──Hello──▶ OPEN ──LoggedIn sent──▶ AUTHENTICATED
                         ▲───────Logout / end_session───┘
    any ──broken frame, error below 100 sent──▶ CLOSED
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol import messages as m
from cardioserver.protocol.checks import check_request
from cardioserver.protocol.errors import BrokenFrame, LocalProtocolError, MalformedMessage
from cardioserver.protocol.frames import VERSION, Flags, Frame, FrameParser, Header, frame
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import Capability, Error, ErrorCode
from cardioserver.protocol.texts import error_message, error_of
from cardioserver.protocol.wire import Buffer

MAX_STRANGER_PAYLOAD = 4096
"""Bytes in a frame of somebody who has not logged in."""

MAX_PLAIN_PAYLOAD = 1 << 20
"""Bytes in a frame of a request that carries no samples."""

_MAX_REQUEST_ID = 0xFFFF_FFFF
_LAST_CLOSING_CODE = 99

_REQUEST_TYPES = {number: request for number, (request, _) in m.REQUESTS.items()}
_TYPE_NUMBERS = {request: number for number, request in _REQUEST_TYPES.items()}
_REPLY_TYPES = {number: reply for number, (_, reply) in m.REQUESTS.items()}
_PUSH_NUMBERS = {message: number for number, message in m.PUSHES.items()}
_WITH_SAMPLES = {_TYPE_NUMBERS[m.Upload], _TYPE_NUMBERS[m.UploadChunk]}
NEEDS: dict[int, Capability] = {
    _TYPE_NUMBERS[m.UploadBegin]: Capability.RESUME,
    _TYPE_NUMBERS[m.UploadChunk]: Capability.RESUME,
    _TYPE_NUMBERS[m.UploadCommit]: Capability.RESUME,
    _TYPE_NUMBERS[m.UploadAbort]: Capability.RESUME,
    _TYPE_NUMBERS[m.Subscribe]: Capability.EVENTS,
    _TYPE_NUMBERS[m.Unsubscribe]: Capability.EVENTS,
    _TYPE_NUMBERS[m.CreateOrder]: Capability.ORDERS,
    _TYPE_NUMBERS[m.FindOrders]: Capability.ORDERS,
    _TYPE_NUMBERS[m.TakeOrder]: Capability.ORDERS,
    _TYPE_NUMBERS[m.ReleaseOrder]: Capability.ORDERS,
}
"""Type number → the capability that both sides must have."""


class State(Enum):
    """Where a connection stands."""

    GREETING = "waiting for the hello"
    OPEN = "hello exchanged, nobody logged in"
    AUTHENTICATED = "logged in"
    CLOSED = "of no more use"


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

    message: m.Event


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
                refusal = self._screen(header)
                if refusal is not None:
                    self._parser.skip(header)
                    return self._rejected(header.request_id, error_message(refusal), 0, header.type)
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
        if type(message) is not _REPLY_TYPES[number]:
            raise LocalProtocolError(f"{type(message).__name__} answers no {_REQUEST_TYPES[number].__name__}")
        flags = Flags.REPLY | Flags.PART if more else Flags.REPLY
        buffers = frame(number, flags, request_id, serialise(message))
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
        if error.code <= _LAST_CLOSING_CODE:
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
        return frame(_PUSH_NUMBERS[type(event)], Flags.PUSH, 0, serialise(event))

    def end_session(self) -> None:
        """Have further requests answered with ``LOGIN_REQUIRED``."""
        if self.state is State.AUTHENTICATED:
            self.state = State.OPEN

    def _screen(self, header: Header) -> ErrorCode | None:
        """Why a request is not accepted, from its header alone."""
        number = header.type
        if header.flags or header.request_id == 0:
            raise BrokenFrame(ErrorCode.BAD_HEADER, header.request_id)
        if header.request_id in self._in_flight:
            raise BrokenFrame(ErrorCode.DUPLICATE_REQUEST, header.request_id)
        if header.length > self.limits.max_payload:
            raise BrokenFrame(ErrorCode.FRAME_TOO_LARGE, header.request_id)
        refusal = self._refusal(number)
        if refusal is None and header.length > self._max_payload(number):
            raise BrokenFrame(ErrorCode.FRAME_TOO_LARGE, header.request_id)
        return refusal

    def _refusal(self, number: int) -> ErrorCode | None:  # noqa: PLR0911  one return a rule
        request = _REQUEST_TYPES.get(number)
        if self.state is State.GREETING:
            return None if request is m.Hello else ErrorCode.HELLO_REQUIRED
        if request is None:
            return ErrorCode.UNKNOWN_MESSAGE
        if request is m.Hello or (request is m.Login and self._logging_in):
            return ErrorCode.UNEXPECTED_MESSAGE
        if self.state is State.OPEN and request not in (m.Login, m.Ping):
            return ErrorCode.LOGIN_REQUIRED
        if self.state is State.AUTHENTICATED and request is m.Login:
            return ErrorCode.ALREADY_LOGGED_IN
        if NEEDS.get(number, Capability.NONE) & ~self.capabilities:
            return ErrorCode.UNEXPECTED_MESSAGE
        if len(self._in_flight) >= self.limits.max_in_flight:
            return ErrorCode.TOO_MANY_REQUESTS
        return None

    def _max_payload(self, number: int) -> int:
        if self.state is not State.AUTHENTICATED:
            return MAX_STRANGER_PAYLOAD
        return self.limits.max_payload if number in _WITH_SAMPLES else MAX_PLAIN_PAYLOAD

    def _open(self, received: Frame) -> Request | Rejected:
        request_id, size = received.request_id, len(received.payload)
        try:
            message: Any = parse(_REQUEST_TYPES[received.type], received.payload)
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
        if self._in_flight.pop(request_id) == _TYPE_NUMBERS[m.Login]:
            self._logging_in = False


class ClientConnection:
    """The client's end.

    Parameters
    ----------
    max_payload
        Bytes in one frame of the server that are accepted.
    """

    __slots__ = ("_in_flight", "_last_id", "_max_payload", "_parser", "info", "state")

    def __init__(self, max_payload: int = 32 << 20) -> None:
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
        number = _TYPE_NUMBERS.get(type(message))
        if number is None:
            raise LocalProtocolError(f"{type(message).__name__} is not a request")
        self._may_send(message, number)
        payload = serialise(message)
        if self.info is not None and sum(map(len, payload)) > self.info.limits.max_payload:
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

    def _may_send(self, message: object, number: int) -> None:
        name = type(message).__name__
        if self.state is State.CLOSED:
            raise LocalProtocolError("the connection is closed")
        if (self.state is State.GREETING) is not isinstance(message, m.Hello):
            raise LocalProtocolError(f"{name} may not be sent now: Hello is the first message, and only that")
        if self.info is None:
            return
        if self.state is State.OPEN and not isinstance(message, m.Login | m.Ping):
            raise LocalProtocolError(f"{name} may not be sent before the login")
        if NEEDS.get(number, Capability.NONE) & ~self.info.capabilities:
            raise LocalProtocolError(f"{name} needs a capability that was not agreed in the hello")
        if len(self._in_flight) >= self.info.limits.max_in_flight:
            raise LocalProtocolError("too many requests in flight for this server")

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
            message: Any = parse(_REPLY_TYPES[number], received.payload)
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
        if error.code <= _LAST_CLOSING_CODE:
            self.state = State.CLOSED
        return Failure(request_id, error)

    def _advance(self, number: int, message: object) -> None:
        if isinstance(message, m.ServerInfo):
            self.info = message
            self.state = State.OPEN
        elif isinstance(message, m.LoggedIn):
            self.state = State.AUTHENTICATED
        elif number == _TYPE_NUMBERS[m.Logout]:
            self.state = State.OPEN


def _error_frame(number: int, request_id: int, error: Error) -> list[Buffer]:
    return frame(number, Flags.REPLY | Flags.ERROR, request_id, serialise(error))
