"""Values for the archive's tests: a small directory, patients, exams."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from cardioserver.archive import directory, exams, patients
from cardioserver.archive.access import Actor
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.messages import ArchiveRecord, HcfRecord, Role

START = datetime(2026, 11, 2, 9, 30, 15, 123456, tzinfo=UTC)
SIGNAL = SignalFormat(500.0, TWELVE_LEADS, (2.5,) * 12, 16, 5000, pacemaker_spikes=(10, 700))
PATIENT = Patient("A-17", Sex.FEMALE, date(1961, 4, 30), "Ёлкина", "Анна", "Петровна", snils="112-233-445 95")

_accounts = itertools.count(1001)


@dataclass(frozen=True, slots=True)
class Facility:
    """An HCF with one archive, a recorder and a doctor."""

    hcf: HcfRecord
    archive: ArchiveRecord
    recorder: Actor
    doctor: Actor

    @property
    def hcf_id(self) -> int:
        """Its id."""
        return self.hcf.hcf_id


def actor(role: Role, hcf_id: int) -> Actor:
    """An account that no other test has."""
    account_id = next(_accounts)
    return Actor(account_id, f"{role.name.lower()}{account_id}", role, hcf_id)


def add_facility(database: Database, ids: IdGenerator, name: str) -> Facility:
    """Add an HCF with an archive."""
    with database.write() as connection:
        hcf = directory.add_hcf(connection, ids, name, "45000000")
        archive = directory.add_archive(connection, ids, hcf.hcf_id, f"Archive of {name}")
    return Facility(hcf, archive, actor(Role.RECORDER, hcf.hcf_id), actor(Role.DOCTOR, hcf.hcf_id))


def exam_record(
    ids: IdGenerator, facility: Facility, patient: Patient = PATIENT, **changes: Any
) -> ExamRecord:
    """An exam as ingest has it; *changes* are of its :class:`Exam`."""
    started_at = changes.pop("started_at", START)
    ended_at = changes.pop("ended_at", started_at + timedelta(seconds=10))
    changes = {"archive_id": facility.archive.archive_id} | changes
    exam = Exam(uuid.uuid4(), patient, started_at, ended_at, **changes)
    return ExamRecord(
        exam_id=ids.next(),
        exam=exam,
        signal=SIGNAL,
        digest=hashlib.sha256(exam.uuid.bytes).digest(),
        stored_at=exam.started_at + timedelta(minutes=1),
        server_id=ids.server_id,
        recorder_account_id=facility.recorder.account_id,
        recorder_login=facility.recorder.login,
        recorder_hcf_id=facility.hcf_id,
        recorder_hcf_name=facility.hcf.name,
        hcf_id=facility.hcf_id,
        hcf_name=facility.hcf.name,
        hcf_oktmo=facility.hcf.oktmo,
        archive_id=facility.archive.archive_id,
        archive_name=facility.archive.name,
        issuer_hcf_id=facility.hcf_id,
        issuer_hcf_name=facility.hcf.name,
    )


def store(connection: Connection, ids: IdGenerator, record: ExamRecord) -> int:
    """Index an exam as ingest does; returns its patient."""
    exam = record.exam
    patient_id = patients.upsert(connection, ids, exam.patient, record.issuer_hcf_id, exam.started_at)
    exams.insert(connection, [exams.NewExam(record, patient_id)])
    return patient_id


def add_exam(
    database: Database, ids: IdGenerator, facility: Facility, patient: Patient = PATIENT, **changes: Any
) -> ExamRecord:
    """Index one exam."""
    record = exam_record(ids, facility, patient, **changes)
    database.transact(lambda connection: store(connection, ids, record))
    return record
