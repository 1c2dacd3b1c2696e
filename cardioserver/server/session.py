"""One connection: bytes in and out, flow control, deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

from cardioserver.archive.access import Actor
from cardioserver.protocol.connection import Rejected, Request, ServerConnection
from cardioserver.protocol.errors import BrokenFrame, LocalProtocolError
from cardioserver.protocol.messages import Error, ErrorCode, Event
from cardioserver.protocol.texts import error_message
from cardioserver.server.errors import error_of
from cardioserver.server.frame import Frame
from cardioserver.server.lane import Lane
from cardioserver.server.logs import Log
from cardioserver.server.outlet import Outlet
from cardioserver.server.patience import Patience
from cardioserver.server.request import Desk, PartedReply, Pending
from cardioserver.server.resources import Resources
from cardioserver.server.wheel import NEVER

log = Log(__name__)

LINGER_SECONDS = 2.0
"""How long a peer that was told why may take to read it."""

# Reasons not to read from the peer, as bits: this is asked for every frame.
_TOO_MANY, _WRITE_FULL, _NO_BUDGET, _LEAVING, _SCARCE = 1, 2, 4, 8, 16


class Session(asyncio.BufferedProtocol):
    """One connection of a peer.

    Runs in the event loop only. Reading stops while the peer has too many requests without a reply,
    while it does not read its replies, or while the upload budget of all connections is used up.

    Attributes
    ----------
    actor
        Who has logged in, or ``None``.
    begun
        Whether there ever was a connection (its TLS handshake succeeded).
    uploads, signals
        For the desk: requests that have to be done one after another.
    """

    __slots__ = (
        "_blocked",
        "_desk",
        "_frame",
        "_in_flight",
        "_last_words",
        "_outlet",
        "_patience",
        "_pumping",
        "_reading",
        "_resources",
        "_stream",
        "actor",
        "address",
        "begun",
        "connection",
        "signals",
        "transport",
        "uploads",
        "wheel_slot",
    )

    def __init__(self, resources: Resources, desk: Desk, address: str) -> None:
        self._resources = resources
        self._desk = desk
        self.address = address
        self.begun = False
        self.connection = ServerConnection(resources.limits)
        self.transport: asyncio.Transport | None = None
        self.actor: Actor | None = None
        self.uploads: Lane | None = None
        self.signals: Lane | None = None
        self.wheel_slot = 0
        self._blocked = 0
        self._pumping = False
        self._reading = True
        self._in_flight = 0
        self._stream: PartedReply | None = None
        self._last_words: Error | None = None
        self._outlet = Outlet(resources.metrics)
        self._frame = Frame(self.connection, resources.uploads, self._granted)
        self._patience = Patience(resources.settings, resources.loop.time())

    # ---------------------------------------------------------------- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.begun = True
        self.transport = cast(asyncio.Transport, transport)
        self._outlet.open(self.transport, self._resources.settings.write_bytes)
        self._resources.enter(self)
        self._resources.wheel.put(self, self._deadline())

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._resources.inlet[: self._frame.room()]

    def buffer_updated(self, nbytes: int) -> None:
        self._patience.heard = self._resources.loop.time()
        if self._last_words is not None:
            return  # the peer is on its way out: what it still says is thrown away
        self._resources.metrics.received.inc(nbytes)
        self.connection.receive_data(self._resources.inlet[:nbytes])
        self._pump()

    def eof_received(self) -> bool:
        if self._in_flight and not self._outlet.over_tls:
            self._blocked |= _LEAVING  # it shut down its side only: finish what it asked for
            return True
        return False

    def pause_writing(self) -> None:
        self._blocked |= _WRITE_FULL
        self._patience.unread(self._outlet.unread, self._resources.loop.time())
        self._set_reading()
        self._resources.wheel.put(self, self._deadline())

    def resume_writing(self) -> None:
        self._blocked &= ~_WRITE_FULL
        self._patience.all_read()
        self._send_parts()
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        resources = self._resources
        self._blocked |= _LEAVING
        self._frame.drop()
        self.transport = None
        self._outlet.close()
        self._send_parts()
        resources.leave(self)
        self._desk.forget(self)

    # ---------------------------------------------------------------- called by the desk

    @property
    def closing(self) -> bool:
        """Whether replies no longer reach the peer."""
        return self._patience.leave_by != NEVER or self._outlet.is_closing

    @property
    def writable(self) -> bool:
        """Whether the peer reads what it is sent."""
        return not self.closing and not self._blocked & (_WRITE_FULL | _LEAVING)

    def log_in(self, actor: Actor) -> None:
        """From now on the requests are this actor's."""
        self.actor = actor

    def log_out(self) -> None:
        """Nobody is logged in any more."""
        self.actor = None
        self._patience.stranger_since = self._resources.loop.time()

    def reply(self, pending: Pending, message: Any) -> None:
        """Answer a request."""
        if not self.closing:
            try:
                self._outlet.write(self.connection.send_reply(pending.request_id, message))
            except LocalProtocolError as error:
                self.fail(pending, error)
                return
        self._finish(pending)

    def reply_in_parts(self, pending: Pending, parts: Iterator[Any], done: Callable[[], None]) -> None:
        """Answer a request with several messages, each built when the peer has read the last.

        One such reply at a time; *done* tells that it is sent, or never will be.
        """
        self._stream = PartedReply(self.connection, pending, parts, done)
        self._send_parts()

    def fail(self, pending: Pending, error: BaseException) -> None:
        """Answer a request with an error."""
        answer = error_of(error)
        if answer.code is ErrorCode.INTERNAL:
            log.error(
                "request failed", error=error, request=pending.request_type.__name__, address=self.address
            )
        self._resources.metrics.failed(answer.code)
        if not self.closing:
            self._outlet.write(self.connection.send_error(pending.request_id, answer))
        self._finish(pending)

    def push(self, event: Event) -> None:
        """Send an event unasked; only while :attr:`writable`."""
        self._outlet.write(self.connection.send_push(event))
        self._resources.metrics.pushes.inc()

    def leave(self, code: ErrorCode) -> None:
        """End the connection once its requests are answered."""
        self._blocked |= _LEAVING
        if self._in_flight:
            self._last_words = error_message(code)
            self._set_reading()
        else:
            self.cut(error_message(code))

    def cut(self, error: Error) -> None:
        """End the connection at once, telling the peer why."""
        if self.transport is None or self._patience.leave_by != NEVER:
            return
        tell = log.debug if self.actor is None else log.info  # strangers must not fill the log
        tell("connection cut", reason=error.code.name, address=self.address)
        self._blocked |= _LEAVING
        self._last_words = error
        self._frame.drop()
        self._resources.metrics.refused(error.code.name)
        self._outlet.write(self.connection.send_error(0, error))
        self._patience.leave_by = self._resources.loop.time() + LINGER_SECONDS
        self._resources.wheel.put(self, self._patience.leave_by)
        # Closing with unread bytes would reset the connection and take the last words with it.
        self._outlet.finish()
        self._set_reading()

    def abort(self) -> None:
        """End the connection without a word."""
        if self.transport is not None:
            self.transport.abort()

    # ---------------------------------------------------------------- deadlines

    def on_deadline(self, now: float) -> float:
        """Called by the wheel."""
        patience = self._patience
        if self._deadline() > now or patience.reads_enough(self._outlet.unread, now):
            return self._deadline()
        if patience.leave_by != NEVER or patience.is_unread:
            self.abort()  # it would not read our words either
        else:
            self.cut(error_message(ErrorCode.TIMEOUT))
        return NEVER

    def _deadline(self) -> float:
        return self._patience.deadline(
            self._resources.loop.time(),
            self._frame,
            busy=bool(self._blocked or self._in_flight),
            greeted=self.connection.greeted,
            logged_in=self.actor is not None,
        )

    # ---------------------------------------------------------------- reading

    def _pump(self) -> None:
        """Take the requests that have arrived, as long as nothing forbids it."""
        if self._pumping:
            return  # a request was answered while being taken: the loop below goes on
        self._pumping = True
        self._outlet.cork()
        try:
            while not self._blocked:
                if self._in_flight and not self._frame.charged and self._resources.uploads.exhausted:
                    self._blocked |= _SCARCE  # one small request each is all there is room for
                    break
                event = self.connection.next_event()
                if event is None:
                    self._watch_frame()
                    break
                self._take(event)
        except BrokenFrame as error:
            self.cut(error.message)
        finally:
            self._pumping = False
            self._outlet.uncork()
        self._set_reading()

    def _take(self, event: Request | Rejected) -> None:
        charged = self._frame.finish(event.size)
        if isinstance(event, Rejected):
            self._resources.uploads.give(charged)
            self._resources.metrics.failed(event.error.code)
            self._outlet.write(event.reply)
            return
        pending = Pending(event.request_id, type(event.message), self._patience.heard, charged)
        self._in_flight += 1
        if self._in_flight >= self._resources.settings.requests_in_flight:
            self._blocked |= _TOO_MANY
        self._desk.take(self, pending, event.message)

    def _watch_frame(self) -> None:
        begun = self._frame.begun
        self._frame.watch(self._patience.heard)
        if self._frame.waiting:
            self._blocked |= _NO_BUDGET
        if self._frame.begun and not begun:
            self._resources.wheel.put(self, self._deadline())

    def _granted(self) -> None:
        """The budget has room for the frame that waited."""
        self._blocked &= ~_NO_BUDGET
        self._set_reading()

    def _set_reading(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        reading = not self._blocked or self._last_words is not None
        if reading is not self._reading:
            self._reading = reading
            if reading:
                self._patience.heard = self._resources.loop.time()
                self._frame.resume(self._patience.heard)
                transport.resume_reading()
            else:
                transport.pause_reading()

    # ---------------------------------------------------------------- writing

    def _send_parts(self) -> None:
        """Send parts of a long reply while the peer reads them."""
        stream = self._stream
        if stream is None:
            return
        while not self.closing:
            if self._blocked & _WRITE_FULL:
                return
            buffers = stream.next_frame()
            if buffers is None:
                break
            self._outlet.write(buffers)
        self._stream = None
        self._finish(stream.pending)
        stream.done()

    def _finish(self, pending: Pending) -> None:
        self._settle(pending)
        self._resources.metrics.answered(pending.request_type, self._resources.loop.time() - pending.since)
        self._in_flight -= 1
        self._blocked &= ~(_TOO_MANY | _SCARCE)
        if self._in_flight == 0:
            self._resources.wheel.put(self, self._deadline())
        if self._in_flight == 0 and self._blocked & _LEAVING:
            self._finish_leaving()
        elif not self._blocked:
            self._pump()

    def _finish_leaving(self) -> None:
        if self._last_words is not None:
            self.cut(self._last_words)
        elif self.transport is not None:
            self.transport.close()

    def _settle(self, pending: Pending) -> None:
        charged, pending.charged = pending.charged, 0
        if charged:
            self._resources.uploads.give(charged)
