"""The listening socket of the interpretation service, and how many get in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from aiohttp import web

from cardioserver.listening import listening_socket

ACCEPTS_AT_ONCE = 32
"""Connections accepted before the others get their turn: a flood must not stop them."""

PAUSE_SECONDS = 0.2
"""When the system has no more sockets to give."""


class Door:
    """Accepts connections, no more than *most* at once; one event loop only.

    A connection counts from its first moment, also during its TLS handshake. One too many is closed.

    Parameters
    ----------
    handshake_seconds
        Most time for a TLS handshake.
    """

    def __init__(
        self, server: web.Server, most: int, tls: ssl.SSLContext | None, handshake_seconds: float
    ) -> None:
        self._server = server
        self._most = most
        self._tls = tls
        self._handshake_seconds = handshake_seconds
        self._arriving: set[asyncio.Task[None]] = set()
        self._close: Callable[[], None] = lambda: None

    async def open(self, host: str, port: int) -> int:
        """Accept connections from now on; returns the port.

        Raises
        ------
        OSError
            The address cannot be listened on.
        """
        listening = await asyncio.to_thread(listening_socket, host, port)
        accepting = asyncio.create_task(self._accept(listening))

        def close() -> None:
            accepting.cancel()
            listening.close()

        self._close = close
        return int(listening.getsockname()[1])

    async def close(self) -> None:
        """Accept no more; what is open stays."""
        self._close()
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop, accepted = asyncio.get_running_loop(), 0
        while True:
            try:
                arrived, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if len(self._server.connections) + len(self._arriving) >= self._most:
                arrived.close()
            else:
                task = loop.create_task(self._welcome(arrived))
                self._arriving.add(task)
                task.add_done_callback(self._arriving.discard)
            accepted += 1
            if accepted % ACCEPTS_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _welcome(self, arrived: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._server,
                arrived,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else self._handshake_seconds,
            )
        except OSError:  # ssl.SSLError is one; it has gone, or is none that may come in
            arrived.close()
        except asyncio.CancelledError:
            arrived.close()
            raise
