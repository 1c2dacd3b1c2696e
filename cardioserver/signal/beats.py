"""The beats of a record and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.signal import pacing
from cardioserver.signal.classes import supraventricular, ventricular, weigh
from cardioserver.signal.grid import RATE_HZ, to_grid
from cardioserver.signal.order import median
from cardioserver.signal.qrs import find_qrs
from cardioserver.signal.shapes import AFTER, BEFORE, MARGIN, Kinds, forms, place_in, sort_shapes
from cardioserver.signal.trace import Trace

Signal = npt.NDArray[np.float64]
Halves = npt.NDArray[np.float16]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

SECTION_S = 600.0  # longer records are searched in sections of about this length, for bounded memory
OVERLAP_S = 30.0
SAME_S = 0.15
BORDER_S = 0.1  # a beat so near to a border is taken from both sections, and once in the end
USUAL_SHAPE = 0.85  # correlation with the normal beat
OFTEN = 3  # beats of a kind
TOP = 5  # samples of the grid on each side of a peak in which a QRS is highest
MOST_UV = 3e4  # beats are kept in half precision


class BeatClass(StrEnum):
    """What started a beat, as far as rhythm and shape tell (AAMI EC57 classes N, V, S and Q paced)."""

    NORMAL = "normal"
    SUPRAVENTRICULAR = "supraventricular"
    VENTRICULAR = "ventricular"
    PACED = "paced"


CLASSES = tuple(BeatClass)
NORMAL, SUPRAVENTRICULAR, VENTRICULAR, PACED = range(len(CLASSES))


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """The beats of a record.

    Attributes
    ----------
    samples
        Where each QRS begins to be steepest, ascending; the same place in all beats of like shape.
    classes
        One for each beat.
    spikes
        Samples of pacemaker spikes, from the recorder or from the signal.
    likeness
        Correlation of each QRS with the normal one, -1 to 1.
    forms
        Number of the form of each QRS, -1 for one like no other; forms differ clearly.
    """

    samples: Index
    classes: tuple[BeatClass, ...]
    spikes: Index
    likeness: Signal
    forms: Index

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
        Pacemaker spikes the recorder has marked, ascending; without any, or with more than a pacemaker
        gives, they are looked for in the signal.
    """
    trace = Trace(samples if missing is None else np.where(missing, np.nan, samples))
    return beats_of(trace, rate, spikes)


