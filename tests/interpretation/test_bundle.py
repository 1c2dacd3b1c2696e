"""Bundle branches, fascicles and preexcitation at and beside their limits."""

from __future__ import annotations

from typing import Any

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Certainty
from cardioserver.signal.beats import BeatClass
from tests.interpretation.cases import MAN, case, statements, waves

CONDUCTION = {"CRBBB", "IRBBB", "RSR_V1", "CLBBB", "ILBBB", "IVCD", "QRS_UPPER", "WPW"}
RIGHT = {
    **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=60, activation_ms=80),
    Lead.I: {"s1_ms": 60},
    Lead.V6: {"s1": -300, "s1_ms": 60},
}
LEFT = {
    **waves(Lead.V1, r1=100, s1=-1500),
    **waves(Lead.I, r1=900, t_max=0, t_min=-200),
    **waves(Lead.V5, r1=1200, activation_ms=75, t_max=0, t_min=-300),
    **waves(Lead.V6, r1=1100, activation_ms=75, t_max=0, t_min=-300),
}
CHILD = Person(Sex.MALE, 6.0)


@pytest.mark.parametrize(
    ("leads", "qrs", "person", "code"),
    [
        (RIGHT, 120, MAN, "CRBBB"),
        (RIGHT, 119, MAN, "IRBBB"),
        (RIGHT, 110, MAN, "IRBBB"),
        (RIGHT, 109, MAN, "RSR_V1"),
        (RIGHT, 100, CHILD, "CRBBB"),
        (RIGHT, 99, CHILD, "IRBBB"),
        ({**RIGHT, **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=40)}, 120, MAN, "CRBBB"),
        ({**RIGHT, **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=39)}, 129, MAN, "IRBBB"),
        ({**RIGHT, **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=39)}, 130, MAN, "IVCD"),
        ({**RIGHT, **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=34)}, 104, CHILD, "CRBBB"),
        (LEFT, 120, MAN, "CLBBB"),
        (LEFT, 112, MAN, "ILBBB"),
        ({}, 120, MAN, "IVCD"),
        ({}, 119, MAN, "QRS_UPPER"),
        ({}, 110, MAN, None),
        ({**LEFT, **waves(Lead.V5, q=-120, r1=1200, activation_ms=75)}, 130, MAN, "IVCD"),
        ({**LEFT, Lead.V6: {"activation_ms": 59}}, 130, MAN, "IVCD"),
        ({**RIGHT, Lead.I: {"s1_ms": 30}, Lead.V6: {"s1_ms": 30}}, 130, MAN, "IVCD"),
        ({**LEFT, **waves(Lead.V1, r1=700, s1=-600)}, 130, MAN, "IVCD"),
        ({**LEFT, **waves(Lead.V2, r1=1500, s1=-400)}, 130, MAN, "IVCD"),
        (waves(Lead.V1, r1=200, s1=-500, r2=100), 114, MAN, "QRS_UPPER"),
        (waves(Lead.V1, r1=200, s1=-500, r2=100), 110, MAN, "RSR_V1"),
    ],
)
def test_bundle_branches(leads: Any, qrs: float, person: Person, code: str | None) -> None:
    found = statements(case(leads, person, qrs=qrs)).keys() & CONDUCTION
    assert found == ({code} if code else set())


def test_a_slightly_wide_qrs_with_an_axis_far_to_the_left_is_no_left_bundle_branch_block() -> None:
    assert "ILBBB" in statements(case(LEFT, qrs=114, qrs_axis=-40))
    assert "ILBBB" not in statements(case(LEFT, qrs=114, qrs_axis=-50))


def test_nothing_of_the_sort_is_said_of_paced_or_ventricular_beats() -> None:
    for kind in (BeatClass.PACED, BeatClass.VENTRICULAR):
        assert not statements(case(LEFT, qrs=160, kind=kind)).keys() & CONDUCTION


def test_left_bundle_branch_block_silences_what_cannot_be_read_then() -> None:
    high = {**LEFT, **waves(Lead.V1, r1=100, s1=-2600), **waves(Lead.V3, q=-900, q_ms=80)}
    found = statements(case(high, qrs=140)).keys()
    assert "CLBBB" in found
    assert not found & {"LVH", "ASMI", "AMI", "ISCLA", "ISCAL", "NDT"}


