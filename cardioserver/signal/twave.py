"""Onset, peak and offset of the T wave in a representative beat.

In each lead the end is the mean of three, as their errors differ:

- the corner between the last flank and what follows: the place farthest from the chord that joins
  the steepest place of the flank with the level before the next P wave (near to Q. Zhang et al., "An
  algorithm for robust and efficient location of T-wave ends in electrocardiograms", IEEE Trans. Biomed.
  Eng. 53:2544, 2006);
- where the tangent to the steepest place meets the level (E. Lepeschkin, B. Surawicz, "The measurement of the
  Q-T interval of the electrocardiogram", Circulation 6:378, 1952);
- where the flank has lost all but a share of its steepest slope (P. Laguna, R. Jané, P. Caminal, 1994, see
  :mod:`~cardioserver.signal.pwave`).

A T wave that swings through the baseline has a second phase, and its end is that of the second; a U wave
swings nowhere and stays out. A U wave may be as high as the T wave before it: of several peaks that which
stands nearest to the usual place is preferred, 90 ms before the end of a QT interval of 0.40 s times the cube
root of RR (L. S. Fridericia, "Die Systolendauer im Elektrokardiogramm bei normalen Menschen und bei
Herzkranken", Acta Med. Scand. 53:469, 1920).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.average import AverageBeat
from cardioserver.signal.order import corner_of, quantile, slope_of
from cardioserver.signal.smoothing import moving_mean

Signal = npt.NDArray[np.float64]

SMOOTH_S = 0.026
LATEST_S = (0.12, 0.42)  # after the fiducial point: constant and times the root of the RR interval
NEXT_P_S = 0.20  # before the next fiducial point nothing of this beat is left
LEVEL_BEFORE_S = 0.25  # before the next fiducial point: between T and P wave
NEXT_BEAT_S = 0.15
AFTER_QRS_S = 0.05
SHORTEST_S = 0.08
LEVEL_S = 0.03
RAISED = 0.4  # of the T wave: so far from the level before the QRS is a U wave, or the next P wave
NEAR_S = 0.06  # the peaks of the leads lie so near to the common one
FLANK_S = 0.15
TAIL_S, SHORTEST_TAIL_S = 0.30, 0.10  # the end lies so near to the peak
USUAL_PEAK_S, PEAK_SPREAD_S = 0.31, 0.12  # after the QRS onset at RR = 1 s
PROMINENCE = 0.02  # of the largest deflection
EDGE_S = 0.03  # of the search, in which the ST segment may be higher than T
PHASE_S = 0.16  # from one phase of a biphasic wave to the next
FLAT = 0.3  # of the steepest slope of a flank
TANGENT_MARGIN_S = 0.012  # a tangent meets the level before the wave has quite ended
SECOND_PHASE = 0.3  # size of a second phase that counts, of the first
OVER_NOISE = 3.0
NEXT_WAVE = 0.15  # of the T wave: a rise after it that is another wave
RETURNED, RETURN_S = 0.5, 0.08  # a second phase has lost so much of its size that soon after its peak
LEAST_LEAD = 0.3  # of the usual size; smaller leads have no say
ONSET_QUANTILE, OFFSET_QUANTILE = 0.25, 0.6


@dataclass(frozen=True, slots=True)
class TWave:
    """Indices into the representative beat."""

    on: float
    peak: float
    off: float


def t_wave(
    beat: AverageBeat, intervals: tuple[float, float], qrs: tuple[float, float], pr_end: float
) -> TWave | None:
    """The T wave of *beat*, or ``None`` if there is nothing like it.

    Parameters
    ----------
    intervals
        Usual and short time to the next beat, s; T is looked for no later than the short one allows.
    qrs
        Onset and offset of the QRS, indices into the beat.
    pr_end
        Likewise.
    """
    rate = beat.rate
    latest = min(LATEST_S[0] + LATEST_S[1] * math.sqrt(intervals[0]), intervals[1] - NEXT_BEAT_S)
    start = round(qrs[1] + AFTER_QRS_S * rate)
    last_sample = beat.samples.shape[1] - 1
    end = min(last_sample, round(beat.origin + latest * rate))
    if end - start < SHORTEST_S * rate:
        return None
    smooth = moving_mean(beat.samples, rate, SMOOTH_S, times=2)
    before_p = min(round(beat.origin + (intervals[1] - LEVEL_BEFORE_S) * rate), last_sample)
    wave = smooth - _baseline(smooth, rate, round(pr_end), (end, max(end, before_p)))
    usual_top = qrs[0] + USUAL_PEAK_S * intervals[0] ** (1 / 3) * rate
    top = _common_top(wave, start, end, rate, usual_top)
    far = min(last_sample, round(beat.origin + (intervals[1] - NEXT_P_S) * rate), top + round(TAIL_S * rate))
    far = max(far, min(last_sample, top + round(SHORTEST_TAIL_S * rate)))
    low, high = max(top - round(NEAR_S * rate), start), min(top + round(NEAR_S * rate) + 1, end)
    peaks = low + np.abs(wave[:, low:high]).argmax(axis=1)
    size = np.abs(np.take_along_axis(wave, peaks[:, None], axis=1)[:, 0])
    big = np.flatnonzero((size >= LEAST_LEAD * np.median(size)) & (size > 0))
    if not len(big):
        return None
    offsets, onsets = [], []
    for lead in big:
        line, peak, least = wave[lead], int(peaks[lead]), OVER_NOISE * float(beat.noise[lead])
        last = _last_phase(line, peak, far, least, rate)
        offsets.append(_end(line, last, _valley(line, last, far, least), rate))
        onsets.append(_end(line - line[round(qrs[1])], peak, round(qrs[1]), rate))
    off = quantile(offsets, OFFSET_QUANTILE)
    on = max(quantile(onsets, ONSET_QUANTILE), qrs[1])
    return TWave(on, float(np.median(peaks[big])), off)


def _common_top(wave: Signal, start: int, end: int, rate: float, usual: float) -> int:
    """Where all leads together deflect most between *start* and *end*: at a peak, if there is one.

    Of several peaks one far from the *usual* place must be the higher for it.
    """
    height = np.sqrt((wave[:, start:end] ** 2).mean(axis=0))
    tops = find_peaks(height, prominence=PROMINENCE * height.max())[0]
    if len(tops):
        away = (start + tops - usual) / (PEAK_SPREAD_S * rate)
        return start + int(tops[(height[tops] * np.exp(-(away**2) / 2)).argmax()])
    skipped = round(EDGE_S * rate)
    return start + skipped + int(height[skipped:].argmax())


def _baseline(smooth: Signal, rate: float, pr_end: int, ends: tuple[int, int]) -> Signal:
    """Halfway between the level of the PR segment and that after the T wave, for each lead.

    The level after it is taken at the first of *ends*; at the second, if a wave seems to stand there.
    """
    width = round(LEVEL_S * rate)
    before = smooth[:, max(pr_end - round(0.02 * rate), 0) : max(pr_end, 1)].mean(axis=1, keepdims=True)
    early, late = (smooth[:, max(end - width, 0) : end + 1].mean(axis=1, keepdims=True) for end in ends)
    size = np.ptp(smooth[:, max(ends[0] - round(TAIL_S * rate), 0) : ends[0]], axis=1, keepdims=True)
    raised = np.abs(early - before)
    after = np.where((raised > RAISED * size) & (raised > np.abs(late - before)), late, early)
    level: Signal = (before + after) / 2
    return level


def _last_phase(line: Signal, peak: int, far: int, least: float, rate: float) -> int:
    """The peak of the last phase of a wave that may swing through the baseline."""
    sign = np.sign(line[peak])
    ahead = -sign * line[peak : min(peak + round(PHASE_S * rate), far)]
    if len(ahead) < 2:
        return peak
    second = peak + int(ahead.argmax())
    over = float(ahead.max())
    if over <= max(SECOND_PHASE * abs(float(line[peak])), least) or second >= far - round(LEVEL_S * rate):
        return peak
    rest = -sign * line[second : min(far, second + round(RETURN_S * rate))]
    return second if float(rest.min()) < RETURNED * over else peak


def _valley(line: Signal, peak: int, far: int, least: float) -> int:
    """Where the line turns back towards the side of *peak*, as it does when a U wave follows; else *far*."""
    course = np.sign(line[peak]) * line[peak : far + 1]
    lowest = np.minimum.accumulate(course)
    risen = np.flatnonzero(course - lowest > max(NEXT_WAVE * abs(float(line[peak])), least))
    return peak + int(course[: risen[0]].argmin()) if len(risen) else far


def _end(line: Signal, peak: int, far: int, rate: float) -> float:
    """Where the flank from *peak* towards *far* ends: the mean of three ways to tell."""
    step = 1 if far > peak else -1
    course = np.sign(line[peak] - line[far]) * line[np.arange(peak, far + step, step)]
    falling = -slope_of(course) if len(course) > 2 else np.zeros(1)
    steepest = int(falling[: round(FLANK_S * rate)].argmax())
    speed = float(falling[steepest])
    if speed <= 0:
        return float(far)
    rest = course[steepest:]
    tangent = min(max(float(rest[0]) / speed, 0.0) + TANGENT_MARGIN_S * rate, len(rest) - 1.0)
    flat = np.flatnonzero(falling[steepest:] < FLAT * speed)
    slow = int(flat[0]) if len(flat) else len(rest) - 1
    return peak + step * (steepest + (corner_of(rest) + tangent + slow) / 3)
