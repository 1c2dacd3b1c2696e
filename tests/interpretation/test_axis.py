"""The axis at the borders of its classes, and by age."""

from __future__ import annotations

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import Person
from cardioserver.signal.reversal import Reversal
from tests.interpretation.cases import MAN, case, statements, waves


def axis_of(value: float, person: Person = MAN) -> str:
    (code,) = (code for code in statements(case(person=person, qrs_axis=value)) if code.startswith("AXIS_"))
    return code.removeprefix("AXIS_")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (30, "NORMAL"), (69, "NORMAL"), (29, "HORIZONTAL"), (0, "HORIZONTAL"),
        (-1, "LEFTWARD"), (-29, "LEFTWARD"), (-30, "LEFT"), (-90, "LEFT"),
        (-91, "EXTREME"), (-179, "EXTREME"),
        (70, "VERTICAL"), (90, "VERTICAL"), (91, "RIGHT"), (179, "RIGHT"),
    ],
)  # fmt: skip
def test_classes_of_adults(value: float, name: str) -> None:
    assert axis_of(value) == name


@pytest.mark.parametrize(
    ("age", "sex", "value", "name"),
    [
        (0.005, Sex.MALE, 190, "NORMAL"),  # two days
        (0.005, Sex.MALE, 58, "LEFT"),
        (0.05, Sex.FEMALE, 155, "NORMAL"),
        (0.05, Sex.FEMALE, 156, "RIGHT"),
        (0.05, Sex.MALE, 141, "RIGHT"),
        (0.05, Sex.UNKNOWN, 141, "NORMAL"),
        (6.0, Sex.MALE, 112, "NORMAL"),
        (6.0, Sex.MALE, 113, "RIGHT"),
        (6.0, Sex.FEMALE, 26, "LEFT"),
        (15.9, Sex.MALE, -9, "NORMAL"),
        (16.0, Sex.MALE, -9, "LEFTWARD"),
        (6.0, Sex.MALE, -150, "EXTREME"),
    ],
)
def test_limits_of_children(age: float, sex: Sex, value: float, name: str) -> None:
    assert axis_of(value if value <= 180 else value - 360, Person(sex, age)) == name


@pytest.mark.parametrize(
    ("value", "name", "words"),
    [(90.3, "VERTICAL", "(90°)"), (-29.6, "LEFT", "(−30°)"), (-0.4, "HORIZONTAL", "(0°)")],
)
def test_the_axis_is_judged_as_it_is_printed(value: float, name: str, words: str) -> None:
    stated = statements(case(qrs_axis=value))[f"AXIS_{name}"]
    assert stated.ru.endswith(words)
    assert stated.en.endswith(words)


def test_normal_axis_in_words() -> None:
    stated = statements(case(qrs_axis=54.4))["AXIS_NORMAL"]
    assert stated.ru == "Нормальное положение электрической оси сердца (54°)"
    assert stated.en == "Normal QRS axis (54°)"


def test_deep_s_waves_in_all_three_limb_leads() -> None:
    deep = {
        **waves(Lead.I, r1=400, s1=-300),
        **waves(Lead.II, r1=500, s1=-350),
        **waves(Lead.III, r1=300, s1=-400),
    }
    assert "S1S2S3_TYPE" in statements(case(deep))
    assert "S1S2S3_TYPE" not in statements(case({**deep, **waves(Lead.I, r1=400, s1=-299)}))


def test_no_axis_if_the_arms_are_swapped() -> None:
    broad = case(reversals=(Reversal.RIGHT_ARM_LEFT_ARM,), pr=None, qrs=160, rate=150)
    assert "ELECTRODES_SWAPPED" not in statements(broad)  # the beats may begin in a ventricle
    found = statements(case(reversals=(Reversal.RIGHT_ARM_LEFT_ARM,), qrs_axis=150))
    assert "правая и левая рука" in found["ELECTRODES_SWAPPED"].ru
    assert not [code for code in found if code.startswith("AXIS_")]
    assert "ECG_BORDERLINE" in found


def test_swapped_chest_leads_are_left_out_of_the_reading() -> None:
    lost = {**waves(Lead.V2, q=-900, q_ms=80), **waves(Lead.V3, q=-900, q_ms=80)}
    assert "ASMI" in statements(case(lost))
    found = statements(case(lost, reversals=(Reversal.V2_V3,)))
    assert "ASMI" not in found
    assert "(V2 and V3): these leads may be misread" in found["ELECTRODES_SWAPPED"].en
    assert "(V2 и V3): эти отведения оценены недостоверно" in found["ELECTRODES_SWAPPED"].ru
    assert "AXIS_NORMAL" in found
