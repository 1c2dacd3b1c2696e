"""How regular the RR intervals are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ALIKE = 0.08  # of the mean interval
FEWEST = 4


def likeness(intervals: Signal) -> float | None:
    """Share of all pairs of *intervals* that differ by less than 8 % of the mean; ``None`` if fewer than 4.

    The correlation sum from which sample entropy is made, with the tolerance a part of the mean interval
    (D. Lake and J. Moorman, "Accurate estimation of entropy in very short physiological time series",
    Am. J. Physiol. Heart Circ. Physiol. 300:H319, 2011). It is near one in a steady rhythm, stays high when
    a steady rhythm is broken by single early beats, and is low in fibrillation, where no interval returns.
    """
    count = len(intervals)
    if count < FEWEST:
        return None
    apart = np.abs(intervals[:, None] - intervals[None])
    alike = int((apart <= ALIKE * intervals.mean()).sum()) - count
    return alike / (count * (count - 1))


def between(beats: npt.NDArray[np.intp], rate: float, *, usable: Mask) -> Signal:
    """RR intervals in s with *usable* beats at both ends; all intervals if these are too few."""
    intervals = np.diff(beats) / rate
    chosen: Signal = intervals[usable[1:] & usable[:-1]]
    return chosen if len(chosen) >= FEWEST else intervals
