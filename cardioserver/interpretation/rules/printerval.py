"""The PR interval, where each P wave is conducted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import LONGEST_P_MS
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.rules import escape, rhythm
from cardioserver.interpretation.rules.avblock import GUIDELINE, THIRD_DEGREE
from cardioserver.interpretation.rules.fibrillation import FIBRILLATION, FLUTTER
from cardioserver.interpretation.rules.pacing import PACED
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term, said

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), category H"
LONG_MS, SHORT_MS = 200.0, 120.0
EXACT_MS = 10.0  # by which a measured PR may be off (IEC 60601-2-25)
BLOCKED_MS = LONG_MS + EXACT_MS
"""Surely longer than 200 ms; one in fifty of 46,129 healthy adults exceeds 212 ms (J. Mason et al., J.
Electrocardiol. 40:228, 2007)."""
CODED_MS = 220.0  # Minnesota code 6-3 (H. Blackburn et al., Circulation 21:1160, 1960)
NO_PR = (FIBRILLATION, FLUTTER, PACED, THIRD_DEGREE, rhythm.RETROGRADE, *escape.TERMS)

FIRST_DEGREE = Term(
    "1AVB", Section.CONDUCTION, Severity.ABNORMAL,
    "First-degree AV block (PR = {pr:.0f} ms)", "АВ-блокада I степени (PQ = {pr:.0f} мс)", GUIDELINE,
)  # fmt: skip
LONG = Term(
    "LPR", Section.CONDUCTION, Severity.NORMAL,
    "PR interval at the upper limit of normal (PR = {pr:.0f} ms)",
    "Интервал PQ на верхней границе нормы (PQ = {pr:.0f} мс)", SOURCE,
)  # fmt: skip
SHORT = Term(
    "SHTPR", Section.CONDUCTION, Severity.NORMAL,  # without a delta wave a variant of normal
    "Short PR interval (PR = {pr:.0f} ms)", "Укорочение интервала PQ (PQ = {pr:.0f} мс)", SOURCE,
)  # fmt: skip
TERMS = (FIRST_DEGREE, LONG, SHORT)


def pr_interval(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """AV block of first degree, long and short PR intervals; nothing if P seems to begin too early."""
    if case.measurements.pr is None or (case.measurements.p or 0.0) > LONGEST_P_MS or said(found, *NO_PR):
        return
    pr = float(round(case.measurements.pr))
    usual = norm(case.person, Quantity.PR)
    if usual is None:
        short, long, blocked, source = SHORT_MS, LONG_MS, BLOCKED_MS, GUIDELINE
    else:
        short, long, blocked, source = usual.low or 0.0, usual.high, usual.high, usual.source
    if pr > long and pr >= blocked:
        slight = usual is None and pr < CODED_MS
        yield FIRST_DEGREE.state(
            Fact("pr", pr, "ms", f"≥ {blocked:g}"),
            source=source, severity=Severity.BORDERLINE if slight else None, pr=pr,
        )  # fmt: skip
    elif pr > long:
        yield LONG.state(Fact("pr", pr, "ms", f"> {long:g}"), pr=pr)
    elif pr < short and not said(found, WPW):
        yield SHORT.state(Fact("pr", pr, "ms", f"< {short:g}"), pr=pr)
