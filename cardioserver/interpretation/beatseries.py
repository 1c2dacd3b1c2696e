"""The beats of a case as a series: what came early, what came in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from cardioserver.interpretation.case import Case
from cardioserver.signal.beats import BeatClass

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

ABOUT = 21  # intervals of the basic rhythm that tell its rate at a place


@dataclass(frozen=True, slots=True)
class Run:
    """Beats of one kind in a row: the number of the first and how many there are."""

    first: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class BeatSeries:
    """The beats of a record.

    Attributes
    ----------
    times
        Of each beat, s.
    classes
        Of each beat.
    forms
        Number of the form of each QRS, -1 for one like no other.
    """

    times: Signal
    classes: tuple[BeatClass, ...]
    forms: Index

    @classmethod
    def of(cls, case: Case) -> BeatSeries:
        """The beats of *case*."""
        beats = case.analysis.beats
        return cls(beats.samples / case.format.rate, beats.classes, beats.forms)

    @property
    def intervals(self) -> Signal:
        """RR intervals in s; the one before beat ``n`` has the number ``n - 1``."""
        return np.diff(self.times)

    def are(self, kind: BeatClass) -> Mask:
        """Which beats are of that class."""
        return np.array([each is kind for each in self.classes], dtype=np.bool_)

    @property
    def basic(self) -> Signal:
        """RR intervals in s of the basic rhythm: without ectopic beats and the pauses after them."""
        chosen: Signal = self.intervals[self._are_basic]
        return chosen

    @property
    def _are_basic(self) -> Mask:
        usual = ~(self.are(BeatClass.VENTRICULAR) | self.are(BeatClass.SUPRAVENTRICULAR))
        return usual[1:] & usual[:-1]

    @property
    def usual(self) -> float | None:
        """Median RR interval of the basic rhythm, s; of all beats if there is none."""
        intervals = self.basic if len(self.basic) else self.intervals
        return float(np.median(intervals)) if len(intervals) else None

    @property
    def expected(self) -> Signal:
        """RR interval in s of the basic rhythm about each interval: its median over a score of them."""
        basic = np.flatnonzero(self._are_basic) if len(self.basic) else np.arange(len(self.intervals))
        if not len(basic):
            return np.zeros(0)
        steady = median_filter(self.intervals[basic], min(ABOUT, len(basic)), mode="nearest")
        return np.interp(np.arange(len(self.intervals)), basic, steady)


def runs(marked: Sequence[bool] | Mask) -> list[Run]:
    """Marked beats that follow each other."""
    found, place = [], 0
    for mark, group in groupby(marked):
        length = len(list(group))
        if mark:
            found.append(Run(place, length))
        place += length
    return found


def repeats(marked: Mask, normal_between: int) -> int:
    """How often in a row a marked beat follows *normal_between* unmarked ones, at most."""
    longest = count = 0
    at = np.flatnonzero(marked)
    for gap in np.diff(at):
        count = count + 1 if gap == normal_between + 1 else 0
        longest = max(longest, count)
    return longest + 1 if longest else 0
