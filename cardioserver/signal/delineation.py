"""The waves of a representative beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.signal.average import AverageBeat
from cardioserver.signal.pwave import p_wave
from cardioserver.signal.twave import t_wave

Signal = npt.NDArray[np.float64]

STEADY = 0.9  # of the usual interval: a short one that is longer belongs to a steady rhythm


@dataclass(frozen=True, slots=True)
class Marks:
    """Places of a beat's waves in samples of its average from its fiducial point; ``None``: no wave."""

    qrs_on: float
    r_peak: float
    qrs_off: float
    pr_end: float  # the level before it is that of the PR segment
    p_on: float | None = None
    p_peak: float | None = None
    p_off: float | None = None
    t_on: float | None = None
    t_peak: float | None = None
    t_off: float | None = None


def delineate(
    beat: AverageBeat,
    qrs: tuple[float, float],
    pr_end: float,
    after: tuple[float, float],
    before: float,
    *,
    with_p: bool = True,
) -> Marks:
    """The waves of *beat*, over all leads.

    Parameters
    ----------
    beat
        A representative beat.
    qrs
        Onset and offset of the QRS in samples of *beat* from its fiducial point.
    pr_end
        Where the PR segment ends, likewise: at the onset, or before the spike of a pacemaker.
    after
        Usual and short time to the next beat, s; T is looked for no later than the short one allows.
    before
        Usual time from the beat before, s.
    with_p
        Whether a P wave is looked for.
    """
    origin = beat.origin
    on, off = max(origin + qrs[0], 0.0), min(origin + qrs[1], beat.samples.shape[1] - 1.0)
    inside = slice(math.floor(on), math.ceil(off) + 1)
    height = np.sqrt((beat.samples[:, inside] ** 2).mean(axis=0))
    peak = min(max(inside.start + float(height.argmax()), on), off)
    pr_end = max(origin + pr_end, 0.0)
    marks = {"qrs_on": on, "r_peak": peak, "qrs_off": off, "pr_end": pr_end}
    t = t_wave(beat, after, (on, off), pr_end)
    if t:
        marks |= {"t_on": t.on, "t_peak": t.peak, "t_off": t.off}
    steady = after[1] > STEADY * after[0]
    p = p_wave(beat, before, on, t.off if t else None, steady=steady) if with_p else None
    if p:
        marks |= {"p_on": p.on, "p_peak": p.peak, "p_off": p.off}
    return Marks(**{name: place - origin for name, place in marks.items()})
