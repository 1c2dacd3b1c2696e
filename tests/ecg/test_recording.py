"""The ECG's values: what cannot be true is refused, by the field's name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from cardioserver.ecg.algebra import DERIVED_LEADS, derive, follows
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam, ExamType
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat
from tests.ecg.signals import walk, with_limb_leads

SIGNAL = SignalFormat(500.0, (Lead.I, Lead.II), (1.0, 2.5), 16, 100)
STARTED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
EXAM = Exam(UUID(int=1), Patient("7"), STARTED, STARTED + timedelta(seconds=10))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rate": 124.9}, "signal.rate"),
        ({"rate": 0.0}, "signal.rate"),
        ({"rate": float("nan")}, "signal.rate"),
        ({"leads": (), "resolution": ()}, "signal.leads"),
        ({"leads": (Lead.I, Lead.I)}, "signal.leads"),
        ({"leads": (Lead.UNSPECIFIED,) * 33, "resolution": (1.0,) * 33}, "signal.leads"),
        ({"resolution": (1.0,)}, "signal.resolution"),
        ({"resolution": (1.0, 0.0)}, "signal.resolution"),
        ({"resolution": (1.0, float("inf"))}, "signal.resolution"),
        ({"bits": 24}, "signal.bits"),
        ({"sample_count": 0}, "signal.sample_count"),
        ({"lead_off": (LeadOff(Lead.V1, 0, 5),)}, "signal.lead_off"),
        ({"lead_off": (LeadOff(Lead.I, 5, 5),)}, "signal.lead_off"),
        ({"lead_off": (LeadOff(Lead.I, 5, 101),)}, "signal.lead_off"),
        ({"pacemaker_spikes": (100,)}, "signal.pacemaker_spikes"),
        ({"pacemaker_spikes": (5, 5)}, "signal.pacemaker_spikes"),
    ],
)
def test_impossible_signals_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        replace(SIGNAL, **changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"uuid": UUID(int=0)}, "exam.uuid"),
        ({"started_at": datetime(2026, 11, 20)}, "exam.started_at"),  # noqa: DTZ001  the point of the test
        ({"ended_at": STARTED - timedelta(seconds=1)}, "exam.ended_at"),
        ({"height_cm": 3.0}, "exam.height_cm"),
        ({"weight_kg": float("nan")}, "exam.weight_kg"),
        ({"age_years": 151}, "exam.age_years"),
        ({"latitude": -90.1}, "exam.latitude"),
        ({"comment": "\x00"}, "exam.comment"),
        ({"oktmo": "1" * 12}, "exam.oktmo"),
        ({"patient": Patient("7", birthday=date(2026, 11, 23))}, "patient.birthday"),
    ],
)
def test_impossible_exams_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        replace(EXAM, **changes)
    assert refused.value.field == field


def test_a_refusal_names_no_value() -> None:
    with pytest.raises(InvalidField) as refused:
        Patient("7", family_name="Ивано\x07ва")
    assert "Ивано" not in str(refused.value)


def test_a_recorder_whose_clock_runs_a_day_ahead_may_record_a_newborn() -> None:
    replace(EXAM, patient=Patient("7", birthday=date(2026, 11, 21)))


def test_exam_types_have_the_labels_of_the_original() -> None:
    labels = [kind.label for kind in ExamType]
    assert labels == ["Стандартный", "С конечностей", "По Небу", "По Кабрера"]


@pytest.mark.parametrize("name", ["avr", " aVR ", "AVR"])
def test_leads_are_found_in_any_case(name: str) -> None:
    assert Lead.parse(name) is Lead.aVR


def test_lead_codes_are_those_of_scp_ecg() -> None:
    assert [int(lead) for lead in TWELVE_LEADS] == [1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8]
    assert Lead.MaVR.label == "-aVR"
    with pytest.raises(InvalidField):
        Lead.parse("MLII")


def test_a_recording_is_a_view_of_the_bytes_of_the_wire() -> None:
    data = np.arange(200, dtype="<i2").tobytes()
    recording = Recording.from_bytes(SIGNAL, data)
    assert recording.samples.tobytes() == data
    assert not recording.samples.flags.owndata
    assert recording.microvolts()[1, 3] == 103 * 2.5
    assert recording.duration == 0.2
    with pytest.raises(InvalidField, match=r"signal\.sample_count"):
        Recording.from_bytes(SIGNAL, data[:-1])


def test_samples_of_another_shape_or_type_are_refused() -> None:
    for samples in (np.zeros((2, 99), "<i2"), np.zeros((2, 100), "<i4"), np.zeros((100, 2), "<i2")):
        with pytest.raises(InvalidField):
            Recording(SIGNAL, samples)


# ---------------------------------------------------------------- lead algebra


def test_derived_leads_add_up() -> None:
    twelve = with_limb_leads(walk(8, 500))
    one, two = twelve[0], twelve[1]
    three, avr, avl, avf = (derive(lead, one, two) for lead in DERIVED_LEADS[:4])
    assert (one + three == two).all()
    assert (np.abs(avr + avl + avf) <= 1).all()
    assert (derive(Lead.MaVR, one, two) == -avr).all()
    assert (np.abs(2 * avl.astype(int) - one + three) <= 1).all()


@pytest.mark.parametrize("lead", DERIVED_LEADS[:4])
def test_a_lead_follows_if_it_nearly_is_what_is_derived(lead: Lead) -> None:
    twelve = with_limb_leads(walk(8, 500))
    row = twelve[TWELVE_LEADS.index(lead)]
    assert follows(lead, twelve[0], twelve[1], row)
    assert not follows(lead, twelve[0], twelve[1], walk(1, 500, seed=9)[0])
    assert not follows(lead, twelve[0], twelve[1], row + np.int16(500))


def test_other_leads_do_not_follow_from_i_and_ii() -> None:
    with pytest.raises(ValueError, match="V1"):
        derive(Lead.V1, np.zeros(3, "<i2"), np.zeros(3, "<i2"))
