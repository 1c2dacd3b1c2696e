"""Onset, peak and offset of P, QRS and T in a representative beat.

Each wave is bounded lead by lead, where its flank has lost a given share of its steepest slope (P. Laguna,
R. Jané, P. Caminal, "Automatic detection of wave boundaries in multilead ECG signals", Comput. Biomed. Res.
27:45, 1994; J. P. Martínez et al., "A wavelet-based ECG delineator", IEEE Trans. Biomed. Eng. 51:570, 2004).
The global onset is the lower and the global offset the upper quartile of the leads: robust forms of the
earliest onset and latest offset of IEC 60601-2-25 (CSE working party: Eur. Heart J. 6:815, 1985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import find_peaks

from cardioserver.signal.average import AverageBeat

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

ONSET_QUANTILE, OFFSET_QUANTILE = 0.25, 0.75

QRS_SMOOTH_S = 0.014
QRS_REACH_S = 0.10  # the QRS lies so near to its steepest place
QRS_SHARE = 0.05  # of the steepest slope
QRS_OVER_NOISE = 8.0
QRS_CALM_S = 0.012
QRS_ONSET_MARGIN_S = 0.008  # smoothing and threshold end the wave that much inside its marks
QRS_OFFSET_MARGIN_S = 0.005

SPIKE_S = 0.01  # a QRS begins so long after the spike that causes it

P_SMOOTH_S = 0.018
P_ONSET_SHARE = 0.3
P_OFFSET_SHARE = 0.4
P_REACH_S = 0.09
P_GUARD_S = 0.012  # smoothing carries the QRS so far ahead
P_LONGEST_PR_S = 0.32
P_LIKENESS = 0.45  # correlation of one beat's P window with that of the others
P_OVER_NOISE = 1.9
P_LEAST_UV = 8.0

T_SMOOTH_S = 0.026
T_SHARE = 0.2
T_OFFSET_QUANTILE = 0.70
T_REACH_S = 0.18
T_LATEST = (0.12, 0.42)  # s after the QRS: constant and times the root of the RR interval
T_AFTER_QRS_S = 0.05
VALLEY = 4  # of the reach: a flank that gets no flatter for so long has ended
VALLEY_SHARE = 0.35
NEXT_BEAT_S = 0.15  # before the fiducial point of the next beat nothing of this one is left


@dataclass(frozen=True, slots=True)
class Marks:
    """Places of a beat's waves in samples from its fiducial point; ``None`` where there is no wave."""

    qrs_on: float
    r_peak: float
    qrs_off: float
    p_on: float | None = None
    p_peak: float | None = None
    p_off: float | None = None
    t_on: float | None = None
    t_peak: float | None = None
    t_off: float | None = None


def delineate(
    beat: AverageBeat, rate: float, intervals: tuple[float, float], spike: float | None = None
) -> Marks:
    """The waves of *beat*, over all leads.

    Parameters
    ----------
    beat
        A representative beat.
    rate
        Hz.
    intervals
        Usual and short RR interval of the beats, s; T is looked for no later than the short one allows.
    spike
        Where the pacemaker spike of paced beats lies, in samples from the fiducial point.
    """
    on, peak, off = qrs_marks(beat, rate)
    if spike is not None:
        on = min(max(on, beat.origin + spike + SPIKE_S * rate), peak)
    t = t_marks(beat, rate, intervals, off)
    p = p_marks(beat, rate, intervals[0], on, t[2] if t else None)
    origin = beat.origin
    p_on, p_peak, p_off = (None, None, None) if p is None else (each - origin for each in p)
    t_on, t_peak, t_off = (None, None, None) if t is None else (each - origin for each in t)
    return Marks(on - origin, peak - origin, off - origin, p_on, p_peak, p_off, t_on, t_peak, t_off)


