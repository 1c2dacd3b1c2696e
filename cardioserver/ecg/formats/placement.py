"""Samples of other systems as counts around zero volts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import FormatError
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import LeadOff, Samples

SHORTEST_GAP = 0.1
"""Seconds. A shorter run of a file's "no sample" value may be signal: some files name 0 as that value."""


def centred(raw: npt.NDArray[np.integer[Any]], zero: npt.NDArray[np.int64]) -> Samples:
    """*raw*, shape ``(leads, samples)``, less each lead's count at 0 V: in 16 bits if it fits, else in 32.

    Raises
    ------
    FormatError
        A value does not fit 32 bits.
    """
    counts = raw.astype(np.int64) - zero[:, None]
    low, high = int(counts.min(initial=0)), int(counts.max(initial=0))
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            samples: Samples = np.ascontiguousarray(counts, np.dtype(dtype).newbyteorder("<"))
            return samples
    raise FormatError("samples of more than 32 bits")


def lasting(absent: npt.NDArray[np.bool_], rate: float) -> npt.NDArray[np.bool_]:
    """The runs of *absent*, shape ``(leads, samples)``, that last at least :data:`SHORTEST_GAP`."""
    result = np.zeros_like(absent)
    for row, start, stop in _runs(absent):
        result[row, start:stop] = stop - start >= SHORTEST_GAP * rate
    return result


def gaps(absent: npt.NDArray[np.bool_], leads: tuple[Lead, ...]) -> tuple[LeadOff, ...]:
    """The runs of *absent*, shape ``(leads, samples)``."""
    return tuple(LeadOff(leads[row], start, stop) for row, start, stop in _runs(absent))


def _runs(marked: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    for row, marks in enumerate(marked):
        edges = np.flatnonzero(np.diff(marks, prepend=False, append=False)).tolist()
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            yield row, start, stop
