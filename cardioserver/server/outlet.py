"""What goes to the peer."""

from __future__ import annotations

import asyncio

from cardioserver.server.metrics import Metrics
from cardioserver.server.request import Buffers

HOLD_BYTES = 64 * 1024
"""Most bytes held back to leave together."""


class Outlet:
    """The writing side of one connection; what is written between cork and uncork leaves together.

    A system call for each of many small replies would cost more than making them.
    """

    __slots__ = ("_held", "_held_bytes", "_metrics", "_transport")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._transport: asyncio.Transport | None = None
        self._held: list[bytes | bytearray | memoryview] | None = None
        self._held_bytes = 0

    def open(self, transport: asyncio.Transport, most_unread: int) -> None:
        """Write to *transport*, which is to say when more than *most_unread* bytes lie there."""
        self._transport = transport
        transport.set_write_buffer_limits(high=most_unread)

    def close(self) -> None:
        """The connection has ended."""
        self._transport = self._held = None

    @property
    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._transport is None or self._transport.is_closing()

    @property
    def over_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is not None

    @property
    def unread(self) -> int:
        """Bytes written that the system has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, buffers: Buffers) -> None:
        """Send, or hold back while corked."""
        if self._transport is None:
            return
        size = sum(map(len, buffers))
        self._metrics.sent.inc(size)
        if self._held is None:
            self._transport.writelines(buffers)
            return
        self._held += buffers
        self._held_bytes += size
        if self._held_bytes >= HOLD_BYTES:
            self._send_held()

    def cork(self) -> None:
        """Hold back what is written from now on."""
        if self._held is None:
            self._held = []

    def uncork(self) -> None:
        """Send what was held back."""
        self._send_held()
        self._held = None

    def finish(self) -> None:
        """Say that nothing more will come; over TLS, close."""
        transport = self._transport
        if transport is None:
            return
        self.uncork()
        if self.over_tls:
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:  # the peer was faster
            transport.abort()

    def _send_held(self) -> None:
        held, self._held_bytes = self._held, 0
        if held and self._transport is not None:
            self._held = []
            self._transport.writelines(held)
