"""A peer on a real socket that says what a test wants, also what no client would say."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, Self

from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import ClientConnection, Failure, Push, Reply

DEADLINE = 20.0


class Peer:
    """One connection; every wait ends with a failure after :data:`DEADLINE` seconds."""

    def __init__(self, port: int, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._address = address
        self._tls = tls
        self.connection = ClientConnection()
        self._replies: dict[int, deque[Reply | Failure]] = {}
        self.pushes: list[m.Event] = []
        self.answered: list[int] = []  # request ids in the order of their replies

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self._tls,
            server_hostname="localhost" if self._tls else None,
            local_addr=(self._address, 0),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def send(self, message: Any) -> int:
        """Send a request without waiting; its id."""
        request_id, buffers = self.connection.send_request(message)
        self.writer.writelines(buffers)
        return request_id

    def send_bytes(self, data: bytes) -> None:
        """Send whatever."""
        self.writer.write(data)

    async def reply(self, request_id: int) -> Any:
        """The message or :class:`Error` that answers a request."""
        event = await self._next(request_id)
        return event.error if isinstance(event, Failure) else event.message

    async def parts(self, request_id: int) -> list[Any]:
        """All messages that answer a request."""
        messages = []
        while True:
            event = await self._next(request_id)
            if isinstance(event, Failure):
                return [*messages, event.error]
            messages.append(event.message)
            if not event.more:
                return messages

    async def ask(self, message: Any) -> Any:
        """Send a request and wait for its answer."""
        return await self.reply(self.send(message))

    async def hello(self) -> m.ServerInfo:
        """Say hello."""
        info = await self.ask(m.Hello(1, 1, m.Capability.ALL, "test"))
        assert isinstance(info, m.ServerInfo)
        return info

    async def login(self, login: str = "recorder", password: str = "secret") -> m.LoggedIn:
        """Say hello and log in."""
        await self.hello()
        logged_in = await self.ask(m.Login(login, password))
        assert isinstance(logged_in, m.LoggedIn), logged_in
        return logged_in

    async def last_words(self) -> m.Error | None:
        """What the server says of the connection (request id 0) before it closes it."""
        while True:
            words = self._replies.get(0)
            data = await self._read()
            if not data:
                event = words.popleft() if words else None
                return event.error if isinstance(event, Failure) else None
            self._take(data)

    async def read_to_end(self) -> bytes:
        """Everything the server still sends, whatever it is."""
        everything = b""
        while data := await self._read():
            everything += data
        return everything

    async def push(self) -> m.Event:
        """The next pushed event."""
        while not self.pushes:
            await self._more()
        return self.pushes.pop(0)

    async def _next(self, request_id: int) -> Reply | Failure:
        while not self._replies.get(request_id):
            await self._more()
        return self._replies[request_id].popleft()

    async def _more(self) -> None:
        data = await self._read()
        if not data:
            raise EOFError
        self._take(data)

    async def _read(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read(1 << 16)
            except ConnectionResetError:
                return b""

    def _take(self, data: bytes) -> None:
        self.connection.receive_data(data)
        for event in self.connection.events():
            if isinstance(event, Push):
                self.pushes.append(event.message)
                continue
            if isinstance(event, Failure) or not event.more:
                self.answered.append(event.request_id)
            self._replies.setdefault(event.request_id, deque()).append(event)
