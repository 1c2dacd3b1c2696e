"""Block of the posterior fascicle of the left bundle branch, and of several fascicles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import net_qrs, q_depth, shapes
from cardioserver.interpretation.rules.anteriorfascicle import LAFB
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.rules.printerval import FIRST_DEGREE
from cardioserver.interpretation.rules.rightventricle import RVH
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"
POSTERIOR_AXIS = (100.0, 180.0)  # AHA: from 90°, where young and slender people are, too
CLEAR_POSTERIOR_AXIS = 110.0

LPFB = Term(
    "LPFB", Section.CONDUCTION, Severity.ABNORMAL,
    "Left posterior fascicular block (in the absence of right ventricular hypertrophy)",
    "Блокада задней ветви левой ножки пучка Гиса (при отсутствии гипертрофии правого желудочка)", SOURCE,
)  # fmt: skip
BIFASCICULAR = Term(
    "BLOCK_BIFASCICULAR", Section.CONDUCTION, Severity.ABNORMAL,
    "Bifascicular block", "Двухпучковая блокада", SOURCE,
)  # fmt: skip
TRIFASCICULAR = Term(
    "BLOCK_TRIFASCICULAR", Section.CONDUCTION, Severity.ABNORMAL,
    "Bifascicular block with a prolonged PR interval (trifascicular block)",
    "Двухпучковая блокада с удлинением PQ (трёхпучковая блокада)", SOURCE,
)  # fmt: skip
TERMS = (LPFB, BIFASCICULAR, TRIFASCICULAR)


def posterior_fascicle(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """The posterior fascicle, unless the right ventricle turns the axis; two fascicles, or three."""
    axis = case.axis
    if axis is None or not case.is_readable or not case.is_adult or said(found, CLBBB, WPW):
        return
    block = None if said(found, RVH, LAFB) else _posterior(case, axis)
    if block is not None:
        yield block
    if said(found, CRBBB) and (block is not None or said(found, LAFB)):
        yield (TRIFASCICULAR if said(found, FIRST_DEGREE) else BIFASCICULAR).state()


def _posterior(case: Case, axis: float) -> Statement | None:
    """Axis to the right; rS in I and aVL, qR in III and aVF."""
    low, high = POSTERIOR_AXIS
    if not low <= axis <= high:
        return None
    down = [case.lead(name) for name in (Lead.I, Lead.aVL)]
    up = [case.lead(name) for name in (Lead.III, Lead.aVF)]
    if any(lead is None or lead.r1 is None or net_qrs(lead) >= 0 for lead in down):
        return None
    if any(q_depth(lead) == 0 or net_qrs(lead) <= 0 for lead in up):
        return None
    facts = [Fact("qrs_axis", axis, "°", f"{low:g} … {high:g}"), *shapes(*down, up[0])]
    sure = axis >= CLEAR_POSTERIOR_AXIS
    return LPFB.state(*facts, certainty=Certainty.PROBABLE if sure else Certainty.POSSIBLE)
