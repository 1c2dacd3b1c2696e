"""Onset and offset of the QRS in the mean slopes of a beat.

A QRS ends where the speed of the heart vector has fallen to a small share of its steepest (P. Laguna,
R. Jané, P. Caminal, "Automatic detection of wave boundaries in multilead ECG signals", Comput. Biomed. Res.
27:45, 1994). Three such ends are averaged, as their errors differ: that of all leads together, the same with
each lead scaled by its own steepest slope, so that small leads count too, and the quartile of the ends in
single leads, a robust form of the earliest onset and latest offset by which IEC 60601-2-25 defines the QRS.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cardioserver.signal.order import quantile, row_quantiles
from cardioserver.signal.smoothing import moving_mean

Signal = npt.NDArray[np.float64]

SMOOTH_S = 0.014
NEAR_S = 0.15  # of the fiducial point, in which the steepest slope lies
CORE_S = 0.06  # of the fiducial point, in which the QRS surely lies
SUSTAINED_S = 0.02  # a slope that lasts so long belongs to the QRS and not to a pacemaker spike
LEAST_LEAD = 0.3  # of the usual steepest slope; smaller leads have no say
BIG = 0.3  # of the steepest slope: surely QRS
GAP_S = 0.04  # a QRS does not rest so long
REACH_S = (0.20, 0.24)
SHARE, LEAD_SHARE = 0.08, 0.05  # of the steepest slope, at which the QRS ends: of all leads, of one
QUANTILE = 0.25  # of the leads begin earlier; as many end later
FLOOR = 2.0  # times the calm level beside the QRS is noise, or P and T waves
OVER_FLOOR = 1.5
CALM_S = 0.008
MARGIN_S = 0.006  # before the slope reaches the share the QRS has begun
QUIET_BEFORE_S, QUIET_AFTER_S = (-0.22, -0.04), (0.08, 0.32)
QUIET_QUANTILES = (0.4, 0.2)  # of the slopes there are calm, even if P and T lie there


def qrs_bounds(slopes: Signal, rate: float, origin: int) -> tuple[float, float]:
    """Onset and offset as indices into *slopes*.

    Parameters
    ----------
    slopes
        Shape ``(leads, width)``, see :func:`~cardioserver.signal.average.average_slopes`.
    origin
        Index of the beats' fiducial point.
    """
    steep = np.abs(moving_mean(slopes, rate, SMOOTH_S))
    steepest = _sustained(steep, rate, origin)
    seen = steepest >= LEAST_LEAD * np.median(steepest)
    scaled = steep[seen] / np.maximum(steepest[seen, None], 1e-9)
    together = np.sqrt((np.array([steep[seen], scaled]) ** 2).mean(axis=1))
    (plain, even), single = _ends(together, SHARE, rate, origin), _ends(scaled, LEAD_SHARE, rate, origin)
    on = plain[0] + even[0] + quantile(single[:, 0].tolist(), QUANTILE)
    off = plain[1] + even[1] + quantile(single[:, 1].tolist(), 1 - QUANTILE)
    return max(float(on) / 3 - MARGIN_S * rate, 0.0), float(off) / 3


def _sustained(slopes: Signal, rate: float, origin: int) -> Signal:
    """The slope each row reaches near *origin* for :data:`SUSTAINED_S` in all."""
    near = slopes[:, max(origin - round(NEAR_S * rate), 0) : origin + round(NEAR_S * rate)]
    samples = min(max(1, round(SUSTAINED_S * rate)), near.shape[1])
    sustained: Signal = np.partition(near, -samples, axis=1)[:, -samples]
    return sustained


def _ends(speeds: Signal, share: float, rate: float, origin: int) -> Signal:
    """Where the QRS begins and ends by each of *speeds*, shape ``(rows, 2)``."""
    tops = _sustained(speeds, rate, origin)
    core, calm = round(CORE_S * rate), max(1, round(CALM_S * rate))
    peaks = origin - core + speeds[:, origin - core : origin + core].argmax(axis=1)
    floors = [
        row_quantiles(speeds[:, origin + round(begin * rate) : origin + round(end * rate)], share_of_calm)
        for (begin, end), share_of_calm in zip((QUIET_BEFORE_S, QUIET_AFTER_S), QUIET_QUANTILES, strict=True)
    ]
    ends = np.empty((len(speeds), 2))
    for row, (speed, top, peak, before, after) in enumerate(zip(speeds, tops, peaks, *floors, strict=True)):
        big = np.flatnonzero(speed > BIG * top)
        first = int(peak) - _linked(peak - big[::-1], rate, REACH_S[0])
        last = int(peak) + _linked(big - peak, rate, REACH_S[1])
        ends[row, 0] = first - _steps_to_calm(speed[first::-1], float(before), share * float(top), calm)
        ends[row, 1] = last + _steps_to_calm(speed[last:], float(after), share * float(top), calm)
    return ends


def _linked(steps: npt.NDArray[np.intp], rate: float, reach: float) -> int:
    """The farthest of ascending *steps* that is reached from 0 without a gap."""
    farthest, gap = 0, GAP_S * rate
    for step in steps.tolist():
        if step > min(farthest + gap, reach * rate):
            break
        farthest = max(farthest, step)
    return farthest


def _steps_to_calm(speed: Signal, floor: float, limit: float, calm: int) -> int:
    """Samples after which the speed, less *floor* by power, stays below *limit* for *calm* samples.

    So noise, which adds to the speed by power, does not shorten the QRS.
    """
    moving = speed**2 > (FLOOR * floor) ** 2 + max(limit, OVER_FLOOR * floor) ** 2
    busy = np.convolve(moving, np.ones(calm))[calm - 1 :]  # how many of the next samples are above
    still = np.flatnonzero(busy == 0)
    return int(still[0]) if len(still) else len(speed) - 1
