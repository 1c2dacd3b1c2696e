"""Importing much at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection: modules stay, and looking through them again and again takes an eighth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
