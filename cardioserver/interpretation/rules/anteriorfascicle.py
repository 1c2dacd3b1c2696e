"""Block of the anterior fascicle of the left bundle branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import q_depth, r_height, s_depth, shapes
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.measurements import LeadMeasurements

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"
MARKED_LEFT, FURTHEST = -45.0, -90.0
FURTHEST_WITH_RIGHT = -180.0  # the late forces of the right ventricle turn the axis on
LEFT_AXIS = -30.0  # as far as here if the terminal forces turn as they do in this block
WARNER = "R. Warner et al., Am. J. Cardiol. 51:718, 1983"

LAFB = Term(
    "LAFB", Section.CONDUCTION, Severity.ABNORMAL,
    "Left anterior fascicular block", "Блокада передней ветви левой ножки пучка Гиса", SOURCE,
)  # fmt: skip
TERMS = (LAFB,)


def anterior_fascicle(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Axis far to the left; rS in II, III and aVF; q in I or aVL."""
    axis = case.axis
    if axis is None or not case.is_readable or not case.is_adult or said(found, CLBBB, WPW):
        return
    furthest = FURTHEST_WITH_RIGHT if said(found, CRBBB) else FURTHEST
    one, left = case.lead(Lead.I), case.lead(Lead.aVL)
    two, *others = (case.lead(name) for name in (Lead.II, Lead.III, Lead.aVF))
    begins = (q_depth(left) > 0 or q_depth(one) > 0) and q_depth(two) == 0  # Q in II: inferior infarction
    if not begins or any(s_depth(lead) <= r_height(lead) for lead in (two, *others)):
        return
    facts = shapes(two, case.lead(Lead.III), left)
    if furthest <= axis <= MARKED_LEFT:
        yield LAFB.state(Fact("qrs_axis", axis, "°", f"{furthest:g} … {MARKED_LEFT:g}"), *facts)
    elif MARKED_LEFT < axis <= LEFT_AXIS and _turns_to_the_right(case):
        turn = Fact("qrs_axis", axis, "°", f"≤ {LEFT_AXIS:g}")
        yield LAFB.state(turn, *facts, certainty=Certainty.PROBABLE, source=WARNER)


def _turns_to_the_right(case: Case) -> bool:
    """aVL and aVR both end with an R wave, and that of aVR peaks later."""
    left, right = case.lead(Lead.aVL), case.lead(Lead.aVR)
    if left is None or right is None or left.activation_ms is None or right.activation_ms is None:
        return False
    return _ends_up(left) and _ends_up(right) and right.activation_ms > left.activation_ms


def _ends_up(lead: LeadMeasurements) -> bool:
    return (lead.r2 is not None and lead.s2 is None) or (lead.r1 is not None and lead.s1 is None)
