"""Which single beats have the P wave that beats like them have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cardioserver.signal.average import AverageBeat
from cardioserver.signal.delineation import Marks
from cardioserver.signal.order import median
from cardioserver.signal.smoothing import above_line

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

FEWEST_BEATS = 4  # of fewer each is too much of the average itself
SHIFTS_S = (-0.032, -0.016, 0.016, 0.032)  # by which a P wave may come sooner or later than usual
EDGE_S = 0.012  # of the stretch, whose level is known by its mean
CORRELATED_S = 0.02  # samples of muscle noise nearer than that are not independent
LEAST_UV = 5.0  # no lead has less noise
ABSENT = 0.3  # of the size of the average P wave
SURE = 2.5  # standard errors by which it is smaller than that


def have_p(leveled: Signal, beats: Index, beat: AverageBeat, marks: Marks) -> Mask:
    """Whether each of *beats* has the P wave of its average; after a pause of the atria one has none.

    The P wave of the average is fitted to each beat by least squares over all leads, at the place where it
    fits best. It is absent if less than a third of it is left, surely less than all, and nothing else is
    there in its place: a P wave of another shape.

    Parameters
    ----------
    leveled
        µV, shape ``(leads, samples)``; see :func:`~cardioserver.signal.average.level`.
    beats
        Fiducial samples of like beats, aligned.
    beat, marks
        Their average, and its waves.
    """
    if marks.p_on is None or marks.p_off is None or len(beats) < FEWEST_BEATS:
        return np.ones(len(beats), dtype=np.bool_)
    rate = beat.rate
    edge = max(2, round(EDGE_S * rate))
    first = max(round(marks.p_on) - edge, -beat.origin)
    last = min(round(marks.p_off) + edge, round(marks.qrs_on))
    model = above_line(beat.samples[:, beat.origin + first : beat.origin + last], edge)
    noise = np.maximum(beat.noise * np.sqrt(beat.windows.shape[1]), LEAST_UV)[:, None]
    model = model / noise
    energy = max(float((model**2).sum()), 1e-9)
    along = np.arange(first, last)

    def fitted(chosen: Index, shift: int) -> tuple[Signal, Signal]:
        """Size of the wave, and power of what else is there over that of the noise."""
        places = np.clip(beats[chosen, None] + along + shift, 0, leveled.shape[1] - 1)
        own = above_line(leveled[:, places], edge) / noise[:, None]
        size = np.einsum("lbt,lt->b", own, model) / energy
        return size, (np.einsum("lbt,lbt->b", own, own) - size**2 * energy) / model.size

    size, misfit = fitted(np.arange(len(beats)), 0)
    usual = float(median(misfit))
    doubtful = np.flatnonzero(size < ABSENT)
    for shift in SHIFTS_S if len(doubtful) else ():
        found, left = fitted(doubtful, round(shift * rate))
        better = found > size[doubtful]
        size[doubtful[better]], misfit[doubtful[better]] = found[better], left[better]
    error = np.sqrt(CORRELATED_S * rate / energy * np.maximum(misfit, 1.0))
    absent = (size < ABSENT) & (1 - size > SURE * error)
    silent = misfit <= usual + ABSENT**2 * energy / model.size
    return np.asarray(~(absent & silent))
