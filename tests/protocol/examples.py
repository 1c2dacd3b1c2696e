"""The messages whose bytes ``docs/protocol.md`` shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.frames import Flags, frame
from cardioserver.protocol.layout import serialise

EXAM_UUID = UUID("6f1d9a52-3c74-4e0b-9a8e-5d2b7c10f3a4")
SAMPLES = bytes.fromhex("0000 0100 feff ff7f 0080 e803 18fc 0000")
MOSCOW = timezone(timedelta(hours=3))
STARTED_AT = datetime(2026, 11, 21, 9, 30, tzinfo=MOSCOW)
LIMITS = m.Limits(
    max_payload=33_554_432, max_in_flight=64, max_upload=268_435_456, idle_timeout=900, max_page=200
)
EXAM = Exam(
    uuid=EXAM_UUID,
    patient=Patient(
        number="1024", sex=Sex.FEMALE, birthday=date(1957, 3, 8), family_name="Иванова", personal_name="Анна"
    ),
    started_at=STARTED_AT,
    ended_at=STARTED_AT + timedelta(seconds=10),
    weight_kg=64.5,
    device_number="K3-000123",
    accession_number="A-77",
)
SIGNAL = SignalFormat(
    rate=500.0,
    leads=(Lead.I, Lead.II),
    resolution=(2.5, 2.5),
    bits=16,
    sample_count=4,
    pacemaker_spikes=(1, 3),
)
DIGEST = hashlib.sha256(SAMPLES).digest()


@dataclass(frozen=True, slots=True)
class Example:
    """One frame."""

    type: int
    flags: Flags
    request_id: int
    message: object

    def encode(self) -> bytes:
        return b"".join(frame(self.type, self.flags, self.request_id, serialise(self.message)))


EXAMPLES: dict[str, Example] = {
    "hello": Example(
        0x0001, Flags.NONE, 1, m.Hello(1, 1, m.Capability.RESUME | m.Capability.ORDERS, "K3 2.1", "K3-000123")
    ),
    "server-info": Example(
        0x0001,
        Flags.REPLY,
        1,
        m.ServerInfo(
            version=1,
            capabilities=m.Capability.RESUME | m.Capability.ORDERS,
            software="cardioserver 4.0",
            server_id=7,
            server_type="main",
            server_time=datetime(2026, 11, 21, 6, 30, tzinfo=UTC),
            update_url="",
            limits=LIMITS,
        ),
    ),
    "login": Example(0x0002, Flags.NONE, 2, m.Login("k3-ward2", "correct horse")),
    "logged-in": Example(
        0x0002,
        Flags.REPLY,
        2,
        m.LoggedIn(m.Account(1201, "k3-ward2", m.Role.RECORDER, 12, "Ward 2"), "Больница № 1", 31),
    ),
    "ping": Example(0x0005, Flags.NONE, 3, m.Ping()),
    "upload-begin": Example(0x0010, Flags.NONE, 4, m.UploadBegin(EXAM, SIGNAL, DIGEST)),
    "upload-state": Example(0x0010, Flags.REPLY, 4, m.UploadState(m.UploadStatus.RECEIVING, 0, 0)),
    "upload-chunk": Example(0x0011, Flags.NONE, 5, m.UploadChunk(EXAM_UUID, 0, SAMPLES[:8])),
    "upload-offset": Example(
        0x0011,
        Flags.REPLY | Flags.ERROR,
        6,
        m.Error(m.ErrorCode.UPLOAD_OFFSET, "", "Go on from 8.", "Продолжите с 8.", 0, 8),
    ),
    "upload-commit": Example(0x0012, Flags.NONE, 7, m.UploadCommit(EXAM_UUID)),
    "exam-stored": Example(
        0x0012, Flags.REPLY, 7, m.ExamStored(0x0001_8F3A_2C40_0007, EXAM_UUID, already_stored=False)
    ),
    "request-interpretation": Example(0x0025, Flags.NONE, 8, m.RequestInterpretation(0x0001_8F3A_2C40_0007)),
    "interpretation-requested": Example(
        0x0025, Flags.REPLY, 8, m.InterpretationRequested(0x0001_8F3A_2C40_0007, 1)
    ),
    "event": Example(
        0x0100,
        Flags.PUSH,
        0,
        m.Event(
            event_id=90_210,
            kind=m.EventKind.EXAM_STORED,
            created_at=datetime(2026, 11, 21, 6, 30, 11, 250_000, tzinfo=UTC),
            exam_id=0x0001_8F3A_2C40_0007,
            subject_id=0,
            hcf_id=12,
        ),
    ),
}
