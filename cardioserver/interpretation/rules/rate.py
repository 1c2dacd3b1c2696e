"""The ventricular rate, and how regular the beats are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.interpretation.beatseries import BeatSeries
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass

SLOW, FAST = 60.0, 100.0  # beats a minute
MARKED = (45.0, 110.0)
"""Rates beyond which the ECG is not normal any more: healthy people reach 49 to 88 at rest (2nd and 98th
percentile of women, P. Rautaharju et al., J. Electrocardiol. 2013), men a few beats less."""
SEVERE = (40.0, 130.0)
SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325)"
RIGID_MS = 50.0  # as Russian reports use the word: the RR intervals differ by less than 0.05 s
FEWEST_INTERVALS = 5

NORMAL_RATE = Term(
    "RATE_NORMAL", Section.RATE, Severity.NORMAL,
    "Normal rate,{regularity_en} HR = {rate:.0f} bpm",
    "Нормосистолия,{regularity_ru} ЧСС = {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
SLOW_RATE = Term(
    "RATE_SLOW", Section.RATE, Severity.BORDERLINE,
    "Slow rate,{regularity_en} HR = {rate:.0f} bpm",
    "Брадисистолия,{regularity_ru} ЧСС = {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
FAST_RATE = Term(
    "RATE_FAST", Section.RATE, Severity.BORDERLINE,
    "Fast rate,{regularity_en} HR = {rate:.0f} bpm",
    "Тахисистолия,{regularity_ru} ЧСС = {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
TERMS = (NORMAL_RATE, SLOW_RATE, FAST_RATE)

RIGID = Phrase(" rigid rhythm,", " ритм ригидный,")
UNSAID = Phrase("", "")


def limits(case: Case) -> tuple[float, float, str]:
    """The slowest and the fastest normal rate of the person, and who says so."""
    usual = norm(case.person, Quantity.RATE)
    if usual is None or usual.low is None:
        return SLOW, FAST, SOURCE
    return usual.low, usual.high, usual.source


def severity(case: Case, rate: float) -> Severity:
    """What a rate makes of the ECG; in children every rate beyond the limits is borderline."""
    slow, fast, _ = limits(case)
    if slow <= rate <= fast:
        return Severity.NORMAL
    if not case.is_adult:
        return Severity.BORDERLINE
    if rate < SEVERE[0] or rate > SEVERE[1]:
        return Severity.ABNORMAL
    return Severity.BORDERLINE if rate < MARKED[0] or rate > MARKED[1] else Severity.NORMAL


def rate(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Slow, normal or fast."""
    value = case.measurements.rate
    if value is None:
        return
    slow, fast, source = limits(case)
    said = round(value)  # what is printed is what is judged
    term, limit = NORMAL_RATE, f"{slow:g}–{fast:g}"
    if said < slow:
        term, limit = SLOW_RATE, f"< {slow:g}"
    elif said > fast:
        term, limit = FAST_RATE, f"> {fast:g}"
    regularity = UNSAID if term is FAST_RATE else _regularity(case)
    yield term.state(
        Fact("rate", value, "/min", limit),
        severity=severity(case, said),
        source=source,
        rate=value,
        regularity_en=regularity.en,
        regularity_ru=regularity.ru,
    )


def _regularity(case: Case) -> Phrase:
    """Whether beats that follow P waves come like a clock; no news of a pacemaker or of a fast rate."""
    if case.dominant is BeatClass.PACED or case.measurements.pr is None:
        return UNSAID
    intervals = BeatSeries.of(case).intervals * 1000
    rigid = len(intervals) >= FEWEST_INTERVALS and float(intervals.max() - intervals.min()) < RIGID_MS
    return RIGID if rigid else UNSAID
