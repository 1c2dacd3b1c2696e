"""Where in a beat each moment of a record lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from cardioserver.signal.likeness import UNLIKE
from cardioserver.signal.order import median

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

BEFORE_BEAT = 0.38  # share of the RR interval that belongs to the coming beat: P wave and PR interval
LONGEST = 1.3  # times that share of the usual RR: the farthest a P wave may be from its QRS
END_BLOCKS = 3  # at each end of a beat, between T and P, as far as half of the beats reach


@dataclass(frozen=True, slots=True, eq=False)
class Phases:
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
        usual = round(float(median(np.diff(beats))))
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

    def beats(self, levels: Signal, weights: Signal) -> Signal:
        """The average beats, like :meth:`mean`, against the level between two usual beats."""
        beats = self.mean(levels * weights) / np.maximum(self.mean(weights), 1e-6)
        sizes = np.diff(self.first, append=len(self.order))[: np.searchsorted(self.present, self.length)]
        often = self.present[np.flatnonzero(2 * sizes > sizes.max())]
        beats -= beats[np.concatenate([often[:END_BLOCKS], often[-END_BLOCKS:]])].mean(axis=0)
        beats[-1] = 0.0
        return beats
