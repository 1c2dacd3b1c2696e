"""ST depression, T waves, QT, potassium and digitalis at and beside the limits."""

from __future__ import annotations

from typing import Any

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Certainty
from tests.interpretation.cases import MAN, WOMAN, case, statements, waves

CODES = {"ISCAS", "ISCAN", "ISCAL", "ISCLA", "ISCIN", "ISCIL", "ISC_", "NST_", "NDT", "LOWT", "STE_"}


def depressed(level: float, *leads: Lead) -> Any:
    return {lead: {"j": level, "st40": level, "st60": level, "st80": level} for lead in leads}


def t_wave(height: float, *leads: Lead) -> Any:
    return {lead: {"t_max": max(height, 0), "t_min": min(height, 0)} for lead in leads}


RIGHT_BLOCK = {
    **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=60, activation_ms=80),
    Lead.I: {"s1_ms": 60},
    **t_wave(-200, Lead.V2, Lead.V3),
}


@pytest.mark.parametrize(
    ("leads", "codes"),
    [
        (depressed(-50, Lead.V5, Lead.V6), {"ISCLA"}),
        (depressed(-49, Lead.V5, Lead.V6), set()),
        (depressed(-50, Lead.V4, Lead.V5, Lead.V6), {"ISCAL"}),
        (depressed(-50, Lead.II, Lead.III, Lead.aVF), {"ISCIN"}),
        (depressed(-50, Lead.II, Lead.aVF, Lead.V5, Lead.V6), {"ISCIL"}),
        (depressed(-50, Lead.II, Lead.III, Lead.aVF, Lead.V3, Lead.V4, Lead.V5, Lead.V6), {"ISC_"}),
        (depressed(-50, Lead.V6), {"NST_"}),
        (depressed(-50, Lead.III), set()),
        ({lead: {**fields, "st80": -20} for lead, fields in depressed(-60, Lead.V5, Lead.V6).items()}, set()),
        (t_wave(-100, Lead.V5, Lead.V6), {"ISCLA"}),
        (t_wave(-99, Lead.V5, Lead.V6), {"NDT"}),
        (t_wave(-150, Lead.V2, Lead.V3), {"ISCAS"}),
        (t_wave(-150, Lead.V3, Lead.V4), {"ISCAN"}),
        (t_wave(99, Lead.V5, Lead.V6), {"NDT"}),
        (t_wave(99, Lead.V6), set()),
        (t_wave(-80, Lead.III, Lead.aVL), set()),
        ({**t_wave(115, Lead.V5, Lead.V6), Lead.V6: {"t_max": 115, "r1": 1200}}, {"LOWT"}),
        (t_wave(130, Lead.V5, Lead.V6), set()),
        ({Lead.V2: {"j": 210, "st40": 210, "st60": 210}}, {"STE_"}),
    ],
)
def test_st_and_t(leads: Any, codes: set[str]) -> None:
    assert statements(case(leads)).keys() & CODES == codes


def test_a_small_r_wave_makes_no_t_wave_abnormal() -> None:
    small = {**waves(Lead.V5, r1=250, s1=-600), **waves(Lead.V6, r1=250, s1=-600)}
    flat = {lead: {**fields, "t_max": 20} for lead, fields in small.items()}
    assert not statements(case(flat)).keys() & CODES


def test_right_bundle_branch_block_explains_t_in_front() -> None:
    assert "ISCAS" in statements(case(t_wave(-200, Lead.V2, Lead.V3)))
    found = statements(case(RIGHT_BLOCK, qrs=140))
    assert "CRBBB" in found
    assert not found.keys() & CODES


def test_st_and_t_together_are_surer_and_named() -> None:
    both = {
        lead: {**depressed(-80, lead)[lead], "t_max": 0, "t_min": -200}
        for lead in (Lead.V4, Lead.V5, Lead.V6)
    }
    stated = statements(case(both))["ISCAL"]
    assert stated.certainty is Certainty.PROBABLE
    assert stated.ru == "Признаки ишемии переднебоковой стенки (изменения ST-T в отведениях V4–V6)"
    assert {"V4.st80", "V6.t"} <= {fact.name for fact in stated.why}


