"""The baseline filter, ``drift``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import find_peaks

from cardioserver.signal.likeness import UNLIKE, kinds_of
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
BEFORE_BEAT = 0.38  # share of the RR interval that belongs to the coming beat: P wave and PR interval
LONGEST = 1.3  # times that share of the usual RR: the farthest a P wave may be from its QRS
UNLIKE_S = (0.12, 0.55)  # span of a beat that has no company
LIKE_S = (0.10, 0.30)  # span in which the next known beat is known nevertheless
ROUNDS = 4
OUTLIER = 4.0  # times the typical misfit
LEAST_JUMP = 5.0  # µV; the resolution of most recorders
COARSE = 3  # every so many blocks are enough to know the surroundings
JUMP_S = 0.17  # longest jump that is bridged: a wide QRS
VARIABLE = 2.0  # times the typical power of the misfit: a wave that is not the same in each beat
WAVE_BLOCKS = 5
END_BLOCKS = 3  # at each end of a beat, between T and P
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
            wander = smooth(levels, _trust(levels - wander, block_rate), slow)
        return wander
    unknown = _unknown(beats, kinds, len(levels), block_rate)
    phases = _Phases.of(*_beyond_the_ends(levels - wander, beats, kinds, block_rate), len(levels))
    cutoff = min(WANDER_HZ / block_rate, BEAT_SHARE / float(np.median(np.diff(beats))))
    weights = np.ones(len(levels))
    for number in range(ROUNDS):
        train = phases.beats(levels - wander)[phases.phase]
        rest = levels - (train - train.mean(axis=0))
        if number == 1:
            misfit = rest - wander
            weights = _trust(misfit, block_rate) * _alike_in_each_beat(misfit, phases)
        wander = smooth(rest, _held(weights, unknown, slow / cutoff), cutoff)
    fast = min(FASTEST_HZ / block_rate, 3 * cutoff)
    more = smooth(rest, _held(weights, unknown, slow / fast), fast) - wander
    size = np.sqrt(np.median(more**2, axis=0) / GAUSS_MEDIAN)
    seen = np.maximum(SEEN_UV, SEEN_SHARE * np.ptp(train, axis=0))
    more *= np.clip((size / seen) ** 2 - 1, 0, 1)
    more -= phases.mean(more)[phases.phase]
    return wander + more


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


@dataclass(frozen=True, slots=True)
class _Phases:
    """Where in a beat of which kind each block lies.

    Attributes
    ----------
    phase
        Number of the phase of each block; the last phase is that of blocks outside any known beat.
    length
        Phases of one kind of beat.
    count
        Phases of all kinds.
    order, first, present
        Blocks in the order of their phases, where in it each phase begins, and which phases there are.
    """

    phase: Index
    length: int
    count: int
    order: Index
    first: Index
    present: Index

    @classmethod
    def of(cls, beats: Index, kinds: Index, blocks: int) -> Self:
        """The phases about *beats*."""
        usual = round(float(np.median(np.diff(beats))))
        starts = beats - np.round(BEFORE_BEAT * np.diff(beats, prepend=beats[0] - usual)).astype(np.intp)
        owner = np.clip(np.searchsorted(starts, np.arange(blocks), side="right") - 1, 0, None)
        ahead = round(LONGEST * BEFORE_BEAT * usual)
        length = ahead + usual
        offset = np.arange(blocks) - beats[owner] + ahead
        known = (offset >= 0) & (offset < length) & (kinds[owner] != UNLIKE)
        count = length * (int(kinds.max()) + 1)
        phase = np.where(known, kinds[owner] * length + offset, count)
        order = np.argsort(phase, kind="stable")
        first = np.flatnonzero(np.diff(phase[order], prepend=-1))
        return cls(phase, length, count, order, first, phase[order][first])

    def mean(self, values: Signal) -> Signal:
        """Mean of *values* in each phase, shape ``(count + 1, columns)``; zero outside of any known beat."""
        means = np.zeros((self.count + 1, values.shape[1]))
        sizes = np.diff(self.first, append=len(self.order))
        means[self.present] = np.add.reduceat(values[self.order], self.first, axis=0) / sizes[:, None]
        means[-1] = 0.0
        return means

    def beats(self, levels: Signal) -> Signal:
        """The average beats, like :meth:`mean`, against the level between two usual beats."""
        beats = self.mean(levels)
        usual = self.present[: np.searchsorted(self.present, self.length)]
        beats -= beats[np.concatenate([usual[:END_BLOCKS], usual[-END_BLOCKS:]])].mean(axis=0)
        beats[-1] = 0.0
        return beats


def _trust(misfit: Signal, block_rate: float) -> Signal:
    """Weight of each block, 0 to 1, from its jump out of its surroundings in the worst lead (Geman-McClure).

    The surroundings are a running median, so that a wander that is only badly followed yet is no jump.
    """
    side = round(JUMP_S * block_rate / COARSE)
    around = median_filter(misfit[::COARSE], size=2 * side + 1, axes=(0,), mode="mirror")
    jump = np.abs(misfit - np.repeat(around, COARSE, axis=0)[: len(misfit)])
    typical = np.median(jump, axis=0) + LEAST_JUMP
    worst = (jump / (OUTLIER * typical)).max(axis=1)
    weights: Signal = 1 / (1 + worst**2) ** 2
    return weights


def _alike_in_each_beat(misfit: Signal, phases: _Phases) -> Signal:
    """Weight of each block, 0 to 1: less in those phases in which beats differ (Geman-McClure)."""
    power = misfit**2
    typical = np.median(power, axis=0) / GAUSS_MEDIAN + LEAST_JUMP**2
    differs = uniform_filter1d(phases.mean(power / typical).mean(axis=1), WAVE_BLOCKS)
    weights: Signal = 1 / (1 + (np.maximum(differs, 0) / VARIABLE) ** 2)
    return weights[phases.phase]
