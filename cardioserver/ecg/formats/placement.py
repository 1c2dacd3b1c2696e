"""Samples of other systems as counts around zero volts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import FormatError
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import LeadOff, Samples

SHORTEST_GAP = 0.1
"""Seconds. A shorter run of a file's "no sample" value may be signal: some files name 0 as that value."""

Mask = npt.NDArray[np.bool_]
Run = tuple[int, int, int]
"""Row, start, stop."""


def centred(raw: npt.NDArray[np.integer[Any]], zero: npt.NDArray[np.int64]) -> Samples:
    """*raw*, shape ``(leads, samples)``, less each lead's count at 0 V: in 16 bits if it fits, else in 32.

    Raises
    ------
    FormatError
        A value does not fit 32 bits.
    """
    low = int((raw.min(axis=1).astype(np.int64) - zero).min())
    high = int((raw.max(axis=1).astype(np.int64) - zero).max())
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            samples: Samples = np.empty(raw.shape, np.dtype(dtype).newbyteorder("<"))
            np.subtract(raw, zero[:, None], out=samples, casting="unsafe")
            return samples
    raise FormatError("samples of more than 32 bits", "отсчёты шире 32 бит")


def lasting(absent: Mask, rate: float) -> Mask:
    """The runs of *absent*, shape ``(leads, samples)``, that last at least :data:`SHORTEST_GAP`."""
    result = np.zeros_like(absent)
    for row, start, stop in long_enough(runs(absent), rate):
        result[row, start:stop] = True
    return result


def gaps(found: Iterable[Run], leads: tuple[Lead, ...]) -> tuple[LeadOff, ...]:
    """Runs of missing samples as marks."""
    return tuple(LeadOff(leads[row], start, stop) for row, start, stop in found)


def runs(marked: Mask, begin: int = 0) -> Iterator[Run]:
    """The runs of *marked*, shape ``(leads, samples)``, whose first sample has the number *begin*."""
    for row, marks in enumerate(marked):
        edges = np.flatnonzero(np.diff(marks, prepend=False, append=False)).tolist()
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            yield row, begin + start, begin + stop


def joined(found: Iterable[Run]) -> Iterator[Run]:
    """Runs of parts of a recording, in its order, as runs of the whole."""
    last: Run | None = None
    for row, start, stop in sorted(found):
        if last is not None and last[0] == row and last[2] == start:
            last = row, last[1], stop
            continue
        if last is not None:
            yield last
        last = row, start, stop
    if last is not None:
        yield last


def long_enough(found: Iterable[Run], rate: float) -> Iterator[Run]:
    """Those that last at least :data:`SHORTEST_GAP`."""
    return (run for run in found if run[2] - run[1] >= SHORTEST_GAP * rate)
