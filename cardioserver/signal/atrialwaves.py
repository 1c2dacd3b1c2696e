"""P waves one by one: whether they keep step with the QRS, or go on their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.cancellation import AtrialSignal, Ventricles

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

WINDOW_S = 0.30  # before the QRS: an upper bound of the usual PR interval
FEWEST_BEATS = 3
LEAST_UV = 5.0  # a lead that shows less has no say
P_BAND_HZ = (1.0, 20.0)
WAVE_BAND_HZ = (2.0, 20.0)
WAVE_S = 0.14
MATCH = 0.75  # correlation of a wave that is one of the atria's
SIZES = (0.5, 2.0)  # of the model
SEEN = 0.6  # share of a wave outside the QRS
AFTER_T_S = 0.04
APART_S = 0.12
SEEDS = 6
FEWEST_WAVES = 5
TRAIN_S = (0.4, 1.6)  # 150 to 38 a minute
TRAIN_SCORE = 0.6  # share of the train that is seen, times share of the waves that belong to it
STRAY_S = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What precedes each QRS.

    Attributes
    ----------
    samples
        µV, shape ``(leads, beats, width)``, without slope.
    beats
        Which beats they belong to.
    """

    samples: Signal
    beats: Index


def windows_before(atrial: Signal, rate: float, onsets: Index, chosen: Mask) -> Windows:
    """The 300 ms before the QRS of each of the *chosen* beats that begin inside the record."""
    width = round(WINDOW_S * rate)
    beats = np.flatnonzero(chosen & (onsets >= width))
    cut = atrial[:, onsets[beats][:, None] + np.arange(-width, 0)]
    cut = cut - cut.mean(axis=2, keepdims=True)
    slope = np.linspace(-1, 1, width)
    cut -= (cut @ slope / (slope @ slope))[..., None] * slope
    return Windows(cut, beats)


def steps(windows: Windows) -> Signal:
    """Correlation of what precedes each QRS with the mean of the others, over all leads, -1 to 1.

    Near one where a P wave precedes each QRS at a steady distance, whatever its shape; near zero in
    fibrillation and dissociation, whatever the size of the waves.
    """
    count = len(windows.beats)
    if count < FEWEST_BEATS:
        return np.empty(0)
    size = np.sqrt((windows.samples**2).mean(axis=2, keepdims=True))
    scaled = windows.samples / (np.median(size, axis=1, keepdims=True) + LEAST_UV)
    scaled /= np.maximum(np.sqrt((scaled**2).mean(axis=(0, 2), keepdims=True)), 1)  # no beat counts more
    others = (scaled.sum(axis=1, keepdims=True) - scaled) / (count - 1)
    product = np.einsum("lbt,lbt->b", scaled, others)
    norms = np.einsum("lbt,lbt->b", scaled, scaled) * np.einsum("lbt,lbt->b", others, others)
    result: Signal = product / (np.sqrt(norms) + 1e-9)
    return result


def size_of(windows: Windows) -> float:
    """Height from peak to peak of what the windows have in common, in the lead that shows most, µV."""
    common = np.median(windows.samples, axis=1)
    return float(np.ptp(common, axis=1).max()) if len(windows.beats) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class WaveTrain:
    """P waves that follow each other in step, whatever the QRS complexes do.

    Attributes
    ----------
    places
        Of the middles of the waves that were seen, samples, ascending.
    interval
        Between two waves, s; some are hidden in QRS complexes.
    """

    places: Index
    interval: float


def wave_train(atrial: AtrialSignal, ventricles: Ventricles) -> WaveTrain | None:
    """The P waves of atria that beat regularly on their own, by matching one of them with all the others.

    Each of the highest waves between a T wave and the next QRS is tried as the model. The train that
    explains most waves, and misses fewest, is taken if its waves stray by no more than 50 ms.

    Parameters
    ----------
    atrial
        Without QRS and T.
    """
    rate = atrial.rate
    waves = atrial.band(WAVE_BAND_HZ)
    best, best_score = None, TRAIN_SCORE
    for seed in _seeds(waves, atrial, ventricles):
        found = _all_like(waves, atrial.open, seed, rate)
        if len(found) < FEWEST_WAVES:
            continue
        for interval in np.unique(np.round(np.diff(found) / rate, 2)):
            train = _train(found / rate, float(interval))
            if train is None:
                continue
            fitting, length = train
            expected = waves.shape[1] / rate / length
            score = fitting.sum() / expected * fitting.mean()
            if score > best_score:
                middles = found[fitting] + round(WAVE_S * rate) // 2
                best, best_score = WaveTrain(middles, length), score
    return best


def _seeds(waves: Signal, atrial: AtrialSignal, ventricles: Ventricles) -> Index:
    """Where the highest waves between T and QRS begin."""
    rate, width = atrial.rate, round(WAVE_S * atrial.rate)
    free = atrial.open.astype(np.float64)
    for offset in ventricles.offsets:
        free[offset : offset + ventricles.t_end + round(AFTER_T_S * rate)] = 0.0
    calm = np.convolve(free, np.ones(width), "valid") > width - 0.5
    energy = np.where(calm, np.convolve((waves**2).sum(axis=0), np.ones(width), "valid"), 0.0)
    peaks = find_peaks(energy, distance=max(1, round(APART_S * rate)))[0]
    seeds: Index = peaks[np.argsort(-energy[peaks], kind="stable")][:SEEDS]
    return seeds


def _all_like(waves: Signal, seen: Mask, seed: int, rate: float) -> Index:
    """Where all waves begin that look like the one at *seed*, or like the mean of those that do."""
    width = np.arange(round(WAVE_S * rate))
    found = _matches(waves, seen, waves[:, seed + width], rate)
    for _ in range(2):
        if len(found) < FEWEST_BEATS:
            break
        found = _matches(waves, seen, np.median(waves[:, found[:, None] + width], axis=1), rate)
    return found


def _train(times: Signal, interval: float) -> tuple[Mask, float] | None:
    """Which of *times* lie on a train of about that *interval*, and its exact interval."""
    if not TRAIN_S[0] <= interval <= TRAIN_S[1]:
        return None
    numbers = np.round((times - times[0]) / interval)
    if numbers[-1] < FEWEST_WAVES - 1:
        return None
    length, start = np.polyfit(numbers, times, 1)
    strays = np.abs(times - start - length * numbers)
    fitting = strays <= min(STRAY_S * 2, 0.1 * length)
    enough = fitting.sum() >= FEWEST_WAVES and len(np.unique(numbers[fitting])) == fitting.sum()
    steady = enough and float(np.sqrt((strays[fitting] ** 2).mean())) <= STRAY_S
    return (fitting, float(length)) if steady else None


def _matches(waves: Signal, seen: Mask, model: Signal, rate: float) -> Index:
    """Where *waves* look like *model*, in shape over all leads and in size."""
    width = model.shape[1]
    here = seen.astype(np.float64)
    product = sum(np.correlate(line * here, part, "valid") for line, part in zip(waves, model, strict=True))
    energy = np.convolve((waves**2).sum(axis=0) * here, np.ones(width), "valid")
    own = np.correlate(here, (model**2).sum(axis=0), "valid")
    share = np.convolve(here, np.ones(width), "valid") / width
    alike = product / np.sqrt(energy * own + 1e-9)
    size = product / (own + 1e-9)
    alike[(share < SEEN) | (size < SIZES[0]) | (size > SIZES[1])] = 0.0
    peaks: Index = find_peaks(alike, height=MATCH, distance=max(1, round(APART_S * rate)))[0]
    return peaks
