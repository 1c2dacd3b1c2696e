"""One connection to a server, from the hello to its end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from cardioserver.client.address import Address, Timeouts
from cardioserver.client.errors import (
    ClientError,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    ProtocolViolation,
    ReplyTimeout,
    TlsFailed,
    reason_of,
    server_error,
)
from cardioserver.language import Phrase
from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import ClientConnection, Failure, Push, Reply
from cardioserver.protocol.errors import ProtocolError

SHARE_OF_IDLE_TIMEOUT = 1 / 3
"""A ping after this part of the server's idle timeout leaves room for a lost one."""

SHARE_OF_REPLY_TIMEOUT = 1 / 3
"""While a reply is awaited, silence of this part of its timeout is reason to ask whether the server lives."""

WRITE_BUFFER_BYTES = 1 << 20
"""Unsent bytes beyond which new requests wait."""

LAST_CLOSING_CODE = 99
"""Error codes up to here end the connection."""

CLOSE_SECONDS = 2.0
"""How long a peer may take to end its side."""

CLOSED_HERE = Phrase("closed by this side", "закрыто этой стороной")
CLOSED_THERE = Phrase("closed by the server", "закрыто сервером")
SILENT = Phrase("no sign of life", "сервер не отвечает")


@dataclass(slots=True)
class _Waiting:
    """A request whose reply is not there, or not all of it."""

    reply: asyncio.Future[object]
    on_frame: Callable[[object], None] | None


