"""ST elevation that is no infarction: early repolarisation, Brugada's pattern, pericarditis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import r_height, t_height
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.fibrillation import FLUTTER
from cardioserver.interpretation.rules.injury import STEMI
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import INFERIOR, among, contiguous
from cardioserver.signal.measurements import LeadMeasurements

EARLY = "P. Macfarlane et al., The early repolarization pattern, J. Am. Coll. Cardiol. 66:470, 2015"
BRUGADA = (
    "A. Bayés de Luna et al., Consensus on the ECG of Brugada's syndrome, J. Electrocardiol. 45:433, 2012"
)
PERICARDITIS = "L. Ginzton, M. Laks, Circulation 65:1004, 1982"

J_UV, TALL_T_UV, NARROW_MS = 100.0, 150.0, 120.0
COVED_UV, SADDLE_UV, LOW_UV = 200.0, 200.0, 50.0
WIDESPREAD_UV, WIDESPREAD_LEADS, ST_TO_T = 50.0, 6, 0.25

EARLY_REPOLARISATION = Term(
    "EARLY_REPOL", Section.REPOLARISATION, Severity.NORMAL,
    "Early repolarization pattern in {leads}",
    "Паттерн ранней реполяризации желудочков в {leads}", EARLY,
)  # fmt: skip
TYPE_1 = Term(
    "BRUGADA_1", Section.REPOLARISATION, Severity.ABNORMAL,
    "Type 1 (coved) Brugada pattern in {leads}",
    "ЭКГ-паттерн Бругада 1-го типа (сводчатый) в {leads}", BRUGADA,
)  # fmt: skip
TYPE_2 = Term(
    "BRUGADA_2", Section.REPOLARISATION, Severity.BORDERLINE,
    "Type 2 (saddleback) Brugada pattern in {leads}",
    "ЭКГ-паттерн Бругада 2-го типа (седловидный) в {leads}", BRUGADA,
)  # fmt: skip
PERICARDIAL = Term(
    "PERICARDITIS_PATTERN", Section.REPOLARISATION, Severity.ABNORMAL,
    "Signs of pericarditis (widespread ST elevation)",
    "Признаки перикардита (распространённый подъём сегмента ST)", PERICARDITIS,
)  # fmt: skip
TERMS = (EARLY_REPOLARISATION, TYPE_1, TYPE_2, PERICARDIAL)


def elevation(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """In the order of danger; one of them at most."""
    if not case.is_readable or said(found, CLBBB, WPW, FLUTTER):
        return
    brugada = None if said(found, CRBBB) else _brugada(case)
    if brugada:
        yield brugada
    elif not said(found, *STEMI.values()):
        pattern = _pericarditis(case) or _early(case)
        if pattern:
            yield pattern


def _brugada(case: Case) -> Statement | None:
    """V1 or V2: coved and falling into a negative T, or high, sagging and rising again."""
    for term, check, certainty in (
        (TYPE_1, _is_coved, Certainty.PROBABLE),
        (TYPE_2, _is_saddle, Certainty.POSSIBLE),
    ):
        leads = [
            (name, lead)
            for name in (Lead.V1, Lead.V2)
            if (lead := case.lead(name)) is not None and check(lead)
        ]
        if leads:
            facts = [
                Fact(f"{name.label}.{field}", getattr(lead, field), "µV")
                for name, lead in leads
                for field in ("j", "st40", "st80", "t_min")
            ]
            return term.state(*facts, certainty=certainty, leads=among(name for name, _ in leads))
    return None


def _is_coved(lead: LeadMeasurements) -> bool:
    if lead.j is None or lead.st40 is None or lead.st80 is None:
        return False
    return lead.j >= COVED_UV and lead.j > lead.st40 > lead.st80 and t_height(lead) < 0


def _is_saddle(lead: LeadMeasurements) -> bool:
    if lead.j is None or lead.st40 is None or lead.st60 is None or lead.st80 is None:
        return False
    lowest = min(lead.st40, lead.st60, lead.st80)
    return (
        max(lead.j, lead.r2 or 0.0) >= SADDLE_UV and LOW_UV <= lowest < lead.j / 2 and t_height(lead) > lowest
    )


def _pericarditis(case: Case) -> Statement | None:
    """Raised ST in most leads, aVR low, ST high against T in V6."""
    raised = [
        name for name in TWELVE_LEADS if _st(case, name) >= WIDESPREAD_UV and name not in (Lead.aVR, Lead.V1)
    ]
    v6 = case.lead(Lead.V6)
    if (
        v6 is None
        or len(raised) < WIDESPREAD_LEADS
        or not set(raised) & set(INFERIOR)
        or _st(case, Lead.aVR) > -WIDESPREAD_UV
    ):
        return None
    t = v6.t_max or 0.0
    if v6.j is None or t <= 0 or v6.j / t < ST_TO_T or v6.j < WIDESPREAD_UV:
        return None
    return PERICARDIAL.state(Fact("V6.j_to_t", v6.j / t, "", f"≥ {ST_TO_T:g}"), certainty=Certainty.POSSIBLE)


def _early(case: Case) -> Statement | None:
    """J waves in two contiguous inferior or lateral leads, QRS not wide."""
    leads = []
    for name in (Lead.I, Lead.II, Lead.III, Lead.aVL, Lead.aVF, Lead.V4, Lead.V5, Lead.V6):
        lead = case.lead(name)
        if (
            lead is not None
            and (lead.j or 0.0) >= J_UV
            and t_height(lead) >= TALL_T_UV
            and r_height(lead) > 0
        ):
            leads.append(name)
    kept = contiguous(leads)
    if not kept or (case.measurements.qrs or 0.0) >= NARROW_MS:
        return None
    facts = [
        Fact(f"{name.label}.j", lead.j or 0.0, "µV", f"≥ {J_UV:g}")
        for name in kept
        if (lead := case.lead(name))
    ]
    return EARLY_REPOLARISATION.state(*facts, certainty=Certainty.PROBABLE, leads=among(kept))


def _st(case: Case, name: Lead) -> float:
    """J or J+60, whichever is smaller in size."""
    lead = case.lead(name)
    return 0.0 if lead is None else min((lead.j or 0.0), (lead.st60 or 0.0), key=abs)
