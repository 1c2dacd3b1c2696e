"""Onset, peak and offset of the waves of every beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.signal.average import AverageBeat, average_beat, level
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.delineation import Marks, delineate
from cardioserver.signal.mains import mains_sizes, remove_mains
from cardioserver.signal.pacing import TO_QRS_S, without_spikes

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

NAMES = ("p_on", "p_peak", "p_off", "qrs_on", "r_peak", "qrs_off", "t_on", "t_peak", "t_off")
NONE = -1
CHUNK_S = 60.0  # the representative beat follows changes of shape and rate that are slower than this
LONG_S = 90.0
DEFAULT_INTERVAL_S = 0.8
SHORT_RR = 0.2  # quantile of RR that bounds the search: in an irregular rhythm many beats come early
SHORTEST_INTERVAL_S = 0.4
SAME_S = 0.02
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
        The representative beat of the dominant class (of the longest chunk of a long record), if any.
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


def find_fiducials(samples: Signal, rate: float, beats: Beats) -> Fiducials:
    """Delineate every beat of a record of any length.

    Like beats are delineated together by their representative beat, others one by one.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, finite (see :func:`~cardioserver.signal.beats.bridged`).
    rate
        Hz.
    beats
        From :func:`~cardioserver.signal.beats.find_beats`.
    """
    count = len(beats.samples)
    found = np.full((count, len(NAMES)), NONE, dtype=np.intp)
    dominant = beats.dominant
    length = samples.shape[1]
    chunks = 1 if length <= LONG_S * rate else int(length / (CHUNK_S * rate))
    best: tuple[AverageBeat, Marks] | None = None
    for chunk in range(chunks):
        begin, end = length * chunk // chunks, length * (chunk + 1) // chunks
        mine = np.flatnonzero((beats.samples >= begin) & (beats.samples < end))
        if not len(mine):
            continue
        start, stop = max(begin - round(rate), 0), min(end + round(rate), length)
        spikes = beats.spikes[(beats.spikes >= start) & (beats.spikes < stop)] - start
        piece = without_spikes(samples[:, start:stop], rate, spikes)
        piece = _without_mains(piece, rate, len(mine))
        local = beats.samples[mine] - start
        leveled = level(piece, rate, local)
        chunk_beats = _ChunkBeats(local, dominant[mine], [beats.classes[each] for each in mine], spikes)
        rows, usual = _chunk(leveled, rate, chunk_beats)
        found[mine] = np.where(rows == NONE, NONE, rows + start)
        if usual and (best is None or len(usual[0].beats) > len(best[0].beats)):
            best = usual
    found[(found < 0) | (found >= length)] = NONE
    return Fiducials(found, best[0] if best else None, best[1] if best else None)


def _without_mains(samples: Signal, rate: float, beats: int) -> Signal:
    """*samples* without mains, if enough of it is left in the mean of *beats* to move a mark."""
    sizes = np.median(mains_sizes(samples, rate), axis=0)
    if sizes.max() < LEAST_MAINS_UV * np.sqrt(beats):
        return samples
    return remove_mains(samples, rate, MAINS_HZ[int(sizes.argmax())])


@dataclass(frozen=True, slots=True)
class _ChunkBeats:
    """The beats of a stretch of the record, in samples of it."""

    samples: Index
    dominant: npt.NDArray[np.bool_]
    classes: list[BeatClass]
    spikes: Index


def _chunk(
    leveled: Signal, rate: float, beats: _ChunkBeats
) -> tuple[Index, tuple[AverageBeat, Marks] | None]:
    """Marks of the beats of one chunk; its representative beat and that one's marks."""
    rows = np.full((len(beats.samples), len(NAMES)), NONE, dtype=np.intp)
    intervals = np.diff(beats.samples) / rate
    usual = float(np.median(intervals)) if len(intervals) else DEFAULT_INTERVAL_S
    short = float(np.quantile(intervals, SHORT_RR)) if len(intervals) else usual
    average = average_beat(leveled, rate, beats.samples[beats.dominant], short)
    marks = None
    if average:
        marks = delineate(average, rate, (usual, short), _spike(average.beats, beats.spikes, rate))
    for number, (at, kind) in enumerate(zip(beats.samples, beats.classes, strict=True)):
        own, moved = marks, 0
        if average is not None and beats.dominant[number]:
            nearest = average.beats[np.abs(average.beats - at).argmin()]
            moved = int(nearest - at) if abs(nearest - at) < SAME_S * rate else 0
        elif kind is BeatClass.VENTRICULAR or marks is None:
            after = intervals[number] if number < len(intervals) else usual
            reach = max(SHORTEST_INTERVAL_S, min(after, usual))
            single = average_beat(leveled, rate, beats.samples[number : number + 1], reach)
            own = delineate(single, rate, (reach, reach)) if single else None
        if own is not None:
            rows[number] = _placed(own, int(at) + moved, kind)
    return rows, (average, marks) if average is not None and marks is not None else None


def _placed(marks: Marks, at: int, kind: BeatClass) -> list[int]:
    """Sample numbers of the marks of a beat at *at*; a ventricular beat has no P wave of its own."""
    placed = []
    for name in NAMES:
        offset = getattr(marks, name)
        absent = offset is None or (kind is BeatClass.VENTRICULAR and name.startswith("p_"))
        placed.append(NONE if absent else max(round(at + offset), NONE))
    return placed


def _spike(beats: Index, spikes: Index, rate: float) -> float | None:
    """Median place of the pacemaker spike before *beats*, in samples from them; ``None`` if not paced."""
    before = [at - spikes[spikes <= at][-1] for at in beats if (spikes <= at).any()]
    near = [each for each in before if each <= TO_QRS_S[1] * rate]
    return -float(np.median(near)) if len(near) > len(beats) / 2 else None
