"""ST elevation that meets the criteria of an acute infarction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import net_qrs, peak_to_peak, r_height, s_depth, t_height
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.leftventricle import LVH
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import (
    CHEST,
    HIGH_LATERAL,
    INFERIOR,
    WALL,
    Region,
    contiguous,
    named,
    region,
)
from cardioserver.signal.beats import BeatClass
from cardioserver.signal.measurements import LeadMeasurements

UDMI = "Fourth universal definition of myocardial infarction (K. Thygesen et al., Eur. Heart J. 40:237, 2019)"
SGARBOSSA = (
    "E. Sgarbossa et al., N. Engl. J. Med. 334:481, 1996; S. Smith et al., Ann. Emerg. Med. 60:766, 2012"
)
DRIVER = "B. Driver et al., J. Electrocardiol. 50:561, 2017"

RAISED_UV = 100.0
WOMEN_UV, MEN_UV, YOUNG_MEN_UV = 150.0, 200.0, 250.0  # in V2 and V3
YOUNG = 40.0  # years
LASTING = 0.75  # of the limit is still there 60 ms after the J point: no late end of the QRS
POSTERIOR_UV, RECIPROCAL_UV = -50.0, -50.0
OCCLUSION = 18.2  # Driver et al.'s score; below, anterior elevation is early repolarisation
CONCORDANT_UV, DISCORDANT_SHARE = 100.0, 0.25
ENOUGH_POINTS = 3

STEMI = {
    place: Term(
        f"STEMI_{place.name}", Section.INFARCTION, Severity.ABNORMAL,
        f"ST elevation in {{leads}}: criteria for acute {WALL[place].en} infarction are met",
        f"Подъём сегмента ST в отведениях {{leads}}: критерии острого инфаркта миокарда {WALL[place].ru}",
        UDMI,
    )
    for place in Region
}  # fmt: skip
POSTERIOR = Term(
    "STEMI_POSTERIOR", Section.INFARCTION, Severity.ABNORMAL,
    "ST depression with upright T in {leads}: acute posterior infarction is possible, record V7–V9",
    "Депрессия сегмента ST с положительными T в отведениях {leads}: возможен острый инфаркт нижнебазальных "
    "(задних) отделов, снять V7–V9", UDMI,
)  # fmt: skip
IN_BLOCK = Term(
    "STEMI_SGARBOSSA", Section.INFARCTION, Severity.ABNORMAL,
    "Acute infarction by Sgarbossa's criteria ({points} points)",
    "Острый инфаркт миокарда по критериям Sgarbossa ({points} балл.)", SGARBOSSA,
)  # fmt: skip
TERMS = (*STEMI.values(), POSTERIOR, IN_BLOCK)


def injury(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """By territory; with a left bundle-branch block or pacing by Sgarbossa's criteria."""
    if said(found, CLBBB) or case.dominant is BeatClass.PACED:
        yield from _in_block(case)
    elif case.is_readable and case.is_adult and not said(found, WPW):
        raised = elevated(case)
        if raised and not _is_early_repolarisation(case, raised):
            yield _elevation(case, raised, hypertrophy=said(found, LVH))
        elif not raised and not said(found, CRBBB):
            yield from _posterior(case)


def limit(case: Case, lead: Lead) -> float:
    """From which J point on ST is raised, µV; of both sexes the higher one if the sex is unknown."""
    if lead not in (Lead.V2, Lead.V3):
        return RAISED_UV
    if case.person.sex is Sex.FEMALE:
        return WOMEN_UV
    return YOUNG_MEN_UV if case.person.age is not None and case.person.age < YOUNG else MEN_UV


def elevated(case: Case) -> tuple[Lead, ...]:
    """Contiguous leads with ST elevation; not aVR, and V1 only beside others."""
    leads = [
        name
        for name in TWELVE_LEADS
        if name is not Lead.aVR and is_raised(case.lead(name), limit(case, name))
    ]
    return contiguous(leads)


def is_raised(lead: LeadMeasurements | None, limit: float) -> bool:
    """Whether ST is at *limit* at the J point and still up 60 ms later."""
    return lead is not None and (lead.j or 0.0) >= limit and (lead.st60 or 0.0) >= LASTING * limit


