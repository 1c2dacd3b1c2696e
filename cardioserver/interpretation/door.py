"""The listening socket of the interpretation service, and how many get in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from aiohttp import web

from cardioserver.listening import accept, listening_socket


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
        accepting = asyncio.create_task(accept(listening, self._admit, lambda _: None))

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

    def _admit(self, arrived: socket.socket, _: Any) -> None:
        if len(self._server.connections) + len(self._arriving) >= self._most:
            arrived.close()
            return
        task = asyncio.create_task(self._welcome(arrived))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

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