def beats_of(trace: Trace, rate: float, spikes: Sequence[int] = ()) -> Beats:
    """The same for a record of which never more than ten minutes are held in µV."""
    marks = pacing.plausible(np.asarray(spikes, dtype=np.intp), rate)
    count, overlap = trace.length, round(OVERLAP_S * rate)
    sections = []
    for begin, end in trace.spans(SECTION_S * rate):
        start, stop = max(begin - overlap, 0), min(end + overlap, count)
        mine = marks[(marks >= start) & (marks < stop)] - start
        found = _search(trace, (start, stop), rate, mine if len(marks) else None)
        inside = (found.times >= begin / rate - BORDER_S) & (found.times < end / rate + BORDER_S)
        sharp = (found.spikes >= begin) & (found.spikes < end)
        sections.append(replace(found.part(inside), spikes=found.spikes[sharp]))
    whole = _Found(
        np.concatenate([each.times for each in sections]),
        np.concatenate([each.stretches for each in sections]),
        np.concatenate([each.seen for each in sections]),
        np.concatenate([each.spikes for each in sections]),
    )
    whole = whole.part(np.diff(whole.times, prepend=-np.inf) > SAME_S)
    return _judged(whole, count, rate, trusted=len(marks) > 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The QRS complexes of a section.

    ``times`` are seconds of the record; ``stretches`` of the grid about them, shape
    ``(beats, leads, 2 * MARGIN + 1)``; ``seen`` says in which leads each is clear.
    """

    times: Signal
    stretches: Halves
    seen: Mask
    spikes: Index

    def part(self, chosen: Mask) -> _Found:
        """Some of the beats."""
        return _Found(self.times[chosen], self.stretches[chosen], self.seen[chosen], self.spikes)


def _search(trace: Trace, span: tuple[int, int], rate: float, marks: Index | None) -> _Found:
    """QRS complexes and spikes of a section; *marks* of the recorder, or ``None`` to look for spikes."""
    samples, missing = trace.piece(*span), trace.missing(*span)
    spikes = pacing.find_spikes(samples, rate) if marks is None else marks
    grid = to_grid(pacing.without_spikes(samples, rate, spikes), rate)
    length = grid.shape[1]
    if missing is not None:
        missing = missing[:, (np.arange(length) * (rate / RATE_HZ)).astype(np.intp)]
    found = find_qrs(grid, missing)
    near = np.clip(found.places[:, None] + np.arange(-MARGIN, MARGIN + 1), 0, max(length - 1, 0))
    stretches = np.clip(grid[:, near].swapaxes(0, 1), -MOST_UV, MOST_UV).astype(np.float16)
    return _Found(found.places / RATE_HZ + span[0] / rate, stretches, found.seen, spikes + span[0])


def _judged(found: _Found, count: int, rate: float, *, trusted: bool) -> Beats:
    """The beats with their classes, each placed where its kind has its steepest place."""
    if not len(found.times):
        return Beats(
            np.zeros(0, dtype=np.intp),
            (),
            found.spikes if trusted else found.spikes[:0],
            np.zeros(0),
            np.zeros(0, dtype=np.intp),
        )
    used = found.seen.any(axis=0)
    seen = found.seen[:, used]
    stretches = _evened(found.stretches[:, used], seen)
    kinds = sort_shapes(stretches, seen)
    evidence = weigh(found.times, stretches, seen, kinds)
    whole = (found.times >= BEFORE / RATE_HZ) & (found.times <= count / rate - AFTER / RATE_HZ)
    places = np.round((found.times + _offsets(kinds) / RATE_HZ) * rate).astype(np.intp)
    samples: Index = np.clip(places, 0, count - 1)
    order = np.argsort(samples, kind="stable")
    order = order[np.diff(samples[order], prepend=-1) > 0]  # two that came to lie on each other are one
    samples = samples[order]
    spikes = found.spikes if trusted else pacing.pacing_spikes(found.spikes, samples, rate)
    paced = pacing.paced(samples, spikes, rate)
    if not trusted:
        paced = _mostly(paced, kinds.of[order])
    early, broad = (judge(evidence)[order] & whole[order] for judge in (supraventricular, ventricular))
    classes = np.select([paced, broad, early], [PACED, VENTRICULAR, SUPRAVENTRICULAR], NORMAL)
    return Beats(
        samples,
        tuple(CLASSES[each] for each in classes),
        spikes,
        evidence.likeness[order].astype(np.float64),
        forms(kinds)[order],
    )


def _mostly(paced: Mask, of: Index) -> Mask:
    """*paced* for all beats of a kind of which most are: what looks the same has the same origin."""
    count = np.bincount(of + 1, minlength=1)
    share = np.bincount(of + 1, paced, minlength=1) / np.maximum(count, 1)
    share[0] = 0.0  # of no kind
    return np.asarray(paced | (share[of + 1] > 0.5))


def _evened(stretches: Halves, seen: Mask) -> Halves:
    """High leads made lower, so that they do not outvote the others."""
    tops = np.abs(stretches[:, :, MARGIN - TOP : MARGIN + TOP + 1]).max(axis=2)
    usual = np.array([median(tops[clear, lead]) for lead, clear in enumerate(seen.T)])
    return stretches * (1 / np.sqrt(usual + 1.0)).astype(np.float16)[:, None]


def _offsets(kinds: Kinds) -> Signal:
    """Samples of the grid from each beat's peak to where its kind is steepest first.

    A beat of a kind that was seen once or twice keeps its peak: noise may be steeper than a QRS.
    """
    places = np.array([place_in(template) for template in kinds.templates] or [0])
    often = np.bincount(kinds.of + 1, minlength=len(places) + 1) >= OFTEN
    often[0] = False
    return np.where(often[kinds.of + 1], kinds.shift + places[kinds.of], 0.0)
