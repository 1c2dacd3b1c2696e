"""The whole reading: order, quality, what is unknown, the summary and the text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.narrative import UNCONFIRMED, begun_small, narrate
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.statement import Section
from cardioserver.interpretation.territory import among
from cardioserver.interpretation.vocabulary import STANDARD, VOCABULARY
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass
from cardioserver.signal.quality import Grade
from tests.interpretation.cases import MAN, case, statements, waves
from tests.interpretation.rhythms import recorded, steady

SUMMARIES = {"NORM", "ECG_BORDERLINE", "ECG_ABNORMAL", "ECG_PARTIAL", "ECG_UNREADABLE"}
CHEST = (Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)
LEFT_BLOCK = {
    **waves(Lead.V1, r1=100, s1=-1500),
    **waves(Lead.I, r1=900),
    **waves(Lead.V5, r1=1200, activation_ms=75),
    **waves(Lead.V6, r1=1100, activation_ms=75),
}


def summary(found: dict[str, object]) -> str:
    (code,) = found.keys() & SUMMARIES
    return str(code)


def test_a_healthy_ecg_is_normal() -> None:
    assert summary(statements(case())) == "NORM"


def test_the_worst_finding_decides() -> None:
    assert summary(statements(case(qrs_axis=-35))) == "ECG_BORDERLINE"
    assert summary(statements(case(LEFT_BLOCK, qrs=150))) == "ECG_ABNORMAL"


@pytest.mark.parametrize("only", [(Lead.II,), (Lead.I, Lead.II), (Lead.I, Lead.II, Lead.III, *CHEST[:3])])
def test_few_leads_are_never_called_normal(only: tuple[Lead, ...]) -> None:
    found = statements(case(only=only))
    assert summary(found) == "ECG_PARTIAL"
    assert only[0].label in found["LEADS_FEW"].ru


def test_a_lead_that_cannot_be_read_is_named_and_left_out() -> None:
    lost = {**waves(Lead.V2, q=-900, q_ms=80), **waves(Lead.V3, q=-900, q_ms=80)}
    found = statements(case(lost, poor=(Lead.V2, Lead.V3, Lead.V4)))
    assert "V2–V4" in found["QUALITY_LEADS"].en
    assert "ASMI" not in found
    assert summary(found) == "ECG_PARTIAL"


def test_leads_beyond_the_twelve_and_those_without_a_name_are_told_too() -> None:
    unnamed = recorded(steady(0.8), 10, leads=(Lead.V5, Lead.I, Lead.V1))
    names = (Lead.V5, Lead.UNSPECIFIED, Lead.UNSPECIFIED)
    given = replace(unnamed, format=replace(unnamed.format, leads=names))
    found = {each.code: each for each in interpret(given).statements}
    assert "Recorded: V5, 2 unnamed leads;" in found["LEADS_FEW"].en
    assert "отведения V5, без названия (2);" in found["LEADS_FEW"].ru
    assert among((Lead.X, Lead.II, Lead.UNSPECIFIED)) == Phrase(
        "II, X, 1 unnamed lead", "отведениях II, X, без названия (1)"
    )


def test_a_poor_record_says_so_and_nothing_of_shapes() -> None:
    found = statements(case(LEFT_BLOCK, qrs=150, grade=Grade.POOR))
    assert summary(found) == "ECG_UNREADABLE"
    assert "QUALITY_POOR" in found
    assert "CLBBB" not in found


@pytest.mark.parametrize(
    ("person", "words"),
    [
        (Person(Sex.UNKNOWN, 50.0), "Пол неизвестен"),
        (Person(Sex.OTHER, 50.0), "Пол неизвестен"),
        (Person(Sex.MALE, None), "Возраст неизвестен"),
        (Person(), "Возраст и пол неизвестны"),
    ],
)
def test_what_is_unknown_of_the_person_is_said(person: Person, words: str) -> None:
    found = statements(case(person=person))
    assert words in found["PERSON_UNKNOWN"].ru
    assert "were used" in found["PERSON_UNKNOWN"].en
    assert "PERSON_UNKNOWN" not in statements(case(person=MAN))


def test_statements_stand_in_the_order_of_a_cardiologist() -> None:
    everything = {**waves(Lead.III, q=-500, q_ms=50, r1=300), **waves(Lead.aVF, q=-500, q_ms=50, r1=300)}
    everything |= {
        **waves(Lead.V1, r1=100, s1=-2000),
        Lead.V5: {"r1": 2000, "t_max": 20},
        Lead.V6: {"t_max": 20},
    }
    places = [
        list(Section).index(one.section) for one in read(case(everything, Person(), qtc_fridericia=500))
    ]
    assert places == sorted(places)
    assert len(set(places)) > 6


def test_the_text_has_a_line_for_each_section_and_ends_unconfirmed() -> None:
    text = narrate(read(case(waves(Lead.V1, r1=100, s1=-2500), Person(Sex.MALE))))
    lines = text.ru.splitlines()
    assert lines[0].startswith("Возраст неизвестен")
    assert any(line.startswith("Нормальное положение электрической оси сердца") for line in lines)
    assert any("Вероятно: гипертрофия левого желудочка" in line for line in lines)
    assert lines[-1] == UNCONFIRMED.ru == "Машинная интерпретация, не подтверждена врачом."
    assert text.en.splitlines()[-1] == UNCONFIRMED.en
    assert len(text.en.splitlines()) == len(lines)


def test_an_abbreviation_keeps_its_capitals_after_a_doubt() -> None:
    text = narrate(
        read(
            case(
                {
                    **waves(Lead.V3, r1=500),
                    Lead.V4: {"j": -60, "st60": -60, "st80": -60},
                    Lead.V5: {"j": -60, "st60": -60, "st80": -60},
                }
            )
        )
    )
    assert "Possible: signs of anterolateral ischemia (ST-T changes in V4, V5)" in text.en
    assert "Возможно: признаки ишемии" in text.ru


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("Atrial flutter", "atrial flutter"),
        ("Wide-QRS tachycardia", "wide-QRS tachycardia"),
        ("АВ-блокада I степени", "АВ-блокада I степени"),
        ("ЭКГ-паттерн Бругада", "ЭКГ-паттерн Бругада"),
        ("S1S2S3 pattern", "S1S2S3 pattern"),
        ("QT interval", "QT interval"),
        ("rSr' in V1", "rSr' in V1"),
    ],
)
def test_what_begins_small_after_a_colon(text: str, begun: str) -> None:
    assert begun_small(text) == begun


@pytest.mark.parametrize("code", VOCABULARY)
def test_every_term_speaks_both_languages(code: str) -> None:
    term = VOCABULARY[code]
    values = dict.fromkeys(re.findall(r"{(\w+)}", term.en + term.ru), "1")
    values |= dict.fromkeys(re.findall(r"{(\w+):", term.en + term.ru), 1.0)
    stated = term.state(**values)
    assert re.search("[А-Яа-яЁё]", stated.ru)
    assert not re.search("[А-Яа-яЁё]", stated.en)
    assert "{" not in stated.ru + stated.en
    assert not stated.ru.endswith(".")
    assert stated.source or code == "PERSON_UNKNOWN"


def test_own_codes_do_not_look_like_those_of_the_standard() -> None:
    own = set(VOCABULARY) - STANDARD
    assert {code for code in own if len(code) <= 7 and not re.search("[_0-9]", code)} == set()


def test_limits_of_children_are_wider_for_an_unknown_sex() -> None:
    for quantity in Quantity:
        for age in (0.001, 0.01, 0.05, 0.2, 0.4, 0.8, 2, 4, 6, 10, 15):
            boy, girl, child = (
                norm(Person(sex, age), quantity) for sex in (Sex.MALE, Sex.FEMALE, Sex.UNKNOWN)
            )
            assert boy is not None
            assert girl is not None
            assert child is not None
            assert child.high == max(boy.high, girl.high)
            assert child.low is None or child.low <= child.high
        assert norm(Person(Sex.MALE, 16.0), quantity) is None
        assert norm(Person(), quantity) is None


@pytest.mark.parametrize(
    ("early", "expected"), [((3,), "NORM"), ((2, 4, 6), "ECG_ABNORMAL"), ((1, 5, 7), "ECG_BORDERLINE")]
)
def test_a_single_supraventricular_beat_leaves_the_ecg_normal(early: tuple[int, ...], expected: str) -> None:
    given = case()
    kinds = tuple(
        BeatClass.SUPRAVENTRICULAR if number in early else BeatClass.NORMAL
        for number in range(len(given.analysis.beats.samples))
    )
    analysis = replace(given.analysis, beats=replace(given.analysis.beats, classes=kinds))
    found = statements(replace(given, analysis=analysis))
    assert "PAC" in found
    assert summary(found) == expected
