"""Searching and reading patients and exams."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.wire import I64, U16, U32, U64, LongText, Raw, Sha256, Text


@dataclass(frozen=True, slots=True)
class FindPatients:
    """Search patients; empty fields do not restrict. Names match by prefix in any letter case."""

    number: Text = field(default="", repr=False)
    family_name: Text = field(default="", repr=False)
    personal_name: Text = field(default="", repr=False)
    birthday: date | None = field(default=None, repr=False)
    snils: Text = field(default="", repr=False)
    limit: U16 = 50
    cursor: Text = field(default="", repr=False)  # from the last page; opaque


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A patient as the archive knows them."""

    patient_id: I64
    issuer_hcf_id: I64
    patient: Patient


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Reply to :class:`FindPatients`; an empty cursor means the end."""

    patients: tuple[PatientRecord, ...]
    cursor: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindExams:
    """Search exams, newest first; empty or zero fields do not restrict."""

    patient_id: I64 = 0
    patient_number: Text = field(default="", repr=False)
    family_name: Text = field(default="", repr=False)  # prefix
    started_from: datetime | None = None  # inclusive
    started_before: datetime | None = None  # exclusive
    hcf_id: I64 = 0
    archive_id: I64 = 0
    device_number: Text = ""
    has_conclusion: bool | None = None
    accession_number: Text = ""
    exam_uuid: UUID | None = None
    consultation_only: bool = False  # only exams sent to this account's HCF
    limit: U16 = 50
    cursor: Text = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ExamSummary:
    """A row of a list of exams."""

    exam_id: I64
    exam_uuid: UUID
    patient_id: I64
    patient_number: Text = field(repr=False)
    family_name: Text = field(repr=False)
    personal_name: Text = field(repr=False)
    patronymic: Text = field(repr=False)
    birthday: date | None = field(repr=False)
    sex: Sex
    started_at: datetime
    stored_at: datetime
    hcf_id: I64
    archive_id: I64
    device_number: Text
    accession_number: Text
    conclusion_count: U32
    has_auto_report: bool
    sender_hcf_id: I64  # who sent it for consultation; 0: own exam


@dataclass(frozen=True, slots=True)
class ExamPage:
    """Reply to :class:`FindExams`; an empty cursor means the end."""

    exams: tuple[ExamSummary, ...]
    cursor: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class GetExam:
    """Read an exam's metadata, by id or (id 0) by the recorder's UUID."""

    exam_id: I64 = 0
    exam_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class ExamDetails:
    """Reply to :class:`GetExam`."""

    exam_id: I64
    patient_id: I64
    hcf_id: I64
    archive_id: I64
    recorder_account_id: I64
    recorder_hcf_id: I64
    sender_hcf_id: I64
    stored_at: datetime
    digest: Sha256
    exam: Exam
    signal: SignalFormat


@dataclass(frozen=True, slots=True)
class GetSignal:
    """Read samples `start` to `start + count` of some leads (count 0: to the end; no leads: all)."""

    exam_id: I64
    start: U64 = 0
    count: U64 = 0
    leads: tuple[Lead, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """Reply to :class:`GetSignal`; long signals come as several PART frames, joined by `data`."""

    exam_id: I64
    start: U64
    signal: SignalFormat  # of the part asked for
    digest: Sha256  # of the bytes of the part asked for
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class GetAutoReport:
    """Read the newest machine interpretation of an exam."""

    exam_id: I64


@dataclass(frozen=True, slots=True)
class RequestInterpretation:
    """Have an exam interpreted anew. The result is another version; an event tells when it is there."""

    exam_id: I64


@dataclass(frozen=True, slots=True)
class InterpretationRequested:
    """Reply to :class:`RequestInterpretation`: what comes of it has a version above `newest_version`."""

    exam_id: I64
    newest_version: U32  # now; 0: there is none yet


@dataclass(frozen=True, slots=True)
class AutoReport:
    """Reply to :class:`GetAutoReport`; `document` is the interpretation's versioned JSON."""

    exam_id: I64
    version: U32  # 0: there is none yet
    created_at: datetime
    text_ru: LongText = field(repr=False)
    text_en: LongText = field(repr=False)
    document: LongText = field(repr=False)
