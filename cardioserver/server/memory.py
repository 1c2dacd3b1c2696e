"""Memory given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

LARGE_BYTES = 4 * 1024 * 1024
"""Smaller blocks, such as most exams, come from the heap: mapping each anew costs more than copying it."""

_M_MMAP_THRESHOLD = -3  # of mallopt(3)


def map_large_blocks() -> None:
    """Have large blocks, such as argon2's, go back to the system as soon as they are freed.

    By default glibc raises its threshold to the largest block it has seen: after the first logins each
    thread that computes passwords would keep 19 MiB. On other systems nothing happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
