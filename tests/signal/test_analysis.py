"""Measurements and quality of records whose truth is known, and of real ones."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import wfdb

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat
from cardioserver.signal.analysis import analyse
from cardioserver.signal.codes import GLOBAL_CODES, LEAD_CODES
from cardioserver.signal.measurements import (
    LeadMeasurements,
    Measurements,
    corrected_qt,
    frontal_axis,
)
from cardioserver.signal.quality import Grade
from cardioserver.signal.reversal import Reversal


def bump(time: np.ndarray, at: float, half: float) -> np.ndarray:
    return np.where(np.abs(time - at) < half, 0.5 + 0.5 * np.cos(np.pi * (time - at) / half), 0.0)


def made_beats(axis: float, rate: float = 500.0, interval: float = 0.85) -> np.ndarray:
    """Twelve leads of a heart whose frontal axis is *axis* degrees; R grows from V1 to V4."""
    time = np.arange(round(10 * rate)) / rate
    limb = [math.cos(math.radians(axis - angle)) for angle in (0, 60, 120, -150, -30, 90)]
    limb[1] *= 2 / math.sqrt(3)
    limb[2] *= 2 / math.sqrt(3)
    limb[0] *= 2 / math.sqrt(3)
    rising = [0.25, 0.5, 0.8, 1.1, 1.0, 0.8]
    falling = [1.0, 1.2, 0.7, 0.4, 0.2, 0.1]
    wave_p, wave_r, wave_s, wave_t = (np.zeros_like(time) for _ in range(4))
    for at in np.arange(0.6, 9.6, interval):
        wave_p += bump(time, at - 0.16, 0.05)
        wave_r += bump(time, at, 0.025)
        wave_s += bump(time, at + 0.035, 0.02)
        wave_t += bump(time, at + 0.28, 0.09)
    rows = [size * (120 * wave_p + 1000 * wave_r + 250 * wave_t) for size in limb]
    rows += [
        60 * wave_p + up * 1000 * wave_r - down * 1000 * wave_s + 300 * wave_t
        for up, down in zip(rising, falling, strict=True)
    ]
    return np.array(rows)


def recording(
    samples: np.ndarray, leads: tuple[Lead, ...] = TWELVE_LEADS, lead_off: tuple[LeadOff, ...] = ()
) -> Recording:
    counts = np.ascontiguousarray(np.round(samples).astype("<i2"))
    return Recording(SignalFormat(500.0, leads, (1.0,) * len(leads), 16, counts.shape[1], lead_off), counts)


@pytest.mark.parametrize("axis", [-60.0, 0.0, 45.0, 100.0])
def test_rate_intervals_and_axis(axis: float) -> None:
    found = analyse(recording(made_beats(axis))).measurements
    assert found.rate == pytest.approx(60 / 0.85, abs=0.5)
    assert found.p == pytest.approx(95, abs=20)
    assert found.pr == pytest.approx(175, abs=20)
    assert found.qt == pytest.approx(395, abs=35)
    assert found.qrs_axis == pytest.approx(axis, abs=4)
    assert found.t_axis == pytest.approx(axis, abs=6)


def test_amplitudes_of_each_lead() -> None:
    leads = {each.lead: each for each in analyse(recording(made_beats(45.0))).leads}
    assert leads[Lead.V4].r1 == pytest.approx(1100, rel=0.05)
    assert leads[Lead.V2].s1 == pytest.approx(-1200, rel=0.1)
    assert leads[Lead.V5].t_max == pytest.approx(300, rel=0.1)
    assert leads[Lead.aVR].q is not None
    assert leads[Lead.aVR].r1 is None
    assert abs(leads[Lead.V5].st60 or 0) < 30


def test_a_wave_lasts_as_long_as_its_own_lead_is_active() -> None:
    """The QRS of lead I goes on for 40 ms on both sides of the small wave in V1."""
    time = np.arange(5000) / 500
    wide, narrow = np.zeros_like(time), np.zeros_like(time)
    for at in np.arange(0.6, 9.6, 0.8):
        wide += 900 * bump(time, at, 0.05)
        narrow -= 400 * bump(time, at, 0.02)
    leads = analyse(recording(np.array([wide, narrow]), (Lead.I, Lead.V1))).leads
    assert leads[1].q == pytest.approx(-400, rel=0.05)
    assert leads[1].q_ms == pytest.approx(36, abs=6)
    assert leads[0].r1_ms == pytest.approx(94, abs=10)


def test_the_negative_end_of_p_and_a_notch_of_r() -> None:
    time = np.arange(5000) / 500
    v1, v6 = np.zeros_like(time), np.zeros_like(time)
    for at in np.arange(0.6, 9.6, 0.8):
        v1 += (
            100 * bump(time, at - 0.17, 0.03) - 120 * bump(time, at - 0.12, 0.03) - 900 * bump(time, at, 0.05)
        )
        v6 += (
            80 * bump(time, at - 0.145, 0.05)
            + 900 * bump(time, at - 0.02, 0.035)
            + 800 * bump(time, at + 0.03, 0.035)
        )
    leads = analyse(recording(np.array([v1, v6]), (Lead.V1, Lead.V6))).leads
    assert leads[0].p_terminal == pytest.approx(-120 * 55, rel=0.3)
    assert leads[1].p_terminal is None
    assert leads[0].notches == 0
    assert leads[1].notches == 1
    assert leads[1].notch_ms == pytest.approx(60, abs=12)
    assert leads[0].qrs_area == pytest.approx(-900 * 50, rel=0.1)
    assert leads[1].t_ms is None


def test_a_raised_st_segment_is_no_wave_of_the_qrs() -> None:
    time = np.arange(5000) / 500
    line = np.zeros_like(time)
    for at in np.arange(0.6, 9.6, 0.8):
        line += 300 * bump(time, at - 0.03, 0.02) - 1200 * bump(time, at + 0.01, 0.03)
        line += 250 * np.clip((time - at - 0.03) / 0.04, 0, 1) * bump(time, at + 0.2, 0.25)
    lead = analyse(recording(line[None], (Lead.V2,))).leads[0]
    assert lead.j is not None
    assert lead.j > 30
    assert (lead.r2, lead.s2) == (None, None)


def test_corrected_qt_is_the_same_at_60_a_minute_and_ordered_above() -> None:
    assert set(corrected_qt(400.0, 1000.0).values()) == {400.0}
    fast = corrected_qt(350.0, 600.0)
    assert fast["qtc_bazett"] == pytest.approx(451.8, abs=0.1)
    assert fast["qtc_fridericia"] == pytest.approx(415.0, abs=0.1)
    assert fast["qtc_framingham"] == pytest.approx(411.6, abs=0.1)
    assert fast["qtc_hodges"] == pytest.approx(420.0, abs=0.1)
    assert set(corrected_qt(None, 1000.0).values()) == {None}


@pytest.mark.parametrize(
    ("one", "two", "angle"), [(1.0, 0.5, 0.0), (0.0, 1.0, 90.0), (1.0, 1.0, 30.0), (-1.0, -0.5, 180.0)]
)
def test_frontal_axis(one: float, two: float, angle: float) -> None:
    assert frontal_axis({Lead.I: one, Lead.II: two}) == pytest.approx(angle)
    assert frontal_axis({Lead.II: two, Lead.III: two - one}) == pytest.approx(angle)
    assert frontal_axis({Lead.I: one}) is None


def test_codes_are_those_that_dicom_lists() -> None:
    from pydicom.sr._cid_dict import cid_concepts
    from pydicom.sr._concepts_dict import concepts

    listed = {
        code
        for cid in (3227, 3228, 3229, 3687, 3688)
        for keyword in cid_concepts[cid]["MDC"]
        for code in concepts["MDC"][keyword]
    }
    ours = [code for name, code in [*GLOBAL_CODES.items(), *LEAD_CODES.items()] if name != "rate"]
    assert {code.value for code in ours} <= listed
    assert len({code.value for code in ours}) == len(ours)


def test_codes_belong_to_fields() -> None:
    assert set(GLOBAL_CODES) <= set(Measurements.__slots__)
    assert set(LEAD_CODES) <= set(LeadMeasurements.__slots__)


def test_arms_swapped() -> None:
    right = made_beats(45.0)
    assert analyse(recording(right)).quality.reversals == ()
    swapped = right.copy()
    swapped[[0, 1, 2, 3, 4]] = [-right[0], right[2], right[1], right[4], right[3]]
    assert analyse(recording(swapped)).quality.reversals == (Reversal.RIGHT_ARM_LEFT_ARM,)


def test_leg_and_right_arm_swapped_flattens_lead_two() -> None:
    swapped = made_beats(45.0)
    swapped[1] *= 0.01
    swapped[2] = swapped[1] - swapped[0]
    assert Reversal.RIGHT_ARM_RIGHT_LEG in analyse(recording(swapped)).quality.reversals


def test_chest_leads_swapped() -> None:
    swapped = made_beats(45.0)
    swapped[[6, 8]] = swapped[[8, 6]]
    assert Reversal.V1_V3 in analyse(recording(swapped)).quality.reversals


def test_quality_names_the_bad_lead_and_why() -> None:
    samples = made_beats(45.0)
    time = np.arange(samples.shape[1]) / 500
    samples[1] += np.random.default_rng(0).normal(size=samples.shape[1]) * 150
    samples[6] = 0
    samples[7] += 200 * np.sin(2 * np.pi * 50 * time)
    samples[8] = np.clip(samples[8] * 8, -32768, 1500)
    samples[9] += 2500 * np.sin(2 * np.pi * 0.2 * time)
    off = (LeadOff(Lead.V5, 0, 4000),)
    leads = {each.lead: each for each in analyse(recording(samples, lead_off=off)).quality.leads}
    assert leads[Lead.II].noise == pytest.approx(150, rel=0.15)
    assert leads[Lead.V1].flat
    assert leads[Lead.V2].mains == pytest.approx(200, rel=0.1)
    assert leads[Lead.V2].noise < 25
    assert leads[Lead.V3].saturated
    assert leads[Lead.V4].drift > 1500
    assert leads[Lead.V5].missing == pytest.approx(0.8)
    bad = {lead for lead, each in leads.items() if each.grade is Grade.POOR}
    assert bad == {Lead.II, Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5}


@pytest.mark.parametrize("leads", [(Lead.II,), (Lead.I, Lead.II), (Lead.X, Lead.Y, Lead.Z), TWELVE_LEADS])
def test_any_number_of_leads_and_nothing_at_all(leads: tuple[Lead, ...]) -> None:
    rows = made_beats(45.0)[: len(leads)]
    assert analyse(recording(rows, leads)).measurements.rate == pytest.approx(60 / 0.85, abs=0.5)
    nothing = analyse(recording(np.zeros((len(leads), 4000)), leads))
    assert nothing.measurements.rate is None
    assert nothing.quality.grade is Grade.POOR


def test_values_are_plain_numbers() -> None:
    found = analyse(recording(made_beats(45.0)))
    values = [getattr(found.measurements, name) for name in Measurements.__slots__]
    json.dumps(values)
    json.dumps([[getattr(each, name) for name in LeadMeasurements.__slots__] for each in found.leads])


@pytest.mark.slow
def test_real_ecgs_agree_with_their_cardiologists_axis(shared_ecg: Path) -> None:
    """PTB-XL: left and right axis deviation are on their side of the measured axis."""
    sides = {"LAD": (-90, 5), "ALAD": (-120, -5), "RAD": (75, 180), "ARAD": (85, 200), "MID": (-30, 110)}
    right = total = 0
    with (shared_ecg / "ptbxl" / "ptbxl_database.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            path = shared_ecg / "ptbxl" / Path(row["filename_hr"]).name
            if row["heart_axis"] not in sides or not path.with_suffix(".hea").exists() or total >= 60:
                continue
            record = wfdb.rdrecord(str(path), physical=False)
            axis = analyse(recording(record.d_signal.T)).measurements.qrs_axis
            low, high = sides[row["heart_axis"]]
            total += 1
            right += axis is not None and (low <= axis <= high or low <= axis + 360 <= high)
    assert right / total >= 0.9


def test_limb_leads_that_were_not_recorded_are_measured_from_i_and_ii() -> None:
    rows = made_beats(-40.0)
    recorded = (Lead.I, Lead.II, *TWELVE_LEADS[6:])
    whole = {each.lead: each for each in analyse(recording(rows)).leads}
    few = analyse(recording(rows[[0, 1, *range(6, 12)]], recorded)).leads
    assert {each.lead for each in few} == set(TWELVE_LEADS)
    derived = {each.lead: each for each in few}
    for lead in (Lead.III, Lead.aVR, Lead.aVL, Lead.aVF):
        for field in ("q", "r1", "s1", "t_max", "t_min"):
            assert getattr(derived[lead], field) == pytest.approx(getattr(whole[lead], field), abs=15), lead
