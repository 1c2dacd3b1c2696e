"""Consultations: an exam sent to another HCF, whose readers see it from then on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from cardioserver.archive import exams
from cardioserver.archive.access import Actor, sendable_exams
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import insert_or_keep
from cardioserver.archive.errors import AccessDenied, NotFound
from cardioserver.archive.events import Subscription, record_event
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.archive.schema import consultation as table
from cardioserver.archive.schema import exam, hcf
from cardioserver.archive.signatures import hcf_name, signature
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import MAX_ADDRESS, check_text
from cardioserver.protocol.messages import Done, Event, EventKind, SendExam

MAX_COMMENT = MAX_ADDRESS


def send(
    connection: Connection,
    actor: Actor,
    request: SendExam,
    *,
    ids: IdGenerator,
    bank: Bank,
    subscriptions: Sequence[Subscription],
) -> Done:
    """Send an exam of one's own HCF to another one. Sending it again changes nothing.

    Raises
    ------
    NotFound
        No such exam, or not for this actor; no such HCF.
    AccessDenied
        The exam is another HCF's, which alone may send it on.
    InvalidField
        ``to_hcf_id`` is the exam's own HCF; ``comment`` is too long.
    """
    check_text("comment", request.comment, MAX_COMMENT, multiline=True)
    about = exams.visible(connection, actor, request.exam_id, lock=True)
    own = select(exam.c.exam_id).where(exam.c.exam_id == about.exam_id, sendable_exams(actor))
    if connection.scalar(own) is None:
        raise AccessDenied(f"exam {about.exam_id}")
    if request.to_hcf_id == about.hcf_id:
        raise InvalidField("to_hcf_id", request.to_hcf_id, "an HCF other than the exam's own")
    if connection.scalar(select(hcf.c.hcf_id).where(hcf.c.hcf_id == request.to_hcf_id)) is None:
        raise NotFound(f"hcf {request.to_hcf_id}")
    sent = (table.c.exam_id == about.exam_id, table.c.to_hcf_id == request.to_hcf_id)
    if connection.scalar(select(table.c.consultation_id).where(*sent)) is None:
        kept = bank.put_record(_record(connection, actor, request, about, ids.next()))
        restore(connection, kept)
        event = Event(0, EventKind.CONSULTATION, kept.created_at, about.exam_id, 0, about.hcf_id)
        record_event(connection, event, subscriptions)
    return Done()


def restore(connection: Connection, record: BankRecord) -> None:
    """Put a consultation of the bank into the database, if it is not there; its HCFs must be.

    Raises
    ------
    NotFound
        The database has not its exam.
    """
    body = record.body
    query = select(exam.c.started_at, exam.c.concluded, exam.c.family_key)
    query = query.where(exam.c.exam_id == body["exam_id"])
    about = connection.execute(query.with_for_update()).one_or_none()
    if about is None:
        raise NotFound(f"exam {body['exam_id']}")
    row = {
        "consultation_id": body["consultation_id"],
        "consultation_uuid": record.uuid,
        "exam_id": body["exam_id"],
        "from_hcf_id": body["from_hcf_id"],
        "to_hcf_id": body["to_hcf_id"],
        "account_id": body["account_id"],
        "created_at": record.created_at,
        "started_at": about.started_at,
        "concluded": about.concluded,
        "family_key": about.family_key,
        "comment": body["comment"],
    }
    connection.execute(insert_or_keep(connection, table), row)


def _record(
    connection: Connection, actor: Actor, request: SendExam, about: Row[Any], consultation_id: int
) -> BankRecord:
    exam_uuid: UUID = about.exam_uuid
    return BankRecord(
        kind=RecordKind.CONSULTATION,
        uuid=uuid5(exam_uuid, str(request.to_hcf_id)),  # sent again after a crash, it finds itself
        day=about.started_at.date(),
        created_at=datetime.now(UTC),
        body={
            "consultation_id": consultation_id,
            "exam_id": about.exam_id,
            "exam_uuid": str(exam_uuid),
            "from_hcf_id": about.hcf_id,
            "from_hcf_name": hcf_name(connection, about.hcf_id),
            "to_hcf_id": request.to_hcf_id,
            "to_hcf_name": hcf_name(connection, request.to_hcf_id),
            "comment": request.comment,
            **signature(connection, actor),
        },
    )
