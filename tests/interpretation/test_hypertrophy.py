"""Ventricles, atria and voltage at and beside their limits; children against their age."""

from __future__ import annotations

from typing import Any

import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Certainty, Severity
from tests.interpretation.cases import MAN, WOMAN, case, statements, waves

STRAIN = {"j": -60, "st60": -80, "st80": -80, "t_max": 0, "t_min": -200}
STUDENT = Person(Sex.MALE, 20.0)


def sokolow(s1: float, r5: float, **after: float) -> Any:
    return {**waves(Lead.V1, r1=100, s1=-s1), **waves(Lead.V5, r1=r5, **after)}


@pytest.mark.parametrize(
    ("leads", "person", "qrs", "code", "certainty"),
    [
        (sokolow(1500, 2000), MAN, 90, "LVH", Certainty.PROBABLE),
        (sokolow(1500, 1999), MAN, 90, None, None),
        (sokolow(1500, 2000), Person(Sex.MALE, 35.0), 90, "LVH", Certainty.PROBABLE),
        (sokolow(1500, 2000), Person(Sex.MALE, 34.0), 90, "HVOLT", Certainty.DEFINITE),
        (sokolow(1500, 2000), STUDENT, 110, "LVH", Certainty.POSSIBLE),
        (sokolow(2000, 2500), STUDENT, 90, "LVH", Certainty.POSSIBLE),
        (sokolow(1500, 2000, **STRAIN), MAN, 90, "LVH", Certainty.DEFINITE),
        (waves(Lead.aVL, r1=1100), MAN, 90, "VCLVH", Certainty.DEFINITE),
        (waves(Lead.aVL, r1=1099), MAN, 90, None, None),
        (waves(Lead.V3, r1=500, s1=-2501), MAN, 80, "VCLVH", Certainty.DEFINITE),  # Cornell 2801 µV
        (waves(Lead.V3, r1=500, s1=-2500), MAN, 80, None, None),
        (waves(Lead.V3, r1=500, s1=-1701), WOMAN, 80, "VCLVH", Certainty.DEFINITE),
        (waves(Lead.V3, r1=500, s1=-1700), WOMAN, 80, None, None),
        (waves(Lead.V3, r1=500, s1=-1701), Person(Sex.UNKNOWN, 50.0), 80, None, None),
        (waves(Lead.V3, r1=500, s1=-2300), MAN, 105, None, None),  # the product alone: 273 µV·s
        ({**waves(Lead.aVL, r1=1200, **STRAIN)}, MAN, 90, "LVH", Certainty.POSSIBLE),
        ({**waves(Lead.II, r1=2100), **sokolow(1000, 1200, **STRAIN)}, MAN, 90, "LVH", Certainty.DEFINITE),
    ],
)
def test_left_ventricle(
    leads: Any, person: Person, qrs: float, code: str | None, certainty: Certainty | None
) -> None:
    found = statements(case(leads, person, qrs=qrs))
    assert found.keys() & {"LVH", "VCLVH", "HVOLT"} == ({code} if code else set())
    if code:
        assert found[code].certainty is certainty


def test_strain_is_stated_with_hypertrophy_and_not_as_ischaemia() -> None:
    found = statements(case({**sokolow(1500, 2200, **STRAIN), Lead.V6: dict(STRAIN)}))
    assert {"LVH", "LVH_STRAIN", "ECG_ABNORMAL"} <= found.keys()
    assert not [code for code in found if code.startswith("ISC")]
    doubtful = statements(case(waves(Lead.aVL, r1=1200, **STRAIN)))
    assert doubtful["LVH"].certainty is doubtful["LVH_STRAIN"].certainty is Certainty.POSSIBLE


def test_criteria_are_named_in_both_languages() -> None:
    both = {**sokolow(1500, 2100), **waves(Lead.V3, r1=500, s1=-2600)}
    stated = statements(case(both))["LVH"]
    assert "Sokolow–Lyon, Cornell voltage" in stated.en
    assert "Соколов–Лайон, Корнельский вольтаж" in stated.ru
    assert "Casale" in stated.source
    assert [(fact.name, fact.value) for fact in stated.why][:2] == [("sokolow_lyon", 3600), ("cornell", 2900)]


def test_high_voltage_of_the_young_is_normal() -> None:
    found = statements(case(sokolow(1600, 2200), STUDENT))
    assert found["HVOLT"].severity is Severity.NORMAL
    assert "NORM" in found


RIGHT = {**waves(Lead.V1, r1=800, s1=-300), Lead.V6: {"s1": -400}}


