"""The baseline filter, ``drift``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import find_peaks

from cardioserver.signal.likeness import UNLIKE, kinds_of
from cardioserver.signal.order import median
from cardioserver.signal.phases import Phases
from cardioserver.signal.smoothing import between, smooth

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

BLOCK_S = 0.02
SLOW_HZ = 0.5  # below the 0.67 Hz that AHA 2007 (Kligfield et al.) allows a zero-phase filter
BEAT_SHARE = 1.1  # of the heart rate: the fastest baseline that is followed once the beat is known
WANDER_HZ = 1.6  # the same in a fast rhythm
FASTEST_HZ = 2.6  # followed where it is plainly there; flutter waves begin at 4 Hz
SEEN_UV = 5.0  # the resolution of most recorders: a faster wander below it is left alone
SEEN_SHARE = 0.005  # of the height of the beat: what beats differ by is no wander
LOUD = 1.5  # times larger than other leads: more say than this no lead has, be it for noise
REFRACTORY_S = 0.3
SHAPE_S = (0.10, 0.36)  # span of a beat that makes it like another
ALIKE = 0.7
UNLIKE_S = (0.12, 0.55)  # span of a beat that has no company
LIKE_S = (0.10, 0.30)  # span in which the next known beat is known nevertheless
ROUNDS = 4
OUTLIER = 4.0  # times the typical misfit
LEAST_JUMP = 5.0  # µV; the resolution of most recorders
COARSE = 3  # every so many blocks are enough to know what is usual
JUMP_S = 0.17  # longest jump that is bridged: a wide QRS
VARIABLE = 2.0  # times the typical power of the misfit: a wave that is not the same in each beat
WAVE_BLOCKS = 5
GAUSS_MEDIAN = 0.455  # median of the square of a Gaussian value over its mean


def remove_wander(samples: Signal, rate: float) -> Signal:
    """*samples* without the wander of the baseline; the long-run mean becomes zero.

    The average beat of each kind is taken away first and only the rest is smoothed, zero phase, so that
    P, ST and T, which any high-pass filter of that cut-off bends, are not seen by it. The idea of
    separating the two by ensemble averaging: P. Laguna, R. Jané, P. Caminal, "Adaptive filtering of ECG
    baseline wander", EMBC 1992; the need for it, and the cut-off tied to the heart rate: L. Sörnmo,
    "Time-varying digital filtering of ECG baseline wander", Med. Biol. Eng. Comput. 31:503, 1993. What
    fits neither beat nor baseline (pacing, a wave that differs from beat to beat) is bridged, and a beat
    without company is smoothed at 0.5 Hz only.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, without gaps.
    rate
        Hz.

    Returns
    -------
    array
        µV, same shape.
    """
    block = max(1, round(BLOCK_S * rate))
    levels = _block_means(samples, block)
    wander = np.ascontiguousarray(_wander(levels, rate / block).T)
    lines = between(np.append(wander, wander[:, -1:], axis=1), block)  # for what is left of the last block
    return np.subtract(samples, lines[:, : samples.shape[1]])


def _wander(levels: Signal, block_rate: float) -> Signal:
    """The baseline of each block, shape ``(blocks, leads)``."""
    slow = SLOW_HZ / block_rate
    wander = smooth(levels, np.ones(len(levels)), slow)
    seen = levels - wander
    size = seen.std(axis=0) + LEAST_JUMP
    seen /= np.maximum(size / (LOUD * np.quantile(size, 0.5, method="lower")), 1.0)
    beats = _beats(seen, block_rate)
    kinds = kinds_of(_shapes(seen, beats, block_rate), ALIKE)
    if (kinds != UNLIKE).sum() <= len(beats) / 2:
        for _ in range(2):
            misfit = levels - wander
            wander = smooth(levels, _without_jumps(misfit - _running_median(misfit, block_rate)), slow)
        return wander
    unknown = _unknown(beats, kinds, len(levels), block_rate)
    phases = Phases.of(*_beyond_the_ends(levels - wander, beats, kinds, block_rate), len(levels))
    cutoff = min(WANDER_HZ / block_rate, BEAT_SHARE / float(median(np.diff(beats))))
    weights, known = np.ones(len(levels)), np.ones_like(levels)
    for number in range(ROUNDS):
        train = phases.beats(levels - wander, known)[phases.phase]
        rest = levels - (train - train.mean(axis=0))
        if number < 2:
            misfit = rest - wander
            around = _running_median(misfit, block_rate)
            known = _geman_mcclure(around / _typical(misfit))
        if number == 1:
            weights = _without_jumps(misfit - around) * _alike_in_each_beat(misfit, phases)
        wander = smooth(rest, _held(weights, unknown, slow / cutoff), cutoff)
    fast = min(FASTEST_HZ / block_rate, 3 * cutoff)
    more = smooth(rest, _held(weights, unknown, slow / fast), fast) - wander
    return wander + _plain(more, np.ptp(train, axis=0), phases)


def _plain(more: Signal, height: Signal, phases: Phases) -> Signal:
    """The faster wander of those leads where it is plain to see, without what is in step with the beats."""
    size = np.sqrt(median(more[::COARSE] ** 2, axis=0) / GAUSS_MEDIAN)
    seen = np.maximum(SEEN_UV, SEEN_SHARE * height)
    plain: Signal = more * np.clip((size / seen) ** 2 - 1, 0, 1)
    plain -= phases.mean(plain)[phases.phase]
    return plain


def _block_means(samples: Signal, block: int) -> Signal:
    """Means of consecutive blocks, shape ``(blocks, leads)``; the last one takes what is left too."""
    leads, count = samples.shape
    blocks = max(count // block, 1)
    whole = np.ascontiguousarray(samples[:, : blocks * block]).reshape(leads * blocks, -1)
    means: Signal = (whole @ np.full(whole.shape[1], 1 / whole.shape[1])).reshape(leads, blocks).T.copy()
    means[-1] = samples[:, (blocks - 1) * block :].mean(axis=1)
    return means


def _beats(levels: Signal, block_rate: float) -> Index:
    """Blocks with a QRS: where all leads together bend most. A missed one does no harm."""
    if len(levels) < 6:
        return np.empty(0, dtype=np.intp)
    bend = np.zeros_like(levels)
    bend[2:-2] = np.abs(2 * levels[2:-2] - levels[:-4] - levels[4:])
    bend[1:-1] = np.maximum(bend[1:-1], np.abs(2 * levels[1:-1] - levels[:-2] - levels[2:]))
    bent = bend.sum(axis=1)
    ceiling = np.sort(bent)[-max(1, len(bent) // 50)]
    span = max(1, round(REFRACTORY_S * block_rate))
    beats: Index = find_peaks(bent, height=max(0.4 * ceiling, 1e-9), distance=span)[0]
    return beats


def _shapes(levels: Signal, beats: Index, block_rate: float) -> Signal:
    """The beats to be compared, one in a row."""
    before, after = SHAPE_S
    span = np.arange(-round(before * block_rate), round(after * block_rate) + 1)
    shapes: Signal = levels[np.clip(beats[:, None] + span, 0, len(levels) - 1)]
    shapes -= shapes.mean(axis=1, keepdims=True)
    return shapes.reshape(len(beats), len(span) * levels.shape[1])


def _beyond_the_ends(levels: Signal, beats: Index, kinds: Index, block_rate: float) -> tuple[Index, Index]:
    """The beats and their kinds, with one more at each end of the record that looks as if it were there."""
    reach = round(SHAPE_S[0] * block_rate)
    for _ in range(2):
        gap = beats[1] - beats[0]
        begin, like_begin = levels[: max(beats[0] - reach, 0)], levels[gap : max(beats[1] - reach, gap)]
        if len(begin) > 1 and (begin - like_begin).var(axis=0).sum() < begin.var(axis=0).sum():
            beats, kinds = np.append(beats[0] - gap, beats), np.append(kinds[0], kinds)
        levels, beats, kinds = levels[::-1], len(levels) - 1 - beats[::-1], kinds[::-1]
    return beats, kinds


def _unknown(beats: Index, kinds: Index, count: int, block_rate: float) -> Mask:
    """Blocks of beats that have no average."""
    unknown = np.zeros(count, dtype=np.bool_)
    for wanted, (before, after) in ((False, UNLIKE_S), (True, LIKE_S)):
        for beat in beats[(kinds != UNLIKE) == wanted]:
            unknown[max(0, beat - round(before * block_rate)) : beat + round(after * block_rate)] = not wanted
    return unknown


def _held(weights: Signal, unknown: Mask, share: float) -> Signal:
    """Weights that lower the cut-off to *share* of it where a beat is unknown: it is their fourth root."""
    return np.where(unknown, np.minimum(weights, share**4), weights)


def _without_jumps(jump: Signal) -> Signal:
    """Weight of each block, 0 to 1, from its *jump* out of its surroundings in the worst lead.

    The surroundings are a running median, so that a wander that is only badly followed yet is no jump.
    """
    weights: Signal = _geman_mcclure(np.abs(jump / _typical(jump)).max(axis=1))
    return weights


def _running_median(levels: Signal, block_rate: float) -> Signal:
    """The level about each block, as jumps shorter than a wide QRS do not change it."""
    size = 2 * round(JUMP_S * block_rate / COARSE) + 1
    padded = np.concatenate([levels, np.repeat(levels[-1:], -len(levels) % COARSE, axis=0)])
    means = padded.reshape(-1, COARSE, levels.shape[1]).mean(axis=1)
    around = median_filter(means, size=size, axes=(0,), mode="mirror")
    return np.repeat(around, COARSE, axis=0)[: len(levels)]


def _typical(levels: Signal) -> Signal:
    """The usual size of *levels* in each lead."""
    typical: Signal = median(np.abs(levels[::COARSE]), axis=0) + LEAST_JUMP
    return typical


def _geman_mcclure(times: Signal) -> Signal:
    """Weight, 0 to 1, of what is so many *times* larger than usual."""
    weights: Signal = 1 / (1 + (times / OUTLIER) ** 2) ** 2
    return weights


def _alike_in_each_beat(misfit: Signal, phases: Phases) -> Signal:
    """Weight of each block, 0 to 1: less in those phases in which beats differ."""
    power = misfit**2
    typical = median(power[::COARSE], axis=0) / GAUSS_MEDIAN + LEAST_JUMP**2
    differs = uniform_filter1d(phases.mean(power / typical).mean(axis=1), WAVE_BLOCKS)
    weights: Signal = 1 / (1 + (np.maximum(differs, 0) / VARIABLE) ** 2)
    return weights[phases.phase]
