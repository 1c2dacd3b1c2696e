"""Onset and offset of the QRS in the mean slopes of a beat.

The QRS ends where the speed of the heart vector, over all leads, has fallen to a small share of its steepest
(P. Laguna, R. Jané, P. Caminal, "Automatic detection of wave boundaries in multilead ECG signals", Comput.
Biomed. Res. 27:45, 1994). Each lead is scaled by its own steepest slope, so that the earliest onset and the
latest offset count, as IEC 60601-2-25 defines the global QRS, even if the lead is small.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cardioserver.signal.smoothing import moving_mean

Signal = npt.NDArray[np.float64]

SMOOTH_S = 0.014
NEAR_S = 0.15  # of the fiducial point, in which the steepest slope lies
SUSTAINED_S = 0.02  # a slope that lasts so long belongs to the QRS and not to a pacemaker spike
LEAST_LEAD = 0.3  # of the usual steepest slope; smaller leads have no say
BIG = 0.3  # of the steepest speed: surely QRS
GAP_S = 0.04  # a QRS does not rest so long
REACH_S = (0.20, 0.24)
SHARE = 0.08  # of the steepest speed, at which the QRS ends
FLOOR = 2.0  # times the calm level beside the QRS is noise, or P and T waves
OVER_FLOOR = 1.5
CALM_S = 0.008
ONSET_MARGIN_S, OFFSET_MARGIN_S = 0.006, 0.001  # the QRS ends so far beyond
QUIET_BEFORE_S, QUIET_AFTER_S = (-0.22, -0.04), (0.08, 0.32)


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
    width = steep.shape[1]
    near = slice(max(origin - round(NEAR_S * rate), 0), origin + round(NEAR_S * rate))
    steepest = _sustained(steep[:, near], rate)
    seen = steepest >= LEAST_LEAD * np.median(steepest)
    speed = np.sqrt(((steep[seen] / np.maximum(steepest[seen, None], 1e-9)) ** 2).mean(axis=0))
    top = float(_sustained(speed[None, near], rate)[0])
    core = round(0.06 * rate)
    peak = origin - core + int(speed[origin - core : origin + core].argmax())
    big = np.flatnonzero(speed > BIG * top)
    first = _last_linked(big[::-1], peak, round(GAP_S * rate), round(REACH_S[0] * rate))
    last = _last_linked(big, peak, round(GAP_S * rate), round(REACH_S[1] * rate))
    calm = max(1, round(CALM_S * rate))
    before = float(np.quantile(speed[_span(origin, QUIET_BEFORE_S, rate)], 0.4))
    after = float(np.quantile(speed[_span(origin, QUIET_AFTER_S, rate)], 0.2))
    on = first - _steps_to_calm(speed[first::-1], before, SHARE * top, calm) - ONSET_MARGIN_S * rate
    off = last + _steps_to_calm(speed[last:], after, SHARE * top, calm) + OFFSET_MARGIN_S * rate
    return max(on, 0.0), min(off, width - 1.0)


def _sustained(slopes: Signal, rate: float) -> Signal:
    """The slope each row reaches for :data:`SUSTAINED_S` in all."""
    samples = min(max(1, round(SUSTAINED_S * rate)), slopes.shape[1])
    sustained: Signal = np.partition(slopes, -samples, axis=1)[:, -samples]
    return sustained


def _last_linked(places: npt.NDArray[np.intp], start: int, gap: int, reach: int) -> int:
    """The last of *places*, in the order given, that is linked to *start* by steps of at most *gap*."""
    at = start
    for place in places:
        ahead = (int(place) - at) * (1 if places[-1] >= places[0] else -1)
        if ahead > gap or abs(int(place) - start) > reach:
            break
        if ahead > 0:
            at = int(place)
    return at


def _span(origin: int, seconds: tuple[float, float], rate: float) -> slice:
    return slice(max(origin + round(seconds[0] * rate), 0), origin + round(seconds[1] * rate))


def _steps_to_calm(speed: Signal, floor: float, limit: float, calm: int) -> int:
    """Samples after which the speed, less *floor* by power, stays below *limit* for *calm* samples.

    So noise, which adds to the speed by power, does not shorten the QRS.
    """
    clean = np.sqrt(np.maximum(speed**2 - (FLOOR * floor) ** 2, 0))
    moving = clean > max(limit, OVER_FLOOR * floor)
    busy = np.convolve(moving, np.ones(calm))[calm - 1 :]  # how many of the next samples are above
    still = np.flatnonzero(busy == 0)
    return int(still[0]) if len(still) else len(speed) - 1
