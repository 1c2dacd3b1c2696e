"""Whatever is recorded is interpreted, the same each time, and what is said of it is sound."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat
from cardioserver.interpretation.document import encode
from cardioserver.interpretation.interpreter import interpret
from tests.interpretation.anyrecords import RATES, any_records, assert_sound, integers
from tests.interpretation.rhythms import bell, recorded, steady

MANY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(any_records())
def test_any_record_is_interpreted_and_what_is_said_is_sound(recording: Recording) -> None:
    assert_sound(interpret(recording), recording.format)


@settings(MANY, max_examples=15)
@given(any_records())
def test_the_same_record_gives_the_same_document(recording: Recording) -> None:
    assert encode(interpret(recording)) == encode(interpret(recording))


def test_another_process_gives_the_same_document() -> None:
    """Whatever the order of its sets is."""
    program = (
        "import hashlib\n"
        "from cardioserver.interpretation.document import encode\n"
        "from cardioserver.interpretation.interpreter import interpret\n"
        "from tests.interpretation.rhythms import recorded, steady\n"
        "print(hashlib.sha256(encode(interpret(recorded(steady(0.8), 10.0, broad=(3, 7))))).hexdigest())\n"
    )
    digest = hashlib.sha256(encode(interpret(recorded(steady(0.8), 10.0, broad=(3, 7))))).hexdigest()
    answer = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert answer.stdout.strip() == digest


def at_rate(rows: np.ndarray, rate: float, marks: tuple[int, ...] = ()) -> Recording:
    leads = TWELVE_LEADS[: len(rows)]
    counts = integers(rows, 16)
    return Recording(SignalFormat(rate, leads, (1.0,) * len(rows), 16, counts.shape[1], (), marks), counts)


def line_of(rate: float, seconds: float, rr: float, size: float = 1000.0) -> np.ndarray:
    """Beats in lead II, faster ones shorter."""
    time, scale = np.arange(round(rate * seconds)) / rate, min(1.0, rr / 0.7)
    line = np.random.default_rng(1).normal(size=len(time)) * 2
    for at in np.arange(0.4 * scale, seconds, rr):
        line += size * bell(time, at, 0.024)
        line += 0.25 * size * bell(time, at + 0.27 * scale, 0.09 * scale)
        line += 0.12 * size * bell(time, at - 0.16 * scale, 0.05 * scale)
    return line


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_measures_the_same(rate: float) -> None:
    document = interpret(at_rate(np.outer((0.6, 1.0, 0.4), line_of(rate, 10.0, 0.8)), rate))
    assert document.measurements.rate == pytest.approx(75, abs=0.2)
    assert document.measurements.qrs == pytest.approx(64, abs=4)
    assert document.measurements.pr == pytest.approx(176, abs=4)
    assert document.measurements.qt == pytest.approx(393, abs=4)


@pytest.mark.parametrize(("rr", "seconds"), [(3.0, 30.0), (0.2, 10.0)])
def test_rates_of_20_and_300_a_minute(rr: float, seconds: float) -> None:
    recording = at_rate(np.outer((0.6, 1.0, 0.4), line_of(500.0, seconds, rr)), 500.0)
    document = interpret(recording)
    assert document.measurements.rate == pytest.approx(60 / rr, rel=0.07)
    assert_sound(document, recording.format)


@pytest.mark.parametrize("size", [20.0, 10_000.0])
def test_tiny_and_huge_beats_are_counted(size: float) -> None:
    rows = np.outer((0.6, 1.0, 0.4), line_of(500.0, 10.0, 0.8, size))
    assert len(interpret(at_rate(rows, 500.0)).beats) in {12, 13}


@pytest.mark.parametrize("every", [1, 2, 7])
def test_marks_beyond_what_a_pacemaker_gives_hide_no_beat(every: int) -> None:
    """Each sample marked would blank the whole record."""
    rows = np.outer((0.6, 1.0, 0.4), line_of(500.0, 10.0, 0.8))
    honest, flooded = at_rate(rows, 500.0), at_rate(rows, 500.0, tuple(range(0, 5000, every)))
    assert interpret(flooded).beats == interpret(honest).beats


def test_a_burst_of_false_marks_costs_only_the_beats_it_covers() -> None:
    qrs = steady(0.8, 20.0)
    spikes = [at - 0.05 for at in qrs]
    flood = sorted({round(at, 2) for at in (*spikes, *np.arange(5.0, 8.0, 0.01))})
    plain, burst = (recorded(qrs, 20.0, broad=range(99), spikes=marks) for marks in (spikes, flood))
    paced, left = (
        [beat.sample for beat in interpret(each).beats if beat.kind == "paced"] for each in (plain, burst)
    )
    assert len(paced) == len(qrs)
    assert [each for each in left if not 2000 < each < 4500] == [
        each for each in paced if not 2000 < each < 4500
    ]


def test_leads_off_in_turn_lose_no_beat() -> None:
    whole = recorded(steady(0.8, 12.0), 12.0)
    off = tuple(LeadOff(lead, 500 * at, 500 * (at + 1)) for at, lead in enumerate(TWELVE_LEADS))
    found = interpret(Recording(SignalFormat(500.0, TWELVE_LEADS, (1.0,) * 12, 16, 6000, off), whole.samples))
    assert len(found.beats) == len(interpret(whole).beats)


def test_all_leads_off_leaves_nothing_to_say() -> None:
    whole = recorded(steady(0.8), 10.0)
    off = tuple(LeadOff(lead, 0, 5000) for lead in TWELVE_LEADS)
    found = interpret(Recording(SignalFormat(500.0, TWELVE_LEADS, (1.0,) * 12, 16, 5000, off), whole.samples))
    assert found.beats == ()
    assert found.measurements.rate is None


def test_the_t_wave_of_a_beat_ends_before_an_early_p_wave() -> None:
    """A premature atrial beat has its P wave on the T wave before it."""
    qrs = [0.5, 1.3, 2.1, 2.9, 3.35, 4.3, 5.1, 5.9, 6.35, 7.3, 8.1, 8.9]
    found = interpret(recorded(qrs, 10.0))
    assert len(found.beats) == len(qrs)
    for before, after in zip(found.fiducials, found.fiducials[1:], strict=False):
        if before.t_off is not None and after.p_on is not None:
            assert before.t_off <= after.p_on


def test_beats_seconds_apart_have_no_framingham_qt() -> None:
    """A straight line through the RR interval falls below zero there."""
    time = np.arange(6000) / 500
    line = sum(1000 * bell(time, at, 0.03) + 250 * bell(time, at + 0.3, 0.1) for at in (1.0, 10.0))
    found = interpret(at_rate(np.outer((0.6, 1.0, 0.4), line), 500.0)).measurements
    assert found.rate == pytest.approx(6.7, abs=0.1)
    assert found.qtc_bazett is not None
    assert found.qtc_framingham is None


def test_leads_without_a_name_are_measured_each() -> None:
    names = (*TWELVE_LEADS, *(Lead.UNSPECIFIED,) * 20)
    rows = integers(np.outer(np.linspace(0.2, 1, 32), line_of(500.0, 10.0, 0.8)), 16)
    found = interpret(Recording(SignalFormat(500.0, names, (1.0,) * 32, 16, 5000), rows))
    assert [each.lead for each in found.quality.leads] == list(names)
    assert [each.lead for each in found.leads] == list(names)
    heights = [each.r1 for each in found.leads if each.r1 is not None]
    assert len(heights) == 32
    assert heights == sorted(heights)
