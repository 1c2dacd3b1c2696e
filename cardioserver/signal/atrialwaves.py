"""P waves one by one: whether they keep step with the QRS, or go on their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.cancellation import AtrialSignal, Ventricles
from cardioserver.signal.order import median

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
WANDER_S = 0.06  # by which the P waves of a wandering pacemaker come sooner or later
CLEAR_UV = 40.0  # a P wave whose shape can be told
SAME_SHAPE = 0.3  # correlation over all leads; noise leaves as little between waves of one shape
AFTER_T_S = 0.04
APART_S = 0.12
SEEDS = 6
FEWEST_WAVES = 5
TRAIN_S = (0.4, 1.6)  # 150 to 38 a minute
TRAIN_SCORE = 0.6  # share of the train that is seen, times share of the waves that belong to it
CLEAR_SCORE = 0.9  # of a train for which no better one is looked for
STRAY_S = 0.05
INTERVALS = 8  # of those between the waves, the commonest are tried
INTERVAL_STEP_S = 0.02


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
    scaled = windows.samples / (median(size, axis=1)[:, None] + LEAST_UV)
    scaled /= np.maximum(np.sqrt((scaled**2).mean(axis=(0, 2), keepdims=True)), 1)  # no beat counts more
    others = (scaled.sum(axis=1, keepdims=True) - scaled) / (count - 1)
    product = np.einsum("lbt,lbt->b", scaled, others)
    norms = np.einsum("lbt,lbt->b", scaled, scaled) * np.einsum("lbt,lbt->b", others, others)
    result: Signal = product / (np.sqrt(norms) + 1e-9)
    return result


def size_of(windows: Windows) -> float:
    """Height from peak to peak of what the windows have in common, in the lead that shows most, µV."""
    if not len(windows.beats):
        return 0.0
    return float(np.ptp(median(windows.samples, axis=1), axis=1).max())


def oneness(windows: Windows, rate: float) -> float:
    """Share of the energy of what the windows have in common that lies within one wave, 0 to 1.

    A P wave stands alone, fibrillatory waves stand in a row.
    """
    if not len(windows.beats):
        return 0.0
    size = np.sqrt((windows.samples**2).mean(axis=2))
    common = median(windows.samples, axis=1) / (median(size, axis=1)[:, None] + LEAST_UV)
    energy = (common**2).sum(axis=0)
    within = _running_sum(energy, round(WAVE_S * rate))
    return float(within.max() / (energy.sum() + 1e-9))


def shapes_of(windows: Windows, rate: float) -> int:
    """How many shapes the P waves have; a shape is counted that two beats or more share.

    Each beat's wave is taken where it is highest, near the place that is usual.
    """
    width = round(WAVE_S * rate)
    count = len(windows.beats)
    if count < FEWEST_WAVES:
        return 0
    energy = (windows.samples**2).sum(axis=0)
    sums = _running_sum(energy, width)
    usual, near = int(median(sums, axis=0).argmax()), round(WANDER_S * rate)
    first = max(usual - near, 0)
    places = first + sums[:, first : usual + near + 1].argmax(axis=1)
    cut = windows.samples[:, np.arange(count)[:, None], places[:, None] + np.arange(width)]
    share = np.linspace(0, 1, width)
    cut = cut - cut[..., :1] * (1 - share) - cut[..., -1:] * share
    cut = cut[:, np.ptp(cut, axis=2).max(axis=0) >= CLEAR_UV]
    flat = cut.swapaxes(0, 1).reshape(cut.shape[1], len(cut) * width)
    norms = np.linalg.norm(flat, axis=1) + 1e-9
    alike = flat @ flat.T / np.outer(norms, norms) > SAME_SHAPE
    left, shapes = np.ones(len(flat), dtype=np.bool_), 0
    while left.any():
        most = int((alike & left).sum(axis=1).argmax())
        group = alike[most] & left
        group[most] = True
        shapes += int(group.sum()) >= 2
        left &= ~group
    return shapes


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
    field = _Field.of(atrial.band(WAVE_BAND_HZ), atrial.open, round(WAVE_S * rate))
    seconds = field.waves.shape[1] / rate
    best, best_score = None, TRAIN_SCORE
    for seed in _seeds(field, atrial, ventricles):
        found = _all_like(field, seed, rate)
        if len(found) < FEWEST_WAVES:
            continue
        intervals, often = np.unique(np.round(np.diff(found) / rate / INTERVAL_STEP_S), return_counts=True)
        for interval in INTERVAL_STEP_S * intervals[np.argsort(-often, kind="stable")][:INTERVALS]:
            if len(found) * (interval + INTERVAL_STEP_S) < best_score * seconds:
                continue  # too few waves for so short an interval
            train = _train(found / rate, float(interval))
            if train is None:
                continue
            fitting, length = train
            expected = seconds / length
            score = fitting.sum() / expected * fitting.mean()
            if score > best_score:
                best, best_score = WaveTrain(found[fitting] + field.width // 2, length), score
        if best_score > CLEAR_SCORE:
            break
    return best


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """A signal in which waves are looked for, with what every search needs.

    ``energy`` and ``share`` are what is seen of the energy and of the samples of a wave that begins there.
    """

    waves: Signal
    seen: Signal
    width: int
    energy: Signal
    share: Signal

    @classmethod
    def of(cls, waves: Signal, seen: Mask, width: int) -> _Field:
        """The field of *waves*, µV, for models of *width* samples."""
        shown = waves * seen
        return cls(
            shown,
            seen.astype(np.float64),
            width,
            _running_sum((shown**2).sum(axis=0), width),
            _running_sum(seen.astype(np.float64), width) / width,
        )


def _running_sum(values: Signal, width: int) -> Signal:
    total = np.cumsum(values, axis=-1)
    sums: Signal = total[..., width - 1 :].copy()
    sums[..., 1:] -= total[..., :-width]
    return sums


def _seeds(field: _Field, atrial: AtrialSignal, ventricles: Ventricles) -> Index:
    """Where the highest waves between T and QRS begin."""
    rate = atrial.rate
    free = atrial.open.astype(np.float64)
    for offset in ventricles.offsets:
        free[offset : offset + ventricles.t_end + round(AFTER_T_S * rate)] = 0.0
    energy = np.where(_running_sum(free, field.width) > field.width - 0.5, field.energy, 0.0)
    peaks = find_peaks(energy, distance=max(1, round(APART_S * rate)))[0]
    seeds: Index = peaks[np.argsort(-energy[peaks], kind="stable")][:SEEDS]
    return seeds


def _all_like(field: _Field, seed: int, rate: float) -> Index:
    """Where all waves begin that look like the one at *seed*, or like the mean of those that do."""
    width = np.arange(field.width)
    found = _matches(field, field.waves[:, seed + width], rate)
    if len(found) < FEWEST_BEATS:
        return found
    return _matches(field, median(field.waves[:, found[:, None] + width], axis=1), rate)


def _train(times: Signal, interval: float) -> tuple[Mask, float] | None:
    """Which of *times* lie on a train of about that *interval*, and its exact interval."""
    if not TRAIN_S[0] <= interval <= TRAIN_S[1]:
        return None
    numbers = np.round((times - times[0]) / interval)
    if numbers[-1] < FEWEST_WAVES - 1:
        return None
    spread = numbers - numbers.mean()
    length = float((spread * times).sum() / (spread**2).sum())  # least squares
    strays = np.abs(times - times.mean() - length * spread)
    fitting = strays <= min(STRAY_S * 2, 0.1 * length)
    enough = fitting.sum() >= FEWEST_WAVES and len(np.unique(numbers[fitting])) == fitting.sum()
    steady = enough and float(np.sqrt((strays[fitting] ** 2).mean())) <= STRAY_S
    return (fitting, length) if steady else None


def _matches(field: _Field, model: Signal, rate: float) -> Index:
    """Where waves look like *model*, in shape over all leads and in size."""
    product = sum(np.correlate(line, part, "valid") for line, part in zip(field.waves, model, strict=True))
    own = np.correlate(field.seen, (model**2).sum(axis=0), "valid")
    alike = product / np.sqrt(np.maximum(field.energy, 0.0) * own + 1e-9)
    size = product / (own + 1e-9)
    alike[(field.share < SEEN) | (size < SIZES[0]) | (size > SIZES[1])] = 0.0
    peaks: Index = find_peaks(alike, height=MATCH, distance=max(1, round(APART_S * rate)))[0]
    return peaks
