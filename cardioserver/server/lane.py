"""Work of one connection that goes one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Job = Callable[[Callable[[], None]], None]
"""Begins some work; calls its argument once, in the event loop, when the next may begin."""


class Lane:
    """Runs jobs in order, each begun when the one before is done."""

    __slots__ = ("_busy", "_jobs", "_running")

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._busy = False
        self._running = False

    def put(self, job: Job) -> None:
        """Run *job* after those before it."""
        self._jobs.append(job)
        self._run()

    def _run(self) -> None:
        if self._running:
            return  # a job was done at once: the loop below goes on
        self._running = True
        while self._jobs and not self._busy:
            self._busy = True
            self._jobs.popleft()(self._done)
        self._running = False

    def _done(self) -> None:
        self._busy = False
        self._run()
