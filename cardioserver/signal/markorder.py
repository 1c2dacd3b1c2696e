"""The order that the waves of successive beats have to keep.

Beats are delineated by their representative beat, which knows no single beat's neighbours: before a beat
that comes early the marks of two may cross. Here, as where people annotate ECGs, a wave ends before the next
one begins.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cardioserver.signal.beats import Beats
from cardioserver.signal.fiducials import NONE, Fiducials

Index = npt.NDArray[np.intp]

ON, PEAK, OFF = range(3)


def in_order(fiducials: Fiducials, beats: Beats) -> Fiducials:
    """*fiducials* in which the marks of each beat and of its neighbours follow each other.

    A QRS holds the place of its beat. Where two QRS complexes overlap they part halfway. A T wave ends where
    the next QRS or P wave begins, a P wave begins after the QRS before it; of a wave that has its peak
    beyond that place nothing is left. A P wave within a T wave cannot be told from it.
    """
    samples, places = fiducials.samples.copy(), beats.samples
    p, qrs, t = samples[:, :3], samples[:, 3:6], samples[:, 6:]
    qrs[:, ON] = np.minimum(qrs[:, ON], places)
    qrs[:, OFF] = np.maximum(qrs[:, OFF], places)
    earliest = np.maximum(places[:-1], qrs[:-1, ON] + 1)
    latest = np.minimum(places[1:], qrs[1:, OFF] - 1)
    border = np.clip((qrs[:-1, OFF] + qrs[1:, ON]) // 2, earliest, latest)
    crossed = qrs[:-1, OFF] > qrs[1:, ON]
    qrs[:-1, OFF] = np.where(crossed, border, qrs[:-1, OFF])
    qrs[1:, ON] = np.where(crossed, border, qrs[1:, ON])
    qrs[:, PEAK] = np.clip(qrs[:, PEAK], qrs[:, ON], qrs[:, OFF])
    _begin_after(t, qrs[:, OFF])
    _end_before(t[:-1], qrs[1:, ON])
    _end_before(p, qrs[:, ON])
    _begin_after(p[1:], qrs[:-1, OFF])
    next_p, last = p[1:], t[:-1]
    _end_before(last, np.where(next_p[:, ON] > last[:, PEAK], next_p[:, ON], qrs[1:, ON]))
    _begin_after(next_p, last[:, OFF])
    return replace(fiducials, samples=samples)


def _end_before(waves: Index, limit: Index) -> None:
    """Let *waves* end at *limit*, those that have their peak before it."""
    late = waves[:, OFF] > limit
    waves[late, OFF] = limit[late]
    waves[late & (waves[:, PEAK] >= limit)] = NONE


def _begin_after(waves: Index, limit: Index) -> None:
    """Let *waves* begin at *limit*, those that have their peak after it."""
    early = (waves[:, ON] != NONE) & (waves[:, ON] < limit)
    waves[early, ON] = limit[early]
    waves[early & (waves[:, PEAK] <= limit)] = NONE
