"""What cannot be read, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.interpretation.territory import CHEST, among, with_unnamed
from cardioserver.language import Phrase
from cardioserver.signal.quality import Grade, LeadQuality
from cardioserver.signal.reversal import Reversal

SOURCE = "AHA/ACC/HRS 2007, part I (P. Kligfield et al., Circulation 115:1306)"
REVERSAL_SOURCE = (
    "V. Batchvarov et al., Europace 9:1081, 2007; J. Kors, G. van Herpen, Am. J. Cardiol. 88:396, 2001"
)

POOR = Term(
    "QUALITY_POOR", Section.QUALITY, Severity.BORDERLINE,
    "Poor recording: only the rhythm can be read",
    "Низкое качество записи: оценён только ритм", SOURCE,
)  # fmt: skip
POOR_LEADS = Term(
    "QUALITY_LEADS", Section.QUALITY, Severity.NORMAL,
    "Poor recording in {leads}: left out of the reading",
    "Низкое качество записи в {leads}, из анализа {left_out}", SOURCE,
)  # fmt: skip
FEW_LEADS = Term(
    "LEADS_FEW", Section.QUALITY, Severity.NORMAL,
    "Recorded: {leads}; what needs other leads was not judged",
    "Записано: {leads}; признаки, требующие других отведений, не оценивались", SOURCE,
)  # fmt: skip
REVERSED = Term(
    "ELECTRODES_SWAPPED", Section.QUALITY, Severity.BORDERLINE,
    "Swapped electrodes ({electrodes}): {misread} may be misread, record again",
    "Перепутаны электроды ({electrodes}): {misread} оценены недостоверно, повторить запись",
    REVERSAL_SOURCE,
)  # fmt: skip
UNKNOWN = Term(
    "PERSON_UNKNOWN", Section.QUALITY, Severity.NORMAL,
    "{unknown} not known: {limits} were used", "{unknown}: применены {limits}",
)  # fmt: skip
TERMS = (POOR, POOR_LEADS, FEW_LEADS, REVERSED, UNKNOWN)

ELECTRODES = {
    Reversal.RIGHT_ARM_LEFT_ARM: Phrase("right and left arm", "правая и левая рука"),
    Reversal.RIGHT_ARM_RIGHT_LEG: Phrase("right arm and right leg", "правая рука и правая нога"),
    Reversal.LEFT_ARM_RIGHT_LEG: Phrase("left arm and right leg", "левая рука и правая нога"),
    Reversal.RIGHT_ARM_LEFT_LEG: Phrase("right arm and left leg", "правая рука и левая нога"),
    Reversal.LEFT_ARM_LEFT_LEG: Phrase("left arm and left leg", "левая рука и левая нога"),
}
LIMB_MISREAD = Phrase("axis and limb leads", "ось и отведения от конечностей")
CHEST_MISREAD = Phrase("these leads", "эти отведения")
LIMITS = {
    (True, False): (
        Phrase("Age", "Возраст неизвестен"), Phrase("limits of adults", "нормы взрослых"),
    ),
    (False, True): (
        Phrase("Sex", "Пол неизвестен"),
        Phrase("limits that hold for both sexes", "нормы, общие для обоих полов"),
    ),
    (True, True): (
        Phrase("Age and sex", "Возраст и пол неизвестны"),
        Phrase("limits of adults that hold for both sexes", "нормы взрослых, общие для обоих полов"),
    ),
}  # fmt: skip


def quality(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Of the record, of single leads, of the electrodes' places; what is not known of the person."""
    if case.analysis.quality.grade is Grade.POOR:
        yield POOR.state()
    poor = [each for each in case.analysis.quality.leads if each.grade is Grade.POOR]
    if poor and case.analysis.quality.grade is not Grade.POOR:
        facts = [_reason(each) for each in poor]
        left_out = Phrase("", "исключены" if len(poor) > 1 else "исключено")
        yield POOR_LEADS.state(*facts, leads=among(each.lead for each in poor), left_out=left_out)
    recorded = [lead for lead in TWELVE_LEADS if lead in case.format.leads]
    if any(lead not in recorded for lead in (Lead.I, Lead.II, *CHEST)):
        leads = case.format.leads
        every = ", ".join(lead.label for lead in leads if lead is not Lead.UNSPECIFIED)
        phrase = with_unnamed(every, leads)
        noun = "отведения" if len(leads) > 1 else "отведение"
        yield FEW_LEADS.state(leads=Phrase(phrase.en, f"{noun} {phrase.ru}"))
    for swap in reversals(case):
        names = ELECTRODES.get(swap) or _pair(swap)
        misread = LIMB_MISREAD if swap in ELECTRODES else CHEST_MISREAD
        yield REVERSED.state(certainty=Certainty.POSSIBLE, electrodes=names, misread=misread)
    unknown = (case.person.age is None, case.person.sex not in (Sex.MALE, Sex.FEMALE))
    if any(unknown):
        who, limits = LIMITS[unknown]
        yield UNKNOWN.state(unknown=who, limits=limits)


def _pair(swap: Reversal) -> Phrase:
    """Two electrodes of the chest."""
    one, other = swap.value.upper().split("-")
    return Phrase(f"{one} and {other}", f"{one} и {other}")


def _reason(lead: LeadQuality) -> Fact:
    name = lead.lead.label
    if lead.flat:
        return Fact(f"{name}.flat", "flat")
    if lead.saturated:
        return Fact(f"{name}.saturated", "saturated")
    if lead.missing:
        return Fact(f"{name}.missing", lead.missing)
    worst = max(("noise", "drift", "mains"), key=lambda kind: float(getattr(lead, kind)))
    return Fact(f"{name}.{worst}", float(getattr(lead, worst)), "µV")


def reversals(case: Case) -> tuple[Reversal, ...]:
    """Suspected reversals; none where the beats begin in a ventricle, or may: broad, and after no P wave."""
    measured = case.measurements
    broad = measured.pr is None and (measured.qrs or 0.0) >= WIDE_QRS_MS
    return case.analysis.quality.reversals if case.is_readable and not broad else ()


def misread(case: Case) -> frozenset[Lead]:
    """Leads that a reversal makes useless: all limb leads, or the two of the chest."""
    leads: set[Lead] = set()
    for swap in reversals(case):
        chest = {Lead.parse(name) for name in swap.value.split("-")} if swap not in ELECTRODES else set()
        leads |= chest or set(TWELVE_LEADS) - set(CHEST)
    return frozenset(leads)
