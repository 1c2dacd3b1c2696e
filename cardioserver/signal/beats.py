"""The beats of a record and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.signal import pacing
from cardioserver.signal.qrs import find_qrs
from cardioserver.signal.trace import bridged

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

SECTION_S = 600.0  # longer records are searched in sections of about this length, for bounded memory
OVERLAP_S = 30.0
SAME_S = 0.15

QRS_S = (0.09, 0.13)  # window of a QRS about its steepest place
SHAPE_SLACK_S = 0.03
SHAPE_HZ = 125.0
USUAL_SHAPE = (
    0.85  # correlation with the dominant beat; P. Hamilton's beat classifier matches shapes likewise
)
OTHER_SHAPE = 0.72
PREMATURE = 0.87  # of the usual RR interval
PREMATURE_OTHER = 0.92
WIDER = 1.25  # times the dominant QRS
WIDER_EARLY = 1.15  # the same for a beat that also comes early
USUAL_BEATS = 8
IRREGULAR = 0.1  # median relative deviation of RR above which prematurity says nothing (atrial fibrillation)


class BeatClass(StrEnum):
    """What started a beat, as far as rhythm and shape tell (AAMI EC57 classes N, V, S and Q paced)."""

    NORMAL = "normal"
    SUPRAVENTRICULAR = "supraventricular"
    VENTRICULAR = "ventricular"
    PACED = "paced"


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """The beats of a record.

    Attributes
    ----------
    samples
        Where each QRS is steepest, ascending.
    classes
        One for each beat.
    spikes
        Samples of pacemaker spikes, from the recorder or from the signal.
    likeness
        Correlation of each QRS with the dominant one, -1 to 1.
    """

    samples: Index
    classes: tuple[BeatClass, ...]
    spikes: Index
    likeness: Signal

    @property
    def dominant(self) -> Mask:
        """Beats of the class that occurs most, alike in shape."""
        if not self.classes:
            return np.zeros(0, dtype=np.bool_)
        most = max(BeatClass, key=self.classes.count)
        same = np.array([each is most for each in self.classes])
        alike = same & (self.likeness >= USUAL_SHAPE)
        return alike if alike.any() else same


def find_beats(
    samples: Signal, rate: float, *, missing: Mask | None = None, spikes: Sequence[int] = ()
) -> Beats:
    """The beats of a record of any length.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, unfiltered.
    rate
        Hz, 125 to 2000.
    missing
        True where a lead was off, same shape.
    spikes
        Pacemaker spikes the recorder has marked; without any they are looked for in the signal.
    """
    unknown = ~np.isfinite(samples)
    if missing is not None:
        unknown |= missing
    gaps = unknown if unknown.any() else None
    if gaps is not None:
        samples = bridged(samples, gaps)
    count = samples.shape[1]
    found: list[Index] = []
    sharp: list[Index] = []
    parts = max(1, int(count / (SECTION_S * rate)))
    overlap = round(OVERLAP_S * rate)
    for part in range(parts):
        begin, end = count * part // parts, count * (part + 1) // parts
        start, stop = max(begin - overlap, 0), min(end + overlap, count)
        piece = samples[:, start:stop]
        marks = np.array([s - start for s in spikes if start <= s < stop], dtype=np.intp)
        if not spikes:
            marks = pacing.find_spikes(piece, rate)
        piece = pacing.without_spikes(piece, rate, marks)
        beats = find_qrs(piece, rate, gaps[:, start:stop] if gaps is not None else None)
        if not spikes:
            marks = pacing.pacing_spikes(marks, beats, rate)
        found.append(beats[(beats + start >= begin) & (beats + start < end)] + start)
        sharp.append(marks[(marks + start >= begin) & (marks + start < end)] + start)
    at = np.concatenate(found)
    at = at[np.diff(at, prepend=-(10**9)) > SAME_S * rate]
    marked = np.concatenate(sharp)
    likeness, width = _shapes(samples, rate, at)
    classes = _classify(at / rate, likeness, width, pacing.paced(at, marked, rate))
    return Beats(at, classes, marked, likeness)


def _shapes(samples: Signal, rate: float, beats: Index) -> tuple[Signal, Signal]:
    """Likeness to the dominant QRS, and the width of each QRS relative to the usual one."""
    if not len(beats):
        return np.zeros(0), np.zeros(0)
    step = max(1, round(rate / SHAPE_HZ))
    slack = round(SHAPE_SLACK_S * rate / step)
    offsets = np.arange(round(-QRS_S[0] * rate / step) - slack, round(QRS_S[1] * rate / step) + slack + 1)
    where = np.clip(beats[:, None] + offsets * step, 0, samples.shape[1] - 1)
    wide = np.gradient(samples[:, where], axis=2)  # the slope knows no baseline
    width = len(offsets) - 2 * slack
    shifted = np.lib.stride_tricks.sliding_window_view(wide, width, axis=2)
    shifted = shifted - shifted.mean(axis=3, keepdims=True)
    norm = np.sqrt((shifted**2).sum(axis=(0, 3))) + 1e-6
    chosen = np.ones(len(beats), dtype=np.bool_)
    like = np.ones(len(beats))
    for _ in range(3):
        model = np.median(shifted[:, chosen, slack], axis=1)
        score = np.tensordot(shifted, model, axes=([0, 3], [0, 1])) / norm
        like = score.max(axis=1) / (np.linalg.norm(model) + 1e-6)
        chosen = like >= min(USUAL_SHAPE, float(np.median(like)))
    speed = np.sqrt((wide**2).sum(axis=0))
    spread = (speed > 0.25 * speed.max(axis=1, keepdims=True) + 1e-9).sum(axis=1).astype(np.float64)
    return like, spread / max(float(np.median(spread[chosen])), 1.0)


def _classify(times: Signal, likeness: Signal, width: Signal, paced: Mask) -> tuple[BeatClass, ...]:
    """A class for each beat by pacing, shape and prematurity."""
    count = len(times)
    if not count:
        return ()
    if count < 3:
        return tuple(BeatClass.PACED if each else BeatClass.NORMAL for each in paced)
    before = np.diff(times, prepend=np.nan)
    before[0] = before[1]
    usual = _usual_interval(before)
    early = before < PREMATURE * usual
    steady = float(np.median(np.abs(before / usual - 1))) < IRREGULAR
    rather_early = before < PREMATURE_OTHER * usual
    ventricular = (likeness < OTHER_SHAPE) & ((width >= WIDER) | rather_early)
    ventricular |= (likeness < USUAL_SHAPE) & (width >= WIDER_EARLY) & rather_early
    classes = []
    for beat in range(count):
        if paced[beat]:
            classes.append(BeatClass.PACED)
        elif ventricular[beat]:
            classes.append(BeatClass.VENTRICULAR)
        elif steady and early[beat] and beat:
            classes.append(BeatClass.SUPRAVENTRICULAR)
        else:
            classes.append(BeatClass.NORMAL)
    return tuple(classes)


def _usual_interval(before: Signal) -> Signal:
    """Median of the RR intervals about each beat, s."""
    side = min(USUAL_BEATS, (len(before) - 1) // 2)
    padded = np.pad(before, side, mode="reflect") if side else before
    usual: Signal = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1), axis=1)
    return usual
