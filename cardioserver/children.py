"""Processes beside this one that come when they are needed and go when they are not."""

from __future__ import annotations

import threading
import time
from typing import Any

from cardioserver.child import Child, ChildLost, Data, Kind


class NoChild(Exception):
    """The system has no process to spare."""


class Children:
    """Children of one kind that come when they are needed and go when they are not; thread-safe.

    Parameters
    ----------
    most
        At once.
    idle_seconds
        A child that had nothing to do for so long is ended by :meth:`retire`.
    """

    def __init__(self, kind: Kind, most: int, idle_seconds: float) -> None:
        self._kind = kind
        self._most = most
        self._idle_seconds = idle_seconds
        self._free: list[Child] = []  # the one used last at the end
        self._all: list[Child] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(most)

    def ask(
        self, job: object, data: Data, seconds: float, *, spoils: tuple[type[Exception], ...] = ()
    ) -> Any:
        """Have a job done by a free child or one more; waits for one while all are at work.

        Parameters
        ----------
        seconds
            After which the child is killed.
        spoils
            Errors after which a child is not fit for another job.

        Raises
        ------
        NoChild
            No process is to be had.
        ChildLost, ChildLate
            The child has ended; the next job gets another one. What ``work`` raises is raised here, too.
        """
        with self._turns:
            try:
                child = self.take() or self.start()
            except OSError as error:
                raise NoChild(error.strerror or type(error).__name__) from None
            if child is None:
                raise NoChild("all are at work")
            try:
                answer = child.ask(job, data, seconds)
            except BaseException as error:
                is_spoilt = isinstance(error, (ChildLost, *spoils))
                (self.end if is_spoilt else self.give_back)(child)
                raise
            self.give_back(child)
            return answer

    @property
    def free(self) -> tuple[Child, ...]:
        """Those that have nothing to do."""
        with self._lock:
            return tuple(self._free)

    def take(self) -> Child | None:
        """A free one that has started; the one used last, so that the others may go."""
        with self._lock:
            for child in reversed(self._free):
                if child.is_ready:
                    self._free.remove(child)
                    return child
        return None

    def start(self) -> Child | None:
        """One more, taken; ``None``: there are enough.

        Raises
        ------
        OSError
            No process is to be had.
        """
        with self._lock:
            if len(self._all) >= self._most:
                return None
            child = Child(self._kind)
            self._all.append(child)
            return child

    def give_back(self, child: Child) -> None:
        """Have a taken one for the next job."""
        with self._lock:
            self._free.append(child)

    def end(self, child: Child) -> None:
        """End a taken one."""
        with self._lock:
            self._all.remove(child)
        child.close()

    def retire(self) -> None:
        """End those that have had nothing to do for a while."""
        self._end_free(time.monotonic() - self._idle_seconds)

    def close(self) -> None:
        """End all that are free."""
        self._end_free(float("inf"))

    def _end_free(self, used_before: float) -> None:
        with self._lock:
            idle = [child for child in self._free if child.used_at < used_before]
            self._free = [child for child in self._free if child not in idle]
            self._all = [child for child in self._all if child not in idle]
        for child in idle:
            child.close()

    def kill(self) -> None:
        """End at once those that are at work."""
        with self._lock:
            for child in self._all:
                if child not in self._free:
                    child.kill()
