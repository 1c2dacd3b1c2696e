"""Messages to bytes and back."""

from __future__ import annotations

import struct
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import HardwareFilters, SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.errors import LocalProtocolError, MalformedMessage
from cardioserver.protocol.layout import parse, serialise, structure_of
from tests.protocol.examples import DIGEST, EXAM, SAMPLES, SIGNAL
from tests.protocol.strategies import MESSAGES, messages

UPLOAD = m.Upload(EXAM, SIGNAL, DIGEST, SAMPLES)


def payload(message: object) -> bytes:
    return b"".join(serialise(message))


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_read(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(messages(kind))

    read = parse(kind, payload(message))

    assert read == message
    for field in fields(kind):
        value = getattr(message, field.name)
        if isinstance(value, datetime):  # equal datetimes may have different offsets
            assert getattr(read, field.name).utcoffset() == value.utcoffset()


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), extra=st.binary(min_size=1, max_size=20))
def test_what_follows_the_last_known_field_is_ignored(
    kind: type[Any], data: st.DataObject, extra: bytes
) -> None:
    message = data.draw(messages(kind))

    assert parse(kind, payload(message) + extra) == message


def test_what_follows_the_last_known_field_of_a_structure_is_ignored() -> None:
    account = m.Account(1, "a", m.Role.DOCTOR, 2, "A")
    inner = payload(account) + b"a field of a later version"

    read = parse(m.LoggedIn, struct.pack("<I", len(inner)) + inner + b"\x01\x00H" + bytes(8))

    assert read == m.LoggedIn(account, "H", 0)


def test_missing_fields_take_their_defaults() -> None:
    assert parse(m.FindExams, b"") == m.FindExams()
    assert parse(m.Hello, b"\x01\x01" + bytes(4) + b"\x02\x00K3") == m.Hello(1, 1, m.Capability.NONE, "K3")


def test_missing_fields_of_a_structure_take_their_defaults() -> None:
    inner = b"\x05\x00A-100"
    created = parse(m.CreateOrder, struct.pack("<I", len(inner)) + inner)

    assert created.patient.number == "A-100"
    assert created.patient.birthday is None


def test_every_beginning_of_a_message_is_malformed_or_a_message_with_defaults() -> None:
    whole = payload(UPLOAD)
    for size in range(len(whole)):
        with pytest.raises(MalformedMessage) as caught:
            parse(m.Upload, whole[:size])
        assert caught.value.field


def test_samples_are_a_view_of_the_payload() -> None:
    received = bytearray(payload(UPLOAD))

    data = parse(m.Upload, received).data
    received[-1] ^= 0xFF

    assert isinstance(data, memoryview)
    assert data[-1] == SAMPLES[-1] ^ 0xFF


def test_samples_are_sent_without_a_copy() -> None:
    data = bytearray(1000)
    buffers = serialise(m.UploadChunk(EXAM.uuid, 0, data))
    data[0] = 7

    assert buffers[-1][0] == 7


SIGNAL_AT = 4 + len(payload(EXAM))


