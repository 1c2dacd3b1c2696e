"""The fixed texts of the page."""

from __future__ import annotations

from datetime import date, datetime

from cardioserver.ecg.exam import ExamType
from cardioserver.ecg.patient import Sex
from cardioserver.language import Language, Phrase
from cardioserver.reports.options import Filter

TITLE = Phrase("Electrocardiogram", "Электрокардиограмма")
PATIENT = Phrase("Patient", "Пациент")
NUMBER = Phrase("Patient ID", "№ пациента")
YEARS = (Phrase("year", "год"), Phrase("years", "года"), Phrase("years", "лет"))
MONTHS = (Phrase("month", "месяц"), Phrase("months", "месяца"), Phrase("months", "месяцев"))
DAYS = (Phrase("day", "день"), Phrase("days", "дня"), Phrase("days", "дней"))
BORN = Phrase("Born", "Дата рожд.")
AGE = Phrase("Age", "Возраст")
SEX = Phrase("Sex", "Пол")
SEXES = {
    Sex.MALE: Phrase("male", "муж."),
    Sex.FEMALE: Phrase("female", "жен."),
    Sex.OTHER: Phrase("other", "другой"),
}
SIZE = Phrase("Height, weight", "Рост, вес")
CM, KG = Phrase("cm", "см"), Phrase("kg", "кг")
ACCESSION = Phrase("Accession no.", "№ направления")
DEVICE = Phrase("Device", "Прибор")
ARCHIVE = Phrase("Archive", "Архив")
EXAM = Phrase("Exam", "Обследование")
EXAM_TYPE = Phrase("Leads", "Отведения")
EXAM_TYPES = {
    ExamType.LIMB: Phrase("limb leads", "с конечностей"),
    ExamType.NEHB: Phrase("Nehb", "по Небу"),
    ExamType.CABRERA: Phrase("Cabrera", "по Кабрера"),
}
COMMENT = Phrase("Comment", "Примечание")

RATE = Phrase("Rate", "ЧСС")
PER_MINUTE = Phrase("bpm", "уд/мин")
MS = Phrase("ms", "мс")
MV = Phrase("mV", "мВ")
PR = Phrase("PR", "PQ")
AXIS = Phrase("QRS axis", "Ось QRS")
NO_ANALYSIS = Phrase("No automatic analysis", "Автоматического анализа нет")

AUTO_REPORT = Phrase("Automatic analysis", "Автоматический анализ")
UNCONFIRMED = Phrase("NOT CONFIRMED BY A DOCTOR", "НЕ ПОДТВЕРЖДЕНО ВРАЧОМ")
CONCLUSION = Phrase("Doctor's conclusion", "Заключение врача")
EARLIER = Phrase("Earlier conclusion", "Более раннее заключение")
MORE = Phrase("in full on page {}", "полностью на стр. {}")
DOCTOR = Phrase("Doctor", "Врач")
DATE = Phrase("Date", "Дата")

POOR = Phrase("Poor signal quality", "Низкое качество сигнала")
FLAT = Phrase("no signal", "нет сигнала")
SATURATED = Phrase("overloaded", "перегрузка")
OFF = Phrase("electrode off", "обрыв электрода")
NOISY = Phrase("noise", "помехи")

SPEED = Phrase("mm/s", "мм/с")
GAIN = Phrase("mm/mV", "мм/мВ")
LOW_GAIN = Phrase("gain lowered: large amplitudes", "усиление снижено: большая амплитуда")
CLIPPED = Phrase("▲▼ trace leaves the grid", "▲▼ кривая выходит за сетку")
SPIKES = Phrase("| pacemaker spike", "| импульс ЭКС")
FILTERS = Phrase("filters", "фильтры")
NO_FILTERS = Phrase("no filters", "без фильтров")
FILTER_NAMES = {
    Filter.DAPLF: Phrase("mains {:g} Hz", "сеть {:g} Гц"),
    Filter.DRIFT: Phrase("baseline drift", "дрейф изолинии"),
    Filter.TREMOR: Phrase("muscle tremor", "тремор"),
}
RECORDER = Phrase("recorder", "прибор")
HZ = Phrase("Hz", "Гц")
SECONDS = Phrase("s", "с")
OF_RECORD = Phrase("{}–{} of {}", "{}–{} из {}")
PAGE = Phrase("page {} of {}", "стр. {} из {}")
CREATED = Phrase("created", "создано")

BEATS = Phrase("Representative beat, median of {}", "Усреднённый комплекс, медиана из {}")
STRIP = Phrase("Whole recording", "Вся запись")
OVERVIEW = Phrase("Overview, one minute a line", "Обзор, минута в строке")
FIRST_OF = Phrase("first {} of {}", "первые {} из {}")
TEXTS = Phrase("Texts in full", "Тексты полностью")


def span(start: float, stop: float, duration: float, language: Language) -> str:
    """Which part of a recording is shown."""
    if stop - start >= duration - 0.05:
        return length(duration, language)
    if duration < 100:
        begin, end = plain(start, language), plain(stop, language)
    else:
        begin, end = clock(start), clock(stop)
    return OF_RECORD.say(language).format(begin, end, length(duration, language))


def number(value: float, digits: int, language: Language) -> str:
    """A number with its decimal sign; never ``-0``."""
    text = f"{value:.{digits}f}"
    if not text.strip("-0."):
        text = text.lstrip("-")
    text = text.replace("-", "−")
    return text.replace(".", ",") if language == "ru" else text


def plain(value: float, language: Language) -> str:
    """A number with one decimal, if it is not whole."""
    return number(value, 0 if value == round(value) else 1, language)


def day(value: date, language: Language) -> str:
    """A date: 12.04.1961, in English ISO 8601."""
    return f"{value:%d.%m.%Y}" if language == "ru" else value.isoformat()


def moment(value: datetime, language: Language) -> str:
    """A date with its time."""
    return f"{day(value.date(), language)} {value:%H:%M}"


def length(seconds: float, language: Language) -> str:
    """A duration: ``24 s``, ``5:00``, ``24:00:00``."""
    if seconds < 100:
        return f"{plain(seconds, language)} {SECONDS.say(language)}"
    return clock(seconds)


def clock(seconds: float) -> str:
    """A time in the recording: ``0:10``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
