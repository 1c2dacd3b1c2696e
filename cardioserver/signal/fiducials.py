"""Onset, peak and offset of the waves of every beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from cardioserver.signal.average import (
    KNOT_WIDTH_S,
    SLOPES_S,
    AverageBeat,
    alike,
    average_beat,
    average_slopes,
    level,
)
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.delineation import Marks, delineate
from cardioserver.signal.mains import mains_sizes, remove_mains
from cardioserver.signal.order import median, quantile
from cardioserver.signal.pacing import BLANK_S, PULSE_S, TO_QRS_S, without_spikes
from cardioserver.signal.qrsbounds import qrs_bounds
from cardioserver.signal.singlep import have_p
from cardioserver.signal.smoothing import thinned
from cardioserver.signal.trace import Trace

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

NAMES = ("p_on", "p_peak", "p_off", "qrs_on", "r_peak", "qrs_off", "t_on", "t_peak", "t_off")
NONE = -1
CHUNK_S = 60.0  # the representative beat follows changes of shape and rate that are slower than this
LONG_S = 90.0
WORK_HZ = 480.0  # faster records are thinned to about this rate, slower ones interpolated
DEFAULT_INTERVAL_S = 0.8
SHORT_RR = 0.2  # quantile of RR that bounds the search: in an irregular rhythm many beats come early
SHORTEST_INTERVAL_S = 0.4
BEFORE_SHARE, AFTER_SHARE = 0.6, 0.85  # of the interval to the neighbouring beat that belongs to a beat
SPIKE_TO_QRS_S = 0.01  # a QRS begins so long after the spike that causes it
SPOILT_S = PULSE_S + BLANK_S + KNOT_WIDTH_S  # a spike so near before the QRS leaves no level between them
CLEAR_S = BLANK_S + 0.002  # so long before a spike the signal is as it was
LEAST_MAINS_UV = 1.6
MAINS_HZ = (50.0, 60.0)


@dataclass(frozen=True, slots=True, eq=False)
class Fiducials:
    """The waves of every beat.

    Attributes
    ----------
    samples
        Sample numbers, shape ``(beats, 9)`` in the order of :data:`NAMES`; -1 where there is no such wave.
    average
        The representative beat of the dominant class (of the fullest chunk of a long record), if any.
    marks
        Its waves.
    """

    samples: Index
    average: AverageBeat | None
    marks: Marks | None

    def of(self, name: str) -> Index:
        """Sample numbers of one mark, for each beat."""
        column: Index = self.samples[:, NAMES.index(name)]
        return column


def find_fiducials(trace: Trace, rate: float, beats: Beats) -> Fiducials:
    """Delineate every beat of a record of any length.

    Like beats are delineated together by their representative beat.

    Parameters
    ----------
    trace
        The record.
    rate
        Hz.
    beats
        From :func:`~cardioserver.signal.beats.find_beats`.
    """
    found = np.full((len(beats.samples), len(NAMES)), NONE, dtype=np.intp)
    dominant = beats.dominant
    length = trace.length
    best: tuple[int, AverageBeat, Marks] | None = None
    for begin, end in trace.spans(CHUNK_S * rate, uncut=LONG_S * rate):
        mine = np.flatnonzero((beats.samples >= begin) & (beats.samples < end))
        if not len(mine):
            continue
        start, stop = max(begin - round(rate), 0), min(end + round(rate), length)
        spikes = beats.spikes[(beats.spikes >= start) & (beats.spikes < stop)] - start
        piece = without_spikes(trace.piece(start, stop), rate, spikes)
        piece = _without_mains(piece, rate, len(mine))
        step = max(1, int(rate / WORK_HZ))
        finer = max(1, round(WORK_HZ / rate))
        stretch = _Stretch(
            _finer(thinned(piece, step), finer),
            rate * finer / step,
            (beats.samples[mine] - start) * finer // step,
            spikes * finer // step,
            dominant[mine],
            [beats.classes[each] for each in mine],
        )
        rows, usual = _delineate_stretch(stretch)
        places = np.minimum(np.rint(rows / finer).astype(np.intp) * step + step // 2 + start, length - 1)
        found[mine] = np.where(rows == NONE, NONE, places)
        count = int(dominant[mine].sum())
        if usual and (best is None or count > best[0]):
            best = (count, *usual)
    return Fiducials(found, best[1] if best else None, best[2] if best else None)


def _without_mains(samples: Signal, rate: float, beats: int) -> Signal:
    """*samples* without mains, if enough of it is left in the mean of *beats* to move a mark."""
    sizes = median(mains_sizes(samples, rate), axis=0)
    if sizes.max() < LEAST_MAINS_UV * np.sqrt(beats):
        return samples
    return remove_mains(samples, rate, MAINS_HZ[int(sizes.argmax())])


def _finer(samples: Signal, times: int) -> Signal:
    """*samples* at *times* their rate, band-limited.

    Slopes and smoothing that span a few samples would else be longer, and marks later, than at WORK_HZ.
    """
    if times == 1:
        return samples
    finer: Signal = resample_poly(samples, times, 1, axis=1, padtype="line")
    return finer


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """A stretch of the record and its beats."""

    samples: Signal
    rate: float
    beats: Index
    spikes: Index
    dominant: Mask
    classes: list[BeatClass]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Like beats of a stretch, which are delineated together."""

    members: Index
    aligned: Index
    qrs: tuple[float, float]  # onset and offset from the fiducial point, in samples
    pr_end: float  # where the PR segment ends, likewise
    dominant: bool
    kind: BeatClass


