"""The ventricular rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term

SLOW, FAST = 60.0, 100.0  # beats a minute
SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325)"

NORMAL_RATE = Term(
    "RATE_NORMAL",
    Section.RATE,
    Severity.NORMAL,
    "Normal rate, HR = {rate:.0f} bpm",
    "Нормосистолия, ЧСС = {rate:.0f} уд/мин",
    SOURCE,
)
SLOW_RATE = Term(
    "RATE_SLOW",
    Section.RATE,
    Severity.BORDERLINE,
    "Slow rate, HR = {rate:.0f} bpm",
    "Брадисистолия, ЧСС = {rate:.0f} уд/мин",
    SOURCE,
)
FAST_RATE = Term(
    "RATE_FAST",
    Section.RATE,
    Severity.BORDERLINE,
    "Fast rate, HR = {rate:.0f} bpm",
    "Тахисистолия, ЧСС = {rate:.0f} уд/мин",
    SOURCE,
)
TERMS = (NORMAL_RATE, SLOW_RATE, FAST_RATE)


def rate(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Slow, normal or fast."""
    value = case.measurements.rate
    if value is None:
        return
    term, limit = NORMAL_RATE, f"{SLOW:g}–{FAST:g}"
    if value < SLOW:
        term, limit = SLOW_RATE, f"< {SLOW:g}"
    elif value > FAST:
        term, limit = FAST_RATE, f"> {FAST:g}"
    yield term.state(Fact("rate", value, "/min", limit), rate=value)
