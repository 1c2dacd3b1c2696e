"""Rhythms that a reading names, from made ECGs whose rhythm is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Certainty, Section, Severity
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.quality import Grade
from tests.interpretation.cases import MAN, case
from tests.interpretation.cases import statements as said_of
from tests.interpretation.rhythms import (
    P,
    fibrillating,
    fluttering,
    recorded,
    statements,
    steady,
    wild,
)

LOW_ATRIAL = (0.3, -0.6, -0.9, 0.15, 0.6, -0.75, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1)
LEFT_ATRIAL = (-0.6, 0.1, 0.7, 0.25, -0.65, 0.4, 0.6, -0.3, -0.5, -0.5, -0.6, -0.6)


def flutter(ratio: int, cycle: float = 0.22) -> Recording:
    return recorded(steady(ratio * cycle), 10, p=[], waves=fluttering(cycle))


def fibrillation(mean: float, leads: tuple[Lead, ...] | None = None) -> Recording:
    chosen = {} if leads is None else {"leads": leads}
    return recorded(wild(mean), 10, p=[], waves=fibrillating(), **chosen)


RHYTHMS = {
    "sinus": (recorded(steady(0.8), 10), {"SR"}),
    "sinus, slow": (recorded(steady(1.25), 10), {"SBRAD"}),
    "sinus, fast": (recorded(steady(0.52), 10), {"STACH"}),
    "sinus, breathing": (
        recorded([0.5, 1.3, 2.0, 2.65, 3.35, 4.2, 5.2, 6.15, 6.95, 7.65, 8.4, 9.2], 10),
        {"SR", "SARRH"},
    ),
    "sinus, one lead": (recorded(steady(0.8), 10, leads=(Lead.II,)), {"SR"}),
    "ectopic atrial": (recorded(steady(0.85), 10, p_share=LOW_ATRIAL), {"EAR"}),
    "fibrillation": (fibrillation(0.75), {"AFIB"}),
    "fibrillation, two leads": (fibrillation(0.75, (Lead.II, Lead.V1)), {"AFIB"}),
    "flutter, every second wave": (flutter(2), {"AFLT"}),
    "flutter, every fourth wave": (flutter(4), {"AFLT"}),
    "junctional": (recorded(steady(1.15), 10, p=[]), {"JESCR"}),
    "junctional, fast": (recorded(steady(0.85), 10, p=[]), {"ACJR"}),
    "supraventricular tachycardia": (recorded(steady(0.34), 10, p=[]), {"SVTAC"}),
    "wide tachycardia": (recorded(steady(0.42), 10, broad=range(40)), {"WQTAC"}),
    "idioventricular": (recorded(steady(1.5), 10, broad=range(40)), {"IDIOR"}),
}


@pytest.mark.parametrize("name", RHYTHMS)
def test_rhythm(name: str) -> None:
    recording, expected = RHYTHMS[name]
    found = statements(recording)
    assert {code for code, one in found.items() if one.section is Section.RHYTHM} == expected


@pytest.mark.parametrize("kind", ["asystole", "ventricular fibrillation"])
def test_a_heart_without_beats_is_no_matter_of_an_unclear_rhythm(kind: str) -> None:
    time = np.arange(5000) / 500
    pitch = 5 + 0.5 * np.sin(2 * np.pi * 0.4 * time)
    waves = 400 * (1 + 0.4 * np.sin(time)) * np.sin(2 * np.pi * np.cumsum(pitch) / 500)
    found = statements(recorded([], 10, p=[], waves=None if kind == "asystole" else waves, noise=3))
    assert "exclude ventricular tachycardia or fibrillation, asystole" in found["QRS_NONE"].en
    assert "ECG_ABNORMAL" in found
    assert not found.keys() & {"IDIOR", "SR", "AFIB", "AFLT"}


def test_fibrillation_says_how_fast_the_ventricles_answer_and_why() -> None:
    forms = {mean: statements(fibrillation(mean))["AFIB"].ru for mean in (0.45, 0.8, 1.3)}
    assert forms[0.45] == "Фибрилляция предсердий, тахисистолическая форма"
    assert forms[0.8] == "Фибрилляция предсердий, нормосистолическая форма"
    assert forms[1.3] == "Фибрилляция предсердий, брадисистолическая форма"
    facts = {fact.name: fact.value for fact in statements(fibrillation(0.8))["AFIB"].why}
    assert float(facts["atrial.p_in_step"]) < 0.45
    assert float(facts["rr.alike"]) < 0.5


def test_fibrillation_leaves_no_p_wave_and_no_pr_interval() -> None:
    found = statements(fibrillation(0.8))
    assert not found.keys() & {"1AVB", "LPR", "SHTPR", "LAO/LAE", "PAC"}


def test_flutter_names_the_conduction() -> None:
    assert statements(flutter(2))["AFLT"].ru == "Трепетание предсердий, правильная форма, проведение 2:1"
    irregular = [0.4]
    for ratio in (2, 3, 4, 2, 4, 3, 2, 2, 3, 4, 4, 2, 3, 2):
        irregular.append(irregular[-1] + 0.22 * ratio)
    found = statements(recorded([at for at in irregular if at < 9.6], 10, p=[], waves=fluttering(0.22)))
    assert found["AFLT"].en == "Atrial flutter, variable AV conduction"


def test_episodes_say_how_much_of_the_record_they_take() -> None:
    calm, stormy = AtrialActivity.P_WAVES, AtrialActivity.FIBRILLATION
    spans = tuple(
        AtrialSpan(n * 30_000, (n + 1) * 30_000, stormy if n == 1 else calm, odds=2.0, in_step=0.5, alike=0.3)
        for n in range(4)
    )
    given = case()
    given = replace(given, analysis=replace(given.analysis, atrial=Atrial(spans)))
    found = said_of(given)
    assert "25 % записи" in found["AFIB"].ru
    assert "during 25 % of the record" in found["AFIB"].en
    assert "SR" in found


@pytest.mark.parametrize(("odds", "certainty"), [(0.5, Certainty.PROBABLE), (3.0, Certainty.DEFINITE)])
def test_fibrillation_is_as_certain_as_its_odds(odds: float, certainty: Certainty) -> None:
    span = AtrialSpan(0, 5000, AtrialActivity.FIBRILLATION, odds=odds, in_step=0.2, alike=0.3)
    given = case()
    found = said_of(replace(given, analysis=replace(given.analysis, atrial=Atrial((span,)))))
    assert found["AFIB"].certainty is certainty
    assert "SR" not in found


def test_p_waves_of_many_shapes_are_of_a_wandering_pacemaker() -> None:
    turns = (*(P,) * 7, LOW_ATRIAL, LOW_ATRIAL, LEFT_ATRIAL, LEFT_ATRIAL, P)
    found = statements(recorded(steady(0.8), 10, p_share=turns))
    assert found["WANDP"].ru == "Миграция водителя ритма по предсердиям (форм зубца P: 3)"
    assert found["WANDP"].certainty is Certainty.POSSIBLE
    assert "WANDP" not in statements(recorded(steady(0.8), 10, p_share=(P, LOW_ATRIAL)))


def test_an_inverted_end_of_a_long_p_wave_is_no_ectopic_rhythm() -> None:
    low = {lead: {"p_max": 10, "p_min": -120} for lead in (Lead.II, Lead.aVF)}
    assert "EAR" in said_of(case(low, pr=150))
    hidden = said_of(case(low, pr=240))
    assert "EAR" not in hidden
    assert hidden["SR"].certainty is Certainty.PROBABLE


def without_p(alike: float, *, grade: Grade = Grade.GOOD, person: Person = MAN, **intervals: float) -> Case:
    given = case(grade=grade, person=person, pr=None, **intervals)
    unseen = Atrial((AtrialSpan(0, 5000, AtrialActivity.UNKNOWN, in_step=0.1, alike=alike),))
    return replace(given, analysis=replace(given.analysis, atrial=unseen))


def test_narrow_irregular_beats_without_any_p_wave_are_possibly_fibrillation() -> None:
    found = said_of(without_p(0.3))
    assert found["AFIB"].certainty is Certainty.POSSIBLE
    assert "Hindricks" in found["AFIB"].source
    assert "ARRHY" in said_of(without_p(0.3, qrs=130.0))
    few = replace(case(only=(Lead.II,), pr=None), analysis=without_p(0.3).analysis)
    assert "AFIB" not in said_of(few)


def test_a_fast_rhythm_of_very_broad_beats_is_never_called_sinus() -> None:
    assert "STACH" in said_of(case(rate=130, qrs=150))
    assert "STACH" in said_of(case(rate=115, qrs=180))
    assert "WQTAC" in said_of(case(rate=148, qrs=180))
    assert "WQTAC" in said_of(case(rate=130, qrs=150, qrs_axis=-120))
    assert "STACH" in said_of(case(rate=130, qrs=100, qrs_axis=-120))


def test_a_wide_tachycardia_is_told_of_a_poor_or_irregular_record_too() -> None:
    poor = said_of(without_p(1.0, grade=Grade.POOR, rate=180.0, qrs=200.0))
    assert poor["WQTAC"].certainty is Certainty.POSSIBLE
    assert "QUALITY_POOR" in poor
    assert not poor.keys() & {"CRBBB", "CLBBB", "IVCD"}
    assert "WQTAC" in said_of(without_p(0.4, rate=180.0, qrs=200.0))
    assert "UNRHY" in said_of(without_p(1.0, grade=Grade.POOR, rate=180.0, qrs=90.0))


def test_beats_that_may_be_ventricular_tell_nothing_of_the_heart_itself() -> None:
    scar = {lead: {"q": -900, "q_ms": 60} for lead in (Lead.II, Lead.III, Lead.aVF)}
    block = {Lead.V1: {"r2": 600, "r2_ms": 60}, Lead.V6: {"s1": -400, "s1_ms": 70}}
    given = without_p(1.0, rate=150.0, qrs=150.0)
    made = replace(given, analysis=replace(given.analysis, leads=case({**scar, **block}).analysis.leads))
    found = said_of(made)
    assert found["CRBBB"].certainty is Certainty.POSSIBLE
    assert not found.keys() & {"IMI", "IVCD", "AXIS_NORMAL"}


@pytest.mark.parametrize(("age", "code"), [(0.2, "ACJR"), (50.0, "SVTAC")])
def test_what_is_fast_without_p_waves_depends_on_the_age(age: float, code: str) -> None:
    assert code in said_of(without_p(1.0, person=Person(age=age), rate=140.0, qrs=60.0))


def test_a_poor_record_without_p_waves_has_no_named_rhythm() -> None:
    given = case(grade=Grade.POOR, pr=None)
    unclear = Atrial((AtrialSpan(0, 5000, AtrialActivity.UNKNOWN, in_step=0.1, alike=1.0),))
    found = said_of(replace(given, analysis=replace(given.analysis, atrial=unclear)))
    assert "UNRHY" in found
    assert not found.keys() & {"SR", "JESCR", "ACJR"}


@pytest.mark.parametrize(
    ("age", "rate", "code"),
    [
        (50.0, 110.0, "STACH"),
        (2.0, 110.0, "SR"),
        (2.0, 185.0, "STACH"),
        (0.5, 95.0, "SBRAD"),
        (50.0, 55.0, "SBRAD"),
    ],
)
def test_the_rate_of_a_sinus_rhythm_is_judged_by_age(age: float, rate: float, code: str) -> None:
    found = said_of(case(person=Person(age=age), rate=rate, rr=60_000 / rate))
    assert code in found
    if age < 16:
        assert "Rijnbeek" in found[code].source


@pytest.mark.parametrize(
    ("rate", "severity"),
    [
        (38.0, Severity.ABNORMAL), (43.0, Severity.BORDERLINE), (52.0, Severity.NORMAL),
        (72.0, Severity.NORMAL), (105.0, Severity.NORMAL), (118.0, Severity.BORDERLINE),
        (140.0, Severity.ABNORMAL),
    ],
)  # fmt: skip
def test_what_a_rate_makes_of_the_ecg(rate: float, severity: Severity) -> None:
    found = said_of(case(rate=rate, rr=60_000 / rate))
    (said,) = (one for code, one in found.items() if code.startswith("RATE_"))
    assert said.severity is severity


def test_a_rate_is_judged_as_it_is_printed() -> None:
    found = said_of(case(rate=59.7, rr=60_000 / 59.7))
    assert found.keys() >= {"SR", "RATE_NORMAL"}
    assert "ЧСС = 60" in found["RATE_NORMAL"].ru


def test_a_rigid_rhythm_is_called_so() -> None:
    assert "ритм ригидный" in statements(recorded(steady(0.8), 10))["RATE_NORMAL"].ru
    assert "ригидный" not in statements(recorded(wild(0.8), 10))["RATE_NORMAL"].ru
    assert "ригидный" not in statements(recorded(steady(0.5), 10))["RATE_FAST"].ru
