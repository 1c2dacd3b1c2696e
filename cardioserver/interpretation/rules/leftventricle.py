"""Hypertrophy of the left ventricle in adults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import net_qrs, r_height, s_depth
from cardioserver.interpretation.rules.anteriorfascicle import LAFB
from cardioserver.interpretation.rules.bundle import CLBBB
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.language import Phrase
from cardioserver.signal.measurements import LeadMeasurements

AHA = "AHA/ACCF/HRS 2009, part V (E. Hancock et al., Circulation 119:e251)"

SOKOLOW_UV, YOUNG_SOKOLOW_UV = 3500.0, 4500.0
AVL_UV = 1100.0
CORNELL_UV = {Sex.MALE: 2800.0, Sex.FEMALE: 2000.0}
CORNELL_WOMEN_UV = 600.0  # added to the product of women
PRODUCT_UVS = 244.0  # µV·s
PEGUERO_UV = {Sex.MALE: 2800.0, Sex.FEMALE: 2300.0}
SUPPORTING = frozenset({"cornell_product", "peguero_lo_presti"})
"""Criteria that say nothing alone: the product hangs on the last milliseconds of the QRS, and many healthy
adults meet that of Peguero and Lo Presti (P. Macfarlane et al., Computing in Cardiology 2018)."""
OLD_ENOUGH = 35.0  # years; voltage alone says little in younger adults (AHA)
SLOW_QRS_MS = 110.0  # with high voltage it speaks for hypertrophy in the young, too (AHA)

TALL_R_UV = 1000.0  # ST-T changes are secondary where R is tall
ST_UV, T_UV, FLAT_T = -50.0, -100.0, 0.1

LIMB_UV, CHEST_UV, P_UV = 2000.0, 3000.0, 100.0
LONG_QRS_MS, LATE_PEAK_MS, LEFT_AXIS = 90.0, 50.0, -30.0
ROMHILT_SURE = 5

LVH = Term(
    "LVH", Section.HYPERTROPHY, Severity.ABNORMAL,
    "Left ventricular hypertrophy (criteria: {criteria})",
    "Гипертрофия левого желудочка (критерии: {criteria})", AHA,
)  # fmt: skip
LVH_STRAIN = Term(
    "LVH_STRAIN", Section.HYPERTROPHY, Severity.ABNORMAL,
    "ST-T changes secondary to left ventricular hypertrophy",
    "Вторичные изменения ST-T на фоне гипертрофии левого желудочка (систолическая перегрузка)", AHA,
)  # fmt: skip
VCLVH = Term(
    "VCLVH", Section.HYPERTROPHY, Severity.NORMAL,
    "Voltage criteria for left ventricular hypertrophy ({criteria}); may be a normal variant",
    "Амплитудные критерии гипертрофии левого желудочка ({criteria}); возможен вариант нормы", AHA,
)  # fmt: skip
HVOLT = Term(
    "HVOLT", Section.HYPERTROPHY, Severity.NORMAL,
    "High QRS voltage ({criteria}), usual at this age",
    "Высокий вольтаж QRS ({criteria}), обычный для этого возраста", AHA,
)  # fmt: skip
TERMS = (LVH, LVH_STRAIN, VCLVH, HVOLT)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A published criterion that is met."""

    name: Phrase
    fact: Fact
    source: str


