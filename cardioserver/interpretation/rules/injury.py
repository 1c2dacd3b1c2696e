"""ST elevation that meets the criteria of an acute infarction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import (
    j_point,
    peak_to_peak,
    r_height,
    s_depth,
    st_level,
    st_start,
    t_height,
)
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB, IVCD
from cardioserver.interpretation.rules.fibrillation import FLUTTER
from cardioserver.interpretation.rules.infarction import ALMI, AMI, ASMI, has_acute_t
from cardioserver.interpretation.rules.leftventricle import HVOLT, LVH, VCLVH
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import (
    CHEST,
    HIGH_LATERAL,
    INFERIOR,
    WALL,
    Region,
    among,
    contiguous,
    region,
)
from cardioserver.signal.measurements import LeadMeasurements

UDMI = "Fourth universal definition of myocardial infarction (K. Thygesen et al., Eur. Heart J. 40:237, 2019)"
SMITH = "S. Smith, Am. J. Emerg. Med. 23:279, 2005; L. Klein et al., ibid. 33:786, 2015"

RAISED_UV = 100.0
WOMEN_UV, MEN_UV, YOUNG_MEN_UV = 150.0, 200.0, 250.0  # in V2 and V3
YOUNG = 40.0  # years
LASTING = 0.75  # of the limit is still there 60 ms after the J point: no late end of the QRS
DISCORDANT_SHARE = 0.25
"""Of S, by which hypertrophy raises ST (in V1 to V3: E. Armstrong et al., Am. J. Cardiol. 110:977, 2012) or a
block (S. Smith et al., Ann. Emerg. Med. 60:766, 2012)."""
DEPRESSED_UV = -50.0
OCCLUSION = 18.2  # Driver et al.'s score; below, anterior elevation is early repolarisation

STEMI = {
    place: Term(
        f"STEMI_{place.name}", Section.INFARCTION, Severity.ABNORMAL,
        f"Acute {WALL[place].en} infarction with ST elevation in {{leads}}",
        f"Острый инфаркт миокарда {WALL[place].ru} с подъёмом сегмента ST в {{leads}}",
        UDMI,
    )
    for place in Region
}  # fmt: skip
POSTERIOR = Term(
    "STEMI_POSTERIOR", Section.INFARCTION, Severity.ABNORMAL,
    "Acute posterior infarction (ST depression with upright T in {leads}), record V7–V9",
    "Острый инфаркт миокарда нижнебазальных (задних) отделов "
    "(депрессия сегмента ST с положительными T в {leads}), снять V7–V9", UDMI,
)  # fmt: skip
ANEURYSM = Term(
    "ANEUR", Section.INFARCTION, Severity.ABNORMAL,
    "Ventricular aneurysm (ST elevation beside Q waves in {leads})",
    "Аневризма левого желудочка (подъём сегмента ST и зубцы Q в {leads})",
    SMITH,
)  # fmt: skip
TERMS = (*STEMI.values(), POSTERIOR, ANEURYSM)


def injury(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """ST elevation by territory, ST depression opposite to the posterior wall."""
    if not case.is_readable or not case.is_adult or said(found, CLBBB, WPW):
        return
    hypertrophy = said(found, LVH, VCLVH, HVOLT)
    raised = elevated(case, hypertrophy=hypertrophy, wide=said(found, IVCD))
    if said(found, FLUTTER) and not (raised and _reciprocal(case, raised)):
        return  # flutter waves raise ST and lower it
    if not raised:
        if not said(found, CRBBB):
            yield from _posterior(case)
        return
    scarred = said(found, ASMI, AMI, ALMI) and set(raised) <= set(CHEST)
    if scarred and not any(has_acute_t(case.lead(name)) for name in raised):
        yield ANEURYSM.state(*_facts(case, raised), certainty=Certainty.POSSIBLE, leads=among(raised))
    elif not _is_early_repolarisation(case, raised):
        yield _elevation(case, raised, hypertrophy=hypertrophy)


def limit(case: Case, lead: Lead) -> float:
    """From which J point on ST is raised, µV; of both sexes the higher one if the sex is unknown."""
    if lead not in (Lead.V2, Lead.V3):
        return RAISED_UV
    if case.person.sex is Sex.FEMALE:
        return WOMEN_UV
    return YOUNG_MEN_UV if case.person.age is not None and case.person.age < YOUNG else MEN_UV


def elevated(case: Case, *, hypertrophy: bool, wide: bool) -> tuple[Lead, ...]:
    """Contiguous leads with ST elevation beyond what *hypertrophy* or a *wide* QRS makes; not aVR."""
    leads = []
    for name in TWELVE_LEADS:
        least = limit(case, name)
        if wide or (hypertrophy and name in CHEST[:3]):
            least = max(least, DISCORDANT_SHARE * s_depth(case.lead(name)))
        if name is not Lead.aVR and is_raised(case.lead(name), least):
            leads.append(name)
    return contiguous(leads)


def is_raised(lead: LeadMeasurements | None, limit: float) -> bool:
    """Whether ST begins at *limit* and is still up 60 ms after the J point."""
    return st_start(lead) >= limit and st_level(lead) >= LASTING * limit


def _facts(case: Case, raised: Sequence[Lead]) -> list[Fact]:
    return [Fact(f"{n.label}.j", j_point(case.lead(n)), "µV", f"≥ {limit(case, n):g}") for n in raised]


def _elevation(case: Case, raised: tuple[Lead, ...], *, hypertrophy: bool) -> Statement:
    opposite = _reciprocal(case, raised)
    facts = _facts(case, raised)
    for name in opposite:
        facts.append(Fact(f"{name.label}.st60", st_level(case.lead(name)), "µV", f"≤ {DEPRESSED_UV:g}"))
    certainty = Certainty.PROBABLE if opposite else Certainty.POSSIBLE
    if opposite and len(raised) > 2 and not hypertrophy:
        certainty = Certainty.DEFINITE
    return STEMI[region(raised)].state(*facts, certainty=certainty, leads=among(raised))


def _reciprocal(case: Case, raised: Sequence[Lead]) -> list[Lead]:
    """Leads of the opposite wall with ST depression."""
    below = bool(set(raised) & set(INFERIOR))
    opposite = (*HIGH_LATERAL, *CHEST[:3]) if below else INFERIOR
    return [name for name in opposite if name not in raised and st_level(case.lead(name)) <= DEPRESSED_UV]


def _is_early_repolarisation(case: Case, raised: Sequence[Lead]) -> bool:
    """Whether anterior elevation without reciprocal depression scores below an occlusion.

    B. Driver et al., J. Electrocardiol. 50:561, 2017: 0.052 QTc (Bazett, ms) − 0.151 QRS in V2 − 0.268 R in
    V4 + 1.062 ST60 in V3 (mm).
    """
    v2, v3, v4 = (case.lead(name) for name in CHEST[1:4])
    qtc = case.measurements.qtc_bazett
    if not set(raised) <= set(CHEST) or _reciprocal(case, raised) or None in (v2, v3, v4) or qtc is None:
        return False
    if any(t_height(lead) < 0 or r_height(lead) == 0 for lead in (v2, v3, v4)):
        return False
    qrs, r, st = (value / 100 for value in (peak_to_peak(v2), r_height(v4), st_level(v3)))
    return 0.052 * qtc - 0.151 * qrs - 0.268 * r + 1.062 * st < OCCLUSION


def _posterior(case: Case) -> Iterator[Statement]:
    """ST depression deepest in V1 to V3, with upright T waves."""
    low = [
        name for name in CHEST[:3] if max(j_point(case.lead(name)), st_level(case.lead(name))) <= DEPRESSED_UV
    ]
    upright = all(t_height(case.lead(name)) > 0 for name in low)
    deepest = min(CHEST, key=lambda name: st_level(case.lead(name)))
    if len(low) > 1 and upright and deepest in low:
        facts = [Fact(f"{n.label}.st60", st_level(case.lead(n)), "µV", f"≤ {DEPRESSED_UV:g}") for n in low]
        yield POSTERIOR.state(*facts, certainty=Certainty.POSSIBLE, leads=among(low))
