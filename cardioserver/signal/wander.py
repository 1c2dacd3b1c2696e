"""The baseline filter, ``drift``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.smoothing import smooth

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

BLOCK_S = 0.02
FIRST_HZ = 0.5  # below the 0.67 Hz that AHA 2007 (Kligfield et al.) allows a zero-phase filter
WANDER_HZ = 0.9  # fastest baseline that is followed once the beat is known
REFRACTORY_S = 0.3
BEFORE_BEAT = 0.38  # share of the RR interval that belongs to the coming beat: P wave and PR interval
ENOUGH_BEATS = 3
OUTLIER = 4.0  # times the typical misfit
LEAST_JUMP = 5.0  # µV; the resolution of most recorders
COARSE = 3  # every so many blocks are enough to know the surroundings
JUMP_S = 0.17  # longest jump that is bridged: a wide QRS
ROUNDS = 4


def remove_wander(samples: Signal, rate: float) -> Signal:
    """*samples* without the wander of the baseline; the long-run mean becomes zero.

    The typical beat of each lead is taken away first and only the rest is smoothed, zero phase, so that
    P, ST and T, which any high-pass filter of that cut-off bends, are not seen by it; blocks that fit
    neither beat nor baseline (QRS complexes, ectopic beats, pacing) are bridged. The idea of separating
    the two by ensemble averaging: P. Laguna, R. Jané, P. Caminal, "Adaptive filtering of ECG baseline
    wander", EMBC 1992; the need for it: L. Sörnmo, "Time-varying digital filtering of ECG baseline
    wander", Med. Biol. Eng. Comput. 31:503, 1993.

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
    count = samples.shape[1]
    block = max(1, round(BLOCK_S * rate))
    means = _block_means(samples, block)
    block_rate = rate / block
    weights = np.ones(len(means))
    wander = smooth(means, weights, FIRST_HZ / block_rate)
    beats = _beats(means, block_rate)
    for number in range(ROUNDS):
        rest = means - _typical(means - wander, beats)
        if number <= 1:
            weights = _trust(rest - wander, block_rate)
        wander = smooth(rest, weights, WANDER_HZ / block_rate)
    return samples - _lines(wander, block, count)


def _block_means(samples: Signal, block: int) -> Signal:
    """Means of consecutive blocks, shape ``(blocks, leads)``; the last one takes what is left too."""
    starts = np.arange(max(samples.shape[1] // block, 1)) * block
    sizes = np.diff(starts, append=samples.shape[1])
    means: Signal = (np.add.reduceat(samples, starts, axis=1) / sizes).T
    return means


def _beats(means: Signal, block_rate: float) -> Index:
    """Blocks with a QRS: where all leads together move fastest. A missed one does no harm."""
    if len(means) < 4:
        return np.empty(0, dtype=np.intp)
    moved = np.zeros(len(means))
    moved[1:-1] = np.abs(means[2:] - means[:-2]).sum(axis=1)
    ceiling = np.sort(moved)[-max(1, len(moved) // 50)]
    span = max(1, round(REFRACTORY_S * block_rate))
    beats: Index = find_peaks(moved, height=max(0.4 * ceiling, 1e-9), distance=span)[0]
    return beats


def _typical(levels: Signal, beats: Index) -> Signal:
    """The median beat put at every beat, zero elsewhere; its mean over one RR interval is zero."""
    train = np.zeros_like(levels)
    if len(beats) < ENOUGH_BEATS:
        return train
    interval = np.median(np.diff(beats))
    before = round(BEFORE_BEAT * interval)
    after = round(interval) - before
    offsets = np.arange(-before, after)
    where = beats[:, None] + offsets
    whole = (where[:, 0] >= 0) & (where[:, -1] < len(levels))
    if whole.sum() < ENOUGH_BEATS:
        return train
    shape = np.median(levels[where[whole]], axis=0)
    shape -= shape.mean(axis=0)
    late_first = np.concatenate([np.arange(0, after), np.arange(-1, -before - 1, -1)])
    for offset in late_first:
        at = beats + offset
        at = at[(at >= 0) & (at < len(levels))]
        train[at] = shape[offset + before]
    return train


def _trust(misfit: Signal, block_rate: float) -> Signal:
    """Weight of each block, 0 to 1, from its jump out of its surroundings in the worst lead (Geman-McClure).

    The surroundings are a running median, so that a wander that is only badly followed yet is no jump.
    """
    coarse = misfit[::COARSE]
    side = min(round(JUMP_S * block_rate / COARSE), len(coarse) - 1)
    padded = np.pad(coarse, ((side, side), (0, 0)), mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1, axis=0), axis=2)
    jump = np.abs(misfit - np.repeat(around, COARSE, axis=0)[: len(misfit)])
    typical = np.median(jump, axis=0) + LEAST_JUMP
    worst = (jump / (OUTLIER * typical)).max(axis=1)
    weights: Signal = 1 / (1 + worst**2) ** 2
    return weights


def _lines(blocks: Signal, block: int, count: int) -> Signal:
    """Straight lines through the block centres, shape ``(leads, count)``."""
    if len(blocks) == 1:
        return np.repeat(blocks.T, count, axis=1)
    share = (np.arange(block) + (0.5 if block % 2 == 0 else 0.0)) / block
    last = blocks[-1:] - blocks[-2:-1]
    ends = np.concatenate(
        [2 * blocks[:1] - blocks[1:2], blocks, blocks[-1:] + last, blocks[-1:] + 2 * last]
    ).T
    lines = ends[:, :-1, None] * (1 - share) + ends[:, 1:, None] * share
    begin = block - block // 2
    return lines.reshape(len(ends), -1)[:, begin : begin + count]
