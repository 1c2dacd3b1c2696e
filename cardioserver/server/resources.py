"""What all sessions of a server share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cardioserver.protocol.messages import Limits
from cardioserver.server.limits import Admission, ByteBudget
from cardioserver.server.metrics import Metrics
from cardioserver.server.wheel import Wheel
from cardioserver.settings.config import LimitSettings

if TYPE_CHECKING:
    from cardioserver.server.session import Session

INLET_BYTES = 256 * 1024
"""Most bytes taken from a socket at once."""


class Resources:
    """Limits, counters and the one receive buffer.

    The buffer is filled and emptied within one callback of the event loop, so that an idle connection
    owns none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: LimitSettings, metrics: Metrics) -> None:
        self.loop = loop
        self.settings = settings
        self.metrics = metrics
        self.wheel = Wheel(loop)
        self.admission = Admission(settings.connections, settings.connections_per_address)
        self.uploads = ByteBudget(settings.upload_bytes_in_flight)
        self.signals = ByteBudget(settings.signal_bytes_in_flight)
        self.inlet = memoryview(bytearray(INLET_BYTES))
        self.limits = _told(settings)
        self.sessions: set[Session] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def enter(self, session: Session) -> None:
        """A session has begun."""
        self.sessions.add(session)
        self._empty.clear()

    def leave(self, session: Session) -> None:
        """A session has ended."""
        self.sessions.discard(session)
        self.wheel.drop(session)
        self.admission.leave(session.address)
        if not self.sessions:
            self._empty.set()

    async def emptied(self, seconds: float) -> bool:
        """Wait until no session is left; ``False``: it took longer than *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


def _told(settings: LimitSettings) -> Limits:
    return Limits(
        max_payload=settings.frame_bytes,
        max_in_flight=settings.requests_in_flight,
        max_upload=settings.upload_bytes,
        idle_timeout=int(settings.idle_seconds),
        max_page=settings.page_rows,
    )