def qrs_marks(beat: AverageBeat, rate: float) -> tuple[float, float, float]:
    """Onset, peak and offset of the QRS as indices into the beat."""
    smooth = _smooth(beat.samples, rate, QRS_SMOOTH_S, 1)
    slope = np.abs(np.gradient(smooth, axis=1))
    width = slope.shape[1]
    reach = round(QRS_REACH_S * rate)
    low, high = max(beat.origin - reach, 1), min(beat.origin + reach, width - 1)
    steepest = slope[:, low:high].max(axis=1, keepdims=True)
    big = slope[:, low:high] > 0.3 * steepest
    first = low + big.argmax(axis=1)
    last = high - 1 - big[:, ::-1].argmax(axis=1)
    quiet_before = slope[:, max(beat.origin - round(0.22 * rate), 0) : beat.origin - round(0.04 * rate)]
    quiet_after = slope[:, beat.origin + round(0.08 * rate) : beat.origin + round(0.32 * rate)]
    before = np.maximum(QRS_SHARE * steepest[:, 0], QRS_OVER_NOISE * _quantile(quiet_before, 0.3))
    after = np.maximum(QRS_SHARE * steepest[:, 0], QRS_OVER_NOISE * _quantile(quiet_after, 0.2))
    calm = max(1, round(QRS_CALM_S * rate))
    onsets = [_calm(lead, at, -1, limit, calm) for lead, at, limit in zip(slope, first, before, strict=True)]
    offsets = [_calm(lead, at, 1, limit, calm) for lead, at, limit in zip(slope, last, after, strict=True)]
    seen = steepest[:, 0] >= 0.2 * np.median(steepest)
    on = float(np.quantile(np.array(onsets)[seen], ONSET_QUANTILE)) - QRS_ONSET_MARGIN_S * rate
    off = float(np.quantile(np.array(offsets)[seen], OFFSET_QUANTILE)) + QRS_OFFSET_MARGIN_S * rate
    on, off = max(on, 0.0), min(off, width - 1.0)
    inside = slice(math.floor(on), math.ceil(off) + 1)
    height = np.sqrt((beat.samples[:, inside] ** 2).mean(axis=0))
    return on, inside.start + float(height.argmax()), off


def p_marks(
    beat: AverageBeat, rate: float, interval: float, qrs_on: float, t_off: float | None
) -> tuple[float, float, float] | None:
    """Onset, peak and offset of the P wave, or ``None`` if the beats show none in common."""
    end = round(qrs_on)
    start = max(round(end - P_LONGEST_PR_S * rate), round(0.016 * rate))
    if t_off is not None:
        start = max(start, round(t_off - (interval - 0.02) * rate))
    if end - start < 0.08 * rate or end > beat.samples.shape[1]:
        return None
    if not _in_common(beat.windows[:, :, start:end]):
        return None
    smooth = _smooth(beat.samples, rate, P_SMOOTH_S, 2)
    wave = _above_line(smooth[:, start:end], max(1, round(0.016 * rate)))
    height = np.sqrt((wave**2).mean(axis=0))
    tops = find_peaks(height)[0]
    if not len(tops):
        return None
    top = tops[height[tops].argmax()]
    noise = math.sqrt(float((beat.noise**2).mean()))
    if height[top] < max(P_LEAST_UV, P_OVER_NOISE * noise):
        return None
    near = round(0.03 * rate)
    peaks = _lead_peaks(wave, top, near)
    size = np.abs(np.take_along_axis(wave, peaks[:, None], axis=1)[:, 0])
    signs = np.sign(np.take_along_axis(wave, peaks[:, None], axis=1)[:, 0])
    big = size >= 0.5 * np.median(size)
    reach = round(P_REACH_S * rate)
    slope = np.gradient(smooth[:, : math.ceil(qrs_on - P_GUARD_S * rate)], axis=1)
    at = start + peaks
    onsets = _flank(slope, at, signs, direction=-1, reach=reach, share=P_ONSET_SHARE)[big]
    offsets = _flank(slope, at, signs, direction=1, reach=reach, share=P_OFFSET_SHARE)[big]
    on = float(np.quantile(onsets, ONSET_QUANTILE))
    off = min(float(np.quantile(offsets, OFFSET_QUANTILE)), qrs_on)
    return on, start + float(np.median(peaks[big])), off


