"""What the atria do: P waves in step with the QRS, fibrillation, flutter, or waves of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from cardioserver.ecg.lead import Lead
from cardioserver.signal.atrialsigns import FEWEST_BEATS, AtrialSigns, Part, find_signs
from cardioserver.signal.beats import Beats
from cardioserver.signal.fiducials import NAMES, NONE, Fiducials
from cardioserver.signal.flutterwaves import AtrialCycle
from cardioserver.signal.trace import Trace

SPAN_S = 60.0  # longer records are looked at in spans of about this length
LONG_S = 90.0
MARGIN_S = 1.0
EQUAL = 0.8  # how equal the waves of a conduction ratio are from which on it is flutter
REPEATING = 0.5  # the same for an atrial cycle in an irregular rhythm that is no fibrillation
ORGANISED = 0.6  # the same where fibrillation, or P and T that were left in, may reach 0.5
FLUTTER_S = (0.16, 0.30)
OUT_OF_STEP = 0.12  # standard deviation of PR as a share of PP; it is 0.29 for chance
FEWEST_PR = 3


class AtrialActivity(StrEnum):
    """What is seen of the atria."""

    P_WAVES = "p-waves"  # in step with the QRS
    FIBRILLATION = "fibrillation"
    FLUTTER = "flutter"
    DISSOCIATED = "dissociated"  # P waves on their own, out of step with the QRS
    UNKNOWN = "unknown"  # none in step with the QRS, none that tells of itself


WILD = frozenset({AtrialActivity.FIBRILLATION, AtrialActivity.FLUTTER})
"""What leaves no P wave."""


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
    p_shapes
        How many shapes of P waves several beats share.
    alike
        Share of pairs of RR intervals that are alike, 0 to 1.
    cycle
        Interval of flutter or fibrillatory waves, s.
    regularity
        How well the waves repeat after it, up to 1.
    ratio
        Flutter waves for each QRS, if constant.
    wave_size
        Root mean square of what the atria show between 3.5 and 20 Hz, µV.
    p_places
        Samples of the P waves of atria that beat faster or slower than the ventricles, as far as seen.
    p_interval
        Between these, s.
    """

    start: int
    stop: int
    activity: AtrialActivity
    odds: float | None = None
    in_step: float | None = None
    p_shapes: int = 0
    alike: float | None = None
    cycle: float | None = None
    regularity: float | None = None
    ratio: int | None = None
    wave_size: float | None = None
    p_places: tuple[int, ...] = ()
    p_interval: float | None = None


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
    trace: Trace, rate: float, leads: Sequence[Lead], beats: Beats, fiducials: Fiducials
) -> Atrial:
    """Look at the atria of a record of any length.

    Parameters
    ----------
    trace
        The record, unfiltered.
    rate
        Hz.
    beats, fiducials
        Of the same record.
    """
    return Atrial(
        tuple(
            _span(trace, rate, leads, (beats, fiducials), (start, stop))
            for start, stop in trace.spans(SPAN_S * rate, uncut=LONG_S * rate)
        )
    )


def without_p(fiducials: Fiducials, beats: Beats, atrial: Atrial) -> Fiducials:
    """*fiducials* without P waves where the atria fibrillate or flutter."""
    wild = np.zeros(len(beats.samples), dtype=np.bool_)
    for span in atrial.spans:
        if span.activity in WILD:
            wild |= (beats.samples >= span.start) & (beats.samples < span.stop)
    if not wild.any():
        return fiducials
    samples = fiducials.samples.copy()
    samples[wild, : NAMES.index("qrs_on")] = NONE
    marks = fiducials.marks
    if marks is not None and wild.mean() > 0.5:
        marks = replace(marks, p_on=None, p_peak=None, p_off=None)
    return replace(fiducials, samples=samples, marks=marks)


def _span(
    trace: Trace,
    rate: float,
    leads: Sequence[Lead],
    found: tuple[Beats, Fiducials],
    place: tuple[int, int],
) -> AtrialSpan:
    """The atria between two samples of the record."""
    beats, fiducials = found
    margin = round(MARGIN_S * rate)
    first, last = max(place[0] - margin, 0), min(place[1] + margin, trace.length)
    mine = np.flatnonzero((beats.samples >= first) & (beats.samples < last))
    if len(mine) < FEWEST_BEATS:
        return AtrialSpan(*place, AtrialActivity.UNKNOWN)
    signs = find_signs(Part(trace.piece(first, last), first, mine), rate, leads, beats, fiducials)
    activity = _activity(signs)
    cycle = _flutter_cycle(signs) or (signs.free if activity in WILD else None)
    return AtrialSpan(
        *place,
        activity,
        odds=signs.odds,
        in_step=signs.in_step,
        p_shapes=signs.p_shapes,
        alike=signs.alike,
        cycle=cycle.length if cycle else None,
        regularity=cycle.regularity if cycle else None,
        ratio=cycle.ratio if cycle else None,
        wave_size=signs.wave_size,
        p_places=tuple(signs.train.places.tolist()) if signs.train else (),
        p_interval=signs.train.interval if signs.train else None,
    )


def _activity(signs: AtrialSigns) -> AtrialActivity:
    """What the signs mean together; a train of P waves rules out fibrillation."""
    wild = signs.odds is not None and signs.odds > 0
    if _flutter_cycle(signs) is not None:
        return AtrialActivity.FLUTTER
    if wild and signs.train is None:
        return AtrialActivity.FIBRILLATION
    if signs.is_regular and _out_of_step(signs):
        return AtrialActivity.DISSOCIATED
    seen = signs.has_p_waves or (signs.train is not None and not signs.is_regular)
    return AtrialActivity.P_WAVES if seen else AtrialActivity.UNKNOWN


def _flutter_cycle(signs: AtrialSigns) -> AtrialCycle | None:
    """The cycle that makes it flutter, if one does."""
    if signs.conducted is not None and signs.conducted.regularity >= EQUAL:
        return signs.conducted
    wild = signs.odds is not None and signs.odds > 0
    for cycle, need in ((signs.free, ORGANISED if wild else REPEATING), (signs.free_with_t, ORGANISED)):
        if cycle is not None and cycle.regularity >= need and FLUTTER_S[0] <= cycle.length <= FLUTTER_S[1]:
            return cycle if signs.train is None else None
    return None


def _out_of_step(signs: AtrialSigns) -> bool:
    """Whether the distance from the P waves of the train to the QRS wanders."""
    if signs.train is None or signs.pr is None or len(signs.pr) < FEWEST_PR:
        return False
    return float(signs.pr.std()) > OUT_OF_STEP * signs.train.interval
