"""Auto reports: the machine's interpretations of an exam, one version after another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from cardioserver.archive import exams
from cardioserver.archive.access import Actor
from cardioserver.archive.errors import NotFound
from cardioserver.archive.events import Subscription, record_event
from cardioserver.archive.schema import auto_report as table
from cardioserver.archive.schema import exam
from cardioserver.protocol.messages import AutoReport, Event, EventKind, GetAutoReport


def add(
    connection: Connection,
    exam_id: int,
    *,
    text_ru: str,
    text_en: str,
    document: str,
    subscriptions: Sequence[Subscription],
) -> AutoReport:
    """Add a version; the first is 1.

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
    version, now = row.auto_report_version + 1, datetime.now(UTC)
    report = AutoReport(exam_id, version, now, text_ru, text_en, document)
    values = {name: getattr(report, name) for name in table.c.keys()}  # noqa: SIM118  no dict
    connection.execute(insert(table), values)
    connection.execute(update(exam).where(of_exam).values(auto_report_version=version))
    record_event(
        connection, Event(0, EventKind.AUTO_REPORT, now, exam_id, version, row.hcf_id), subscriptions
    )
    return report


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
    row = connection.execute(select(table).where(*wanted)).one()
    return AutoReport(**row._mapping)
