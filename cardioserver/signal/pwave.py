"""Onset, peak and offset of the P wave in a representative beat.

A P wave is what all beats have in common before the QRS (in fibrillation they have nothing in common there),
what rises above its surroundings faster than the end of a T or U wave, and what is alone between T wave and
QRS (flutter waves are not). An end is, in each lead, the mean of two whose errors differ: where the flank has
lost a given share of its steepest slope (P. Laguna, R. Jané, P. Caminal, "Automatic detection of wave
boundaries in multilead ECG signals", Comput. Biomed. Res. 27:45, 1994; J. P. Martínez et al., "A
wavelet-based ECG delineator", IEEE Trans. Biomed. Eng. 51:570, 2004), and the corner between flank and
level, as for the T wave (see :mod:`~cardioserver.signal.twave`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.average import AverageBeat
from cardioserver.signal.order import corner_of, quantile, slope_of
from cardioserver.signal.smoothing import above_line, moving_mean

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

SMOOTH_S = 0.03  # twice; keeps P and takes muscle noise
LONGEST_PR_S = 0.42
SHORTEST_S = 0.08  # between T wave and QRS; less leaves no room for a P wave
GUARD_S = 0.012  # smoothing carries the QRS so far ahead
HALF_S = 0.06  # half a P wave: a flank and some of the level beside it
WIDE_HALF_S = 0.075
EDGE_S = 0.016
LEAST_UV = 8.0  # all leads together
LIKENESS = 0.55  # mean correlation of one beat's P wave with that of the others; in fibrillation below 0.5
ALONE = 0.65  # another wave of this size, of the P wave, means flutter or noise
RIVAL = 0.7  # correlation with such a wave
IN_STEP = 0.2  # of a wave
ALONE_S = 0.1  # what is nearer belongs to the wave
NARROW = 0.4  # smoothing leaves less of a pacemaker spike, which with its tail is shorter than 25 ms
BLOCK_S = 0.025  # f waves are slower, muscle noise is faster
NEAR_S = 0.03  # the peaks of the leads lie so near to the common one
LEAST_LEAD = 0.5  # of the usual size; smaller leads have no say
REACH_S, LONGEST_FLANK_S = 0.09, 0.10  # the flank is steepest, and ends, so near to the peak
PEAK_TO_QRS_S = 0.04
ONSET_SHARE, OFFSET_SHARE = 0.55, 0.75
ONSET_QUANTILE, OFFSET_QUANTILE = 0.35, 0.65  # of the leads
MARGIN_S = 0.001  # before the slope reaches its share the wave has begun
PHASE_S = 0.075  # from one phase of a biphasic wave to the next
OTHER_PHASE = 0.4  # size of another phase that counts, of the largest
OVER_NOISE = 3.0


@dataclass(frozen=True, slots=True)
class PWave:
    """Indices into the representative beat."""

    on: float
    peak: float
    off: float


def p_wave(
    beat: AverageBeat, interval: float, qrs_on: float, t_off: float | None, *, steady: bool
) -> PWave | None:
    """The P wave of *beat*, or ``None`` if there is none.

    Parameters
    ----------
    interval, steady
        Usual time from the beat before, s; whether the beats keep to it.
    qrs_on, t_off
        Indices into the beat.
    """
    rate = beat.rate
    end = round(qrs_on)
    start = max(round(end - LONGEST_PR_S * rate), 1)
    if t_off is not None:
        start = max(start, round(t_off - (interval - 0.02) * rate))
    if end - start < SHORTEST_S * rate:
        return None
    end -= round(GUARD_S * rate)
    weights = _weights(beat)
    smooth = moving_mean(beat.samples[:, :end], rate, SMOOTH_S, times=2)
    edge = max(1, round(EDGE_S * rate))
    wave, raw = above_line(smooth[:, start:], edge), above_line(beat.samples[:, start:end], edge)
    height = _height(smooth, wave, start, weights, rate)
    tops = find_peaks(height[: len(height) + round((GUARD_S - PEAK_TO_QRS_S) * rate)])[0]
    if not len(tops):
        return None
    top = int(tops[height[tops].argmax()])
    cycle = interval * rate if steady else None
    if height[top] < LEAST_UV or _flutters(height, wave * weights[:, None], top, cycle, rate):
        return None
    near = slice(max(top - round(NEAR_S * rate), 0), top + round(NEAR_S * rate) + 1)
    if np.abs(wave[:, near]).max(axis=1).mean() < NARROW * np.abs(raw[:, near]).max(axis=1).mean():
        return None
    middle, half = start + top, round(WIDE_HALF_S * rate)
    common = beat.windows[:, :, max(middle - half, 0) : min(middle + half, end)]
    if _likeness(common, weights, rate) < LIKENESS:
        return None
    peaks = near.start + np.abs(wave[:, near]).argmax(axis=1)
    size = np.abs(np.take_along_axis(wave, peaks[:, None], axis=1)[:, 0]) * weights
    chosen = np.flatnonzero(size >= LEAST_LEAD * np.median(size))
    ends = [
        _ends(wave[lead], int(peaks[lead]), OVER_NOISE * float(beat.noise[lead]), rate) for lead in chosen
    ]
    return PWave(
        max(start + quantile((on for on, _ in ends), ONSET_QUANTILE) - MARGIN_S * rate, 0.0),
        start + quantile(peaks[chosen].tolist(), 0.5),
        min(start + quantile((off for _, off in ends), OFFSET_QUANTILE), qrs_on),
    )


def _flutters(height: Signal, wave: Signal, top: int, cycle: float | None, rate: float) -> bool:
    """Whether a wave like the one at *top* and nearly as high stands beside it, upright or upside down.

    An upright one must, if the rhythm is steady, lie a whole number of times within a *cycle*, in samples:
    flutter waves that are seen in an average are in step with the QRS; a U wave need not be.
    """
    apart = round(ALONE_S * rate)
    for side in (range(max(top - apart, 0)), range(min(top + apart + 1, len(height)), len(height))):
        rival = max(side, key=lambda place: height[place], default=top)
        if rival == top or height[rival] <= ALONE * height[top]:
            continue
        like = _similarity(wave, top, rival, rate)
        in_step = cycle is None or abs((turns := cycle / abs(rival - top)) - round(turns)) < IN_STEP
        if like < -RIVAL or (like > RIVAL and in_step):
            return True
    return False


def _similarity(wave: Signal, one: int, other: int, rate: float) -> float:
    """Correlation of two waves over all leads; a U wave has a shape of its own."""
    half = min(round(WIDE_HALF_S * rate), one, other, wave.shape[1] - 1 - one, wave.shape[1] - 1 - other)
    if half < 1:
        return 0.0
    first, second = (above_line(wave[:, at - half : at + half + 1], 1) for at in (one, other))
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / max(size, 1e-9)


def _weights(beat: AverageBeat) -> Signal:
    """1 for leads with no more than the usual noise, less for others."""
    usual = max(float(np.median(beat.noise)), 1e-3)
    weights: Signal = usual / np.maximum(beat.noise, usual)
    return weights


def _height(smooth: Signal, wave: Signal, start: int, weights: Signal, rate: float) -> Signal:
    """How high and sharp the leads together rise above their surroundings, µV, from *start* on."""
    places = np.arange(start, smooth.shape[1])
    half = round(HALF_S * rate)
    before = smooth[:, np.maximum(places - half, 0)]
    after = smooth[:, np.minimum(places + half, smooth.shape[1] - 1)]
    sharp = smooth[:, start:] - (before + after) / 2
    height: Signal = np.sqrt((np.maximum(wave * sharp, 0) * weights[:, None] ** 2).mean(axis=0))
    return height


def _likeness(windows: Signal, weights: Signal, rate: float) -> float:
    """Mean correlation of the single beats with the mean of the others; 1 for a single beat."""
    beats = windows.shape[1]
    if beats < 2:
        return 1.0
    block = max(1, round(BLOCK_S * rate))
    count = windows.shape[2] // block
    parts = windows[:, :, : count * block].reshape(len(windows), beats, count, block).mean(axis=3)
    parts = above_line(parts, max(1, count // 8)) * weights[:, None, None]
    others = (parts.sum(axis=1, keepdims=True) - parts) / (beats - 1)
    product = (parts * others).sum(axis=(0, 2))
    size = np.sqrt((parts**2).sum(axis=(0, 2)) * (others**2).sum(axis=(0, 2)))
    return float((product / np.maximum(size, 1e-9)).mean())


def _ends(line: Signal, peak: int, least: float, rate: float) -> tuple[float, float]:
    """Onset and offset of one lead's wave; a phase of the other sign larger than *least* belongs to it."""
    return (
        peak - _length(line[peak::-1], least, ONSET_SHARE, rate),
        peak + _length(line[peak:], least, OFFSET_SHARE, rate),
    )


def _length(line: Signal, least: float, share: float, rate: float) -> float:
    """Samples from the peak, where *line* starts, to the end of the last flank: the mean of two."""
    ahead = line[: round(PHASE_S * rate)] * -np.sign(line[0])
    top = int(ahead.argmax())
    second = ahead[top] > max(OTHER_PHASE * abs(float(line[0])), least) and top < len(ahead) - 1
    begin = top if second else 0
    flank = line[begin : begin + round(LONGEST_FLANK_S * rate)]
    if len(flank) < 2:
        return begin
    speed = slope_of(flank) * -np.sign(flank[0])
    steepest = int(speed[: round(REACH_S * rate)].argmax())
    flat = np.flatnonzero(speed[steepest:] < share * speed[steepest])
    slow = int(flat[0]) if len(flat) else len(speed) - steepest - 1
    corner = corner_of(flank[steepest:] * np.sign(flank[0]))
    return begin + steepest + (slow + corner) / 2
