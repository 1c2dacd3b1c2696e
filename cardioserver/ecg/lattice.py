"""Samples that use only every n-th count."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.signedinteger[Any]]

_LOOK = 64  # samples of each row that are looked at first


def step_of(rows: Rows) -> int:
    """The greatest number of counts that divides all differences within each row; at least 1."""
    look = rows[:, :: max(1, rows.shape[1] // _LOOK)].astype(np.int64)
    step = _divisor(look)
    if step == 1 or _divides(step, rows):
        return max(step, 1)
    step = _divisor(rows.astype(np.int64))
    return step if 0 < step <= np.iinfo(rows.dtype).max else 1


def divide(rows: Rows, step: int) -> tuple[Rows, Rows]:
    """Quotients of all samples, and each row's one remainder, for a *step* of :func:`step_of`."""
    quotients = rows // rows.dtype.type(step)
    return quotients, rows[:, 0] - quotients[:, 0] * rows.dtype.type(step)


def multiply(quotients: Rows, remainders: Rows, step: int) -> Rows:
    """The inverse of :func:`divide`, modulo the integers' width."""
    rows = quotients * quotients.dtype.type(step)
    rows += remainders[:, None]
    return rows


def _divisor(rows: npt.NDArray[np.int64]) -> int:
    return int(np.gcd.reduce((rows - rows[:, :1]).ravel()))


def _divides(step: int, rows: Rows) -> bool:
    if not 1 < step <= np.iinfo(rows.dtype).max:
        return False
    quotients, remainders = divide(rows, step)
    return bool((multiply(quotients, remainders, step) == rows).all())
