"""A trace as a path: samples to paper, thinned without losing a peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]
Points = npt.NDArray[np.int64]

UNIT_MM = 0.01
"""Step of the coordinates of traces: at 10 mm/mV one µV, at 25 mm/s 0.4 ms."""
COLUMNS, UNITS = 30, 127
"""So many columns of dots of the finest usual printer, 600 to the inch, are so many units wide."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How time and voltage become lengths: mm/s and mm/mV."""

    speed: float
    gain: float


def paths(microvolts: Signal, times: Signal, scale: Scale) -> Iterator[Points]:
    """The unbroken pieces of a trace.

    Parameters
    ----------
    microvolts
        NaN where there is a gap.
    times
        Of each sample in s from where the trace begins.

    Yields
    ------
    Points of one piece in :data:`UNIT_MM`, shape ``(points, 2)``, y upwards.
    """
    known = np.isfinite(microvolts)
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for start, stop in edges:
        x = times[start:stop] * (scale.speed / UNIT_MM)
        y = microvolts[start:stop] * (scale.gain / 1000 / UNIT_MM)
        yield straightened(thinned(np.column_stack([np.rint(x), np.rint(y)]).astype(np.int64)))


def thinned(points: Points) -> Points:
    """At most four points for each column of dots: its first and last, its highest and lowest.

    They make the same dots as all of them do (U. Jugel et al., "M4: a visualization-oriented time series
    data aggregation", Proc. VLDB Endow. 7:797, 2014).
    """
    columns = points[:, 0] * COLUMNS // UNITS
    begins = np.flatnonzero(np.diff(columns, prepend=columns[:1] - 1))
    if len(points) <= 2 * len(begins):
        return points
    y = points[:, 1]
    ends = np.append(begins[1:], len(points)) - 1
    kept = [begins, ends]
    rank = np.arange(len(points), dtype=np.int64)
    for sign in (1, -1):
        # The column's extreme and its place in one number, so that one reduction finds both.
        keys = (sign * y - (sign * y).min()) * len(points) + rank
        kept.append(np.maximum.reduceat(keys, begins) % len(points))
    fewer: Points = points[np.unique(np.concatenate(kept))]
    return fewer


def straightened(points: Points) -> Points:
    """Without the points that lie on the straight line between their neighbours."""
    if len(points) < 3:
        return points
    steps = np.diff(points, axis=0)
    turns = steps[:-1, 0] * steps[1:, 1] != steps[:-1, 1] * steps[1:, 0]
    corners: Points = points[np.concatenate([[True], turns, [True]])]
    return corners


def operators(points: Points) -> str:
    """*points* as PDF path operators (ISO 32000-1, 8.5.2); a single one becomes a dot."""
    if len(points) == 1:
        points = np.repeat(points, 2, axis=0)
    body = "%d %d m\n" + "%d %d l\n" * (len(points) - 1)
    return body % tuple(points.ravel().tolist())
