"""Conduction along an accessory pathway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"
SHORT_PR_MS, WIDE_QRS_MS, VERY_WIDE_QRS_MS = 120.0, 110.0, 120.0
SHARE = 0.3  # of the largest QRS vector; a normal QRS has reached it after 24 to 42 ms
SLOW_MS = 44.0

WPW = Term(
    "WPW", Section.CONDUCTION, Severity.ABNORMAL,
    "Ventricular preexcitation, Wolff–Parkinson–White pattern (PR = {pr:.0f} ms, QRS = {qrs:.0f} ms)",
    "Предвозбуждение желудочков, феномен WPW (PQ = {pr:.0f} мс, QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
TERMS = (WPW,)


def preexcitation(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """A short PR and a QRS that is wide because it begins slowly."""
    pr, qrs, slow = case.measurements.pr, case.measurements.qrs, _rise_ms(case)
    if pr is None or qrs is None or slow is None or not case.is_readable:
        return
    child_pr, child_qrs = norm(case.person, Quantity.PR), norm(case.person, Quantity.QRS)
    short = SHORT_PR_MS if child_pr is None else child_pr.low or 0.0
    wide = WIDE_QRS_MS if child_qrs is None else child_qrs.high
    if pr >= short or qrs < wide or slow < SLOW_MS:
        return
    yield WPW.state(
        Fact("pr", pr, "ms", f"< {short:g}"),
        Fact("qrs", qrs, "ms", f"≥ {wide:g}"),
        Fact("delta_wave", slow, "ms", f"≥ {SLOW_MS:g}"),
        certainty=Certainty.DEFINITE if qrs >= VERY_WIDE_QRS_MS else Certainty.PROBABLE,
        pr=pr,
        qrs=qrs,
    )


def _rise_ms(case: Case) -> float | None:
    """How long after its onset the QRS vector reaches :data:`SHARE` of its largest size."""
    beat, marks = case.analysis.fiducials.average, case.analysis.fiducials.marks
    if beat is None or marks is None:
        return None
    on, off = max(round(beat.origin + marks.qrs_on), 0), round(beat.origin + marks.qrs_off)
    size = np.sqrt(((beat.samples[:, on : off + 1] - beat.samples[:, on : on + 1]) ** 2).mean(axis=0))
    return float((size >= SHARE * size.max()).argmax()) * 1000 / beat.rate
