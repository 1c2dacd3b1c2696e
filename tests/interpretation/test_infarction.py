"""Q waves, ST elevation and what looks like it, at and beside the limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Certainty
from cardioserver.interpretation.territory import INFERIOR
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.beats import BeatClass
from tests.interpretation.cases import MAN, WOMAN, case, statements, waves

INFARCTIONS = {"IMI", "ILMI", "IPMI", "IPLMI", "PMI", "ASMI", "AMI", "ALMI", "LMI"}


def q(*leads: Lead, ms: float = 40, deep: float = 300, r: float = 600, **after: float) -> Any:
    return {
        lead: fields
        for name in leads
        for lead, fields in waves(name, q=-deep, q_ms=ms, r1=r, **after).items()
    }


def qs(*leads: Lead, deep: float = 900, **after: float) -> Any:
    return {lead: fields for name in leads for lead, fields in waves(name, q=-deep, q_ms=80, **after).items()}


def growing(*heights: float) -> Any:
    """R waves of V1 to V3."""
    leads = zip((Lead.V1, Lead.V2, Lead.V3), heights, strict=True)
    return {lead: fields for name, r in leads for lead, fields in waves(name, r1=r, s1=-1200).items()}


def test_large_q_waves_in_one_lead_are_told_and_make_the_ecg_borderline() -> None:
    found = statements(case(q(Lead.aVF, ms=16, deep=60, r=240)))
    assert {"QWAVE", "ECG_BORDERLINE"} <= found.keys()
    assert found["QWAVE"].ru == "Увеличение зубца Q в отведении aVF"
    assert "QWAVE" not in statements(case(q(Lead.aVF, ms=16, deep=59, r=240)))
    assert "QWAVE" not in statements(case(q(Lead.III, ms=40, deep=400, r=240)))
    assert "QWAVE" in statements(case(q(Lead.III, ms=30, deep=400, r=240, t_max=0, t_min=-100)))
    assert "QWAVE" not in statements(case(q(Lead.III, ms=29, deep=400, r=240, t_max=0, t_min=-100)))
    assert "QWAVE" not in statements(case(q(Lead.II, Lead.III, Lead.aVF)))


POSTERIOR = {**waves(Lead.V1, r1=900, r1_ms=45, s1=-300), **waves(Lead.V2, r1=1200, r1_ms=45, s1=-400)}


@pytest.mark.parametrize(
    ("leads", "codes"),
    [
        (q(Lead.III, Lead.aVF), {"IMI"}),
        (q(Lead.III, Lead.aVF, ms=30), {"IMI"}),
        (q(Lead.III, Lead.aVF, ms=29), set()),
        (q(Lead.III, Lead.aVF, deep=99), set()),
        (q(Lead.III, Lead.aVF, ms=32, deep=110, r=1200), set()),  # small before a tall R
        (q(Lead.III), set()),
        ({**q(Lead.III, ms=36), **q(Lead.aVF, ms=18, deep=150, r=500)}, {"IMI"}),
        (q(Lead.II, Lead.aVF, ms=20, deep=150, r=600), {"IMI"}),
        (q(Lead.II, Lead.aVF, ms=20, deep=149, r=600), set()),
        ({**q(Lead.II, Lead.III, Lead.aVF), **q(Lead.V5, Lead.V6)}, {"ILMI"}),
        ({**q(Lead.II, Lead.III, Lead.aVF), **POSTERIOR}, {"IPMI"}),
        ({**q(Lead.II, Lead.III, Lead.aVF), **q(Lead.V5, Lead.V6), **POSTERIOR}, {"IPLMI"}),
        (POSTERIOR, {"PMI"}),
        ({**POSTERIOR, **waves(Lead.V1, r1=900, r1_ms=40, s1=-300)}, set()),
        (qs(Lead.V1), set()),
        (qs(Lead.V1, Lead.V2), {"ASMI"}),
        (qs(Lead.V2, Lead.V3), {"ASMI"}),
        (qs(Lead.V3, Lead.V4), {"AMI"}),
        (q(Lead.V2, ms=20, deep=60, r=200), {"ASMI"}),
        (q(Lead.V2, ms=19, deep=60, r=200), set()),
        (q(Lead.V3, ms=24, deep=470, r=4600), set()),  # the septum's
        ({**qs(Lead.V2, Lead.V3, Lead.V4), **q(Lead.V5, Lead.V6)}, {"ALMI"}),
        (q(Lead.I, Lead.aVL), {"LMI"}),
        (q(Lead.aVL), set()),
        ({**qs(Lead.V2, Lead.V3), **q(Lead.III, Lead.aVF)}, {"ASMI", "IMI"}),
        (growing(90, 100, 200), {"ASMI"}),
        (growing(90, 101, 200), set()),
        (growing(90, 100, 201), set()),
        (growing(200, 150, 200), {"ASMI"}),
    ],
)  # fmt: skip
def test_territories(leads: Any, codes: set[str]) -> None:
    assert statements(case(leads)).keys() & INFARCTIONS == codes


def test_certainty_and_reasons() -> None:
    sure = statements(case(q(Lead.II, Lead.III, Lead.aVF)))["IMI"]
    assert sure.certainty is Certainty.DEFINITE
    assert {fact.name for fact in sure.why} == {"II.q_ms", "III.q_ms", "aVF.q_ms"}
    short = statements(case(q(Lead.II, Lead.III, Lead.aVF, ms=22)))["IMI"]
    assert short.certainty is Certainty.PROBABLE
    weak = statements(case({**q(Lead.III, ms=36), **q(Lead.aVF, ms=18, deep=150, r=500)}))["IMI"]
    assert weak.certainty is Certainty.POSSIBLE
    assert "Minnesota" in weak.source


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"t_max": 200}, "признаки рубцовой стадии"),
        ({"t_max": 0, "t_min": -200}, "не исключён недавний"),
        ({"j": 200, "st40": 200, "st60": 200, "t_max": 500}, "не исключена острая стадия"),
    ],
)
def test_age(after: dict[str, float], words: str) -> None:
    assert words in statements(case(q(Lead.II, Lead.III, Lead.aVF, **after)))["IMI"].ru


def st(level: float, *leads: Lead, **more: float) -> Any:
    return {
        lead: {"j": level, "st20": level, "st40": level, "st60": level, "st80": level, **more}
        for lead in leads
    }


def stemi(leads: Any, person: Person = MAN) -> set[str]:
    found = statements(case(leads, person))
    return {code.removeprefix("STEMI_") for code in found if code.startswith("STEMI_")}


AVL_LOW = st(-60, Lead.aVL)


@pytest.mark.parametrize(
    ("leads", "person", "walls"),
    [
        (st(100, Lead.II, Lead.III, Lead.aVF), MAN, {"INFERIOR"}),
        (st(99, Lead.II, Lead.III, Lead.aVF), MAN, set()),
        (st(100, Lead.II), MAN, set()),
        (st(100, Lead.I, Lead.aVL), MAN, {"LATERAL"}),
        (st(100, Lead.II, Lead.V3), MAN, set()),  # not contiguous
        ({**st(200, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, MAN, {"ANTEROSEPTAL"}),
        ({**st(199, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, MAN, set()),
        ({**st(249, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, Person(Sex.MALE, 39.0), set()),
        ({**st(250, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, Person(Sex.MALE, 39.0), {"ANTEROSEPTAL"}),
        ({**st(150, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, WOMAN, {"ANTEROSEPTAL"}),
        ({**st(150, Lead.V2, Lead.V3), Lead.II: {"st60": -60}}, Person(Sex.UNKNOWN, 50.0), set()),
        ({**st(250, Lead.V2, Lead.V3, Lead.V4, Lead.V5), Lead.III: {"st60": -60}}, MAN, {"ANTEROLATERAL"}),
        ({lead: {**fields, "st60": 40} for lead, fields in st(150, Lead.II, Lead.III).items()}, MAN, set()),
        (st(-60, Lead.V1, Lead.V2), MAN, {"POSTERIOR"}),
        (st(-60, Lead.V1, Lead.V2, t_max=0, t_min=-100), MAN, set()),
    ],
)
def test_st_elevation(leads: Any, person: Person, walls: set[str]) -> None:
    assert stemi(leads, person) == walls


def test_reciprocal_depression_makes_it_sure() -> None:
    raised = st(200, Lead.II, Lead.III, Lead.aVF)
    alone = statements(case(raised))["STEMI_INFERIOR"]
    mirrored = statements(case({**raised, **AVL_LOW}))["STEMI_INFERIOR"]
    assert (alone.certainty, mirrored.certainty) == (Certainty.POSSIBLE, Certainty.DEFINITE)
    assert (
        mirrored.ru
        == "Острый инфаркт миокарда нижней стенки с подъёмом сегмента ST в отведениях II, III, aVF"
    )
    assert "aVL.st60" in {fact.name for fact in mirrored.why}


def test_a_j_wave_is_no_st_elevation() -> None:
    assert stemi(st(150, Lead.II, Lead.aVF)) == {"INFERIOR"}
    assert stemi(st(150, Lead.II, Lead.aVF, st20=120, st40=99, st60=90)) == set()


def test_a_wide_qrs_raises_st_opposite_to_its_s_wave() -> None:
    deep = {**waves(Lead.V3, r1=300, s1=-1600), **waves(Lead.V4, r1=300, s1=-1600)}
    raised = {lead: {**fields, **st(380, lead)[lead]} for lead, fields in deep.items()}
    assert stemi(raised) == {"ANTERIOR"}
    assert not [code for code in statements(case(raised, qrs=150)) if code.startswith("STEMI")]


def test_flutter_waves_are_no_st_elevation() -> None:
    given = case(st(150, Lead.II, Lead.III, Lead.aVF), pr=None)
    span = AtrialSpan(0, 5000, AtrialActivity.FLUTTER, alike=1.0, cycle=0.2, ratio=2)
    fluttering = replace(given, analysis=replace(given.analysis, atrial=Atrial((span,))))
    assert "AFLT" in statements(fluttering)
    assert "STEMI_INFERIOR" not in statements(fluttering)
    opposite = replace(fluttering.analysis, leads=case({**st(150, *INFERIOR), **AVL_LOW}).analysis.leads)
    assert "STEMI_INFERIOR" in statements(replace(fluttering, analysis=opposite))


def test_early_repolarisation_is_told_from_an_occlusion() -> None:
    young = Person(Sex.MALE, 28.0)
    raised = {
        **st(260, Lead.V2, Lead.V3, t_max=900),
        Lead.V4: {"r1": 2500, "j": 120, "st60": 110, "t_max": 900},
    }
    tall = {**raised, Lead.V5: {"j": 110, "st60": 90, "t_max": 600}}
    deep = {**tall, **{Lead.V2: {**tall[Lead.V2], "s1": -2500}}}
    assert stemi(deep, young) == set()
    assert "EARLY_REPOL" in statements(case(deep, young))
    small = {**tall, Lead.V4: {**tall[Lead.V4], "r1": 300}, Lead.V3: {**tall[Lead.V3], "st60": 500, "j": 500}}
    assert stemi(small, young)


def test_an_old_infarction_with_low_t_is_an_aneurysm() -> None:
    scar = {**qs(Lead.V2, Lead.V3, Lead.V4, deep=1500, j=250, st40=250, st60=250, t_max=300)}
    assert "ANEUR" in statements(case(scar))
    assert stemi(scar) == set()
    fresh = {**qs(Lead.V2, Lead.V3, Lead.V4, deep=1500, j=250, st40=250, st60=250, t_max=700)}
    assert stemi(fresh)


def test_hypertrophy_explains_st_elevation_in_front() -> None:
    high = {
        **waves(Lead.V1, r1=100, s1=-2200, j=220, st40=220, st60=220),
        **waves(Lead.V2, r1=200, s1=-2600, j=230, st40=230, st60=230, t_max=500),
        Lead.V5: {"r1": 2200},
    }
    assert "LVH" in statements(case(high))
    assert stemi(high) == set()


LEFT_BLOCK = {
    **waves(Lead.V1, r1=100, s1=-1500, j=200, st40=200, st60=200),
    **waves(Lead.V2, r1=100, s1=-2000, j=300, st40=300, st60=300),
    **waves(Lead.I, r1=900),
    **waves(Lead.V5, r1=1200, activation_ms=75, j=-100, st60=-100),
    **waves(Lead.V6, r1=1100, activation_ms=75, j=-100, st60=-100),
}


@pytest.mark.parametrize(
    ("changes", "points"),
    [
        ({}, None),
        (waves(Lead.V6, r1=1100, activation_ms=75, j=100, st40=100, st60=100), 5),
        (waves(Lead.V6, r1=1100, activation_ms=75, j=99, st40=99, st60=99), None),
        (waves(Lead.V2, r1=100, s1=-2000, j=-100, st60=-100), 3),
        (waves(Lead.V2, r1=100, s1=-2000, j=500, st40=500, st60=500), 2),
        (waves(Lead.V2, r1=100, s1=-2000, j=499, st40=499, st60=499), None),
    ],
)
def test_sgarbossa(changes: Any, points: int | None) -> None:
    found = statements(case({**LEFT_BLOCK, **changes}, qrs=150))
    assert "CLBBB" in found
    if points is None:
        assert "STEMI_SGARBOSSA" not in found
    else:
        assert f"{points} points" in found["STEMI_SGARBOSSA"].en


def test_no_infarction_in_a_paced_ecg() -> None:
    found = statements(case(qs(Lead.II, Lead.III, Lead.aVF), kind=BeatClass.PACED, qrs=160))
    assert not found.keys() & INFARCTIONS
    concordant = waves(Lead.V6, r1=1100, j=200, st40=200, st60=200)
    assert "STEMI_SGARBOSSA" not in statements(case(concordant, kind=BeatClass.PACED, qrs=160))


COVED = {"j": 250, "st20": 220, "st40": 180, "st60": 140, "st80": 90, "t_max": 0, "t_min": -200}
SADDLE = {"j": 250, "st20": 180, "st40": 110, "st60": 90, "st80": 110, "t_max": 350}


@pytest.mark.parametrize(
    ("leads", "code"),
    [
        ({Lead.V1: COVED}, "BRUGADA_1"),
        ({Lead.V2: {**COVED, "j": 199}}, None),
        ({Lead.V1: {**COVED, "t_max": 300, "t_min": 0}}, "BRUGADA_2"),
        ({Lead.V2: SADDLE}, "BRUGADA_2"),
        ({Lead.V2: {**SADDLE, "st60": 49}}, None),
        ({Lead.V2: {**SADDLE, "st40": 200, "st60": 190, "st80": 180}}, None),
    ],
)
def test_brugada(leads: Any, code: str | None) -> None:
    found = statements(case(leads, Person(Sex.MALE, 30.0))).keys() & {"BRUGADA_1", "BRUGADA_2"}
    assert found == ({code} if code else set())


def test_widespread_elevation_suggests_pericarditis() -> None:
    leads = st(90, Lead.I, Lead.II, Lead.aVF, Lead.V4, Lead.V5, Lead.V6) | st(-70, Lead.aVR)
    assert "PERICARDITIS_PATTERN" in statements(case(leads))
    leads[Lead.V6] = {**leads[Lead.V6], "t_max": 400}
    assert "PERICARDITIS_PATTERN" not in statements(case(leads))


def test_early_repolarisation_alone_leaves_the_ecg_normal() -> None:
    found = statements(case(st(100, Lead.V5, Lead.V6, st60=60), Person(Sex.MALE, 25.0)))
    assert {"EARLY_REPOL", "NORM"} <= found.keys()
