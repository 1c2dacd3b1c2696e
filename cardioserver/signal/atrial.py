"""What the atria do: P waves in step with the QRS, fibrillation, flutter, or waves of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal import cancellation, intervals
from cardioserver.signal.atrialwaves import P_BAND_HZ, lone_waves, steps, windows_before
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.cancellation import Ventricles
from cardioserver.signal.fiducials import NONE, Fiducials
from cardioserver.signal.flutterwaves import AtrialCycle, conducted_cycle, flutter_band, free_cycle, wave_size
from cardioserver.signal.pacing import without_spikes

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

SPAN_S = 60.0  # longer records are looked at in spans of about this length
LONG_S = 90.0
MARGIN_S = 1.0
FEWEST_BEATS = 3
ON_TIME = 0.8  # of the mean interval; beats that come earlier may have P waves of their own
FEWEST_ON_TIME = 4
REGULAR = 0.85  # likeness of the RR intervals from which on T waves cannot be cancelled
IN_STEP = 0.45  # correlation of what precedes the QRS above which it is a P wave
EQUAL = 0.8  # fit of a conduction ratio from which on it is flutter
REPEATING = 0.5  # fit of an atrial cycle from which on P waves in step with the QRS are flutter waves
ORGANISED = 0.6  # the same where no wave is in step with the QRS: coarse fibrillation reaches 0.5
FLUTTER_S = (0.16, 0.30)
FIBRILLATION = (6.0, -9.5, -5.4)  # log odds: constant, P waves in step, likeness of RR intervals
QRS_S = (0.05, 0.06)  # about the steepest place, where it was not delineated
T_END_S = 0.36


class AtrialActivity(StrEnum):
    """What is seen of the atria."""

    P_WAVES = "p-waves"  # in step with the QRS
    FIBRILLATION = "fibrillation"
    FLUTTER = "flutter"
    UNKNOWN = "unknown"  # none in step with the QRS, none that tells of itself


@dataclass(frozen=True, slots=True)
class AtrialSpan:
    """The atria during a part of the record.

    Attributes
    ----------
    start, stop
        Samples of the record.
    activity
        What they do.
    odds
        Natural logarithm of the odds of fibrillation against P waves, where both were weighed.
    in_step
        Median correlation of what precedes a QRS with what precedes the others, -1 to 1.
    alike
        Share of pairs of RR intervals that are alike, 0 to 1.
    cycle
        Interval of flutter or fibrillatory waves, s.
    regularity
        How well the waves repeat after it, up to 1.
    ratio
        Flutter waves for each QRS, if constant.
    size
        Root mean square of the waves, µV.
    lone
        Samples of P waves that no QRS follows.
    """

    start: int
    stop: int
    activity: AtrialActivity
    odds: float | None = None
    in_step: float | None = None
    alike: float | None = None
    cycle: float | None = None
    regularity: float | None = None
    ratio: int | None = None
    size: float | None = None
    lone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Atrial:
    """The atria during the record, span after span."""

    spans: tuple[AtrialSpan, ...]

    def share(self, *activities: AtrialActivity) -> float:
        """Part of the record in which they do one of *activities*, 0 to 1."""
        total = sum(span.stop - span.start for span in self.spans)
        time = sum(span.stop - span.start for span in self.spans if span.activity in activities)
        return time / total if total else 0.0


def find_atrial(
    samples: Signal, rate: float, leads: Sequence[Lead], beats: Beats, fiducials: Fiducials
) -> Atrial:
    """Look at the atria of a record of any length.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, finite, unfiltered.
    rate
        Hz.
    beats, fiducials
        Of the same record.
    """
    length = samples.shape[1]
    count = 1 if length <= LONG_S * rate else int(length / (SPAN_S * rate))
    edges = [length * number // count for number in range(count + 1)]
    return Atrial(
        tuple(
            _span(samples, rate, leads, (beats, fiducials), (start, stop))
            for start, stop in itertools.pairwise(edges)
        )
    )


def _span(
    samples: Signal,
    rate: float,
    leads: Sequence[Lead],
    found: tuple[Beats, Fiducials],
    place: tuple[int, int],
) -> AtrialSpan:
    """The atria between two samples of the record."""
    beats, fiducials = found
    margin = round(MARGIN_S * rate)
    first, last = max(place[0] - margin, 0), min(place[1] + margin, samples.shape[1])
    mine = np.flatnonzero((beats.samples >= first) & (beats.samples < last))
    if len(mine) < FEWEST_BEATS:
        return AtrialSpan(*place, AtrialActivity.UNKNOWN)
    spikes = beats.spikes[(beats.spikes >= first) & (beats.spikes < last)] - first
    piece, work = cancellation.thinned(without_spikes(samples[:, first:last], rate, spikes), rate)
    ventricles = _ventricles(beats, fiducials, mine, (first, rate, work, piece.shape[1]))
    conducted = np.array([beats.classes[beat] is not BeatClass.VENTRICULAR for beat in mine])
    rr = intervals.between(beats.samples[mine], rate, usable=conducted)
    alike = intervals.likeness(rr)
    regular = alike is None or alike >= REGULAR
    with_t = cancellation.without_qrs(piece, work, ventricles)
    atrial = with_t if regular else cancellation.without_t(with_t, ventricles)
    on_time = conducted & (np.diff(beats.samples[mine], prepend=-np.inf) >= ON_TIME * rr.mean() * rate)
    telling = on_time if on_time.sum() >= FEWEST_ON_TIME else conducted
    waves = flutter_band(atrial, leads)
    windows = windows_before(atrial.band(P_BAND_HZ), work, ventricles.onsets, telling)
    in_step = steps(windows)
    lone = np.round(lone_waves(with_t, ventricles, in_step, windows) * rate / work).astype(int) + first
    return _judged(
        AtrialSpan(
            *place,
            AtrialActivity.UNKNOWN,
            in_step=float(np.median(in_step)) if len(in_step) else None,
            alike=alike,
            size=wave_size(waves),
            lone=tuple(lone[(lone >= place[0]) & (lone < place[1])].tolist()),
        ),
        conducted_cycle(flutter_band(with_t, leads), ventricles.onsets),
        None if regular else free_cycle(waves),
    )


def _judged(span: AtrialSpan, conducted: AtrialCycle | None, free: AtrialCycle | None) -> AtrialSpan:
    """*span* with its activity.

    Parameters
    ----------
    conducted
        Of which a whole number makes an RR interval.
    free
        Of an irregular rhythm.
    """
    if conducted is not None and conducted.regularity >= EQUAL:
        return _with_cycle(span, conducted, AtrialActivity.FLUTTER)
    in_step, alike = span.in_step, span.alike
    if in_step is None or alike is None:
        return span
    if free is not None:
        constant, steady, returning = FIBRILLATION
        odds = constant + steady * in_step + returning * alike
        span = replace(span, odds=odds)
        need = ORGANISED if odds > 0 else REPEATING
        if free.regularity >= need and FLUTTER_S[0] <= free.length <= FLUTTER_S[1]:
            return _with_cycle(span, free, AtrialActivity.FLUTTER)
        if odds > 0:
            return _with_cycle(span, free, AtrialActivity.FIBRILLATION)
    return replace(span, activity=AtrialActivity.P_WAVES) if in_step >= IN_STEP else span


def _with_cycle(span: AtrialSpan, cycle: AtrialCycle, activity: AtrialActivity) -> AtrialSpan:
    return replace(
        span, activity=activity, cycle=cycle.length, regularity=cycle.regularity, ratio=cycle.ratio
    )


def _ventricles(
    beats: Beats, fiducials: Fiducials, mine: Index, piece: tuple[int, float, float, int]
) -> Ventricles:
    """QRS complexes and T waves of the beats numbered *mine*.

    *piece* is the first sample of a part of the record, the rate of the record, and the rate and number of
    samples of the thinned part.
    """
    first, rate, work, count = piece
    step = rate / work
    at = (beats.samples[mine] - first) / step
    marks = fiducials.marks
    usual = (marks.qrs_on / step, marks.qrs_off / step) if marks else (-QRS_S[0] * work, QRS_S[1] * work)
    on, off = fiducials.of("qrs_on")[mine], fiducials.of("qrs_off")[mine]
    onsets = np.where(on == NONE, at + usual[0], np.minimum((on - first) / step, at + usual[0]))
    offsets = np.where(off == NONE, at + usual[1], np.maximum((off - first) / step, at + usual[1]))
    onsets = np.clip(onsets - cancellation.MARGIN_S[0] * work, 0, count - 2)
    offsets = np.clip(np.ceil(offsets + cancellation.MARGIN_S[1] * work), onsets + 1, count - 1)
    t_end = marks.t_off / step - usual[1] if marks and marks.t_off is not None else T_END_S * work
    kinds = cancellation.kinds_of([beats.classes[beat] for beat in mine], beats.likeness[mine])
    return Ventricles(onsets.astype(np.intp), offsets.astype(np.intp), max(round(t_end), 1), kinds)