def test_t_inverted_by_an_infarction_is_not_told_again() -> None:
    scar = {
        lead: {"q": -400, "q_ms": 45, "t_max": 0, "t_min": -200} for lead in (Lead.II, Lead.III, Lead.aVF)
    }
    found = statements(case(scar))
    assert "не исключён недавний" in found["IMI"].ru
    assert not found.keys() & CODES
    assert "ISCLA" in statements(case({**scar, **t_wave(-200, Lead.V5, Lead.V6)}))


QT = {"LNGQT", "QT_UPPER", "QT_SHORT"}


@pytest.mark.parametrize(
    ("qtc", "person", "code"),
    [
        (449, MAN, None), (450, MAN, "QT_UPPER"), (469, MAN, "QT_UPPER"), (470, MAN, "LNGQT"),
        (459, WOMAN, None), (460, WOMAN, "QT_UPPER"), (480, WOMAN, "LNGQT"),
        (459, Person(Sex.UNKNOWN, 50.0), None), (460, Person(Sex.UNKNOWN, 50.0), "QT_UPPER"),
        (341, MAN, None), (340, MAN, "QT_SHORT"),
    ],
)  # fmt: skip
def test_qt(qtc: float, person: Person, code: str | None) -> None:
    found = statements(case(person=person, qtc_fridericia=qtc)).keys() & QT
    assert found == ({code} if code else set())


def test_no_short_qt_in_a_tachycardia() -> None:
    assert "QT_SHORT" in statements(case(qtc_fridericia=330, rate=100))
    assert "QT_SHORT" not in statements(case(qtc_fridericia=330, rate=101))


def test_qt_of_children_by_their_own_limits_and_formula() -> None:
    child = Person(Sex.MALE, 6.0)
    assert not statements(case(person=child, qrs=70, qtc_bazett=442, qtc_fridericia=480)).keys() & QT
    stated = statements(case(person=child, qrs=70, qtc_bazett=463, qtc_fridericia=400))["LNGQT"]
    assert "Bazett" in stated.en
    assert "Rijnbeek" in stated.source


def test_a_wide_qrs_is_taken_off_qt() -> None:
    wide = {"qrs": 160, "qt": 450, "rr": 1000}
    assert "QT_UPPER" in statements(case(qrs=119, qt=450, rr=1000))
    assert not statements(case(**wide)).keys() & QT
    assert "LNGQT" in statements(case(**{**wide, "qt": 520}))


def test_the_formula_is_said() -> None:
    assert (
        statements(case(qtc_fridericia=512.3))["LNGQT"].ru
        == "Удлинение интервала QT (QTc = 512 мс, по Фридеричиа)"
    )


@pytest.mark.parametrize(
    ("leads", "intervals", "stated"),
    [
        (t_wave(1300, Lead.V3, Lead.V4), {"pr": 210}, True),
        (t_wave(1300, Lead.V3, Lead.V4), {"qrs": 130}, True),
        (t_wave(1300, Lead.V3, Lead.V4), {"rate": 45}, True),
        (t_wave(1300, Lead.V3, Lead.V4), {}, False),
        (t_wave(999, Lead.V3, Lead.V4), {"pr": 210}, False),
        ({**t_wave(1300, Lead.V3, Lead.V4), Lead.V4: {"t_max": 1300, "r1": 3000}}, {"pr": 210}, False),
    ],
)
def test_potassium(leads: Any, intervals: dict[str, float], stated: bool) -> None:
    assert ("EL" in statements(case(leads, **intervals))) is stated


def test_digitalis_sags_st_and_shortens_qt() -> None:
    sag = {"j": -20, "st20": -50, "st40": -80, "st60": -80, "st80": -70, "t_max": 100, "t_min": -60}
    leads = {Lead.V5: dict(sag), Lead.V6: dict(sag)}
    assert "DIG" in statements(case(leads, qtc_fridericia=380))
    assert "DIG" not in statements(case(leads, qtc_fridericia=401))