@pytest.mark.parametrize(
    ("leads", "axis", "certainty"),
    [
        (RIGHT, 115, Certainty.DEFINITE),
        (RIGHT, 95, Certainty.PROBABLE),
        (RIGHT, 90, Certainty.POSSIBLE),
        ({**waves(Lead.V1, r1=800, s1=-300)}, 90, None),
        ({**waves(Lead.V1, q=-100, r1=400)}, 95, Certainty.PROBABLE),
        ({}, 115, None),
    ],
)
def test_right_ventricle(leads: Any, axis: float, certainty: Certainty | None) -> None:
    found = statements(case(leads, qrs_axis=axis))
    assert ("RVH" in found) is (certainty is not None)
    if certainty:
        assert found["RVH"].certainty is certainty


def test_both_ventricles() -> None:
    found = statements(
        case({**RIGHT, **waves(Lead.V2, r1=800, s1=-3200), Lead.V5: {"r1": 3200}}, qrs_axis=115)
    )
    assert {"RVH", "LVH", "HYP_BIVENTRICULAR"} <= found.keys()


@pytest.mark.parametrize(
    ("leads", "intervals", "code"),
    [
        ({Lead.II: {"p_max": 250}}, {}, "RAO/RAE"),
        ({Lead.II: {"p_max": 249}}, {}, None),
        ({Lead.V1: {"p_max": 150}}, {}, "RAO/RAE"),
        ({Lead.V1: {"p_min": -100}}, {"p": 120}, "LAO/LAE"),
        ({Lead.V1: {"p_min": -99}}, {"p": 120}, None),
        ({Lead.V1: {"p_min": -100}}, {"p": 119}, None),
        ({Lead.II: {"p_max": 250}}, {"p_axis": -40}, None),
        ({Lead.II: {"p_max": 250}}, {"p_axis": None, "p": None, "pr": None}, None),
    ],
)
def test_atria(leads: Any, intervals: dict[str, float | None], code: str | None) -> None:
    found = statements(case(leads, **intervals)).keys() & {"RAO/RAE", "LAO/LAE"}
    assert found == ({code} if code else set())


def small(limb: float, chest: float) -> Any:
    """Every complex is an R of that many µV."""
    sizes = {lead: chest if lead.label.startswith("V") else limb for lead in TWELVE_LEADS}
    return {name: fields for lead, size in sizes.items() for name, fields in waves(lead, r1=size).items()}


@pytest.mark.parametrize(
    ("limb", "chest", "code"),
    [(499, 999, "LVOLT"), (499, 1000, "LVOLT_LIMB"), (500, 999, None)],
)
def test_low_voltage(limb: float, chest: float, code: str | None) -> None:
    found = statements(case(small(limb, chest))).keys() & {"LVOLT", "LVOLT_LIMB"}
    assert found == ({code} if code else set())


def test_low_voltage_needs_every_lead() -> None:
    assert "LVOLT" not in statements(case(small(400, 900), poor=(Lead.V3,)))


@pytest.mark.parametrize(
    ("leads", "age", "sex", "codes"),
    [
        (waves(Lead.V6, q=-60, r1=2990), 6.0, Sex.MALE, {"LVH"}),
        (waves(Lead.V6, q=-60, r1=2980), 6.0, Sex.MALE, set()),
        (waves(Lead.V6, q=-60, r1=2990), 6.0, Sex.FEMALE, set()),
        (waves(Lead.V1, r1=1500, s1=-700, t_max=0), 6.0, Sex.MALE, {"RVH"}),
        (waves(Lead.V1, r1=1480, s1=-700, t_max=0), 6.0, Sex.MALE, set()),
        (waves(Lead.V1, r1=1500, s1=-700, t_max=0), 0.05, Sex.MALE, set()),
        (waves(Lead.V1, r1=2550, s1=-700, t_max=0), 0.003, Sex.MALE, set()),
        (waves(Lead.V1, r1=2750, s1=-700, t_max=0), 0.003, Sex.MALE, {"RVH"}),
        (waves(Lead.V1, q=-100, r1=700, t_max=0), 6.0, Sex.MALE, {"RVH"}),
        ({Lead.V1: {"t_max": 100}}, 3.0, Sex.MALE, {"RVH"}),
        ({Lead.V1: {"t_max": 100}}, 8.0, Sex.MALE, set()),
        (waves(Lead.V5, r1=3500), 12.0, Sex.MALE, set()),
    ],
)
def test_children(leads: Any, age: float, sex: Sex, codes: set[str]) -> None:
    leads = {Lead.V1: {"t_max": 0, "t_min": -100}, **leads}
    found = statements(case(leads, Person(sex, age), qrs=70))
    assert found.keys() & {"LVH", "RVH", "VCLVH"} == codes


def test_a_large_terminal_force_alone_is_only_possibly_the_left_atrium() -> None:
    found = statements(case({Lead.V1: {"p_min": -60, "p_terminal": -4000}}, p=120))
    assert found["LAO/LAE"].certainty is Certainty.POSSIBLE
    assert "NORM" in found
    assert "LAO/LAE" not in statements(case({Lead.V1: {"p_min": -60, "p_terminal": -3999}}, p=120))
