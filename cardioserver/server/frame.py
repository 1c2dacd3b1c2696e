"""The frame that a connection is receiving: its time and its share of the upload budget."""

from __future__ import annotations

from collections.abc import Callable

from cardioserver.protocol.connection import ServerConnection
from cardioserver.server.limits import ByteBudget
from cardioserver.server.wheel import NEVER
from cardioserver.settings.config import LimitSettings

FREE_BYTES = 16 * 1024
"""Frames up to here are read before the budget is asked; so much a connection may send unasked."""


class Frame:
    """A begun frame, if there is one.

    Parameters
    ----------
    granted
        Called when the budget has room for the frame that :meth:`watch` said must wait.
    """

    __slots__ = ("_budget", "_connection", "_granted", "_heard", "_since", "charged", "waiting")

    def __init__(self, connection: ServerConnection, budget: ByteBudget, granted: Callable[[], None]) -> None:
        self._connection = connection
        self._budget = budget
        self._granted = granted
        self._since = NEVER
        self._heard = 0
        self.charged = 0  # bytes of the budget
        self.waiting = False

    @property
    def begun(self) -> bool:
        """Whether a part of a frame is here."""
        return self._since != NEVER

    def room(self) -> int:
        """Bytes to read at most: this frame, if paid for, and a little of the next."""
        return FREE_BYTES + (self._connection.bytes_wanted if self.charged else 0)

    def watch(self, now: float) -> None:
        """Look at what is left of the received bytes: sets :attr:`begun`, :attr:`waiting`."""
        if not self._connection.bytes_wanted:
            self._since = NEVER
            return
        if self._since == NEVER:
            self._since = now
            self._heard = self._connection.bytes_received
        size = self._connection.frame_size
        if size <= FREE_BYTES or self.charged or self.waiting:
            return
        if self._budget.take(size, self._grant):
            self.charged = size
        else:
            self.waiting = True

    def deadline(self, settings: LimitSettings) -> float:
        """Until when the next bytes must have come: a grace, and then the least rate."""
        heard = self._connection.bytes_received - self._heard
        return self._since + settings.stall_seconds + heard / settings.bytes_per_second

    def resume(self, now: float) -> None:
        """Reading had stopped for reasons that are not the peer's: its time begins anew."""
        if self._since != NEVER:
            self._since = now
            self._heard = self._connection.bytes_received

    def finish(self, size: int) -> int:
        """The frame of a request of *size* bytes is complete: what it has taken of the budget."""
        self._since = NEVER
        charged, self.charged = self.charged, 0
        if not charged:  # so small that it was read without asking
            charged = size
            self._budget.force(size)
        return charged

    def drop(self) -> None:
        """The frame will not be read to its end: give back what it has taken."""
        if self.waiting:
            self._budget.cancel(self._grant)
            self.waiting = False
        charged, self.charged = self.charged, 0
        if charged:
            self._budget.give(charged)

    def _grant(self) -> None:
        self.waiting = False
        self.charged = self._connection.frame_size
        self._granted()