def left_ventricle(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Voltage by several criteria, with ST-T changes or Romhilt and Estes' points surer."""
    if not case.is_adult or not case.is_readable or said(found, CLBBB, WPW):
        return
    strain = _strain(case)
    met = [*_voltage(case, fascicular=said(found, LAFB)), *_points(case, bool(strain))]
    if not met:
        return
    names = {each.fact.name for each in met}
    certainty = _certainty(case, names, bool(strain))
    if certainty is None and names <= SUPPORTING:
        return
    term = LVH if certainty else HVOLT if _is_young(case) else VCLVH
    yield term.state(
        *(each.fact for each in met),
        certainty=certainty or Certainty.DEFINITE,
        source="; ".join(dict.fromkeys(each.source for each in met)),
        criteria=Phrase(", ".join(each.name.en for each in met), ", ".join(each.name.ru for each in met)),
    )
    if certainty and strain:
        yield LVH_STRAIN.state(*strain, certainty=certainty)


def _is_young(case: Case) -> bool:
    return case.person.age is not None and case.person.age < OLD_ENOUGH


def _certainty(case: Case, names: set[str], strain: bool) -> Certainty | None:
    """``None`` if the voltage may as well be normal."""
    if strain and names & {"sokolow_lyon", "cornell", "romhilt_estes"}:
        return Certainty.DEFINITE
    if strain and names & {"aVL.r", "cornell_product"}:
        return Certainty.POSSIBLE
    if _is_young(case):
        slow = (case.measurements.qrs or 0.0) >= SLOW_QRS_MS
        high = _sokolow(case) >= YOUNG_SOKOLOW_UV
        return Certainty.POSSIBLE if "sokolow_lyon" in names and (slow or high) else None
    if "romhilt_estes" in names:
        return Certainty.DEFINITE
    return Certainty.PROBABLE if "sokolow_lyon" in names else None


def _sokolow(case: Case) -> float:
    left = max(r_height(case.lead(Lead.V5)), r_height(case.lead(Lead.V6)))
    return s_depth(case.lead(Lead.V1)) + left


def _voltage(case: Case, *, fascicular: bool) -> Iterator[Criterion]:
    """Criteria of voltage that are met.

    Beside a left anterior fascicular block those of aVL and of the deepest S say nothing (AHA).
    """
    sex, qrs = case.person.sex, case.measurements.qrs
    sokolow = _sokolow(case)
    if sokolow >= SOKOLOW_UV:
        fact = Fact("sokolow_lyon", sokolow, "µV", f"≥ {SOKOLOW_UV:g}")
        yield Criterion(
            Phrase("Sokolow–Lyon", "Соколов–Лайон"), fact, "M. Sokolow, T. Lyon, Am. Heart J. 37:161, 1949"
        )
    if fascicular:
        return
    avl = r_height(case.lead(Lead.aVL))
    if avl >= AVL_UV:
        yield Criterion(Phrase("R in aVL", "R в aVL"), Fact("aVL.r", avl, "µV", f"≥ {AVL_UV:g}"), AHA)
    cornell = avl + s_depth(case.lead(Lead.V3))
    limit = CORNELL_UV.get(sex, max(CORNELL_UV.values()))
    if cornell > limit:
        fact = Fact("cornell", cornell, "µV", f"> {limit:g}")
        yield Criterion(
            Phrase("Cornell voltage", "Корнельский вольтаж"), fact,
            "P. Casale et al., J. Am. Coll. Cardiol. 6:572, 1985",
        )  # fmt: skip
    product = (cornell + (CORNELL_WOMEN_UV if sex is Sex.FEMALE else 0.0)) * (qrs or 0.0) / 1000
    if product > PRODUCT_UVS:
        fact = Fact("cornell_product", product, "µV·s", f"> {PRODUCT_UVS:g}")
        yield Criterion(
            Phrase("Cornell product", "Корнельское произведение"), fact,
            "T. Molloy et al., J. Am. Coll. Cardiol. 20:1180, 1992",
        )  # fmt: skip
    deepest = max(s_depth(case.lead(lead)) for lead in TWELVE_LEADS) + s_depth(case.lead(Lead.V4))
    limit = PEGUERO_UV.get(sex, max(PEGUERO_UV.values()))
    if deepest >= limit:
        fact = Fact("peguero_lo_presti", deepest, "µV", f"≥ {limit:g}")
        name = Phrase("Peguero–Lo Presti", "Пегеро–Ло Прести")
        yield Criterion(name, fact, "J. Peguero et al., J. Am. Coll. Cardiol. 69:1694, 2017")


def _strain(case: Case) -> list[Fact]:
    """ST depressed or T inverted in lateral leads with a tall R wave."""
    facts = []
    for name in (Lead.I, Lead.aVL, Lead.V5, Lead.V6):
        lead = case.lead(name)
        if lead is None or r_height(lead) < TALL_R_UV or net_qrs(lead) <= 0:
            continue
        if _is_opposite(lead):
            facts += [Fact(f"{name.label}.st80", lead.st80 or 0.0, "µV", f"≤ {ST_UV:g}")]
            facts += [Fact(f"{name.label}.t_min", lead.t_min or 0.0, "µV", f"≤ {T_UV:g}")]
    return facts


def _is_opposite(lead: LeadMeasurements) -> bool:
    st, up, down = lead.st80 or 0.0, lead.t_max or 0.0, lead.t_min or 0.0
    inverted = down <= T_UV and -down > up
    return (st <= ST_UV and up < FLAT_T * r_height(lead)) or (inverted and st <= 0)


def _points(case: Case, strain: bool) -> Iterator[Criterion]:
    """Romhilt and Estes' score, if voltage is part of it: what is left also comes from ischaemia."""
    limb = [case.lead(name) for name in (Lead.I, Lead.II, Lead.III, Lead.aVR, Lead.aVL, Lead.aVF)]
    right = [case.lead(name) for name in (Lead.V1, Lead.V2)]
    left = [case.lead(name) for name in (Lead.V5, Lead.V6)]
    high = any(max(r_height(lead), s_depth(lead)) >= LIMB_UV for lead in limb)
    high |= any(s_depth(lead) >= CHEST_UV for lead in right) or any(
        r_height(lead) >= CHEST_UV for lead in left
    )
    v1, axis = right[0], case.axis
    points = 3 * high + 3 * strain + 3 * (v1 is not None and (v1.p_min or 0.0) <= -P_UV)
    points += 2 * (axis is not None and axis <= LEFT_AXIS) + ((case.measurements.qrs or 0.0) >= LONG_QRS_MS)
    points += any(lead is not None and (lead.activation_ms or 0.0) >= LATE_PEAK_MS for lead in left)
    if high and points >= ROMHILT_SURE:
        fact = Fact("romhilt_estes", float(points), "", f"≥ {ROMHILT_SURE}")
        name = Phrase("Romhilt–Estes", "Ромхильт–Эстес")
        yield Criterion(name, fact, "D. Romhilt, E. Estes, Am. Heart J. 75:752, 1968")
