"""Enlarged atria."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import LONGEST_P_MS
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.signal.measurements import LeadMeasurements

AHA = "AHA/ACCF/HRS 2009, part V (E. Hancock et al., Circulation 119:e251)"
NO_P = frozenset({"AFIB", "AFLT", "SVTAC", "PSVT", "3AVB"})
"""Rhythms in which what looks like a P wave is none, or is not measured."""
SINUS_AXIS = (0.0, 90.0)  # degrees; beyond, the P wave does not come from the sinus node
TALL_II_UV, TALL_V1_UV = 250.0, 150.0
LONG_P_MS = 120.0
DEEP_V1_UV = 100.0
FORCE_UVMS = 4000.0
MORRIS = "J. Morris et al., Circulation 29:242, 1964"

RIGHT = Term(
    "RAO/RAE", Section.HYPERTROPHY, Severity.BORDERLINE,
    "Right atrial abnormality", "Признаки увеличения правого предсердия", AHA,
)  # fmt: skip
LEFT = Term(
    "LAO/LAE", Section.HYPERTROPHY, Severity.BORDERLINE,
    "Left atrial abnormality", "Признаки увеличения левого предсердия", AHA,
)  # fmt: skip
TERMS = (RIGHT, LEFT)


def atria(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """A tall P to the right; a long P with a deep end in V1 to the left."""
    measured = case.measurements
    if not case.is_readable or any(one.code in NO_P for one in found) or measured.p_axis is None:
        return
    if not SINUS_AXIS[0] <= measured.p_axis <= SINUS_AXIS[1]:
        return
    tall = []
    for name, limit in ((Lead.II, TALL_II_UV), (Lead.V1, TALL_V1_UV)):
        lead = case.lead(name)
        if lead is not None and (lead.p_max or 0.0) >= limit:
            tall.append(Fact(f"{name.label}.p_max", lead.p_max or 0.0, "µV", f"≥ {limit:g}"))
    if tall:
        sure = tall[0].name == "II.p_max"
        yield RIGHT.state(*tall, certainty=Certainty.PROBABLE if sure else Certainty.POSSIBLE)
    yield from _left(case.lead(Lead.V1), measured.p or 0.0)


def _left(v1: LeadMeasurements | None, p: float) -> Iterator[Statement]:
    """P long, and its end in V1 deep (Romhilt and Estes) or of large area (Morris)."""
    if v1 is None or not LONG_P_MS <= p <= LONGEST_P_MS:
        return
    long = Fact("p", p, "ms", f"≥ {LONG_P_MS:g}")
    depth, force = v1.p_min or 0.0, v1.p_terminal or 0.0
    if depth <= -DEEP_V1_UV:
        yield LEFT.state(
            long, Fact("V1.p_min", depth, "µV", f"≤ -{DEEP_V1_UV:g}"), certainty=Certainty.PROBABLE
        )
    elif force <= -FORCE_UVMS:
        fact = Fact("V1.p_terminal", force, "µV·ms", f"≤ -{FORCE_UVMS:g}")
        yield LEFT.state(long, fact, certainty=Certainty.POSSIBLE, severity=Severity.NORMAL, source=MORRIS)
