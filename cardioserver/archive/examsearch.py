"""Searching exams.

Pages go from the newest exam to the oldest. A page is found in two steps: first the sort keys of its rows,
along one index from the right place on, then the rows. What leads to few exams (an id, a patient, a rare
name) leads the search; otherwise time does, in each of the parts of what the actor sees that has an index
of its own.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, Select, select, true, type_coerce
from sqlalchemy.engine import Row

from cardioserver.archive import patients
from cardioserver.archive.access import Actor, visible_exams
from cardioserver.archive.columns import local_time
from cardioserver.archive.exams import sent_to
from cardioserver.archive.paging import Key, beyond, decode_cursor, encode_cursor, page_length
from cardioserver.archive.patientsearch import begins
from cardioserver.archive.schema import consultation, exam, patient
from cardioserver.archive.searchkeys import number_key
from cardioserver.ecg.patient import Sex
from cardioserver.protocol.messages import ExamPage, ExamSummary, FindExams

FEW_PATIENTS = 1500
"""Up to so many patients of a name, going through all their exams beats going through all exams by time."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """What leads a search: tables, the columns of the sort key, a condition."""

    source: FromClause
    started_at: ColumnElement[datetime]
    exam_id: ColumnElement[int]
    condition: ColumnElement[bool]

    @property
    def order(self) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """The sort key, as numbers."""
        return type_coerce(self.started_at, BigInteger), self.exam_id


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
        clauses.append(
            exam.c.patient_id == patients.roots(connection, [request.patient_id])[request.patient_id]
        )
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
    return clauses + begins(patient.c.family_key, request.family_name)


def _leads(connection: Connection, actor: Actor, request: FindExams) -> list[_Lead]:
    of_patient = (
        exam.join(patient, patient.c.patient_id == exam.c.patient_id) if request.family_name else exam
    )
    by_exam = _Lead(of_patient, exam.c.started_at, exam.c.exam_id, true())
    return [by_exam]


def _in_time(
    connection: Connection, lead: _Lead, request: FindExams, after: Key | None
) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if request.started_from is not None:
        clauses.append(lead.started_at >= request.started_from)
    if request.started_before is not None:
        clauses.append(lead.started_at < request.started_before)
    if after is not None:
        clauses.append(beyond(connection, lead.order, after, descending=True))
    return clauses


def _keys(
    connection: Connection, lead: _Lead, wanted: list[ColumnElement[bool]], limit: int
) -> list[tuple[int, int]]:
    query = select(*lead.order).select_from(lead.source).where(lead.condition, *wanted)
    newest_first = [column.desc() for column in lead.order]
    return [(row[0], row[1]) for row in connection.execute(query.order_by(*newest_first).limit(limit))]


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
