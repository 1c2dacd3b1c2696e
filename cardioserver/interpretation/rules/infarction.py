"""Q waves of an infarction, by territory and probable age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import (
    is_qs,
    net_qrs,
    peak_to_peak,
    q_depth,
    q_ms,
    r_height,
    t_height,
)
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB, IRBBB
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.rules.rightventricle import RVH
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import CHEST, HIGH_LATERAL, INFERIOR, among, contiguous
from cardioserver.language import Phrase
from cardioserver.signal.measurements import LeadMeasurements

UDMI = "Fourth universal definition of myocardial infarction (K. Thygesen et al., Eur. Heart J. 40:237, 2019)"
MINNESOTA = "R. Prineas et al., The Minnesota Code Manual, code 1-3-4"
INTERNATIONAL = "S. Sharma et al., International recommendations, J. Am. Coll. Cardiol. 69:1057, 2017"
SELVESTER = "QRS score of R. Selvester (N. Hindman et al., Am. J. Cardiol. 55:1485, 1985)"

LONG_MS, VERY_LONG_MS, DEEP_UV = 30.0, 40.0, 100.0
SHARE, LARGE_SHARE = 0.2, 0.25  # of R
SEPTAL_MS, SEPTAL_UV, SEPTAL_SHARE = 20.0, 50.0, 0.25
LEAST_UV = 50.0
Q_LEADS = (Lead.I, Lead.II, Lead.aVF, Lead.V4, Lead.V5, Lead.V6)
"""Leads in which a large Q wave is no variant of normal."""
R_V2_UV, R_V3_UV = 100.0, 200.0
WIDE_R_MS, TALL_R_UV = 40.0, 400.0
ST_RAISED_UV, T_INVERTED_UV = 100.0, -100.0
ACUTE_T = 0.36  # of the QRS


def _term(code: str, en: str, ru: str) -> Term:
    return Term(
        code, Section.INFARCTION, Severity.ABNORMAL,
        f"{en} myocardial infarction, {{age}}", f"Инфаркт миокарда {ru}, {{age}}", UDMI,
    )  # fmt: skip


IMI = _term("IMI", "Inferior", "нижней стенки")
ILMI = _term("ILMI", "Inferolateral", "нижнебоковой стенки")
IPMI = _term("IPMI", "Inferoposterior", "нижней стенки и нижнебазальных (задних) отделов")
IPLMI = _term("IPLMI", "Inferoposterolateral", "нижнебоковой стенки и нижнебазальных (задних) отделов")
PMI = _term("PMI", "Posterior", "нижнебазальных (задних) отделов")
ASMI = _term("ASMI", "Anteroseptal", "переднеперегородочной области")
AMI = _term("AMI", "Anterior", "передней стенки")
ALMI = _term("ALMI", "Anterolateral", "переднебоковой стенки")
LMI = _term("LMI", "Lateral", "боковой стенки")
QWAVE = Term(
    "QWAVE", Section.INFARCTION, Severity.BORDERLINE,
    "Large Q in {leads}", "Увеличение зубца Q в {leads}", INTERNATIONAL,
)  # fmt: skip
INFARCTIONS = (IMI, ILMI, IPMI, IPLMI, PMI, ASMI, AMI, ALMI, LMI)
TERMS = (*INFARCTIONS, QWAVE)

INFERIOR_TERMS = {(False, False): IMI, (False, True): ILMI, (True, False): IPMI, (True, True): IPLMI}
"""By whether the posterior and the lateral wall take part."""

ACUTE = Phrase("possibly acute", "не исключена острая стадия")
RECENT = Phrase("age undetermined, possibly recent", "давность не определена, не исключён недавний")
OLD = Phrase("probably old", "признаки рубцовой стадии")


@dataclass(frozen=True, slots=True)
class Territory:
    """Leads that show lost muscle, and how sure that is."""

    leads: tuple[Lead, ...]
    facts: tuple[Fact, ...]
    certainty: Certainty
    source: str = UDMI


def infarction(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """The territories in which Q waves, or what they take from R waves, mean an infarction."""
    if not case.is_readable or not case.is_adult or said(found, CLBBB, WPW):
        return
    right = said(found, CRBBB, IRBBB, RVH)
    inferior, anterior = _inferior(case), _anterior(case, right=right)
    lateral = None if said(found, RVH) else _lateral(case)
    posterior = None if right else _posterior(case)
    if anterior:
        front = ASMI if {Lead.V1, Lead.V2} & set(anterior.leads) else AMI
        yield _stated(case, ALMI if lateral else front, anterior, lateral)
        lateral = None
    if inferior:
        yield _stated(case, INFERIOR_TERMS[bool(posterior), bool(lateral)], inferior, posterior, lateral)
    elif lateral:
        yield _stated(case, LMI, lateral)
    elif posterior and not anterior and r_height(case.lead(Lead.V1)) >= TALL_R_UV:
        yield _stated(case, PMI, posterior)
    told = {lead for part in (inferior, anterior, lateral) if part for lead in part.leads}
    large = [name for name in Q_LEADS if _is_large(case.lead(name))]
    large += [Lead.III] if _is_large_in_iii(case.lead(Lead.III)) else []
    if large and not told and not said(found, RVH):
        facts = [
            Fact(f"{name.label}.q", -q_depth(case.lead(name)), "µV", f"≥ {LARGE_SHARE:g} R") for name in large
        ]
        yield QWAVE.state(*facts, leads=among(large))


def scarred(found: Iterable[Statement]) -> frozenset[Lead]:
    """The leads that an infarction among the statements *found* rests on."""
    codes = {term.code for term in INFARCTIONS}
    facts = (fact for one in found if one.code in codes for fact in one.why)
    return frozenset(Lead.parse(fact.name.split(".")[0]) for fact in facts)


def _is_large(lead: LeadMeasurements | None) -> bool:
    return q_depth(lead) >= max(LEAST_UV, LARGE_SHARE * r_height(lead))


def _is_large_in_iii(lead: LeadMeasurements | None) -> bool:
    """Q of 30 ms and a quarter of R, more than is normal in III (universal definition), with T inverted."""
    large = _is_large(lead) and q_depth(lead) >= DEEP_UV and q_ms(lead) >= LONG_MS
    return large and t_height(lead) <= T_INVERTED_UV


def _stated(case: Case, term: Term, first: Territory, *others: Territory | None) -> Statement:
    parts = [first, *(other for other in others if other)]
    leads = [lead for part in parts for lead in part.leads]
    return term.state(
        *(fact for part in parts for fact in part.facts),
        certainty=first.certainty,
        source=first.source,
        age=_age(case, leads),
    )


def _age(case: Case, leads: Iterable[Lead]) -> Phrase:
    """By ST and T in the leads with Q waves: raised ST is early, inverted T later, neither late."""
    measured = [lead for lead in map(case.lead, leads) if lead is not None]
    raised = [lead for lead in measured if min(lead.j or 0.0, lead.st60 or 0.0) >= ST_RAISED_UV]
    if len(raised) > 1:
        return ACUTE if any(has_acute_t(lead) for lead in raised) else OLD
    return RECENT if any(t_height(lead) <= T_INVERTED_UV for lead in measured) else OLD


def has_acute_t(lead: LeadMeasurements | None) -> bool:
    """Whether T is high against the QRS: then raised ST is an acute infarction, not an aneurysm.

    S. Smith, Am. J. Emerg. Med. 23:279, 2005; L. Klein et al., ibid. 33:786, 2015.
    """
    return t_height(lead) >= ACUTE_T * peak_to_peak(lead)


def _q_facts(case: Case, leads: Iterable[Lead], limit: float) -> tuple[Fact, ...]:
    facts = []
    for name in leads:
        lead = case.lead(name)
        if is_qs(lead):
            facts.append(Fact(f"{name.label}.shape", "QS"))
        else:
            facts.append(Fact(f"{name.label}.q_ms", q_ms(lead), "ms", f"≥ {limit:g}"))
    return tuple(facts)


def _is_pathological(case: Case, name: Lead) -> bool:
    """QS, or Q of 0.1 mV that is long or large.

    Long is 30 ms (universal definition), if shorter than 40 ms with a fifth of R (Minnesota code 1-3); large
    is a quarter of R, but not in III (:data:`INTERNATIONAL`).
    """
    lead = case.lead(name)
    if is_qs(lead) or q_depth(lead) < DEEP_UV:
        return is_qs(lead)
    share = q_depth(lead) / r_height(lead) if r_height(lead) else 1.0
    long = q_ms(lead) >= VERY_LONG_MS or (q_ms(lead) >= LONG_MS and share >= SHARE)
    return long or (share >= LARGE_SHARE and q_ms(lead) >= SEPTAL_MS and name is not Lead.III)


def _inferior(case: Case) -> Territory | None:
    """Two of II, III and aVF; possible with a long Q in III that aVF shares."""
    leads = tuple(name for name in INFERIOR if _is_pathological(case, name))
    if len(leads) >= 2:
        long = sum(q_ms(case.lead(name)) >= LONG_MS for name in leads) > 1
        sure = long and (len(leads) == 3 or any(net_qrs(case.lead(name)) < 0 for name in leads))
        certainty = Certainty.DEFINITE if sure else Certainty.PROBABLE
        return Territory(leads, _q_facts(case, leads, LONG_MS), certainty)
    below = case.lead(Lead.aVF)
    if Lead.III in leads and q_depth(below) >= max(DEEP_UV, SHARE * r_height(below)):
        facts = _q_facts(case, (Lead.III,), LONG_MS)
        facts += (Fact("aVF.q", -q_depth(below), "µV", f"≤ -{DEEP_UV:g}"),)
        return Territory((Lead.III, Lead.aVF), facts, Certainty.POSSIBLE, MINNESOTA)
    return None


def _anterior(case: Case, *, right: bool) -> Territory | None:
    """Q waves in V2 or V3 and neighbours; possible where R is lost and not by the *right* ventricle."""
    septal = [name for name in (Lead.V2, Lead.V3) if _is_septal_q(case, name)]
    others = [name for name in (Lead.V1, Lead.V4) if _is_pathological(case, name)]
    leads = tuple(name for name in CHEST if name in septal or name in others)
    if septal and contiguous(leads):
        certainty = Certainty.DEFINITE if len(leads) > 2 else Certainty.PROBABLE
        return Territory(leads, _q_facts(case, leads, SEPTAL_MS), certainty)
    if septal:
        return Territory(tuple(septal), _q_facts(case, septal, SEPTAL_MS), Certainty.POSSIBLE)
    v1, v2, v3 = (case.lead(name) for name in CHEST[:3])
    if v1 is None or v2 is None or v3 is None or right:
        return None
    if (r_height(v2) <= R_V2_UV or r_height(v2) < r_height(v1)) and r_height(v3) <= R_V3_UV:
        facts = (
            Fact("V2.r", r_height(v2), "µV", f"≤ {R_V2_UV:g} or < V1"),
            Fact("V3.r", r_height(v3), "µV", f"≤ {R_V3_UV:g}"),
        )
        return Territory((Lead.V2, Lead.V3), facts, Certainty.POSSIBLE, SELVESTER)
    return None


def _is_septal_q(case: Case, name: Lead) -> bool:
    """Any Q of 20 ms, unless it is small before a tall R: then the septum makes it, as it does in V5."""
    lead = case.lead(name)
    deep = q_depth(lead) >= max(SEPTAL_UV, SEPTAL_SHARE * r_height(lead))
    return is_qs(lead) or (q_ms(lead) >= SEPTAL_MS and deep)


def _lateral(case: Case) -> Territory | None:
    """Both of I and aVL, or both of V5 and V6."""
    leads = tuple(
        name
        for pair in (HIGH_LATERAL, (Lead.V5, Lead.V6))
        if all(_is_pathological(case, one) for one in pair)
        for name in pair
    )
    if not leads:
        return None
    certainty = Certainty.DEFINITE if len(leads) > 2 else Certainty.PROBABLE
    return Territory(leads, _q_facts(case, leads, LONG_MS), certainty)


def _posterior(case: Case) -> Territory | None:
    """R of 40 ms, higher than S, in V1 and V2, with an upright T."""
    facts = []
    for name in (Lead.V1, Lead.V2):
        lead = case.lead(name)
        if lead is None or (lead.r1_ms or 0.0) <= WIDE_R_MS or net_qrs(lead) <= 0 or t_height(lead) <= 0:
            return None
        facts.append(Fact(f"{name.label}.r1_ms", lead.r1_ms or 0.0, "ms", f"> {WIDE_R_MS:g}"))
    return Territory((Lead.V1, Lead.V2), tuple(facts), Certainty.POSSIBLE)
