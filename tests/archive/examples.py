"""Exams, recordings and upload messages for tests of the archive."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from cardioserver.archive import durable
from cardioserver.archive.access import Actor
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.spool import Spool, Staged
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording, Samples, SignalFormat
from cardioserver.protocol.messages import Role, Upload, UploadBegin

STARTED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HCF_ID, OTHER_HCF_ID = 11, 12
ARCHIVE_ID, OTHER_ARCHIVE_ID = 21, 22
RECORDER = Actor(31, "recorder-1", Role.RECORDER, HCF_ID)
OTHER_RECORDER = Actor(32, "recorder-2", Role.RECORDER, OTHER_HCF_ID)


def recording(seed: int = 1, samples: int = 500) -> Recording:
    """Twelve leads of a random walk, different for each seed."""
    steps = np.random.default_rng(seed).integers(-20, 21, (12, samples))
    values = np.ascontiguousarray(np.cumsum(steps, axis=1).astype("<i2"))
    return Recording(SignalFormat(500.0, TWELVE_LEADS, (5.0,) * 12, 16, samples), values)


def exam(exam_uuid: UUID | None = None, *, number: str = "P-1", **fields: Any) -> Exam:
    """An exam of the patient with this number."""
    patient = Patient(number, Sex.FEMALE, family_name="Ёлкина", personal_name="Анна")
    fields = {"started_at": STARTED, "ended_at": STARTED + timedelta(seconds=10)} | fields
    return Exam(exam_uuid or uuid4(), patient, **fields)


def digest(of: Recording) -> bytes:
    """SHA-256 of the samples."""
    return hashlib.sha256(of.samples.tobytes()).digest()


def upload(of: Exam | None = None, seed: int = 1, samples: int = 500) -> Upload:
    """A whole exam in one message."""
    signal = recording(seed, samples)
    return Upload(of or exam(), signal.format, digest(signal), signal.samples.tobytes())


def upload_of(samples: Samples) -> Upload:
    """An exam with these samples, one row a lead."""
    named = [lead for lead in Lead if lead is not Lead.UNSPECIFIED][: len(samples)]
    leads = (*named, *[Lead.UNSPECIFIED] * (len(samples) - len(named)))
    signal = SignalFormat(500.0, leads, (1.0,) * len(leads), samples.dtype.itemsize * 8, samples.shape[1])
    return Upload(exam(), signal, digest(Recording(signal, samples)), samples.tobytes())


def recording_of(message: Upload) -> Recording:
    """The samples of an upload."""
    return Recording.from_bytes(message.signal, message.data)


def begin(message: Upload) -> UploadBegin:
    """The announcement of the same exam."""
    return UploadBegin(message.exam, message.signal, message.digest)


def record(of: Exam, signal: Recording, exam_id: int = 1001) -> ExamRecord:
    """What the bank keeps of an exam."""
    return ExamRecord(
        exam_id=exam_id,
        exam=of,
        signal=signal.format,
        digest=digest(signal),
        stored_at=STARTED + timedelta(hours=1),
        server_id=1,
        recorder_account_id=RECORDER.account_id,
        recorder_login=RECORDER.login,
        recorder_hcf_id=HCF_ID,
        recorder_hcf_name="Поликлиника № 1",
        hcf_id=HCF_ID,
        hcf_name="Поликлиника № 1",
        hcf_oktmo="45000000",
        archive_id=ARCHIVE_ID,
        archive_name="ЭКГ",
        issuer_hcf_id=HCF_ID,
        issuer_hcf_name="Поликлиника № 1",
    )


def stage(spool: Spool, number: int, exam_uuid: UUID, data: bytes) -> Staged:
    """Put a file into a spool."""
    staged = spool.entry(number, exam_uuid)
    durable.write_file(staged.path, data)
    return staged
