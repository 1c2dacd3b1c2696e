"""ST depression and T waves that are flat or inverted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import r_height, t_height
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.elevation import EARLY_REPOLARISATION, PERICARDIAL, TYPE_1, TYPE_2
from cardioserver.interpretation.rules.fibrillation import FLUTTER
from cardioserver.interpretation.rules.infarction import scarred
from cardioserver.interpretation.rules.injury import ANEURYSM, POSTERIOR, STEMI, is_raised, limit
from cardioserver.interpretation.rules.leftventricle import LVH_STRAIN
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.rules.rightventricle import RVH
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import CHEST, WALL, Region, among, contiguous, region
from cardioserver.signal.measurements import LeadMeasurements

AHA = "AHA/ACCF/HRS 2009, part IV (P. Rautaharju et al., Circulation 119:e241)"
UDMI = "Fourth universal definition of myocardial infarction (K. Thygesen et al., Eur. Heart J. 40:237, 2019)"
LEADS = (Lead.I, Lead.II, Lead.III, Lead.aVL, Lead.aVF, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)
"""Leads where ST is level and T upright; not aVR and V1."""
FLAT_LEADS = (Lead.I, Lead.II, Lead.V3, Lead.V4, Lead.V5, Lead.V6)
"""Leads where T is never low in health."""

LOW_ST_UV = -50.0
INVERTED_UV = -100.0
FLAT_UV, LOW_SHARE = 100.0, 0.1  # of R
LEAST_R_UV = 300.0  # a T wave is judged against an R wave of that size


def _ischaemic(code: str, place: Region) -> Term:
    wall = WALL[place]
    return Term(
        code, Section.REPOLARISATION, Severity.ABNORMAL,
        f"Signs of {wall.en} ischemia (ST-T changes in {{leads}})",
        f"Признаки ишемии {wall.ru} (изменения ST-T в {{leads}})", UDMI,
    )  # fmt: skip


ISCHAEMIC = {
    Region.SEPTAL: _ischaemic("ISCAS", Region.ANTEROSEPTAL),
    Region.ANTEROSEPTAL: _ischaemic("ISCAS", Region.ANTEROSEPTAL),
    Region.ANTERIOR: _ischaemic("ISCAN", Region.ANTERIOR),
    Region.ANTEROLATERAL: _ischaemic("ISCAL", Region.ANTEROLATERAL),
    Region.LATERAL: _ischaemic("ISCLA", Region.LATERAL),
    Region.INFERIOR: _ischaemic("ISCIN", Region.INFERIOR),
    Region.INFEROLATERAL: _ischaemic("ISCIL", Region.INFEROLATERAL),
}
WIDESPREAD = Term(
    "ISC_", Section.REPOLARISATION, Severity.ABNORMAL,
    "Signs of widespread ischemia (ST-T changes in {leads})",
    "Признаки распространённой ишемии миокарда (изменения ST-T в {leads})", UDMI,
)  # fmt: skip
NONSPECIFIC_ST = Term(
    "NST_", Section.REPOLARISATION, Severity.BORDERLINE,
    "Nonspecific ST depression in {leads}", "Неспецифическая депрессия сегмента ST в {leads}", AHA,
)  # fmt: skip
NONSPECIFIC_T = Term(
    "NDT", Section.REPOLARISATION, Severity.BORDERLINE,
    "Nonspecific T-wave changes (flat T) in {leads}",
    "Неспецифические изменения зубца T (сглаженность) в {leads}", AHA,
)  # fmt: skip
LOW_T = Term(
    "LOWT", Section.REPOLARISATION, Severity.NORMAL,
    "Low T waves in {leads}", "Снижение амплитуды зубца T в {leads}", AHA,
)  # fmt: skip
RAISED_ST = Term(
    "STE_", Section.REPOLARISATION, Severity.BORDERLINE,
    "Nonspecific ST elevation in {leads}", "Неспецифический подъём сегмента ST в {leads}", UDMI,
)  # fmt: skip
TERMS = (
    *{term.code: term for term in ISCHAEMIC.values()}.values(),
    WIDESPREAD, NONSPECIFIC_ST, NONSPECIFIC_T, LOW_T, RAISED_ST,
)  # fmt: skip

EXPLAINED = (CLBBB, WPW, LVH_STRAIN, *STEMI.values(), POSTERIOR, FLUTTER)
"""Statements beside which ST and T say nothing of their own."""


def repolarisation(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """ST depressed or T inverted in contiguous leads as in ischaemia; what is less is nonspecific.

    Nothing where the changes follow from the QRS: beside a left bundle-branch block, preexcitation or strain,
    in V1 to V4 beside a right bundle-branch block or right ventricular hypertrophy, nor in atrial flutter.
    """
    if not case.is_readable or not case.is_adult or said(found, *EXPLAINED):
        return
    spared = set(CHEST[:4] if said(found, CRBBB, RVH) else CHEST[:1])
    leads = {name: lead for name in LEADS if name not in spared and (lead := case.lead(name)) is not None}
    depressed = tuple(name for name, lead in leads.items() if _is_depressed(lead))
    scars = scarred(found)  # where T is inverted by what is told already
    inverted = contiguous(name for name, lead in leads.items() if _is_inverted(lead) and name not in scars)
    if contiguous(depressed) or inverted:
        yield _ischaemia(case, contiguous(depressed), inverted)
    else:
        yield from _nonspecific(case, leads, [name for name in depressed if name not in (Lead.III, Lead.aVL)])
    raised = [
        name for name in (Lead.V2, Lead.V3) if name in leads and is_raised(leads[name], limit(case, name))
    ]
    if raised and not said(found, EARLY_REPOLARISATION, TYPE_1, TYPE_2, PERICARDIAL, ANEURYSM):
        facts = [
            Fact(f"{name.label}.j", leads[name].j or 0.0, "µV", f"≥ {limit(case, name):g}") for name in raised
        ]
        yield RAISED_ST.state(*facts, leads=among(raised))


def _nonspecific(
    case: Case, leads: dict[Lead, LeadMeasurements], depressed: Sequence[Lead]
) -> Iterator[Statement]:
    if depressed:
        yield NONSPECIFIC_ST.state(*_facts(case, depressed, "st80"), leads=among(depressed))
    flat = contiguous(name for name in FLAT_LEADS if name in leads and _is_flat(leads[name]))
    low = contiguous(name for name in FLAT_LEADS if name in leads and _is_low(leads[name]))
    if flat:
        yield NONSPECIFIC_T.state(*_facts(case, flat, "t"), leads=among(flat))
    elif low:
        yield LOW_T.state(*_facts(case, low, "t"), leads=among(low))


def _ischaemia(case: Case, low: Sequence[Lead], inverted: Sequence[Lead]) -> Statement:
    leads = tuple(dict.fromkeys((*low, *inverted)))
    facts = [*_facts(case, low, "st80"), *_facts(case, inverted, "t")]
    place = region(leads)
    everywhere = place is Region.ANTEROLATERAL and len({Lead.II, Lead.III, Lead.aVF} & set(leads)) > 1
    term = WIDESPREAD if everywhere else ISCHAEMIC[place]
    sure = len(low) > 1 and len(inverted) > 1
    return term.state(
        *facts, certainty=Certainty.PROBABLE if sure else Certainty.POSSIBLE, leads=among(leads)
    )


def _facts(case: Case, names: Sequence[Lead], what: str) -> list[Fact]:
    facts = []
    for name in names:
        lead = case.lead(name)
        if lead is not None and what == "st80":
            facts.append(Fact(f"{name.label}.st80", lead.st80 or 0.0, "µV", f"≤ {LOW_ST_UV:g}"))
        elif lead is not None:
            limit = f"≤ {INVERTED_UV:g}" if _is_inverted(lead) else f"< {FLAT_UV:g} or {LOW_SHARE:g} R"
            facts.append(Fact(f"{name.label}.t", t_height(lead), "µV", limit))
    return facts


def _is_depressed(lead: LeadMeasurements) -> bool:
    """ST low from the J point on and not rising."""
    j, st60, st80 = lead.j or 0.0, lead.st60 or 0.0, lead.st80 or 0.0
    return max(st60, st80) <= LOW_ST_UV and j <= LOW_ST_UV / 2


def _is_inverted(lead: LeadMeasurements) -> bool:
    return t_height(lead) <= INVERTED_UV and r_height(lead) >= LEAST_R_UV


def _is_flat(lead: LeadMeasurements) -> bool:
    return r_height(lead) >= LEAST_R_UV and INVERTED_UV < t_height(lead) < FLAT_UV


def _is_low(lead: LeadMeasurements) -> bool:
    return r_height(lead) >= LEAST_R_UV and INVERTED_UV < t_height(lead) < max(
        FLAT_UV, LOW_SHARE * r_height(lead)
    )
