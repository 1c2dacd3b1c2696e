"""Sending an exam."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.messages.codes import UploadStatus
from cardioserver.protocol.wire import I64, U64, Raw, Sha256


@dataclass(frozen=True, slots=True)
class UploadBegin:
    """Announce an exam, or ask how far its broken upload came."""

    exam: Exam
    signal: SignalFormat
    digest: Sha256  # of all sample bytes


@dataclass(frozen=True, slots=True)
class UploadState:
    """Reply to :class:`UploadBegin` and :class:`UploadChunk`."""

    status: UploadStatus
    received: U64  # the server holds the first `received` bytes
    exam_id: I64  # 0 until stored


@dataclass(frozen=True, slots=True)
class UploadChunk:
    """A run of sample bytes; `offset` is the count of bytes sent before it."""

    exam_uuid: UUID
    offset: U64
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class UploadCommit:
    """All bytes are sent: store the exam."""

    exam_uuid: UUID


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole exam in one frame."""

    exam: Exam
    signal: SignalFormat
    digest: Sha256
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class UploadAbort:
    """Forget a partial upload."""

    exam_uuid: UUID


@dataclass(frozen=True, slots=True)
class ExamStored:
    """Reply to :class:`Upload` and :class:`UploadCommit`: the exam is durable."""

    exam_id: I64
    exam_uuid: UUID
    already_stored: bool