def _delineate_stretch(stretch: _Stretch) -> tuple[Index, tuple[AverageBeat, Marks] | None]:
    """Marks of the beats of a stretch; its representative beat and that one's marks."""
    groups = [_group(stretch, members, dominant=dominant) for members, dominant in _like_beats(stretch)]
    ends = np.concatenate([group.aligned + round(group.pr_end) for group in groups])
    leveled = level(stretch.samples, stretch.rate, np.sort(ends))
    intervals = np.diff(stretch.beats) / stretch.rate
    rows = np.full((len(stretch.beats), len(NAMES)), NONE, dtype=np.intp)
    representative = None
    for group in groups:
        room = _room(group, intervals)
        reach = (
            max(BEFORE_SHARE * room.shortest_before, -group.qrs[0] / stretch.rate),
            max(AFTER_SHARE * room.after[1], group.qrs[1] / stretch.rate),
        )
        beat = average_beat(leveled, stretch.rate, group.aligned, reach)
        with_p = group.kind is not BeatClass.VENTRICULAR
        if representative and representative[1].p_on is None:
            with_p = False  # without P waves in the usual beats a single one cannot be told from noise
        marks = delineate(beat, group.qrs, group.pr_end, room.after, room.before, with_p=with_p)
        if group.dominant:
            representative = (beat, marks)
        shown = have_p(leveled, group.aligned, beat, marks)
        for member, at, shows in zip(group.members, group.aligned.tolist(), shown.tolist(), strict=True):
            rows[member] = _placed(marks if shows else replace(marks, p_on=None), at, leveled.shape[1])
    return rows, representative


def _like_beats(stretch: _Stretch) -> Iterator[tuple[Index, bool]]:
    """The dominant beats first, then those of each other class and shape."""
    if stretch.dominant.any():
        yield np.flatnonzero(stretch.dominant), True
    for kind in BeatClass:
        same = np.array([each is kind for each in stretch.classes]) & ~stretch.dominant
        members = np.flatnonzero(same)
        if len(members):
            shapes = alike(stretch.samples, stretch.rate, stretch.beats[members])
            for shape in range(shapes.max() + 1):
                yield members[shapes == shape], False


def _group(stretch: _Stretch, members: Index, *, dominant: bool) -> _Group:
    slopes, aligned = average_slopes(stretch.samples, stretch.rate, stretch.beats[members])
    origin = round(SLOPES_S[0] * stretch.rate)
    on, off = qrs_bounds(slopes, stretch.rate, origin)
    spike = _spike(aligned, stretch.spikes, stretch.rate)
    least = SPIKE_TO_QRS_S * stretch.rate
    if spike is not None and (start := origin + spike + least) < off - least:
        on = max(on, start)
    qrs = (on - origin, off - origin)
    pr_end = qrs[0]
    if spike is not None and qrs[0] - SPOILT_S * stretch.rate < spike:
        pr_end = min(pr_end, spike - CLEAR_S * stretch.rate)
    return _Group(members, aligned, qrs, pr_end, dominant, stretch.classes[members[0]])


@dataclass(frozen=True, slots=True)
class _Room:
    """Intervals to the neighbours of a group's beats, s: usual, and after them also a short one."""

    before: float
    shortest_before: float
    after: tuple[float, float]


def _room(group: _Group, intervals: Signal) -> _Room:
    """How far the beats of a group may reach; *intervals* are those between all beats, s."""
    usual = float(median(intervals)) if len(intervals) else DEFAULT_INTERVAL_S
    short = quantile(intervals.tolist(), SHORT_RR) if len(intervals) else usual
    if group.dominant:
        return _Room(usual, short, (usual, short))
    before = np.concatenate([[usual], intervals])[group.members]
    after = np.concatenate([intervals, [usual]])[group.members]
    ahead = max(SHORTEST_INTERVAL_S, min(float(median(before)), usual))
    longest = usual if group.kind is BeatClass.VENTRICULAR else short
    behind = max(SHORTEST_INTERVAL_S, min(float(median(after)), longest))
    return _Room(ahead, ahead, (behind, behind))


def _placed(marks: Marks, at: int, length: int) -> list[int]:
    """Sample numbers of the marks of a beat at *at*; a P or T wave that the record cuts is left out."""
    placed: list[int] = []
    for first in range(0, len(NAMES), 3):
        offsets = [getattr(marks, name) for name in NAMES[first : first + 3]]
        places = [NONE if offset is None else round(at + offset) for offset in offsets]
        if NAMES[first] == "qrs_on":
            places = [min(max(place, 0), length - 1) for place in places]
        whole = all(0 <= place < length for place in places)
        placed += places if whole else [NONE] * 3
    return placed


def _spike(beats: Index, spikes: Index, rate: float) -> float | None:
    """Median place of the pacemaker spike before *beats*, in samples from them; ``None`` if not paced."""
    before = [at - spikes[spikes <= at][-1] for at in beats if (spikes <= at).any()]
    near = [each for each in before if TO_QRS_S[0] * rate <= each <= TO_QRS_S[1] * rate]
    return -quantile(near, 0.5) if len(near) > len(beats) / 2 else None
