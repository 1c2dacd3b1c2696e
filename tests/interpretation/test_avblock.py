"""AV conduction: the PR interval, dropped beats, and atria and ventricles on their own."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.statement import Severity
from cardioserver.signal.analysis import analyse
from tests.interpretation.cases import case
from tests.interpretation.cases import statements as said_of
from tests.interpretation.rhythms import recorded, statements, steady

BLOCKS = {"1AVB", "LPR", "SHTPR", "2AVB", "WENCK", "MOBI2", "B2T1", "3AVB", "AVDIS"}
PP = 0.8
ATRIA = [0.3 + PP * n for n in range(12)]


def dropped(delays: list[float | None], leads: tuple[Lead, ...] | None = None) -> Recording:
    """P waves every 0.8 s and QRS complexes so long after them, over and over; ``None``: no QRS follows."""
    pairs = [(at, delays[n % len(delays)]) for n, at in enumerate(ATRIA)]
    chosen = {} if leads is None else {"leads": leads}
    return recorded([at + delay for at, delay in pairs if delay and at + delay < 9.7], 10, p=ATRIA, **chosen)


@pytest.mark.parametrize(
    ("pr", "age", "code"),
    [
        (160, 50, None), (201, 50, "LPR"), (209, 50, "LPR"), (210, 50, "1AVB"), (300, 50, "1AVB"),
        (119, 50, "SHTPR"), (120, 50, None), (150, 2, None), (170, 2, "1AVB"), (90, 2, None),
        (75, 2, "SHTPR"),
    ],
)  # fmt: skip
def test_the_pr_interval_by_age(pr: float, age: float, code: str | None) -> None:
    found = said_of(case(person=Person(age=float(age)), pr=pr, rate=110 if age < 16 else 70)).keys() & BLOCKS
    assert found == ({code} if code else set())


def test_a_p_wave_too_long_to_be_one_tells_nothing_of_pr() -> None:
    assert "1AVB" in said_of(case(pr=240, p=165))
    assert not said_of(case(pr=240, p=166)).keys() & BLOCKS


@pytest.mark.parametrize(("pr", "severity"), [(212, Severity.BORDERLINE), (230, Severity.ABNORMAL)])
def test_what_a_long_pr_interval_makes_of_the_ecg(pr: float, severity: Severity) -> None:
    assert said_of(case(pr=pr))["1AVB"].severity is severity


@pytest.mark.parametrize("leads", [None, (Lead.II, Lead.V1)])
@pytest.mark.parametrize(
    ("delays", "codes"),
    [
        ([0.18], set()),
        ([0.18, None], {"2AVB", "B2T1"}),
        ([0.18, 0.18, 0.18, None], {"2AVB", "MOBI2"}),
        ([0.18, 0.28, 0.35, None], {"2AVB", "WENCK"}),
    ],
)
def test_dropped_beats(delays: list[float | None], codes: set[str], leads: tuple[Lead, ...] | None) -> None:
    found = statements(dropped(delays, leads))
    assert found.keys() & BLOCKS == codes
    assert "SR" in found
    assert not found.keys() & {"AFIB", "AFLT", "SPAUS", "SABLK"}


@pytest.mark.parametrize("leads", [None, (Lead.II, Lead.V1)])
@pytest.mark.parametrize("rr", [1.3, 1.6, 2.1])
def test_atria_that_no_ventricle_follows(rr: float, leads: tuple[Lead, ...] | None) -> None:
    chosen = {} if leads is None else {"leads": leads}
    found = statements(recorded(steady(rr), 10, p=list(np.arange(0.3, 9.8, 0.72)), **chosen))
    assert found.keys() & BLOCKS == {"3AVB"}
    assert "частота предсердий 83" in found["3AVB"].ru
    assert not found.keys() & {"SR", "SBRAD", "AFIB"}


def test_a_sinus_rhythm_that_is_blocked_keeps_its_own_rate() -> None:
    found = statements(dropped([0.18, None]))
    assert "SBRAD" not in found
    assert "атр" not in found["2AVB"].ru
    assert "предсердий 75, желудочков 38" in found["2AVB"].ru


def test_a_block_of_two_types_is_stated_once_with_both() -> None:
    waves = 0.3 + PP * np.arange(200)
    dropping = [True, False] * 50 + [True, True, True, False] * 25
    beats = [at + 0.18 for at, passed in zip(waves, dropping, strict=True) if passed]
    made = recorded(beats, 161, p=list(waves), leads=(Lead.II, Lead.V1))
    stated = read(Case(made.format, analyse(made), Person(age=50.0)))
    assert sorted(one.code for one in stated if one.code in BLOCKS) == ["2AVB", "B2T1", "MOBI2"]