def _elevation(case: Case, raised: tuple[Lead, ...], *, hypertrophy: bool) -> Statement:
    facts = [Fact(f"{name.label}.j", _j(case, name), "µV", f"≥ {limit(case, name):g}") for name in raised]
    opposite = _reciprocal(case, raised)
    facts += [
        Fact(f"{name.label}.st60", _st60(case, name), "µV", f"≤ {RECIPROCAL_UV:g}") for name in opposite
    ]
    certainty = Certainty.PROBABLE if opposite else Certainty.POSSIBLE
    if opposite and len(raised) > 2 and not hypertrophy:
        certainty = Certainty.DEFINITE
    return STEMI[region(raised)].state(*facts, certainty=certainty, leads=named(raised))


def _j(case: Case, name: Lead) -> float:
    lead = case.lead(name)
    return 0.0 if lead is None else lead.j or 0.0


def _st60(case: Case, name: Lead) -> float:
    lead = case.lead(name)
    return 0.0 if lead is None else lead.st60 or 0.0


def _reciprocal(case: Case, raised: Sequence[Lead]) -> list[Lead]:
    """Leads of the opposite wall with ST depression."""
    below = bool(set(raised) & set(INFERIOR))
    opposite = (*HIGH_LATERAL, Lead.V1, Lead.V2, Lead.V3) if below else INFERIOR
    return [name for name in opposite if name not in raised and _st60(case, name) <= RECIPROCAL_UV]


def _is_early_repolarisation(case: Case, raised: Sequence[Lead]) -> bool:
    """Driver et al.'s score of anterior elevation without reciprocal depression or Q waves."""
    v2, v3, v4 = (case.lead(name) for name in CHEST[1:4])
    qtc = case.measurements.qtc_bazett
    if _reciprocal(case, raised) or v2 is None or v3 is None or v4 is None or qtc is None:
        return False
    if any(t_height(lead) < 0 or r_height(lead) == 0 for lead in (v2, v3, v4)):
        return False
    in_mm = [value / 100 for value in (peak_to_peak(v2), r_height(v4), v3.st60 or 0.0)]
    score = 0.052 * qtc - 0.151 * in_mm[0] - 0.268 * in_mm[1] + 1.062 * in_mm[2]
    return score < OCCLUSION


def _posterior(case: Case) -> Iterator[Statement]:
    """ST depression deepest in V1 to V3, with upright T waves."""
    low = [name for name in CHEST[:3] if _j(case, name) <= POSTERIOR_UV and _st60(case, name) <= POSTERIOR_UV]
    upright = all(t_height(case.lead(name)) > 0 for name in low)
    deepest = min(CHEST, key=lambda name: _st60(case, name))
    if len(low) >= 2 and upright and deepest in low:
        facts = [Fact(f"{name.label}.st60", _st60(case, name), "µV", f"≤ {POSTERIOR_UV:g}") for name in low]
        yield POSTERIOR.state(*facts, certainty=Certainty.POSSIBLE, leads=named(low))


def _in_block(case: Case) -> Iterator[Statement]:
    """Five points for concordant elevation, three for depression in V1–V3, two for too much discordance."""
    kinds: dict[int, list[Fact]] = {5: [], 3: [], 2: []}
    for name in TWELVE_LEADS:
        lead = case.lead(name)
        if lead is None or name is Lead.aVR or lead.j is None:
            continue
        if net_qrs(lead) > 0 and min(lead.j, lead.st60 or 0.0) >= CONCORDANT_UV:
            kinds[5].append(Fact(f"{name.label}.j", lead.j, "µV", f"≥ {CONCORDANT_UV:g}"))
        elif net_qrs(lead) < 0 and lead.j >= CONCORDANT_UV and lead.j >= DISCORDANT_SHARE * s_depth(lead):
            kinds[2].append(Fact(f"{name.label}.j", lead.j, "µV", f"≥ {DISCORDANT_SHARE:g} S"))
        elif name in CHEST[:3] and net_qrs(lead) < 0 and max(lead.j, lead.st60 or 0.0) <= -CONCORDANT_UV:
            kinds[3].append(Fact(f"{name.label}.j", lead.j, "µV", f"≤ -{CONCORDANT_UV:g}"))
    points = sum(worth for worth, facts in kinds.items() if facts)
    if points:
        certainty = Certainty.PROBABLE if points >= ENOUGH_POINTS else Certainty.POSSIBLE
        every = [fact for facts in kinds.values() for fact in facts]
        yield IN_BLOCK.state(*every, certainty=certainty, points=points)