def _cut(size: int) -> bytes:
    return payload(UPLOAD)[:size]


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        (m.Login, b"\x02\x00ab\x05\x00ab", "password"),
        (m.Login, b"\x01\x00\xff\x00\x00", "login"),
        (m.GetExam, bytes(8) + b"\x02", "exam_uuid"),
        (m.GetExam, bytes(8) + b"\x01" + bytes(15), "exam_uuid"),
        (m.FindExams, bytes(8 + 2 + 2) + b"\x01" + bytes(9), "started_from"),
        (m.LoggedIn, b"\xff\xff\xff\xff", "account"),
        (m.LoggedIn, b"\x09\x00\x00\x00" + bytes(8) + b"\x09", "account.login"),
        (m.ExamStored, bytes(24) + b"\x02", "already_stored"),
        (m.GetSignal, bytes(24) + b"\x02\x00\x01\x00", "leads"),
        (m.PatientPage, b"\xff\xff", "patients"),
        (m.Upload, _cut(3), "exam"),
        (m.Upload, b"\x08\x00\x00\x00" + bytes(8), "exam.uuid"),
        (m.Upload, b"\x14\x00\x00\x00" + bytes(16) + b"\x09\x00\x00\x00", "exam.patient"),
        (m.Upload, b"\x18\x00\x00\x00" + bytes(16) + b"\x04\x00\x00\x00\xff\xff\x00\x00", "patient.number"),
        (m.Upload, _cut(SIGNAL_AT) + b"\x04\x00\x00\x00" + bytes(4), "signal.rate"),
        (m.Upload, _cut(len(payload(UPLOAD)) - 1), "data"),
    ],
)
def test_malformed_messages_name_the_field(kind: type[Any], data: bytes, field: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(kind, data)
    assert caught.value.field == field


def _with(structure: Exam | SignalFormat, **changes: object) -> bytes:
    """An Upload in which fields of the exam or the signal have values that no such object can have."""
    encoded = bytearray()
    for part in (EXAM, SIGNAL):
        out: list[Any] = []
        for name, codec in structure_of(type(part)).fields:
            value = changes.get(name, getattr(part, name)) if part is structure else getattr(part, name)
            if isinstance(value, bytes):
                out.append(value)
            else:
                codec.write(value, out)
        fields_ = b"".join(out)
        encoded += struct.pack("<I", len(fields_)) + fields_
    return bytes(encoded) + DIGEST + struct.pack("<I", len(SAMPLES)) + SAMPLES


NAN = struct.pack("<d", float("nan"))
MOMENT = EXAM.started_at


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (_with(EXAM, uuid=bytes(16)), "exam.uuid"),
        (_with(EXAM, ended_at=MOMENT - timedelta(seconds=1)), "exam.ended_at"),
        (_with(EXAM, started_at=struct.pack("<qh", 0, 841)), "exam.started_at"),
        (_with(EXAM, started_at=struct.pack("<qh", 2**63 - 1, 0)), "exam.started_at"),
        (_with(EXAM, started_at=struct.pack("<qh", -(2**63), 0)), "exam.started_at"),
        (_with(EXAM, exam_type=b"\x63\x00"), "exam.exam_type"),
        (_with(EXAM, height_cm=b"\x01" + NAN), "exam.height_cm"),
        (_with(EXAM, height_cm=b"\x01" + struct.pack("<d", 1.0)), "exam.height_cm"),
        (_with(EXAM, age_years=151), "exam.age_years"),
        (_with(EXAM, latitude=91.0), "exam.latitude"),
        (_with(EXAM, comment="bell\x07"), "exam.comment"),
        (_with(EXAM, comment=b"\x01\x00\x00"), "exam.comment"),
        (_with(SIGNAL, rate=0.0), "signal.rate"),
        (_with(SIGNAL, rate=NAN), "signal.rate"),
        (_with(SIGNAL, leads=b"\x02\x00\x01\x00\x13\x00"), "signal.leads"),
        (_with(SIGNAL, leads=(Lead.I, Lead.I)), "signal.leads"),
        (_with(SIGNAL, leads=()), "signal.leads"),
        (_with(SIGNAL, resolution=(1.0,)), "signal.resolution"),
        (_with(SIGNAL, resolution=b"\x02\x00" + NAN + NAN), "signal.resolution"),
        (_with(SIGNAL, bits=24), "signal.bits"),
        (_with(SIGNAL, sample_count=0), "signal.sample_count"),
        (_with(SIGNAL, pacemaker_spikes=(3, 1)), "signal.pacemaker_spikes"),
        (_with(SIGNAL, lead_off=b"\x01\x00\x12\x00\x00\x00\x13\x00" + bytes(16)), "signal.lead_off.lead"),
        (_with(SIGNAL, lead_off=b"\x01\x00\x12\x00\x00\x00\x01\x00" + bytes(16)), "signal.lead_off"),
        (_with(SIGNAL, filters=b"\x09\x00\x00\x00\x01" + NAN), "signal.filters.high_pass_hz"),
    ],
)
def test_impossible_values_name_the_field(data: bytes, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse(m.Upload, data)
    assert caught.value.field == field


def test_a_patients_fields_have_the_same_names_wherever_the_patient_is() -> None:
    broken = _patient_with_sex(3)
    for data, kind in (
        (broken, m.CreateOrder),
        (b"\x01\x00" + struct.pack("<I", 16 + len(broken)) + bytes(16) + broken, m.PatientPage),
    ):
        with pytest.raises(InvalidField) as caught:
            parse(kind, data)
        assert caught.value.field == "patient.sex"


def _patient_with_sex(code: int) -> bytes:
    inner = b"\x01\x001" + struct.pack("<H", code)
    return struct.pack("<I", len(inner)) + inner


@pytest.mark.parametrize("day", [(2026, 2, 29), (2026, 13, 1), (0, 1, 1), (2026, 1, 0), (10_000, 1, 1)])
def test_days_that_do_not_exist_are_refused(day: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidField) as caught:
        parse(m.FindPatients, bytes(6) + b"\x01" + struct.pack("<HBB", *day))
    assert caught.value.field == "birthday"


def test_an_error_code_of_a_later_server_is_an_internal_error() -> None:
    assert parse(m.Error, b"\xe7\x03" + bytes(6)).code is m.ErrorCode.INTERNAL


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (m.Login("x" * 65_536, ""), "Login.login"),
        (m.Login("nul\0", ""), "Login.login"),
        (m.Login("\ud800", ""), "Login.login"),
        (m.Pong(datetime(2026, 1, 1)), "Pong.server_time"),  # noqa: DTZ001
        (m.Pong(datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=90)))), "Pong.server_time"),
        (m.Pong(datetime(1, 1, 1, tzinfo=UTC)), "Pong.server_time"),
        (m.GetExam(2**63), "GetExam.exam_id"),
        (m.FindPatients(limit=-1), "FindPatients.limit"),
        (m.UploadBegin(EXAM, SIGNAL, b"short"), "UploadBegin.digest"),
        (m.GetSignal(1, leads=(Lead.I,) * 65_536), "GetSignal.leads"),
        (
            m.UploadBegin(EXAM, replace(SIGNAL, filters=HardwareFilters(float("inf"))), DIGEST),
            "HardwareFilters.high_pass_hz",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(message: object, where: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        serialise(message)
    assert where in str(caught.value)


def test_errors_tell_no_values() -> None:
    secret = "Иванова"
    for kind, data in ((m.Login, f"\x0e\x00{secret}".encode() + b"\x05\x00"), (m.Login, b"")):
        with pytest.raises(MalformedMessage) as caught:
            parse(kind, data)
        assert secret not in str(caught.value)
    with pytest.raises(LocalProtocolError) as refused:
        serialise(m.Login(secret + "\0", ""))
    assert secret not in str(refused.value)


def test_lists_are_refused_before_they_cost_memory() -> None:
    with pytest.raises(MalformedMessage):
        parse(m.GetSignal, bytes(24) + b"\xff\xff" + bytes(10))
    with pytest.raises(MalformedMessage):
        parse(m.UploadChunk, bytes(24) + b"\xff\xff\xff\xff")


def test_a_day_of_birth_survives() -> None:
    request = m.FindPatients(birthday=date(1957, 3, 8))
    assert parse(m.FindPatients, payload(request)).birthday == date(1957, 3, 8)


def test_no_message_shows_personal_data_when_printed() -> None:
    """Messages end up in tracebacks and logs."""
    secrets = ("1024", "Иванова", "Анна", "1957", "Боли", "hunter2", "Норма", "Ю. Петров")
    patient = EXAM.patient
    exam = replace(EXAM, comment="Боли", accession_number="")
    summary = m.ExamSummary(
        1, EXAM.uuid, 2, "1024", "Иванова", "Анна", "", date(1957, 3, 8), patient.sex, EXAM.started_at,
        EXAM.started_at, 3, 4, "", "", 0, False, 0,
    )  # fmt: skip
    conclusion = m.Conclusion(1, EXAM.uuid, 2, 3, "Ю. Петров", 4, EXAM.started_at, "Норма")
    report = m.AutoReport(1, 1, EXAM.started_at, "Норма", "Норма", "Норма")
    order = m.Order(1, "", 2, m.OrderStatus.NEW, patient, EXAM.started_at, None, "", 0, 0, comment="Боли")
    printed = repr(
        [
            m.Login("k3", "hunter2"),
            m.ChangePassword("hunter2", "hunter2"),
            m.LoggedIn(m.Account(1, "k3", m.Role.DOCTOR, 2, "Ю. Петров"), "H", 0),
            m.Upload(exam, SIGNAL, DIGEST, SAMPLES),
            m.FindPatients("1024", "Иванова", "Анна", date(1957, 3, 8), "1024", cursor="Иванова"),
            m.PatientPage((m.PatientRecord(1, 2, patient),), "Иванова"),
            m.FindExams(patient_number="1024", family_name="Иванова", cursor="Иванова"),
            m.ExamPage((summary,), "Иванова"),
            m.SaveConclusion(1, EXAM.uuid, "Норма"),
            m.Conclusions((conclusion,)),
            report,
            m.SendExam(1, 2, "Боли"),
            m.CreateOrder(patient, comment="Боли"),
            m.OrderPage((order,), "Иванова"),
            m.FindOrders(patient_number="1024", cursor="Иванова"),
        ]
    )
    assert "k3" in printed
    for secret in secrets:
        assert secret not in printed
