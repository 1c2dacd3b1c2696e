"""A circuit breaker: a service that fails is left alone for a while, then tried once.

::

    CLOSED ──failures in a row──→ OPEN ──rest──→ HALF OPEN ──success──→ CLOSED
                                   ↑                 │
                                   └────failure──────┘

The pattern is that of M. Nygard, Release It!, second edition (2018), chapter 5.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Decides whether a service may be asked; thread-safe.

    Whoever is admitted tells afterwards how it went.

    Parameters
    ----------
    failures
        In a row, after which it opens.
    rest
        Seconds for which it stays open.
    """

    def __init__(self, failures: int, rest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._rest = rest
        self._clock = clock
        self._failed = 0
        self._opened_at: float | None = None
        self._is_trying = False
        self._lock = threading.Lock()

    def admit(self) -> bool:
        """Whether the service may be asked now; half open, only one may at a time."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._is_trying or self._clock() < self._opened_at + self._rest:
                return False
            self._is_trying = True
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._failed, self._opened_at, self._is_trying = 0, None, False

    def failed(self) -> None:
        """It did not, or not as it should."""
        with self._lock:
            self._failed += 1
            if self._is_trying or self._failed >= self._failures:
                self._opened_at, self._is_trying = self._clock(), False

    @property
    def remaining(self) -> float:
        """Seconds until it may be asked again; 0: now."""
        with self._lock:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self._rest - self._clock())
