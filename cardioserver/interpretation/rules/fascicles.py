"""Blocks of the fascicles of the left bundle branch, alone and with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import net_qrs, q_depth, r_height, s_depth, shape
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.rules.printerval import FIRST_DEGREE
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.measurements import LeadMeasurements

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"
MARKED_LEFT, FURTHEST = -45.0, -90.0
FURTHEST_WITH_RIGHT = -180.0  # the late forces of the right ventricle turn the axis on
LEFT_AXIS = -30.0  # as far as here if the terminal forces turn as they do in this block
WARNER = "R. Warner et al., Am. J. Cardiol. 51:718, 1983"
POSTERIOR_AXIS = (100.0, 180.0)  # AHA: from 90°, where young and slender people are, too
CLEAR_POSTERIOR_AXIS = 110.0

LAFB = Term(
    "LAFB", Section.CONDUCTION, Severity.ABNORMAL,
    "Left anterior fascicular block", "Блокада передней ветви левой ножки пучка Гиса", SOURCE,
)  # fmt: skip
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
TERMS = (LAFB, LPFB, BIFASCICULAR, TRIFASCICULAR)


def fascicles(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Anterior or posterior, and what they make together with the right bundle branch."""
    right = said(found, CRBBB)
    axis = case.axis
    if axis is None or not case.is_readable or not case.is_adult or said(found, CLBBB, WPW):
        return
    furthest = FURTHEST_WITH_RIGHT if right else FURTHEST
    block = _anterior(case, axis, furthest) or _posterior(case, axis)
    if block is None:
        return
    yield block
    if right:
        yield (TRIFASCICULAR if said(found, FIRST_DEGREE) else BIFASCICULAR).state()


def _anterior(case: Case, axis: float, furthest: float) -> Statement | None:
    """Axis far to the left; rS in II, III and aVF; q in I or aVL."""
    inferior = [case.lead(name) for name in (Lead.II, Lead.III, Lead.aVF)]
    begins_down = q_depth(case.lead(Lead.aVL)) > 0 or q_depth(case.lead(Lead.I)) > 0
    if not begins_down or any(s_depth(lead) <= r_height(lead) for lead in inferior):
        return None
    facts = _shapes(case, Lead.II, Lead.III, Lead.aVL)
    if furthest <= axis <= MARKED_LEFT:
        return LAFB.state(Fact("qrs_axis", axis, "°", f"{furthest:g} … {MARKED_LEFT:g}"), *facts)
    if MARKED_LEFT < axis <= LEFT_AXIS and _turns_to_the_right(case):
        turn = Fact("qrs_axis", axis, "°", f"≤ {LEFT_AXIS:g}")
        return LAFB.state(turn, *facts, certainty=Certainty.PROBABLE, source=WARNER)
    return None


def _turns_to_the_right(case: Case) -> bool:
    """aVL and aVR both end with an R wave, and that of aVR peaks later."""
    left, right = case.lead(Lead.aVL), case.lead(Lead.aVR)
    if left is None or right is None or left.activation_ms is None or right.activation_ms is None:
        return False
    return _ends_up(left) and _ends_up(right) and right.activation_ms > left.activation_ms


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
    facts = [Fact("qrs_axis", axis, "°", f"{low:g} … {high:g}"), *_shapes(case, Lead.I, Lead.aVL, Lead.III)]
    sure = axis >= CLEAR_POSTERIOR_AXIS
    return LPFB.state(*facts, certainty=Certainty.PROBABLE if sure else Certainty.POSSIBLE)


def _shapes(case: Case, *leads: Lead) -> list[Fact]:
    return [Fact(f"{lead.label}.shape", shape(case.lead(lead))) for lead in leads]


def _ends_up(lead: LeadMeasurements) -> bool:
    return (lead.r2 is not None and lead.s2 is None) or (lead.r1 is not None and lead.s1 is None)
