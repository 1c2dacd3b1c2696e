"""Blocks of the bundle branches and slow conduction within the ventricles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import net_qrs, q_depth, r_height, shapes
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.rules.preexcitation import WPW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.measurements import LeadMeasurements
from cardioserver.signal.quality import Grade

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"

WIDE_S_MS = 40.0
SLOW_SHARE = 1 / 3
"""Of the QRS duration of a complete block: so long lasts its late R wave in V1, in adults as long as the S
wave that AHA asks of V6, its mirror image."""
EXACT_MS = 10.0  # by which a measured QRS may be off (IEC 60601-2-25)
LEAST_R2_UV = 50.0
RIGHT_PEAK_MS = 50.0  # R peak time in V1
LEFT_PEAK_MS = 60.0  # R peak time in I, V5 and V6
NO_Q_UV = 50.0  # half a millimetre on paper
SMALL_R = 0.34  # of the S wave: r in V1 with a left bundle-branch block is small
FASCICULAR_AXIS = -45.0  # degrees; up to here the anterior fascicle alone explains a slightly wide QRS

CRBBB = Term(
    "CRBBB", Section.CONDUCTION, Severity.ABNORMAL,
    "Complete right bundle-branch block (QRS = {qrs:.0f} ms)",
    "Полная блокада правой ножки пучка Гиса (QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
IRBBB = Term(
    "IRBBB", Section.CONDUCTION, Severity.BORDERLINE,
    "Incomplete right bundle-branch block (QRS = {qrs:.0f} ms)",
    "Неполная блокада правой ножки пучка Гиса (QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
RSR = Term(
    "RSR_V1", Section.CONDUCTION, Severity.NORMAL,
    "rSr' in V1 with a QRS of normal duration, normal variant",
    "Комплекс rSr' в V1 при нормальной длительности QRS, вариант нормы", SOURCE,
)  # fmt: skip
CLBBB = Term(
    "CLBBB", Section.CONDUCTION, Severity.ABNORMAL,
    "Complete left bundle-branch block (QRS = {qrs:.0f} ms)",
    "Полная блокада левой ножки пучка Гиса (QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
ILBBB = Term(
    "ILBBB", Section.CONDUCTION, Severity.BORDERLINE,
    "Incomplete left bundle-branch block (QRS = {qrs:.0f} ms)",
    "Неполная блокада левой ножки пучка Гиса (QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
IVCD = Term(
    "IVCD", Section.CONDUCTION, Severity.ABNORMAL,
    "Nonspecific intraventricular conduction delay (QRS = {qrs:.0f} ms)",
    "Неспецифическая внутрижелудочковая блокада (QRS = {qrs:.0f} мс)", SOURCE,
)  # fmt: skip
LONG_QRS = Term(
    "QRS_UPPER", Section.CONDUCTION, Severity.NORMAL,
    "QRS duration at the upper limit of normal ({qrs:.0f} ms)",
    "Длительность QRS на верхней границе нормы ({qrs:.0f} мс)", SOURCE,
)  # fmt: skip
TERMS = (CRBBB, IRBBB, RSR, CLBBB, ILBBB, IVCD, LONG_QRS)


def limits(case: Case) -> tuple[float, float]:
    """From which QRS durations on a block is incomplete and complete, ms.

    110 and 120 in adults, 90 and 100 from 4 to 16 years, 86 and 90 in younger children.
    """
    age = case.person.age
    if case.is_adult or age is None:
        return 110.0, 120.0
    return (90.0, 100.0) if age >= 4 else (86.0, 90.0)


def bundle(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Right, left or nonspecific; complete or incomplete."""
    qrs = case.measurements.qrs
    v1 = case.lead(Lead.V1)
    seen = case.is_readable or (case.is_ventricular and case.analysis.quality.grade is not Grade.POOR)
    if qrs is None or v1 is None or not seen or said(found, WPW):
        return
    incomplete, complete = limits(case)
    duration = Fact("qrs", qrs, "ms", f"≥ {complete if qrs >= complete else incomplete:g}")
    right, left = right_pattern(case), left_pattern(case)
    slow = right and _is_slow(case, SLOW_SHARE * complete)
    facts = shapes(v1, case.lead(Lead.I), case.lead(Lead.V6))
    if qrs >= complete and case.is_ventricular:
        if slow or left:
            yield (CRBBB if slow else CLBBB).state(duration, *facts, qrs=qrs, certainty=Certainty.POSSIBLE)
    elif qrs >= complete and right and not slow and qrs < complete + EXACT_MS:
        yield IRBBB.state(duration, *facts, qrs=qrs, certainty=Certainty.PROBABLE)
    elif qrs >= complete:
        yield (CRBBB if slow else CLBBB if left else IVCD).state(duration, *facts, qrs=qrs)
    elif qrs >= incomplete and right:
        yield IRBBB.state(duration, *facts, qrs=qrs)
    elif qrs >= incomplete and left and (case.axis or 0.0) > FASCICULAR_AXIS:
        yield ILBBB.state(duration, *facts, qrs=qrs, certainty=Certainty.POSSIBLE)
    elif qrs > incomplete and _is_long(case, qrs):
        yield LONG_QRS.state(duration, qrs=qrs)
    elif (v1.r2 or 0.0) >= LEAST_R2_UV:
        yield RSR.state(Fact("V1.r2", v1.r2 or 0.0, "µV", f"≥ {LEAST_R2_UV:g}"), *facts)


