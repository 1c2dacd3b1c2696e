"""Exams: inserting them, and reading one's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, and_, select
from sqlalchemy.engine import Row

from cardioserver.archive import patients
from cardioserver.archive.access import Actor, visible_exams
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.columns import offset_minutes
from cardioserver.archive.database import insert_or_keep
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.schema import consultation, exam_metadata
from cardioserver.archive.schema import exam as table
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.messages import ExamDetails, GetExam

_EXAM = TypeAdapter(Exam)
_SIGNAL = TypeAdapter(SignalFormat)


@dataclass(frozen=True, slots=True)
class NewExam:
    """An exam to insert.

    Attributes
    ----------
    patient_id
        What :func:`cardioserver.archive.patients.upsert` returned.
    """

    record: ExamRecord
    patient_id: int


@dataclass(frozen=True, slots=True)
class StoredExam:
    """What tells a repeated upload from a UUID that names another exam."""

    exam_id: int
    digest: bytes
    recorder_hcf_id: int


def stored(connection: Connection, exam_uuids: Iterable[UUID]) -> dict[UUID, StoredExam]:
    """Those of the exams (hundreds, not more) that the archive has."""
    columns = (table.c.exam_uuid, table.c.exam_id, table.c.digest, table.c.recorder_hcf_id)
    rows = connection.execute(select(*columns).where(table.c.exam_uuid.in_(list(exam_uuids))))
    return {row.exam_uuid: StoredExam(row.exam_id, bytes(row.digest), row.recorder_hcf_id) for row in rows}


def insert(connection: Connection, exams: Sequence[NewExam]) -> dict[UUID, int]:
    """Insert exams; leave those alone whose UUID the archive has.

    Works also if another server inserts one of them at the same moment. Call it within the transaction
    that upserted their patients.

    Returns
    -------
    dict
        The id under which the archive has each UUID. It is the record's own ``exam_id`` if the exam was
        inserted now or is the same one of an earlier attempt; another id: somebody else stored it first.

    Raises
    ------
    Conflict
        An ``exam_id`` names another exam.
    """
    if not exams:
        return {}
    roots = patients.roots(connection, {new.patient_id for new in exams}, lock=True)
    families = patients.family_keys(connection, set(roots.values()))
    rows = []
    for new in exams:
        root = roots[new.patient_id]
        rows.append(_row(new) | {"patient_id": root, "family_key": families[root]})
    connection.execute(insert_or_keep(connection, table), rows)
    there = stored(connection, [row["exam_uuid"] for row in rows])
    held = {exam_uuid: known.exam_id for exam_uuid, known in there.items()}
    for new in exams:
        if new.record.exam.uuid not in held:
            raise Conflict(f"exam id {new.record.exam_id} names another exam")
    own = [new.record for new in exams if held[new.record.exam.uuid] == new.record.exam_id]
    if own:
        connection.execute(insert_or_keep(connection, exam_metadata), [_metadata(record) for record in own])
    return held


def _row(new: NewExam) -> dict[str, Any]:
    record, exam = new.record, new.record.exam
    return {
        "exam_id": record.exam_id,
        "exam_uuid": exam.uuid,
        "origin_patient_id": new.patient_id,
        "hcf_id": record.hcf_id,
        "archive_id": record.archive_id,
        "recorder_account_id": record.recorder_account_id,
        "recorder_hcf_id": record.recorder_hcf_id,
        "device_number": exam.device_number.strip(),
        "accession_number": exam.accession_number.strip(),
        "started_at": exam.started_at,
        "started_offset": offset_minutes(exam.started_at),
        "stored_at": record.stored_at,
        "digest": record.digest,
        "conclusion_count": 0,
        "concluded": False,
        "auto_report_version": 0,
    }


def _metadata(record: ExamRecord) -> dict[str, Any]:
    return {
        "exam_id": record.exam_id,
        "exam": _EXAM.dump_json(record.exam).decode(),
        "signal": _SIGNAL.dump_json(record.signal).decode(),
    }


def get(connection: Connection, actor: Actor, request: GetExam) -> ExamDetails:
    """An exam's metadata, as its recorder described it.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    InvalidField
        ``exam_id``: the request names no exam.
    """
    if not request.exam_id and request.exam_uuid is None:
        raise InvalidField("exam_id", 0, "an exam's id, or its UUID in exam_uuid")
    wanted = table.c.exam_id == request.exam_id if request.exam_id else table.c.exam_uuid == request.exam_uuid
    query = (
        select(table, exam_metadata.c.exam, exam_metadata.c.signal, consultation.c.from_hcf_id)
        .join(exam_metadata, exam_metadata.c.exam_id == table.c.exam_id)
        .outerjoin(consultation, sent_to(actor))
        .where(wanted, visible_exams(actor))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("exam")
    return ExamDetails(
        exam_id=row.exam_id,
        patient_id=row.patient_id,
        hcf_id=row.hcf_id,
        archive_id=row.archive_id,
        recorder_account_id=row.recorder_account_id,
        recorder_hcf_id=row.recorder_hcf_id,
        sender_hcf_id=row.from_hcf_id or 0,
        stored_at=row.stored_at,
        digest=bytes(row.digest),
        exam=_EXAM.validate_json(row.exam),
        signal=_SIGNAL.validate_json(row.signal),
    )


def sent_to(actor: Actor) -> ColumnElement[bool]:
    """The join of ``exam`` with the consultation that brought it to the actor's HCF."""
    return and_(
        consultation.c.exam_id == table.c.exam_id,
        consultation.c.to_hcf_id == actor.hcf_id,
        table.c.hcf_id != actor.hcf_id,
    )


def visible(connection: Connection, actor: Actor, exam_id: int, *, lock: bool = False) -> Row[Any]:
    """The row of an exam that the actor may read.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    """
    query = select(table).where(table.c.exam_id == exam_id, visible_exams(actor))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"exam {exam_id}")
    return row
