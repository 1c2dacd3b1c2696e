"""Records: the small immutable files of the cardiobank that are not exams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID


class RecordKind(StrEnum):
    """What a record tells.

    ``body`` holds at least, besides what its owner finds useful:

    ``CONCLUSION``
        ``conclusion_id, exam_id, exam_uuid, account_id, account_login, account_name, hcf_id, hcf_name,
        text``; the record's UUID is the conclusion's.
    ``CONSULTATION``
        ``exam_id, exam_uuid, account_id, account_login, account_name, from_hcf_id, from_hcf_name,
        to_hcf_id, to_hcf_name, comment``.
    ``MERGE``
        ``from_number, from_issuer_hcf_id, to_number, to_issuer_hcf_id, exam_uuids`` (of the exams that
        were carried), ``account_id, account_login, account_name, hcf_id, hcf_name``.
    ``UNMERGE``
        ``merge_uuid`` (the record it undoes), ``account_id, account_login, account_name, hcf_id, hcf_name``.
    """

    CONCLUSION = "conclusion"
    CONSULTATION = "consultation"
    MERGE = "merge"
    UNMERGE = "unmerge"


@dataclass(frozen=True, slots=True)
class BankRecord:
    """One record; ``body`` is a JSON object."""

    kind: RecordKind
    uuid: UUID
    created_at: datetime  # aware
    body: Mapping[str, Any] = field(repr=False)


def encode_record(record: BankRecord) -> bytes:
    """The bytes of a record's file: JSON with its own SHA-256."""
    raise NotImplementedError


def read_record(path: Path) -> BankRecord:
    """Read and verify a record's file.

    Raises
    ------
    DamagedExam
        Any bit of the file differs from what was written; ``note`` holds the path.
    """
    raise NotImplementedError
