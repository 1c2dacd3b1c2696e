"""What is known of patient, exam and measurements, as names and values to print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cardioserver.ecg.exam import Exam
from cardioserver.interpretation.document import Document
from cardioserver.interpretation.narrative import UNCONFIRMED
from cardioserver.language import Language, Phrase
from cardioserver.reports import words
from cardioserver.reports.channel import lead_names
from cardioserver.reports.content import Content

UNKNOWN = "—"
MOSTLY = 0.5  # of a record: a lead that was off so long is flat and saturated by that


@dataclass(frozen=True, slots=True)
class Field:
    """A value with its name."""

    name: str
    value: str


def full_name(exam: Exam) -> str:
    """Family name, personal name, patronymic."""
    patient = exam.patient
    return " ".join(filter(None, (patient.family_name, patient.personal_name, patient.patronymic)))


def identity(content: Content, language: Language) -> list[Field]:
    """Patient and exam; what is not known is left out with its name."""
    exam, patient = content.exam, content.exam.patient
    born = words.day(patient.birthday, language) if patient.birthday else ""
    sizes = (
        _measure(exam.height_cm, words.CM, language),
        _measure(exam.weight_kg, words.KG, language),
    )
    sex, kind = words.SEXES.get(patient.sex), words.EXAM_TYPES.get(exam.exam_type)
    pairs = (
        (words.NUMBER, patient.number),
        (words.BORN, born),
        (words.AGE, age(exam, language)),
        (words.SEX, sex.say(language) if sex else ""),
        (words.SIZE, ", ".join(filter(None, sizes))),
        (words.ACCESSION, exam.accession_number),
        (words.EXAM, str(content.exam_id or "")),
        (words.EXAM_TYPE, kind.say(language) if kind else ""),
        (words.DEVICE, exam.device_number),
        (words.ARCHIVE, content.archive),
    )
    return [Field(name.say(language), value) for name, value in pairs if value]


def age(exam: Exam, language: Language) -> str:
    """Age on the day of the exam: in days in the first month, in months in the first two years."""
    born, on = exam.patient.birthday, exam.started_at.date()
    if born is None:
        return "" if exam.age_years is None else _counted(exam.age_years, words.YEARS, language)
    months = _months(born, on)
    if months < 1:
        return _counted(max((on - born).days, 0), words.DAYS, language)
    if months < 24:
        return _counted(months, words.MONTHS, language)
    return _counted(months // 12, words.YEARS, language)


def _months(born: date, on: date) -> int:
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)


def _counted(count: int, forms: tuple[Phrase, Phrase, Phrase], language: Language) -> str:
    """A number with its noun: Russian has forms for 1, for 2 to 4 and for 5 and more."""
    if language == "en":
        form = forms[0] if count == 1 else forms[2]
    elif count % 10 == 1 and count % 100 != 11:
        form = forms[0]
    elif count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        form = forms[1]
    else:
        form = forms[2]
    return f"{count} {form.say(language)}"


def _measure(value: float | None, unit: Phrase, language: Language) -> str:
    if value is None:
        return ""
    return f"{words.plain(value, language)} {unit.say(language)}"


def measured(document: Document, language: Language) -> list[Field]:
    """The numbers of the whole record; an unknown one is a dash, as it may mean something (no P wave)."""
    values = document.measurements
    ms = words.MS.say(language)

    def time(value: float | None) -> str:
        return UNKNOWN if value is None else f"{value:.0f} {ms}"

    rate = UNKNOWN if values.rate is None else f"{values.rate:.0f} {words.PER_MINUTE.say(language)}"
    rr = time(values.rr)
    if values.rr_min is not None and values.rr_max is not None:
        rr += f" ({values.rr_min:.0f}–{values.rr_max:.0f})"
    p, qrs, t = (
        UNKNOWN if angle is None else f"{words.number(angle, 0, language)}°"
        for angle in (values.p_axis, values.qrs_axis, values.t_axis)
    )
    return [
        Field(words.RATE.say(language), rate),
        Field("RR", rr),
        Field("P", time(values.p)),
        Field(words.PR.say(language), time(values.pr)),
        Field("QRS", time(values.qrs)),
        Field("QT", time(values.qt)),
        Field("QTcB", time(values.qtc_bazett)),
        Field("QTcF", time(values.qtc_fridericia)),
        Field(words.AXIS.say(language), f"{qrs} (P {p}, T {t})"),
    ]


def reading(document: Document, language: Language) -> str:
    """The machine's text with what changed since the previous ECG; that nobody has signed stands apart."""
    text = document.text.say(language).removesuffix(UNCONFIRMED.say(language)).rstrip()
    changes = document.comparison.text.say(language) if document.comparison else ""
    return "\n".join(filter(None, (text, changes)))


def warnings(document: Document, language: Language) -> str:
    """Which leads are of poor quality and why; empty if none is."""
    poor = []
    names = lead_names([lead.lead for lead in document.quality.leads], language)
    for name, lead in zip(names, document.quality.leads, strict=True):
        if lead.grade != "poor":
            continue
        reason = words.NOISY
        if lead.missing > 0:
            reason = words.OFF
        if lead.saturated:
            reason = words.SATURATED
        if lead.flat:
            reason = words.FLAT
        if lead.missing >= MOSTLY:
            reason = words.OFF
        poor.append(f"{name} ({reason.say(language)})")
    if not poor and document.quality.grade != "poor":
        return ""
    said = words.POOR.say(language)
    return f"{said}: {', '.join(poor)}" if poor else said
