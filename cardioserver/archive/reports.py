"""Auto reports: the machine's interpretations of an exam, one version after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from cardioserver.archive import deliveries, exams
from cardioserver.archive.access import Actor
from cardioserver.archive.deliveries import UNFINISHED, DeliveryFilter
from cardioserver.archive.errors import NotFound, NotOffered
from cardioserver.archive.events import Subscription, record_event
from cardioserver.archive.schema import auto_report as table
from cardioserver.archive.schema import delivery, exam
from cardioserver.protocol.messages import (
    AutoReport,
    Event,
    EventKind,
    GetAutoReport,
    InterpretationRequested,
    RequestInterpretation,
)
from cardioserver.settings.config import INTERPRETATION

_COLUMNS = tuple(column for column in table.c if column.name != "event_id")


def add(
    connection: Connection,
    exam_id: int,
    *,
    text_ru: str,
    text_en: str,
    document: str,
    subscriptions: Sequence[Subscription],
    event_id: int | None = None,
) -> AutoReport:
    """Add a version; the first is 1. For an event that has got its version before, that one is returned.

    Parameters
    ----------
    event_id
        The event that asked for it; ``None``: none did.

    Raises
    ------
    NotFound
        No such exam.
    """
    of_exam = exam.c.exam_id == exam_id
    # The lock makes version numbers go up by one, however many interpret the exam at once.
    row = connection.execute(
        select(exam.c.auto_report_version, exam.c.hcf_id).where(of_exam).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"exam {exam_id}")
    known = None if event_id is None else of_event(connection, exam_id, event_id)
    if known is not None:
        return known
    version, now = row.auto_report_version + 1, datetime.now(UTC)
    report = AutoReport(exam_id, version, now, text_ru, text_en, document)
    connection.execute(insert(table), asdict(report) | {"event_id": event_id})
    connection.execute(update(exam).where(of_exam).values(auto_report_version=version))
    record_event(
        connection, Event(0, EventKind.AUTO_REPORT, now, exam_id, version, row.hcf_id), subscriptions
    )
    return report


def of_event(connection: Connection, exam_id: int, event_id: int) -> AutoReport | None:
    """The version that an event has asked for, if it is there."""
    asked = (table.c.exam_id == exam_id, table.c.event_id == event_id)
    row = connection.execute(select(*_COLUMNS).where(*asked)).one_or_none()
    return None if row is None else _report(row)


def newest(connection: Connection, actor: Actor, request: GetAutoReport) -> AutoReport:
    """The newest version; version 0 if there is none yet.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    """
    about = exams.visible(connection, actor, request.exam_id)
    if not about.auto_report_version:
        return AutoReport(about.exam_id, 0, about.stored_at, "", "", "")
    wanted = (table.c.exam_id == about.exam_id, table.c.version == about.auto_report_version)
    return _report(connection.execute(select(*_COLUMNS).where(*wanted)).one())


def as_of(connection: Connection, exam_id: int, moment: datetime) -> AutoReport | None:
    """The version that was the newest at a moment, if there was one."""
    query = select(*_COLUMNS).where(table.c.exam_id == exam_id, table.c.created_at <= moment)
    row = connection.execute(query.order_by(table.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else _report(row)


def request(
    connection: Connection,
    actor: Actor,
    request: RequestInterpretation,
    *,
    subscriptions: Sequence[Subscription],
) -> InterpretationRequested:
    """Owe an exam another interpretation. One that is owed and not made yet is made at once instead.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    NotOffered
        This server interprets nothing.
    """
    about = exams.visible(connection, actor, request.exam_id, lock=True)
    if not any(subscription.exporter == INTERPRETATION for subscription in subscriptions):
        raise NotOffered("service_interpretation.mode")
    if _is_owed(connection, about.exam_id):
        stuck = DeliveryFilter(exporter=INTERPRETATION, exam_id=about.exam_id)
        deliveries.retry(connection, stuck)
    else:
        now = datetime.now(UTC)
        event = Event(0, EventKind.INTERPRETATION_REQUEST, now, about.exam_id, 0, about.hcf_id)
        record_event(connection, event, subscriptions)
    return InterpretationRequested(about.exam_id, about.auto_report_version)


def _is_owed(connection: Connection, exam_id: int) -> bool:
    """Whether an interpretation is to come whose version is not there yet."""
    query = (
        select(delivery.c.delivery_id)
        .outerjoin(table, and_(table.c.exam_id == exam_id, table.c.event_id == delivery.c.event_id))
        .where(delivery.c.exam_id == exam_id, delivery.c.exporter == INTERPRETATION)
        .where(delivery.c.status.in_(int(status) for status in UNFINISHED), table.c.version.is_(None))
        .limit(1)
    )
    return connection.scalar(query) is not None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An interpretation to compare with."""

    exam_id: int
    started_at: datetime
    document: str


def earlier(connection: Connection, exam_id: int) -> Earlier | None:
    """The newest interpretation of the same patient's last exam before this one, at the same HCF.

    Not of another HCF: whoever reads this exam would read of one that is not theirs.

    Raises
    ------
    NotFound
        No such exam.
    """
    query = select(exam.c.patient_id, exam.c.hcf_id, exam.c.started_at).where(exam.c.exam_id == exam_id)
    about = connection.execute(query).one_or_none()
    if about is None:
        raise NotFound(f"exam {exam_id}")
    newest_of = and_(table.c.exam_id == exam.c.exam_id, table.c.version == exam.c.auto_report_version)
    found = connection.execute(
        select(exam.c.exam_id, exam.c.started_at, table.c.document)
        .join(table, newest_of)
        .where(exam.c.patient_id == about.patient_id, exam.c.hcf_id == about.hcf_id)
        .where(exam.c.started_at < about.started_at)
        .order_by(exam.c.started_at.desc(), exam.c.exam_id.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else Earlier(found.exam_id, found.started_at, found.document)


def _report(row: Row[Any]) -> AutoReport:
    return AutoReport(**row._mapping)