class Link(asyncio.Protocol):
    """One connection: sends requests, hands each reply to whoever asked, in whatever order they come.

    Never reconnects: once it is lost, everything asked of it raises.

    Parameters
    ----------
    on_push
        Called with each pushed event.
    on_lost
        Called once when the connection is gone.
    """

    info: m.ServerInfo

    def __init__(
        self,
        address: Address,
        timeouts: Timeouts,
        on_push: Callable[[m.Event], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.address = address
        self._timeouts = timeouts
        self._on_push = on_push
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._connection = ClientConnection()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, _Waiting] = {}
        self._slots = asyncio.Semaphore(1)
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self._reason: Callable[[], ClientError] | None = None
        self._last_heard = self._loop.time()
        self._is_open = False
        self._keep_alive: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        address: Address,
        timeouts: Timeouts,
        hello: m.Hello,
        on_push: Callable[[m.Event], None],
        on_lost: Callable[[], None],
    ) -> Link:
        """Connect and say hello.

        Raises
        ------
        ConnectError
            Nobody answers there, or TLS fails.
        ProtocolViolation
            Somebody else answers.
        ServerError
            The server turns the connection away.
        """
        link = cls(address, timeouts, on_push, on_lost)
        try:
            async with asyncio.timeout(timeouts.connect):
                await link._loop.create_connection(
                    lambda: link,
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=address.host if address.tls else None,
                )
                link.info = cast(m.ServerInfo, await link._send(hello))
        except TimeoutError:
            await link.close()
            raise ConnectTimeout(address, timeouts.connect) from None
        except ssl.SSLError as error:
            raise TlsFailed(address, error.reason or str(error)) from error
        except OSError as error:
            raise ConnectError(address, reason_of(error)) from error
        except BaseException:
            await link.close()
            raise
        link._is_open = True
        link._slots = asyncio.Semaphore(max(1, link.info.limits.max_in_flight))
        link._watch()
        return link

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return self._reason is not None

    # ------------------------------------------------------------ asking

    async def request(self, message: object, on_frame: Callable[[object], None] | None = None) -> object:
        """Send a request and wait for its reply.

        Parameters
        ----------
        on_frame
            Called with each frame's part of the reply (most have one) before anything behind it is looked at.

        Raises
        ------
        ServerError
            The server's answer is an error.
        ConnectionLost
            The connection is gone; the server may or may not have done it.
        ReplyTimeout
            No reply in time, though the connection lives.
        """
        asked_at = self._loop.time()
        try:
            async with asyncio.timeout(self._timeouts.reply):
                return await self._send(message, on_frame)
        except TimeoutError:
            if self._last_heard < asked_at:
                self._lose(lambda: ConnectionLost(self.address, SILENT))
                raise ConnectionLost(self.address, SILENT) from None
            raise ReplyTimeout(self.address, type(message).__name__, self._timeouts.reply) from None

    async def _send(self, message: object, on_frame: Callable[[object], None] | None = None) -> object:
        await self._slots.acquire()
        try:
            await self._writable.wait()
            if self._reason is not None:
                raise self._reason()
            if self._transport is None:
                raise RuntimeError("a link sends only after it was opened")
            request_id, buffers = self._connection.send_request(message)
        except BaseException:
            self._slots.release()
            raise
        reply = self._loop.create_future()
        self._waiting[request_id] = _Waiting(reply, on_frame)
        self._transport.writelines(buffers)
        return await reply

    # ------------------------------------------------------------ called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self._reason is not None:
            return
        self._last_heard = self._loop.time()
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._handle(event)
        except ProtocolError as error:
            broken = str(error)
            self._lose(lambda: ProtocolViolation(self.address, broken))

    def connection_lost(self, exc: Exception | None) -> None:
        reason = reason_of(exc) if isinstance(exc, OSError) else CLOSED_THERE
        self._lose(lambda: ConnectionLost(self.address, reason))
        self._gone.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _handle(self, event: Reply | Failure | Push) -> None:
        match event:
            case Push(message):
                self._on_push(message)
            case Reply(request_id, message, more):
                waiting = self._waiting[request_id]
                if waiting.on_frame is not None and not waiting.reply.done():
                    waiting.on_frame(message)
                if not more:
                    self._finish(request_id, message)
            case Failure(request_id, error):
                if request_id:
                    self._finish(request_id, server_error(error))
                if error.code <= LAST_CLOSING_CODE:
                    self._lose(partial(self._dismissed, error))

    def _finish(self, request_id: int, answer: object) -> None:
        """Hand out an answer; the slot is free only now, also if whoever asked has given up since."""
        reply = self._waiting.pop(request_id).reply
        self._slots.release()
        if reply.done():
            return
        if isinstance(answer, ClientError):
            reply.set_exception(answer)
        else:
            reply.set_result(answer)

    def _dismissed(self, error: m.Error) -> ClientError:
        """The server ends the connection: before it began nothing was done, later nobody knows."""
        if self._is_open:
            return ConnectionLost(self.address, Phrase(error.text_en, error.text_ru))
        return server_error(error)

    # ------------------------------------------------------------ keeping it alive

    def _watch(self) -> None:
        """Look from time to time whether the server should be asked for a sign of life."""
        idle = max(1.0, self.info.limits.idle_timeout * SHARE_OF_IDLE_TIMEOUT)
        quiet = min(self._timeouts.keep_alive, idle)
        urgent = min(quiet, self._timeouts.reply * SHARE_OF_REPLY_TIMEOUT)
        silent = self._loop.time() - self._last_heard
        is_pinging = self._pinging is not None and not self._pinging.done()
        if silent >= (urgent if self._waiting else quiet) and not is_pinging:
            self._pinging = self._loop.create_task(self._ping())
        self._keep_alive = self._loop.call_later(urgent, self._watch)

    async def _ping(self) -> None:
        with contextlib.suppress(ClientError):
            await self.request(m.Ping())  # a dead connection is found out here

    # ------------------------------------------------------------ the end

    async def close(self) -> None:
        """Close the connection; what is not answered yet raises :class:`ConnectionLost`."""
        self._lose(lambda: ConnectionLost(self.address, CLOSED_HERE))
        if self._transport is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._gone.wait()
            self._transport.abort()

    def _lose(self, reason: Callable[[], ClientError]) -> None:
        # A function and not an error: an error raised in many places would collect all their tracebacks.
        if self._reason is not None:
            return
        self._reason = reason
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        if self._transport is not None:
            self._transport.close()
        self._writable.set()
        for request_id in list(self._waiting):
            self._finish(request_id, reason())
        self._on_lost()
