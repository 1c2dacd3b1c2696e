"""Identifiers: 63-bit numbers in order of time, unique across servers.

::

    bit 62 … 22   milliseconds since 2020-01-01 UTC (until the year 2089)
    bit 21 … 12   server id, 0–1023 (the "postfix"; servers that share a database must differ)
    bit 11 …  0   sequence within the millisecond

The layout is that of Twitter's Snowflake (2010) with one sign bit, as most of its kind.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

MAX_SERVER_ID = 1023

_SEQUENCE_BITS = 12
_SERVER_BITS = 10
_TIME_BITS = 41
_TIME_SHIFT = _SEQUENCE_BITS + _SERVER_BITS
_SEQUENCES = 1 << _SEQUENCE_BITS
_EPOCH_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
_RESERVED_MS = 1000
_STATE_WIDTH = 20


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class IdGenerator:
    """Makes identifiers; thread-safe.

    Parameters
    ----------
    server_id
        0 to :data:`MAX_SERVER_ID`.
    state
        File that remembers, a second ahead, up to which time identifiers are spoken for: so they never
        repeat or go back after a restart or when the clock was set back, nor collide with another
        process of this server (the command line beside the running server). ``None``: only within this
        process.
    clock
        Milliseconds since 1970.

    Raises
    ------
    ValueError
        The server id is out of range, or the state file does not hold what this class writes.
    """

    def __init__(self, server_id: int, state: Path | None = None, clock: Callable[[], int] = _now_ms) -> None:
        if not 0 <= server_id <= MAX_SERVER_ID:
            raise ValueError(f"server id {server_id}: allowed is 0 to {MAX_SERVER_ID}")
        self.server_id = server_id
        self._server_part = server_id << _SEQUENCE_BITS
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        self._time = 0  # of the last identifier, ms since the epoch of identifiers
        self._sequence = _SEQUENCES - 1
        self._end = 0  # identifiers before this time are this process's own
        if state is not None:
            state.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._reserve(self._clock() - _EPOCH_MS)

    def next(self) -> int:
        """The next identifier: greater than all before.

        Raises
        ------
        OSError
            The state file cannot be written.
        """
        with self._lock:
            now = self._clock() - _EPOCH_MS
            if now > self._time:
                self._time, self._sequence = now, 0
            elif self._sequence < _SEQUENCES - 1:
                self._sequence += 1
            else:  # the millisecond is used up, or the clock went back: run ahead of it
                self._time, self._sequence = self._time + 1, 0
            if self._time >= self._end:
                self._reserve(self._time)
            return self._time << _TIME_SHIFT | self._server_part | self._sequence

    def _reserve(self, start: int) -> None:
        """Make the times from *start*, or from the end of what others took, this process's own."""
        if self._state is None:
            self._end = start + _RESERVED_MS
            return
        descriptor = os.open(self._state, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            content = os.pread(descriptor, _STATE_WIDTH, 0)
            try:
                taken = int(content) if content else 0
            except ValueError:
                raise ValueError(f"{self._state}: not a time of {_STATE_WIDTH} digits") from None
            if taken > start or self._time < start:
                self._time, self._sequence = max(start, taken), 0
            if self._time >> _TIME_BITS:
                raise ValueError("the clock is beyond the last time an identifier can hold")
            self._end = self._time + _RESERVED_MS
            os.pwrite(descriptor, f"{self._end:0{_STATE_WIDTH}d}".encode(), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
