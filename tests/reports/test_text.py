"""What the pages say, as poppler extracts it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from PIL import Image

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import ExamType
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import HardwareFilters
from cardioserver.interpretation.comparison import Comparison
from cardioserver.interpretation.interpreter import interpret
from cardioserver.language import Phrase
from cardioserver.reports import Conclusion, Content, Filter, Options, Part, Stamp, render_pdf
from tests.reports import samples
from tests.reports.paperwork import poppler, runs, scan, text_of

ECG = frozenset({Part.ECG})
KAZAKH = "Ә Ғ Қ Ң Ө Ұ Ү Һ І ә ғ қ ң ө ұ ү һ і"


def said(content: Content, options: Options = samples.OPTIONS, page: int | None = None) -> str:
    return text_of(render_pdf(content, options), page)


def named(**fields: Any) -> Content:
    return samples.content(exam=samples.exam(patient=Patient(fields.pop("number", ""), **fields)))


def test_everything_a_cardiologist_looks_for_is_on_the_first_page() -> None:
    text = said(samples.content(), replace(samples.OPTIONS, parts=ECG))
    for expected in (
        "Городская поликлиника № 5", "Электрокардиограмма 21.11.2026 08:30 +03:00",
        "Әлиева Гүлнұр Һамитқызы", "№ пациента 1017-А", "Дата рожд. 12.04.1961", "Возраст 65 лет", "Пол жен.",
        "Рост, вес 164 см, 61,5 кг", "№ направления A-2026-000123", "Обследование 123", "Прибор KMT-0042",
        "Архив ЭКГ", "ЧСС 75 уд/мин",
        "RR 800 мс (796–804)", "P 104 мс", "PQ 158 мс", "QRS 92 мс", "QT 386 мс",
        "QTcB 432 мс", "QTcF 416 мс", "Ось QRS −12° (P 52°, T 41°)", "Автоматический анализ",
        "НЕ ПОДТВЕРЖДЕНО ВРАЧОМ", "Синусовый водитель ритма.", "25 мм/с 10 мм/мВ без фильтров", "3×4 + II",
        "стр. 1 из 1", "создано 21.11.2026 09:00", "aVF", "V6",
    ):  # fmt: skip
        assert expected in text


def test_the_page_in_english() -> None:
    options = replace(samples.OPTIONS, language="en", parts=ECG, filters=frozenset(Filter), mains=60.0)
    text = said(samples.content(), options)
    for expected in ("Rate 75 bpm", "PR 158 ms", "NOT CONFIRMED BY A DOCTOR", "Normal rate, HR = 75 bpm.",
                     "filters: mains 60 Hz, baseline drift, muscle tremor", "page 1 of 1"):  # fmt: skip
        assert expected in text
    own = ("Городская поликлиника № 5", "Әлиева Гүлнұр Һамитқызы", "1017-А", "ЭКГ")
    for name in own:
        text = text.replace(name, "")
    assert re.findall("[А-Яа-я]+", text) == []


def test_every_page_that_nobody_signed_says_so() -> None:
    pdf = render_pdf(samples.content(samples.recording(40.0)), samples.OPTIONS)
    assert [text_of(pdf, page).count("НЕ ПОДТВЕРЖДЕНО ВРАЧОМ") for page in (1, 2, 3)] == [1, 1, 1]


def test_a_signed_page_names_its_doctor_and_is_not_unconfirmed() -> None:
    text = said(samples.content(conclusions=(samples.conclusion("Вариант нормы."),)))
    assert "Заключение врача" in text
    assert "Вариант нормы." in text
    assert "Петрова Анна Викторовна, 21.11.2026 14:05" in text
    assert "Синусовый водитель ритма." in text
    assert "НЕ ПОДТВЕРЖДЕНО" not in text


def test_changes_since_the_previous_ecg_are_told() -> None:
    changes = Comparison((), Phrase("Compared: no change.", "По сравнению: без динамики."))
    document = replace(samples.document(samples.recording()), comparison=changes)
    assert "По сравнению: без динамики." in said(samples.content(document=document))


def test_without_an_analysis_the_page_says_so_and_holds_no_dashes() -> None:
    text = said(samples.content(document=None))
    assert "Автоматического анализа нет" in text
    assert "ЧСС" not in text
    assert "стр. 1 из 1" in text


def test_unknown_fields_leave_no_labels() -> None:
    content = replace(
        named(), exam=samples.exam(patient=Patient(""), height_cm=None, weight_kg=None, device_number="",
                                   accession_number=""), hcf="", archive="", exam_id=0,
    )  # fmt: skip
    text = said(content, replace(samples.OPTIONS, parts=ECG))
    for label in ("пациента", "Дата рожд", "Возраст", "Пол", "Рост", "направления", "Обследование", "Прибор",
                  "Архив", "Отведения", "Примечание", "None"):  # fmt: skip
        assert label not in text


def test_a_guessed_time_is_not_printed() -> None:
    text = said(samples.content(time_known=False))
    assert "08:30" not in text
    assert "Электрокардиограмма" in text


def test_kazakh_letters_survive() -> None:
    text = said(named(family_name=KAZAKH), replace(samples.OPTIONS, parts=ECG))
    assert all(letter in text for letter in KAZAKH)


def test_letters_of_two_code_points_are_joined() -> None:
    assert "Йод Ёж" in said(named(family_name="Йод", personal_name="Ёж"))


def test_long_texts_are_all_there_in_full() -> None:
    lines = [f"{number}. Строка заключения номер {number} о ритме и проводимости." for number in range(1, 31)]
    name = " ".join(f"Имя{number:02}" for number in range(17))[:99]
    content = samples.content(
        exam=samples.exam(
            patient=Patient("N" * 100, family_name=name, personal_name=name, patronymic=name),
            comment="Принимает бета-блокаторы. " * 40,
            accession_number="A" * 255,
        ),
        conclusions=(samples.conclusion("Раннее."), samples.conclusion("\n".join(lines))),
    )
    pdf = render_pdf(content, samples.OPTIONS)
    assert "полностью на стр. 3" in text_of(pdf, 1)
    whole = text_of(pdf, 3) + text_of(pdf, 4)
    for expected in (*lines, "Раннее.", "Более раннее заключение", name):
        assert expected in whole
    assert whole.count("Принимает бета-блокаторы.") == 40
    assert whole.replace(" ", "").count("A" * 255) == 1


def test_texts_do_not_run_over_each_other() -> None:
    """No two words of the first page share a place, however long the fields are."""
    content = samples.content(
        exam=samples.exam(
            patient=Patient("N" * 100, family_name="Ж" * 100, personal_name="Щ" * 100, patronymic="Ю" * 100),
            comment="примечание " * 90, accession_number="A" * 255, exam_type=ExamType.CABRERA,
        ),
        hcf="Государственное учреждение " * 20,
        conclusions=(samples.conclusion("Слово " * 400, author="Ф" * 200, stamp=Stamp(text="Печать " * 9)),),
    )  # fmt: skip
    for portrait in (False, True):
        options = replace(samples.OPTIONS, parts=ECG, portrait=portrait)
        page = poppler("pdftotext", render_pdf(content, options), "-bbox", "-l", "1")
        boxes = [tuple(map(float, found)) for found in re.findall(
            r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">', page)]  # fmt: skip
        assert len(boxes) > 50
        inner = [
            (a, b + 0.3 * (d - b), c, d - 0.25 * (d - b)) for a, b, c, d in boxes
        ]  # letters, not leading
        for number, one in enumerate(inner):
            for other in inner[number + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
                assert apart, (one, other)
        width = 595.3 if portrait else 841.9
        assert all(box[0] > 0 and box[2] < width for box in boxes)


def test_a_very_long_word_costs_no_time() -> None:
    content = samples.content(exam=samples.exam(comment="x" * 10_000))
    assert said(content).replace(" ", "").count("x") >= 10_000


def test_filters_of_the_recorder_are_told() -> None:
    own = HardwareFilters(0.05, 150.0, 50.0)
    options = replace(samples.OPTIONS, filters=frozenset({Filter.DAPLF, Filter.DRIFT}))
    text = said(samples.content(samples.recording(filters=own)), options)
    assert "фильтры: сеть 50 Гц, дрейф изолинии; прибор: 0,05–150 Гц, сеть 50 Гц" in text


@pytest.mark.parametrize(
    ("born", "age"),
    [("2026-11-20", "1 день"), ("2026-11-09", "12 дней"), ("2026-06-21", "5 месяцев"),
     ("2025-01-01", "22 месяца"), ("2005-11-22", "20 лет"), ("2005-11-21", "21 год"),
     ("2003-01-01", "23 года"), ("1914-01-01", "112 лет")],
)  # fmt: skip
def test_age(born: str, age: str) -> None:
    text = said(named(birthday=date.fromisoformat(born)))
    assert f"Возраст {age}" in text


def test_poor_leads_are_warned_of() -> None:
    flat = samples.recording()
    flat.samples[8] = 0
    text = said(samples.content(flat, document=interpret(flat)), replace(samples.OPTIONS, parts=ECG))
    assert "Низкое качество сигнала: V3 (нет сигнала)" in text


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (300, 160), (0, 0, 160)).save(file, "PNG")
    return file.getvalue()


def signed(stamp: Stamp) -> tuple[Conclusion, ...]:
    return (samples.conclusion(stamp=stamp),)


def test_stamps() -> None:
    options = replace(samples.OPTIONS, parts=ECG)
    with_text = render_pdf(samples.content(conclusions=signed(Stamp(text="Врач Петрова"))), options)
    assert "Врач Петрова" in text_of(with_text)
    with_picture = scan(render_pdf(samples.content(conclusions=signed(Stamp(picture()))), options), dpi=100)
    stamped = with_picture.ink(220, 10, 290, 35)
    assert with_picture.mm(max(stop - start for start, stop in runs(stamped.any(axis=0)))) > 25
    with pytest.raises(InvalidField, match=r"report\.stamp"):
        render_pdf(samples.content(conclusions=signed(Stamp(b"no picture"))), options)


def test_the_beats_page_has_a_row_of_measurements_for_each_lead() -> None:
    pdf = render_pdf(samples.content(), samples.OPTIONS)
    text = text_of(pdf, 2)
    assert re.search(r"Усреднённый комплекс, медиана из 1[0-3]\b", text)
    assert "50 мм/с 10 мм/мВ" in text
    assert "Әлиева Гүлнұр Һамитқызы" in text
    rows = poppler("pdftotext", pdf, "-layout", "-f", "2").splitlines()
    [second] = [row.split() for row in rows if re.match(r" *II .*\d,\d\d", row)]
    assert {"1,10", "0,28", "−0,11", "92"} <= set(second)  # R, T, Q in mV, QRS in ms


@pytest.mark.parametrize("part", list(Part))
def test_a_part_printed_alone_says_that_nobody_has_confirmed_it(part: Part) -> None:
    options = replace(samples.OPTIONS, parts=frozenset({part}))
    assert text_of(render_pdf(samples.content(), options), 1).count("НЕ ПОДТВЕРЖДЕНО ВРАЧОМ") == 1
    signed = samples.content(conclusions=(samples.conclusion(),))
    assert "НЕ ПОДТВЕРЖДЕНО" not in text_of(render_pdf(signed, options), 1)
