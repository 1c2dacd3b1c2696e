"""Where the QRS complexes are.

The band-pass and the moving window are those of J. Pan and W. Tompkins ("A real-time QRS detection
algorithm", IEEE Trans. Biomed. Eng. 32:230, 1985); looking both ways in time replaces their learning
phases. Candidates are then judged by size, steepness, likeness to the usual beats (P. Hamilton, "Open
source ECG analysis", Computers in Cardiology 2002), and by what lies about them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import find_peaks, sosfiltfilt

from cardioserver.signal.flutter import band_pass, flutter_spans

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

WORK_HZ = 200.0  # detection runs at about this rate
BAND_HZ = (6.0, 22.0)
WIDTH_S = 0.10
REFRACTORY_S = 0.22
FINE_S = 0.06  # the steepest place of a QRS lies so near to the peak of the window
QUALITY_S = 8.0
LEAD_CONTRAST = 5.0  # power by which a lead counts whose QRS stands out of the rest
FIRST_LEVEL_S = 1.5  # a span that holds a beat at 40 a minute
NEAR = 8  # beats on each side that make the usual level
SURE = 0.5  # of the usual level
SECTION_S = 60.0  # for likeness
LIKE_WINDOW_S = 0.08
LIKE_SLACK_S = 0.03
OTHER_SHAPE = 0.7  # likeness below which a beat may found a second shape
NEED_LIKE = 0.3  # size a candidate needs that looks like a usual beat, and that looks unlike
NEED_UNLIKE = 0.6
AROUND = 10  # candidates on each side among which the noise is looked for
CROWDS = ((0.25, 1.05, 0.7), (0.28, 1.3, 0.35))  # s, times larger, and what is needed more: P waves
TAIL = (0.4, 3.0, 0.2)  # the same after a beat only: T waves
FULL_RR = 1.3  # times the usual RR; beats nearer than this leave no room for one between
NEEDLESS = 0.4
LONG_RR = 1.66  # Pan and Tompkins: search back when a beat is this late
LATE_SHARE = 0.7
ROUNDS = 4


def find_qrs(samples: Signal, rate: float, missing: Mask | None = None) -> Index:
    """Samples of the QRS complexes, ascending, each where all leads together are steepest.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, finite.
    rate
        Hz, 125 or more.
    missing
        True where a lead was off; it has no say there.
    """
    step = max(1, round(rate / WORK_HZ))
    work = rate / step
    slow = _thin(samples, step)
    if slow.shape[1] < work:
        return np.empty(0, dtype=np.intp)
    band = sosfiltfilt(band_pass(BAND_HZ, work), slow, axis=1)
    if missing is not None:
        band[_thin(missing.astype(np.float64), step) > 0] = 0.0
    energy = np.maximum(uniform_filter1d(band**2, round(WIDTH_S * work), axis=1, mode="constant"), 0.0)
    weights = _lead_weights(energy, work)
    height = np.sqrt((energy * weights).sum(axis=0))
    band *= np.sqrt(weights)
    slope = maximum_filter1d(np.sqrt((np.gradient(band, axis=1) ** 2).sum(axis=0)), round(WIDTH_S * work))
    peaks = find_peaks(height, distance=round(REFRACTORY_S * work))[0]
    peaks = peaks[height[peaks] > 0]
    if len(peaks) < 3:
        return np.empty(0, dtype=np.intp)
    chosen = _choose(peaks, height[peaks], slope[peaks], band, work)
    chosen = chosen[~flutter_spans(slow, work)[chosen]]
    reach = np.arange(-round(FINE_S * work), round(FINE_S * work) + 1)
    near = np.clip(chosen[:, None] + reach, 0, slow.shape[1] - 1)
    steepest = chosen + reach[(band**2).sum(axis=0)[near].argmax(axis=1)]
    return np.unique(np.clip(steepest * step + step // 2, 0, samples.shape[1] - 1))


def _thin(samples: Signal, step: int) -> Signal:
    """Means of *step* samples; what is left over at the end is dropped."""
    count = samples.shape[1] // step
    thin = samples[:, : count * step : step].copy()
    for shift in range(1, step):
        thin += samples[:, shift : count * step : step]
    thin /= step
    return thin


def _lead_weights(energy: Signal, work: float) -> Signal:
    """How much each lead counts at each sample: the more its QRS stands out, the more."""
    count = energy.shape[1]
    parts = max(1, round(count / (QUALITY_S * work)))
    weights = np.empty((len(energy), parts))
    for part in range(parts):
        piece = np.sqrt(energy[:, count * part // parts : count * (part + 1) // parts])
        high, middle = np.quantile(piece, [0.97, 0.6], axis=1)
        contrast = np.minimum(high / np.maximum(middle, 1e-9), 20.0)
        weights[:, part] = np.where(high > 0, contrast**LEAD_CONTRAST / np.maximum(high, 1e-3) ** 2, 0.0)
    beside = np.clip(np.arange(parts)[:, None] + np.arange(-1, 2), 0, parts - 1)
    weights = np.median(weights[:, beside], axis=2)
    centres = (np.arange(parts) + 0.5) * count / parts
    return np.array([np.interp(np.arange(count), centres, lead) for lead in weights])


def _choose(peaks: Index, height: Signal, slope: Signal, band: Signal, work: float) -> Index:
    """The candidates that are QRS complexes."""
    times = peaks / work
    level = _first_level(times, height)
    steep = _first_level(times, slope)
    sure = height > SURE * level
    for _ in range(2):
        level = _usual_at(times, times[sure], height[sure], level)
        steep = _usual_at(times, times[sure], slope[sure], steep)
        sure = (height > SURE * level) & (slope > SURE * steep)
    like = _likeness(peaks, sure, band, work)
    steepness = slope / np.maximum(steep, 1e-9)
    size = np.sqrt(height / np.maximum(level, 1e-9) * steepness)
    size = np.minimum(size, 3 * steepness)
    need = NEED_LIKE + (NEED_UNLIKE - NEED_LIKE) * np.clip(1 - like, 0, 1)
    chosen = size > need
    for _ in range(ROUNDS):
        more = _crowd(times, size, chosen) + _needless(times, like, chosen)
        chosen = size > (need * _noisiness(size, chosen) + more) * _lateness(times, chosen)
    return peaks[chosen]


def _running_median(values: Signal, each_side: int) -> Signal:
    """Median of each value and *each_side* neighbours on both sides, fewer for a short series."""
    each_side = min(each_side, (len(values) - 1) // 2)
    padded = np.pad(values, each_side, mode="reflect") if each_side else values
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * each_side + 1)
    medians: Signal = np.median(windows, axis=1)
    return medians


def _first_level(times: Signal, values: Signal) -> Signal:
    """Usual peak before any beat is known: the running median of the largest of each short span."""
    span = np.floor((times - times[0]) / FIRST_LEVEL_S).astype(np.intp)
    largest = np.zeros(span[-1] + 1)
    np.maximum.at(largest, span, values)
    first: Signal = _running_median(largest, 4)[span]
    return first


def _usual_at(times: Signal, at: Signal, values: Signal, otherwise: Signal) -> Signal:
    """The running median of *values* at *times*."""
    if len(at) == 0:
        return otherwise
    usual: Signal = np.interp(times, at, _running_median(values, NEAR))
    return usual


def _likeness(peaks: Index, sure: Mask, band: Signal, work: float) -> Signal:
    """Correlation of each candidate with the usual beat of its minute, or with a second usual one."""
    half, slack = round(LIKE_WINDOW_S * work), round(LIKE_SLACK_S * work)
    reach = np.arange(-half - slack, half + slack + 1)
    like = np.zeros(len(peaks))
    section = (peaks / work // SECTION_S).astype(np.intp)
    for number in range(section[-1] + 1):
        mine = np.flatnonzero(section == number)
        shaping = sure[mine]
        wide = band[:, np.clip(peaks[mine][:, None] + reach, 0, band.shape[1] - 1)]
        shifted = np.lib.stride_tricks.sliding_window_view(wide, 2 * half + 1, axis=2)
        norm = np.sqrt(np.einsum("lbst,lbst->bs", shifted, shifted)) + 1e-9
        for _ in range(2):
            if shaping.sum() < 3:
                break
            model = np.median(shifted[:, shaping, slack], axis=1)
            score = np.tensordot(shifted, model, axes=([0, 3], [0, 1])) / norm
            best = score.max(axis=1) / (np.linalg.norm(model) + 1e-9)
            like[mine] = np.maximum(like[mine], best)
            shaping &= like[mine] < OTHER_SHAPE
    return like


def _crowd(times: Signal, size: Signal, chosen: Mask) -> Signal:
    """How much more a candidate needs that lies close to a larger beat: it may be its P or T wave."""
    more = np.zeros(len(times))
    for shift in (-2, -1, 1, 2):
        gap = np.abs(times - np.roll(times, shift))
        beat, larger = np.roll(chosen, shift), np.roll(size, shift)
        for near, ratio, need in (*CROWDS, TAIL) if shift > 0 else CROWDS:
            more = np.maximum(more, need * ((gap < near) & beat & (larger > ratio * size)))
    return more


def _needless(times: Signal, like: Signal, chosen: Mask) -> Signal:
    """How much more a candidate needs that is unlike the others and between beats in step without it."""
    more = np.zeros(len(times))
    beats = np.flatnonzero(chosen)
    if len(beats) < 6:
        return more
    usual = _running_median(np.diff(times[beats]), 6)
    without = times[beats[2:]] - times[beats[:-2]]
    full = without < FULL_RR * np.maximum(usual[1:], usual[:-1])
    more[beats[1:-1][full]] = NEEDLESS
    return more * np.clip(1.2 - like, 0, 1)


def _noisiness(size: Signal, chosen: Mask) -> Signal:
    """Share of the usual need: half where nothing but beats is seen, above one in noise."""
    each_side = min(AROUND, len(size) - 1)
    padded = np.pad(np.where(chosen, 0.0, size), each_side, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * each_side + 1)
    noise = np.sort(windows, axis=1)[:, -min(3, windows.shape[1])]
    share: Signal = np.clip(0.35 + 3.0 * noise, 0.5, 1.2)
    return share


def _lateness(times: Signal, chosen: Mask) -> Signal:
    """Share of the usual need: less in the middle of a pause."""
    share = np.ones(len(times))
    beats = np.flatnonzero(chosen)
    if len(beats) < 5:
        return share
    intervals = np.diff(times[beats])
    usual = _running_median(intervals, 4)
    gap = np.clip(np.searchsorted(beats, np.arange(len(times))) - 1, 0, len(intervals) - 1)
    after, before = times - times[beats[gap]], times[beats[gap + 1]] - times
    late = (intervals > LONG_RR * usual)[gap] & (np.minimum(after, before) > 0.5 * usual[gap])
    share[late & ~chosen] = LATE_SHARE
    return share
