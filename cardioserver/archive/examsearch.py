"""Searching exams.

Pages go from the newest exam to the oldest. A page is found in two steps: first the sort keys of its rows,
along one index from the right place on, then the rows. What leads to few exams (an id, a patient, a rare
name) leads the search; otherwise time does, in each of the parts of what the actor sees that has an index
of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    exists,
    func,
    select,
    true,
    type_coerce,
)
from sqlalchemy.engine import Row

from cardioserver.archive import patients
from cardioserver.archive.access import EXAM_REACH, Actor, Reach, visible_exams
from cardioserver.archive.columns import local_time
from cardioserver.archive.exams import sent_to
from cardioserver.archive.hints import along
from cardioserver.archive.paging import Key, beyond, decode_cursor, encode_cursor, page_length
from cardioserver.archive.patientsearch import begins
from cardioserver.archive.schema import archive, consultation, exam, patient
from cardioserver.archive.searchkeys import name_key, number_key
from cardioserver.ecg.patient import Sex
from cardioserver.protocol.messages import ExamPage, ExamSummary, FindExams

FEW_EXAMS = 4000
"""Up to so many exams of a name, sorting them all beats going through the exams of everybody by time."""

_BY_FAMILY = ("family_key", "hcf_id", "started_at")
_BY_DEVICE = ("device_number", "hcf_id", "started_at")


@dataclass(frozen=True, slots=True)
class _Lead:
    """What leads a search: an index (none: any) of a table that has the sort key, and conditions."""

    index: tuple[str, ...]
    conditions: tuple[ColumnElement[bool], ...] = ()
    table: Table = exam

    @property
    def order(self) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """The sort key, as numbers."""
        return type_coerce(self.table.c.started_at, BigInteger), self.table.c.exam_id

    @property
    def source(self) -> FromClause:
        """The tables in the order in which to read them."""
        if self.table is exam:
            return exam
        return self.table.join(exam, exam.c.exam_id == self.table.c.exam_id)


def find(connection: Connection, actor: Actor, request: FindExams, *, max_page: int) -> ExamPage:
    """One page of the exams that match and that the actor may see, newest first.

    Raises
    ------
    InvalidField
        ``cursor``
    """
    after = decode_cursor(request, (int, int))
    length = page_length(request.limit, max_page)
    wanted = [*_wanted(connection, actor, request), visible_exams(actor)]
    pages = [
        _keys(connection, lead, [*wanted, *_in_time(connection, lead, request, after)], length + 1)
        for lead in _leads(connection, actor, request)
    ]
    keys = list(heapq.merge(*pages, reverse=True))
    cursor = encode_cursor(request, keys[length - 1]) if len(keys) > length else ""
    return ExamPage(_summaries(connection, actor, [exam_id for _, exam_id in keys[:length]]), cursor)


def _wanted(connection: Connection, actor: Actor, request: FindExams) -> list[ColumnElement[bool]]:
    """The conditions on an exam itself but for time, which is the lead's."""
    clauses: list[ColumnElement[bool]] = []
    if request.exam_uuid is not None:
        clauses.append(exam.c.exam_uuid == request.exam_uuid)
    if request.patient_id:
        root = patients.roots(connection, [request.patient_id])[request.patient_id]
        clauses.append(exam.c.patient_id == root)
    if key := number_key(request.patient_number):
        clauses.append(exam.c.patient_id.in_(patients.with_number(connection, key)))
    if request.hcf_id:
        clauses.append(exam.c.hcf_id == request.hcf_id)
    if request.archive_id:
        clauses.append(exam.c.archive_id == request.archive_id)
    if number := request.device_number.strip():
        clauses.append(exam.c.device_number == number)
    if number := request.accession_number.strip():
        clauses.append(exam.c.accession_number == number)
    if request.has_conclusion is not None:
        clauses.append(exam.c.concluded == request.has_conclusion)
    if request.consultation_only:
        sent = (consultation.c.exam_id == exam.c.exam_id, consultation.c.to_hcf_id == actor.hcf_id)
        clauses.append(exists().where(*sent).correlate(exam))
    return clauses + begins(exam.c.family_key, request.family_name)


def _leads(connection: Connection, actor: Actor, request: FindExams) -> list[_Lead]:
    """The leads whose exams together are all that the request can find.

    They only lead the way: what may be seen is said by the access rule.
    """
    if request.exam_uuid is not None:
        return [_Lead(())]
    if request.accession_number.strip():
        return [_Lead(("accession_number",))]
    if request.patient_id or number_key(request.patient_number):
        return [_Lead(("patient_id", "started_at"))]
    if name_key(request.family_name) and _are_few(connection, request.family_name):
        return [_Lead(_BY_FAMILY)]
    if number := request.device_number.strip():
        hcf_ids = _hcfs_with_device(connection, number)
        return [_Lead(_BY_DEVICE, (exam.c.hcf_id == hcf_id,)) for hcf_id in hcf_ids]
    return _leads_by_time(connection, actor, request)


def _are_few(connection: Connection, family_name: str) -> bool:
    some = select(exam.c.exam_id).where(*begins(exam.c.family_key, family_name))
    some = along(some, exam, *_BY_FAMILY).limit(FEW_EXAMS + 1)
    return (connection.scalar(select(func.count()).select_from(some.subquery())) or 0) <= FEW_EXAMS