def t_marks(
    beat: AverageBeat, rate: float, intervals: tuple[float, float], qrs_off: float
) -> tuple[float, float, float] | None:
    """Onset, peak and offset of the T wave, or ``None`` if there is nothing like it."""
    smooth = _smooth(beat.samples, rate, T_SMOOTH_S, 2)
    latest = min(T_LATEST[0] + T_LATEST[1] * math.sqrt(intervals[0]), intervals[1] - NEXT_BEAT_S)
    start = round(qrs_off + T_AFTER_QRS_S * rate)
    end = min(smooth.shape[1] - 1, round(beat.origin + latest * rate))
    if end - start < 0.08 * rate:
        return None
    wave = smooth[:, start:end] - smooth[:, end - round(0.024 * rate) : end].mean(axis=1, keepdims=True)
    height = np.sqrt((wave**2).mean(axis=0))
    tops, shape = find_peaks(height, prominence=0.1 * height.max())
    if len(tops):
        top = int(tops[shape["prominences"].argmax()])
    else:
        skipped = round(0.03 * rate)
        top = skipped + int(height[skipped:].argmax())
    peaks = _lead_peaks(wave, top, round(0.06 * rate))
    at_peaks = np.take_along_axis(wave, peaks[:, None], axis=1)[:, 0]
    size = np.abs(at_peaks)
    big = size >= 0.3 * np.median(size)
    if not size.max() > 0:
        return None
    reach = round(T_REACH_S * rate)
    slope = np.gradient(smooth, axis=1)
    at, signs = start + peaks, np.sign(at_peaks)
    offsets = _flank(slope, at, signs, direction=1, reach=reach, share=T_SHARE)[big]
    onsets = _flank(slope, at, signs, direction=-1, reach=reach, share=T_SHARE)[big]
    off = min(float(np.quantile(offsets, T_OFFSET_QUANTILE)), end + 0.02 * rate)
    on = max(float(np.quantile(onsets, ONSET_QUANTILE)), qrs_off)
    return on, start + float(np.median(peaks[big])), off


def _smooth(samples: Signal, rate: float, width: float, times: int) -> Signal:
    size = max(1, 2 * round(width * rate / 2 - 0.5) + 1)
    for _ in range(times):
        samples = uniform_filter1d(samples, size, axis=1, mode="nearest")
    return samples


def _quantile(values: Signal, share: float) -> Signal:
    if not values.shape[1]:
        return np.zeros(len(values))
    quantile: Signal = np.quantile(values, share, axis=1)
    return quantile


def _calm(slope: Signal, start: int, direction: int, limit: float, calm: int) -> int:
    """First index from *start* on after which the slope stays below *limit* for *calm* samples."""
    outward = slope[start::direction] > limit
    busy = np.convolve(outward, np.ones(calm))[calm - 1 :]  # how many of the next samples are above
    still = np.flatnonzero(busy == 0)
    steps = int(still[0]) if len(still) else len(outward) - 1
    return start + direction * steps


def _above_line(samples: Signal, edge: int) -> Signal:
    """*samples* against the straight line between their beginning and end."""
    share = np.linspace(0, 1, samples.shape[1])
    first = samples[:, :edge].mean(axis=1, keepdims=True)
    last = samples[:, -edge:].mean(axis=1, keepdims=True)
    above: Signal = samples - first * (1 - share) - last * share
    return above


def _lead_peaks(wave: Signal, top: int, near: int) -> Index:
    """Where each lead deflects most, not far from the common *top*."""
    low, high = max(top - near, 0), min(top + near + 1, wave.shape[1])
    peaks: Index = low + np.abs(wave[:, low:high]).argmax(axis=1)
    return peaks


def _flank(slope: Signal, peaks: Index, signs: Signal, *, direction: int, reach: int, share: float) -> Signal:
    """Where the flank of each lead's wave, seen from its peak, has lost all but *share* of its slope."""
    steps = np.arange(2 * reach)
    places = peaks[:, None] + direction * steps
    outside = (places < 0) | (places >= slope.shape[1])
    falling = np.take_along_axis(slope, np.clip(places, 0, slope.shape[1] - 1), axis=1)
    falling = np.where(outside, 0.0, -direction * signs[:, None] * falling)
    steepest = falling[:, :reach].argmax(axis=1)[:, None]
    height = np.take_along_axis(falling, steepest, axis=1)
    ahead = -maximum_filter1d(-falling, reach // VALLEY, axis=1, origin=-((reach // VALLEY) // 2))
    valley = (falling <= ahead) & (falling < VALLEY_SHARE * height)  # then the next wave's flank begins
    ended = ((falling < share * height) | valley) & (steps > steepest)
    ended[:, -1] = True
    ends: Signal = (peaks + direction * ended.argmax(axis=1)).astype(np.float64)
    return ends


def _in_common(windows: Signal) -> bool:
    """Whether the single beats look like the mean of the others in this window."""
    count = windows.shape[1]
    if count < 3:
        return True
    centred = windows - windows.mean(axis=2, keepdims=True)
    others = (centred.sum(axis=1, keepdims=True) - centred) / (count - 1)
    product = (centred * others).sum(axis=(0, 2))
    size = np.sqrt((centred**2).sum(axis=(0, 2)) * (others**2).sum(axis=(0, 2)))
    return bool(np.median(product / (size + 1e-6)) >= P_LIKENESS)
