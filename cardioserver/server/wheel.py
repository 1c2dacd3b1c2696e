"""Deadlines of many connections on one timer."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

TICK_SECONDS = 0.5
"""How late a deadline may be noticed."""

NEVER = math.inf


class Timed(Protocol):
    """Something with a deadline. ``wheel_slot`` belongs to the wheel; it starts as 0."""

    wheel_slot: int

    def on_deadline(self, now: float) -> float:
        """Act on what is overdue at *now* (loop time); returns the next deadline or ``NEVER``."""


class Wheel:
    """Calls :meth:`Timed.on_deadline` of each item soon after its deadline.

    A later deadline costs nothing: the item is asked at its old one and says its new one then. So a
    connection writes down when it last heard a byte and tells the wheel only of earlier deadlines.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, set[Timed]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last = self._slot(loop.time())

    def start(self) -> None:
        """Begin to tick."""
        self._last = self._slot(self._loop.time())
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def put(self, item: Timed, deadline: float) -> None:
        """Ask *item* at *deadline* (loop time), if not earlier already."""
        if deadline == NEVER:
            return
        slot = max(self._slot(deadline) + 1, self._last + 1)
        if item.wheel_slot and item.wheel_slot <= slot:
            return
        self.drop(item)
        item.wheel_slot = slot
        self._slots.setdefault(slot, set()).add(item)

    def drop(self, item: Timed) -> None:
        """Forget *item*."""
        if item.wheel_slot:
            self._slots.get(item.wheel_slot, set()).discard(item)
            item.wheel_slot = 0

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)
        now = self._loop.time()
        first, self._last = self._last + 1, self._slot(now)
        for slot in range(first, self._last + 1):
            for item in self._slots.pop(slot, ()):
                item.wheel_slot = 0
                self.put(item, item.on_deadline(now))

    def _slot(self, moment: float) -> int:
        return int(moment / TICK_SECONDS)