def right_pattern(case: Case) -> bool:
    """A second or late R wave in V1 or V2, and a broad S wave in I or V6."""
    wide = False
    for name in (Lead.I, Lead.V6):
        lead = case.lead(name)
        if lead is not None and lead.s1_ms is not None:
            wide |= lead.s1_ms >= WIDE_S_MS or lead.s1_ms > (lead.r1_ms or 0.0)
    return wide and any(_late_r(case, name) for name in (Lead.V1, Lead.V2))


def _late_r(case: Case, name: Lead) -> bool:
    """A second R wave, wider or higher than the first; or in V1 nothing but a late R."""
    lead = case.lead(name)
    if lead is None:
        return False
    if lead.r2 is not None:
        higher = lead.r2 > (lead.r1 or 0.0)
        return higher or (name is Lead.V1 and (lead.r2_ms or 0.0) >= (lead.r1_ms or 0.0))
    alone = lead.r1 is not None and net_qrs(lead) > 0 and (lead.activation_ms or 0.0) > RIGHT_PEAK_MS
    return alone and name is Lead.V1


def _is_slow(case: Case, least: float) -> bool:
    """Whether the late R wave lasts *least* ms: what follows the left ventricle is then a whole ventricle."""
    for name in (Lead.V1, Lead.V2):
        lead = case.lead(name)
        if lead is not None and _late_r(case, name):
            lasting = lead.r1_ms if lead.r2 is None else lead.r2_ms
            if (lasting or 0.0) >= least:
                return True
    return False


def left_pattern(case: Case) -> bool:
    """V1 negative with a small r, V2 negative; I, V5 and V6 without q; R late in I, or in V5 and V6."""
    v1, one = case.lead(Lead.V1), case.lead(Lead.I)
    chest = [lead for lead in (case.lead(name) for name in (Lead.V5, Lead.V6)) if lead is not None]
    if v1 is None or one is None or not chest or v1.r2 is not None:
        return False
    small = r_height(v1) <= SMALL_R * (r_height(v1) - net_qrs(v1))
    if not small or net_qrs(case.lead(Lead.V2)) > 0 or net_qrs(one) <= 0:
        return False
    if any(q_depth(lead) > NO_Q_UV for lead in (one, *chest)):
        return False
    return _is_late(one) or all(_is_late(lead) for lead in chest)


def _is_late(lead: LeadMeasurements) -> bool:
    return net_qrs(lead) > 0 and (lead.activation_ms or 0.0) >= LEFT_PEAK_MS


def _is_long(case: Case, qrs: float) -> bool:
    usual = norm(case.person, Quantity.QRS)
    return usual is None or qrs > usual.high
