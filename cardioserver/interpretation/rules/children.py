"""Hypertrophy and QRS duration in children, against the limits of their age."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import q_depth, r_height, s_depth, t_height
from cardioserver.interpretation.norms import Norm, Quantity, norm
from cardioserver.interpretation.person import DAYS_IN_YEAR
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.leftventricle import LVH
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.rules.rightventricle import BVH, RVH
from cardioserver.interpretation.statement import Certainty, Fact, Statement, said
from cardioserver.language import Phrase

UPRIGHT_FROM_DAYS, UPRIGHT_TO_YEARS = 7.0, 7.0
T_UV = 50.0
T_SOURCE = "D. Dickinson, Heart 91:1626, 2005: an upright T in V1 from one week to seven years"
BY_AGE = Phrase("voltage for age", "вольтаж для возраста")


def children(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """R and S in V1 and V6 beyond the 98th percentile; in V1 a qR complex or an early upright T."""
    if case.is_adult or not case.is_readable or said(found, CLBBB, CRBBB, WPW):
        return
    left = _beyond(case, (Quantity.R_V6, Lead.V6), (Quantity.S_V1, Lead.V1))
    right = _beyond(case, (Quantity.R_V1, Lead.V1), (Quantity.S_V6, Lead.V6))
    right += [*_upright_t(case), *_qr(case)]
    source = _source(case)
    if left:
        certainty = Certainty.PROBABLE if len(left) > 1 else Certainty.POSSIBLE
        yield LVH.state(*left, certainty=certainty, source=source, criteria=BY_AGE)
    if right:
        certainty = Certainty.PROBABLE if len(right) > 1 else Certainty.POSSIBLE
        yield RVH.state(*right, certainty=certainty, source=source)
    if left and right:
        yield BVH.state(certainty=Certainty.POSSIBLE)


def _limit(case: Case, quantity: Quantity) -> Norm:
    limit = norm(case.person, quantity)
    assert limit is not None  # a child's age is known  # noqa: S101
    return limit


def _source(case: Case) -> str:
    return _limit(case, Quantity.R_V1).source


def _beyond(case: Case, *places: tuple[Quantity, Lead]) -> list[Fact]:
    facts = []
    for quantity, lead in places:
        size = r_height if quantity.value.startswith("r_") else s_depth
        value, limit = size(case.lead(lead)), _limit(case, quantity)
        if value > limit.high:
            facts.append(Fact(quantity.value, value, "µV", limit.text(value)))
    return facts


def _upright_t(case: Case) -> Iterator[Fact]:
    age = case.person.age
    if age is None or not UPRIGHT_FROM_DAYS / DAYS_IN_YEAR < age < UPRIGHT_TO_YEARS:
        return
    height = t_height(case.lead(Lead.V1))
    if height >= T_UV:
        yield Fact("V1.t", height, "µV", f"≥ {T_UV:g}")


def _qr(case: Case) -> Iterator[Fact]:
    v1 = case.lead(Lead.V1)
    if v1 is not None and v1.q is not None and v1.r1 is not None and r_height(v1) > q_depth(v1):
        yield Fact("V1.shape", "qR")
