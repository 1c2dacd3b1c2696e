"""Inserting exams and reading their metadata."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from cardioserver.archive import exams
from cardioserver.archive.database import Database
from cardioserver.archive.errors import NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.protocol.messages import GetExam
from tests.archive.samples import START, Facility, add_exam, exam_record, store


def test_an_exam_comes_back_as_its_recorder_described_it(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    local = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    record = add_exam(
        database, ids, clinic,
        started_at=local, ended_at=local + timedelta(seconds=10), height_cm=171.5, latitude=55.75,
        comment="Боль «за грудиной» 💔", device_number="KMT-7",
    )  # fmt: skip
    with database.read() as connection:
        by_id = exams.get(connection, clinic.doctor, GetExam(record.exam_id))
        by_uuid = exams.get(connection, clinic.doctor, GetExam(exam_uuid=record.exam.uuid))
    assert by_id.exam == record.exam
    assert by_id.exam.started_at.utcoffset() == timedelta(hours=5, minutes=30)
    assert by_id.signal == record.signal
    assert (by_id.digest, by_id.stored_at) == (record.digest, record.stored_at)
    assert by_uuid == by_id


def test_an_exam_of_another_facility_does_not_exist(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    record = add_exam(database, ids, clinic)
    with database.read() as connection, pytest.raises(NotFound):
        exams.get(connection, centre.doctor, GetExam(record.exam_id))


def test_inserting_again_changes_nothing(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    record = add_exam(database, ids, clinic)
    twin = replace(exam_record(ids, clinic), exam=record.exam)
    with database.write() as connection:
        patient_id = store(connection, ids, record)
        held = exams.insert(connection, [exams.NewExam(twin, patient_id)])
    assert held == {record.exam.uuid: record.exam_id}
    with database.read() as connection:
        known = exams.stored(connection, [record.exam.uuid])[record.exam.uuid]
    assert (known.exam_id, known.digest) == (record.exam_id, record.digest)
