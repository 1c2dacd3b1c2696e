"""A server that does what a test's script says, also what no good server does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import Rejected, Request, ServerConnection

LIMITS = m.Limits(
    max_payload=32 << 20, max_in_flight=64, max_upload=256 << 20, idle_timeout=900, max_page=200
)
ACCOUNT = m.LoggedIn(m.Account(7, "recorder", m.Role.RECORDER, 1, "Recorder"), "Clinic", 3)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Ended(Exception):
    """The client has gone."""


class Talk:
    """One connection of a client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: m.Limits = LIMITS
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._connection = ServerConnection(limits)
        self._limits = limits

    async def receive(self, kind: type | None = None) -> Request:
        """The next request, which must be of *kind*."""
        while True:
            event = self._connection.next_event()
            if isinstance(event, Request):
                assert kind is None or type(event.message) is kind, event.message
                return event
            assert not isinstance(event, Rejected), event
            data = await self._reader.read(65536)
            if not data:
                raise Ended
            self._connection.receive_data(data)

    def reply(self, request: Request, message: Any, *, more: bool = False) -> None:
        self._writer.writelines(self._connection.send_reply(request.request_id, message, more=more))

    def fail(
        self, request: Request | None, code: m.ErrorCode, *, retry_after: int = 0, detail: int = 0
    ) -> None:
        error = m.Error(code, "", "No.", "Нет.", retry_after, detail)
        self._writer.writelines(self._connection.send_error(request.request_id if request else 0, error))

    def push(self, event: m.Event) -> None:
        self._writer.writelines(self._connection.send_push(event))

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def greet(self, *, login: bool = True) -> None:
        """Answer the hello and, unless told otherwise, a login."""
        hello = await self.receive(m.Hello)
        capabilities = hello.message.capabilities
        self.reply(hello, m.ServerInfo(1, capabilities, "peer", 1, "main", NOW, "", self._limits))
        if login:
            self.reply(await self.receive(m.Login), ACCOUNT)

    def drop(self) -> None:
        """Break the connection without a word."""
        self._writer.transport.abort()

    async def until_end(self) -> None:
        """Wait for the client to go; it must not ask for anything more."""
        try:
            request = await self.receive()
        except (Ended, ConnectionError):
            return
        raise AssertionError(f"unexpected {type(request.message).__name__}")


Script = Callable[[Talk], Awaitable[None]]


class Peer:
    """Listens; each connection runs the next script, and all further ones the last."""

    def __init__(self, *scripts: Script, limits: m.Limits = LIMITS) -> None:
        self.port = 0
        self.connections = 0
        self._scripts = scripts
        self._limits = limits
        self._talks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            await script(Talk(reader, writer, self._limits))
        except (Ended, ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._talks.discard(task)
            writer.transport.abort()

    @asynccontextmanager
    async def listening(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> AsyncIterator[Peer]:
        server = await asyncio.start_server(self._serve, host, self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._talks):
                task.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
            await server.wait_closed()
            if self._failure is not None:
                raise self._failure


def exam(number: int = 1) -> Exam:
    """An exam as a recorder makes it."""
    return Exam(uuid=UUID(int=number, version=4), patient=Patient("42"), started_at=NOW, ended_at=NOW)


def recording(samples: int = 1000, rate: float = 500.0) -> Recording:
    """Twelve leads of numbers that repeat nowhere near."""
    signal = SignalFormat(rate, TWELVE_LEADS, (1.0,) * 12, 16, samples)
    counts = np.random.default_rng(samples).integers(-2000, 2000, (12, samples), dtype=np.int16)
    return Recording(signal, counts)
