"""Doctors' conclusions: written once, never changed; a later one stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from cardioserver.archive import exams
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.events import Subscription, record_event
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.archive.schema import conclusion as table
from cardioserver.archive.schema import consultation, exam
from cardioserver.archive.signatures import signature
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import check_text
from cardioserver.protocol.messages import (
    Conclusion,
    Conclusions,
    Event,
    EventKind,
    ListConclusions,
    SaveConclusion,
)

MAX_TEXT = 100_000  # characters: a long report has 10,000


def save(
    connection: Connection,
    actor: Actor,
    request: SaveConclusion,
    *,
    ids: IdGenerator,
    bank: Bank,
    subscriptions: Sequence[Subscription],
) -> Conclusion:
    """Keep a conclusion, in the bank before the database. Saving it again returns what was kept.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    Conflict
        The UUID names another conclusion.
    InvalidField
        ``text`` is empty or too long.
    """
    if not request.text.strip():
        raise InvalidField("text", "", "a text")
    check_text("text", request.text, MAX_TEXT, multiline=True)
    about = exams.visible(connection, actor, request.exam_id, lock=True)
    known = _by_uuid(connection, request.conclusion_uuid)
    if known is None:
        kept = bank.put_record(_record(connection, actor, request, about, ids.next()))
        known = restore(connection, kept)
        event = Event(
            0, EventKind.CONCLUSION, known.created_at, about.exam_id, known.conclusion_id, about.hcf_id
        )
        record_event(connection, event, subscriptions)
    asked = (request.exam_id, actor.account_id, request.text)
    if (known.exam_id, known.account_id, known.text) != asked:
        raise Conflict(f"conclusion {request.conclusion_uuid}")
    return known


def list_conclusions(connection: Connection, actor: Actor, request: ListConclusions) -> Conclusions:
    """All conclusions of an exam, oldest first.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    """
    exams.visible(connection, actor, request.exam_id)
    query = select(table).where(table.c.exam_id == request.exam_id)
    rows = connection.execute(query.order_by(table.c.created_at, table.c.conclusion_id))
    return Conclusions(tuple(_conclusion(row) for row in rows))


def restore(connection: Connection, record: BankRecord) -> Conclusion:
    """Put a conclusion of the bank into the database, if it is not there.

    Raises
    ------
    NotFound
        The database has not its exam.
    Conflict
        Its id names another conclusion.
    """
    body = record.body
    locked = select(exam.c.exam_id).where(exam.c.exam_id == body["exam_id"]).with_for_update()
    if connection.scalar(locked) is None:
        raise NotFound(f"exam {body['exam_id']}")
    known = _by_uuid(connection, record.uuid)
    if known is not None:
        return known
    restored = Conclusion(
        conclusion_id=body["conclusion_id"],
        conclusion_uuid=record.uuid,
        exam_id=body["exam_id"],
        account_id=body["account_id"],
        account_name=body["account_name"],
        hcf_id=body["hcf_id"],
        created_at=record.created_at,
        text=body["text"],
    )
    try:
        connection.execute(insert(table), asdict(restored))
    except IntegrityError:
        raise Conflict(f"conclusion {record.uuid}") from None
    counted = update(exam).where(exam.c.exam_id == restored.exam_id)
    connection.execute(counted.values(conclusion_count=exam.c.conclusion_count + 1, concluded=True))
    sent = update(consultation).where(consultation.c.exam_id == restored.exam_id)
    connection.execute(sent.values(concluded=True))
    return restored


def _by_uuid(connection: Connection, conclusion_uuid: UUID) -> Conclusion | None:
    row = connection.execute(select(table).where(table.c.conclusion_uuid == conclusion_uuid)).one_or_none()
    return None if row is None else _conclusion(row)


def _conclusion(row: Row[Any]) -> Conclusion:
    return Conclusion(**row._mapping)


def _record(
    connection: Connection, actor: Actor, request: SaveConclusion, about: Row[Any], conclusion_id: int
) -> BankRecord:
    return BankRecord(
        kind=RecordKind.CONCLUSION,
        uuid=request.conclusion_uuid,
        day=about.started_at.date(),
        created_at=datetime.now(UTC),
        body={
            "conclusion_id": conclusion_id,
            "exam_id": about.exam_id,
            "exam_uuid": str(about.exam_uuid),
            "text": request.text,
            **signature(connection, actor),
        },
    )
