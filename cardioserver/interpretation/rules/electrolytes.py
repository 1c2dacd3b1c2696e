"""ST-T changes that hint at potassium or digitalis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS, r_height, t_height
from cardioserver.interpretation.rules.bundle import CLBBB, CRBBB
from cardioserver.interpretation.rules.leftventricle import LVH
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import among, contiguous
from cardioserver.signal.measurements import LeadMeasurements, Measurements

POTASSIUM_SOURCE = "N. Durfey et al., West. J. Emerg. Med. 18:963, 2017"
DIGITALIS_SOURCE = "B. Surawicz and T. Knilans, Chou's Electrocardiography in Clinical Practice, 6th ed."
PEAKED_UV, PEAKED_SHARE = 1000.0, 0.75  # of R
LONG_PR_MS, SLOW = 200.0, 50.0
SAG_UV, TALL_R_UV, SHORT_QTC_MS = -50.0, 500.0, 400.0

POTASSIUM = Term(
    "EL", Section.REPOLARISATION, Severity.ABNORMAL,
    "Signs of hyperkalemia (tall peaked T waves in {leads})",
    "Признаки гиперкалиемии (высокие заострённые зубцы T в {leads})", POTASSIUM_SOURCE,
)  # fmt: skip
DIGITALIS = Term(
    "DIG", Section.REPOLARISATION, Severity.ABNORMAL,
    "Digitalis effect (sagging ST depression with a short QT in {leads})",
    "Действие сердечных гликозидов (корытообразная депрессия сегмента ST с коротким QT в {leads})",
    DIGITALIS_SOURCE,
)  # fmt: skip
TERMS = (POTASSIUM, DIGITALIS)


def electrolytes(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Peaked T beside slow conduction or rate; sagging ST beside a short QT."""
    if not case.is_readable or said(found, CLBBB, WPW):
        return
    chest = [name for name in (Lead.V2, Lead.V3, Lead.V4, Lead.V5) if _is_peaked(case.lead(name))]
    peaked, slow = contiguous(chest), list(_slow(case.measurements))
    if peaked and slow and not said(found, CRBBB):
        facts = [
            Fact(f"{name.label}.t", t_height(case.lead(name)), "µV", f"≥ {PEAKED_UV:g}") for name in peaked
        ]
        yield POTASSIUM.state(*facts, *slow, certainty=Certainty.POSSIBLE, leads=among(peaked))
    sagging = contiguous(name for name in (Lead.V4, Lead.V5, Lead.V6) if _is_sagging(case.lead(name)))
    qtc = case.measurements.qtc_fridericia
    if sagging and qtc is not None and qtc <= SHORT_QTC_MS and not said(found, LVH):
        fact = Fact("qtc_fridericia", qtc, "ms", f"≤ {SHORT_QTC_MS:g}")
        yield DIGITALIS.state(fact, certainty=Certainty.POSSIBLE, leads=among(sagging))


def _is_peaked(lead: LeadMeasurements | None) -> bool:
    return t_height(lead) >= max(PEAKED_UV, PEAKED_SHARE * r_height(lead))


def _slow(measured: Measurements) -> Iterator[Fact]:
    if measured.qrs is not None and measured.qrs >= WIDE_QRS_MS:
        yield Fact("qrs", measured.qrs, "ms", f"≥ {WIDE_QRS_MS:g}")
    if measured.pr is not None and measured.pr >= LONG_PR_MS:
        yield Fact("pr", measured.pr, "ms", f"≥ {LONG_PR_MS:g}")
    if measured.rate is not None and measured.rate < SLOW:
        yield Fact("rate", measured.rate, "/min", f"< {SLOW:g}")


def _is_sagging(lead: LeadMeasurements | None) -> bool:
    """ST falls from J, is lowest midway and rises into an upright T."""
    if lead is None or lead.j is None or lead.st40 is None or lead.st80 is None or r_height(lead) < TALL_R_UV:
        return False
    lowest = min(lead.st40, lead.st60 or 0.0, lead.st80)
    upright = (lead.t_max or 0.0) > 0 and (lead.t_min or 0.0) >= 1.5 * lowest
    return lowest <= SAG_UV and lowest < lead.j and upright