def _hcfs_with_device(connection: Connection, number: str) -> Iterator[int]:
    """The HCFs (as a rule one) with exams of a device number, each found by one look into the index."""
    with_device = select(func.min(exam.c.hcf_id)).where(exam.c.device_number == number)
    with_device = along(with_device, exam, *_BY_DEVICE)
    hcf_id = connection.scalar(with_device)
    while hcf_id is not None:
        yield hcf_id
        hcf_id = connection.scalar(with_device.where(exam.c.hcf_id > hcf_id))


def _leads_by_time(connection: Connection, actor: Actor, request: FindExams) -> list[_Lead]:
    reach = EXAM_REACH[actor.role]
    owner = request.hcf_id or _owner(connection, request.archive_id)  # 0: any
    leads = []
    if not request.consultation_only and (reach is Reach.ALL or owner in (0, actor.hcf_id)):
        leads.append(_own(actor, request))
    if (request.consultation_only or reach is Reach.HCF) and owner != actor.hcf_id:
        leads.append(_sent(actor, request))
    return leads


def _owner(connection: Connection, archive_id: int) -> int:
    return connection.scalar(select(archive.c.hcf_id).where(archive.c.archive_id == archive_id)) or 0


def _own(actor: Actor, request: FindExams) -> _Lead:
    match EXAM_REACH[actor.role]:
        case Reach.UPLOADED:
            own = exam.c.recorder_account_id == actor.account_id
            return _Lead(("recorder_account_id", "started_at"), (own,))
        case Reach.ALL:
            own, within_hcf = true(), bool(request.hcf_id)
        case _:
            own, within_hcf = exam.c.hcf_id == actor.hcf_id, True
    if request.archive_id:
        index: tuple[str, ...] = ("archive_id", "started_at")
    elif not within_hcf:
        index = ("started_at",)
    elif request.has_conclusion is not None:
        index = ("hcf_id", "concluded", "started_at")
    else:
        index = ("hcf_id", "started_at", "exam_id", "family_key")
    return _Lead(index, (own,))


def _sent(actor: Actor, request: FindExams) -> _Lead:
    conditions = [consultation.c.to_hcf_id == actor.hcf_id, exam.c.hcf_id != actor.hcf_id]
    conditions += begins(consultation.c.family_key, request.family_name)
    index: tuple[str, ...] = ("to_hcf_id", "started_at", "exam_id", "family_key")
    if request.has_conclusion is not None:
        conditions.append(consultation.c.concluded == request.has_conclusion)
        index = ("to_hcf_id", "concluded", "started_at", "exam_id")
    return _Lead(index, tuple(conditions), consultation)


def _in_time(
    connection: Connection, lead: _Lead, request: FindExams, after: Key | None
) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if request.started_from is not None:
        clauses.append(lead.table.c.started_at >= request.started_from)
    if request.started_before is not None:
        clauses.append(lead.table.c.started_at < request.started_before)
    if after is not None:
        clauses.append(beyond(connection, lead.order, after, descending=True))
    return clauses


def _keys(
    connection: Connection, lead: _Lead, wanted: list[ColumnElement[bool]], limit: int
) -> list[tuple[int, int]]:
    query = select(*lead.order).select_from(lead.source).where(*lead.conditions, *wanted)
    query = query.order_by(*(column.desc() for column in lead.order)).limit(limit)
    query = query.prefix_with("STRAIGHT_JOIN", dialect="mysql")
    query = along(query, lead.table, *lead.index) if lead.index else query
    return [(row[0], row[1]) for row in connection.execute(query)]


_LISTED = (
    exam.c.exam_id, exam.c.exam_uuid, exam.c.patient_id, exam.c.started_at, exam.c.started_offset,
    exam.c.stored_at, exam.c.hcf_id, exam.c.archive_id, exam.c.device_number, exam.c.accession_number,
    exam.c.conclusion_count, exam.c.auto_report_version,
    patient.c.number, patient.c.family_name, patient.c.personal_name, patient.c.patronymic,
    patient.c.birthday, patient.c.sex,
    consultation.c.from_hcf_id,
)  # fmt: skip


def _summaries(connection: Connection, actor: Actor, exam_ids: list[int]) -> tuple[ExamSummary, ...]:
    if not exam_ids:
        return ()
    query: Select[Any] = (
        select(*_LISTED)
        .join(patient, patient.c.patient_id == exam.c.patient_id)
        .outerjoin(consultation, sent_to(actor))
        .where(exam.c.exam_id.in_(exam_ids))
    )
    found = {row.exam_id: row for row in connection.execute(query)}
    return tuple(_summary(found[exam_id]) for exam_id in exam_ids)


def _summary(row: Row[Any]) -> ExamSummary:
    return ExamSummary(
        exam_id=row.exam_id,
        exam_uuid=row.exam_uuid,
        patient_id=row.patient_id,
        patient_number=row.number,
        family_name=row.family_name,
        personal_name=row.personal_name,
        patronymic=row.patronymic,
        birthday=row.birthday,
        sex=Sex(row.sex),
        started_at=local_time(row.started_at, row.started_offset),
        stored_at=row.stored_at,
        hcf_id=row.hcf_id,
        archive_id=row.archive_id,
        device_number=row.device_number,
        accession_number=row.accession_number,
        conclusion_count=row.conclusion_count,
        has_auto_report=row.auto_report_version > 0,
        sender_hcf_id=row.from_hcf_id or 0,
    )
