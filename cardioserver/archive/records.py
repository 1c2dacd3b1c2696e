"""Records: the small immutable files of the cardiobank that are not exams."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from cardioserver.archive.errors import DamagedExam

FORMAT = 1


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
    """One record.

    Attributes
    ----------
    uuid
        Made by whoever makes the record; with ``kind`` and ``day`` it names the file.
    day
        The day under which it is filed: that of the exam's start in UTC for a record about an exam, so
        that a conclusion saved again tomorrow finds itself; of ``created_at`` for the others.
    created_at
        Aware.
    body
        A JSON object.
    """

    kind: RecordKind
    uuid: UUID
    day: date
    created_at: datetime
    body: Mapping[str, Any] = field(repr=False)


def encode_record(record: BankRecord) -> bytes:
    """The bytes of a record's file: one line with the SHA-256 of the rest, then JSON in UTF-8."""
    content = {
        "format": FORMAT,
        "kind": record.kind.value,
        "uuid": str(record.uuid),
        "day": record.day.isoformat(),
        "created_at": record.created_at.isoformat(),
        "body": dict(record.body),
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n"


def read_record(path: Path) -> BankRecord:
    """Read and verify a record's file.

    Raises
    ------
    DamagedExam
        Any bit of the file differs from what was written; ``note`` holds the path.
    OSError
        The file cannot be opened or read.
    """
    try:
        return decode_record(path.read_bytes())
    except ValueError as error:
        raise DamagedExam(f"{path}: {error}") from None


def decode_record(data: bytes) -> BankRecord:
    """The record in the bytes of its file.

    Raises
    ------
    ValueError
        They are damaged or of a newer format.
    """
    digest, _, rest = data.partition(b"\n")
    text = rest.removesuffix(b"\n")
    if len(text) + 1 != len(rest) or digest != hashlib.sha256(text).hexdigest().encode():
        raise ValueError("the checksum does not match")
    content = json.loads(text)
    if content["format"] != FORMAT:
        raise ValueError("a record format of a newer version")
    return BankRecord(
        RecordKind(content["kind"]),
        UUID(content["uuid"]),
        date.fromisoformat(content["day"]),
        datetime.fromisoformat(content["created_at"]),
        content["body"],
    )
