"""Hypertrophy of the right ventricle, and of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import is_qs, net_qrs, q_depth, r_height, s_depth, shape
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.leftventricle import LVH
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said

AHA = "AHA/ACCF/HRS 2009, part V (E. Hancock et al., Circulation 119:e251)"
RIGHT_AXIS, CLEAR_RIGHT_AXIS = 90.0, 110.0
TALL_V1_UV, TALL_BLOCK_V1_UV = 700.0, 1500.0  # the latter with a right bundle-branch block
LEAST_V1_UV = 300.0  # below, R/S in V1 says nothing
SOKOLOW_UV = 1050.0  # R in V1 and S in V5 or V6
BUTLER_UV = 700.0
DEEP_V5_UV, DEEP_V6_UV = 1000.0, 300.0
AVR_UV = 500.0

RVH = Term(
    "RVH", Section.HYPERTROPHY, Severity.ABNORMAL,
    "Right ventricular hypertrophy", "Гипертрофия правого желудочка", AHA,
)  # fmt: skip
BVH = Term(
    "HYP_BIVENTRICULAR", Section.HYPERTROPHY, Severity.ABNORMAL,
    "Combined ventricular hypertrophy", "Гипертрофия обоих желудочков", AHA,
)  # fmt: skip
TERMS = (RVH, BVH)


def right_ventricle(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """An axis to the right and high voltage to the right and front."""
    axis = case.axis
    if not case.is_adult or not case.is_readable or axis is None or said(found, CLBBB, WPW):
        return
    front, side = _front(case, block=said(found, CRBBB)), _side(case)
    rightward = axis > RIGHT_AXIS or axis < -90.0
    tall = any(fact.name == "V1.r" for fact in front)
    if not front or not (rightward or (tall and side)):
        return
    turn = Fact("qrs_axis", axis, "°", f"> {RIGHT_AXIS:g}")
    certainty = Certainty.POSSIBLE
    if rightward:
        sure = len(front) > 1 and side and (axis > CLEAR_RIGHT_AXIS or axis < -90.0)
        certainty = Certainty.DEFINITE if sure else Certainty.PROBABLE
    yield RVH.state(*([turn] if rightward else []), *front, *side, certainty=certainty)
    if said(found, LVH):
        yield BVH.state(certainty=Certainty.PROBABLE)


def _front(case: Case, *, block: bool) -> list[Fact]:
    """Signs in V1; with a right bundle-branch block only a very tall R counts."""
    v1, v5, v6 = (case.lead(name) for name in (Lead.V1, Lead.V5, Lead.V6))
    if v1 is None or is_qs(v1):
        return []
    r, facts = r_height(v1), []
    tall = TALL_BLOCK_V1_UV if block else TALL_V1_UV
    if r >= tall:
        facts.append(Fact("V1.r", r, "µV", f"≥ {tall:g}"))
    if block:
        return facts
    if r >= LEAST_V1_UV and net_qrs(v1) > 0:
        facts.append(Fact("V1.r_to_s", "R > S"))
    elif q_depth(v1) > 0:
        facts.append(Fact("V1.shape", shape(v1), "", "qR"))
    left = max(s_depth(v5), s_depth(v6))
    if r + left >= SOKOLOW_UV and r >= LEAST_V1_UV:
        facts.append(Fact("sokolow_lyon_right", r + left, "µV", f"≥ {SOKOLOW_UV:g}"))
    across = max(r, r_height(case.lead(Lead.V2))) + max(s_depth(case.lead(Lead.I)), s_depth(v6)) - s_depth(v1)
    if across >= BUTLER_UV:
        facts.append(Fact("butler_leggett", across, "µV", f"≥ {BUTLER_UV:g}"))
    return facts


def _side(case: Case) -> list[Fact]:
    """Signs elsewhere: deep S to the left, tall R in aVR."""
    facts = []
    for name, limit in ((Lead.V5, DEEP_V5_UV), (Lead.V6, DEEP_V6_UV)):
        depth = s_depth(case.lead(name))
        if depth >= limit:
            facts.append(Fact(f"{name.label}.s", -depth, "µV", f"≤ -{limit:g}"))
    height = r_height(case.lead(Lead.aVR))
    if height >= AVR_UV:
        facts.append(Fact("aVR.r", height, "µV", f"≥ {AVR_UV:g}"))
    return facts