def test_the_text_and_the_reasons_of_a_block() -> None:
    block = statements(case(RIGHT, qrs=134))["CRBBB"]
    assert block.ru == "Полная блокада правой ножки пучка Гиса (QRS = 134 мс)"
    assert block.en == "Complete right bundle-branch block (QRS = 134 ms)"
    assert [(fact.name, fact.value) for fact in block.why][:2] == [("qrs", 134), ("V1.shape", "rsR'")]
    assert "Surawicz" in block.source


ANTERIOR = {
    **waves(Lead.I, q=-80, r1=700),
    **waves(Lead.aVL, q=-150, r1=800),
    **waves(Lead.aVR, q=-300, r1=300, activation_ms=70),
    **waves(Lead.II, r1=300, s1=-700),
    **waves(Lead.III, r1=200, s1=-1200),
    **waves(Lead.aVF, r1=250, s1=-900),
}
POSTERIOR = {
    **waves(Lead.I, r1=100, s1=-600),
    **waves(Lead.aVL, r1=100, s1=-700),
    **waves(Lead.III, q=-60, r1=1200),
    **waves(Lead.aVF, q=-60, r1=1000),
}


@pytest.mark.parametrize(
    ("leads", "axis", "codes"),
    [
        (ANTERIOR, -45, {"LAFB"}),
        (ANTERIOR, -90, {"LAFB"}),
        (ANTERIOR, -44, {"LAFB"}),  # the terminal forces turn to the right
        (ANTERIOR, -29, set()),
        ({**ANTERIOR, Lead.aVR: {"activation_ms": 40}}, -44, set()),
        ({**ANTERIOR, **waves(Lead.I, r1=700), **waves(Lead.aVL, r1=800)}, -60, set()),
        ({**ANTERIOR, **waves(Lead.II, r1=800, s1=-700)}, -60, set()),
        ({**ANTERIOR, **waves(Lead.II, q=-60, r1=300, s1=-700)}, -60, set()),  # an inferior infarction
        (POSTERIOR, 100, {"LPFB"}),
        (POSTERIOR, 99, set()),
        ({**POSTERIOR, **waves(Lead.III, r1=1200)}, 120, set()),
        ({**POSTERIOR, **waves(Lead.V1, r1=900, s1=-200)}, 120, set()),  # the right ventricle
    ],
)
def test_fascicles(leads: Any, axis: float, codes: set[str]) -> None:
    assert statements(case(leads, qrs_axis=axis)).keys() & {"LAFB", "LPFB"} == codes


def test_two_and_three_fascicles() -> None:
    both = {**ANTERIOR, **RIGHT, Lead.I: {**ANTERIOR[Lead.I], "s1": -200, "s1_ms": 60}}
    found = statements(case(both, qrs=140, qrs_axis=-110))
    assert {"CRBBB", "LAFB", "BLOCK_BIFASCICULAR"} <= found.keys()
    assert found["LAFB"].why[0].value == -110
    late = statements(case(both, qrs=140, qrs_axis=-110, pr=240)).keys()
    assert {"1AVB", "BLOCK_TRIFASCICULAR"} <= late
    assert "BLOCK_BIFASCICULAR" not in late


@pytest.mark.parametrize(
    ("pr", "qrs", "rise", "person", "stated"),
    [
        (118, 120, 46, MAN, Certainty.DEFINITE),
        (118, 112, 46, MAN, Certainty.PROBABLE),
        (120, 120, 46, MAN, None),
        (118, 109, 46, MAN, None),
        (118, 120, 40, MAN, None),
        (96, 99, 46, CHILD, Certainty.PROBABLE),
        (118, 99, 46, CHILD, None),
    ],
)
def test_preexcitation(pr: float, qrs: float, rise: float, person: Person, stated: Certainty | None) -> None:
    found = statements(case(person=person, pr=pr, qrs=qrs, rise_ms=rise))
    assert ("WPW" in found) is (stated is not None)
    if stated:
        assert found["WPW"].certainty is stated
        assert not found.keys() & (CONDUCTION - {"WPW"})
