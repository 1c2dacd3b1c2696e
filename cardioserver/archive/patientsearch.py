"""Searching patients.

Pages are in the order of family name, personal name, id; in the order of personal name first if that is
all the search has. Each order has its indexes, with the issuer in front for those who see one HCF.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, select
from sqlalchemy.engine import Row

from cardioserver.archive import patients
from cardioserver.archive.access import EXAM_REACH, Actor, Reach, visible_patients
from cardioserver.archive.hints import along
from cardioserver.archive.paging import beyond, decode_cursor, encode_cursor, page_length
from cardioserver.archive.schema import consultation, exam
from cardioserver.archive.schema import patient as table
from cardioserver.archive.searchkeys import after_prefix, digits_key, name_key, number_key
from cardioserver.protocol.messages import FindPatients, PatientPage, PatientRecord

FEW_SENT = 900
"""Up to so many exams sent to an HCF, going through their patients beats looking at every patient."""

_BY_FAMILY = ("family_key", "personal_key")
_BY_PERSON = ("personal_key", "family_key")

_KEY = itemgetter(1, 2, 3)  # of a row, after its id


@dataclass(frozen=True, slots=True)
class _Lead:
    """What leads a search: an index to go along (none: any), and conditions."""

    index: tuple[str, ...]
    conditions: tuple[ColumnElement[bool], ...] = ()


def find(connection: Connection, actor: Actor, request: FindPatients, *, max_page: int) -> PatientPage:
    """One page of the patients that match and that the actor may see.

    A patient merged into another one is found by its number only, and as that other one.

    Raises
    ------
    InvalidField
        ``cursor``
    """
    by_person = bool(name_key(request.personal_name)) and not name_key(request.family_name)
    names = _BY_PERSON if by_person and not _is_narrow(request) else _BY_FAMILY
    order: tuple[Column[Any], ...] = (table.c[names[0]], table.c[names[1]], table.c.patient_id)
    after = decode_cursor(request, (str, str, int))
    length = page_length(request.limit, max_page)
    wanted = [*_wanted(connection, request), visible_patients(actor)]
    if after is not None:
        wanted.append(beyond(connection, order, after))
    pages = []
    for lead in _leads(connection, actor, request, names):
        query = select(table.c.patient_id, *order).where(*lead.conditions, *wanted)
        query = along(query, table, *lead.index) if lead.index else query
        pages.append(connection.execute(query.order_by(*order).limit(length + 1)).all())
    keys = [_KEY(row) for row in heapq.merge(*pages, key=_KEY)]
    cursor = encode_cursor(request, keys[length - 1]) if len(keys) > length else ""
    return PatientPage(_records(connection, [patient_id for *_, patient_id in keys[:length]]), cursor)


def _is_narrow(request: FindPatients) -> bool:
    """Whether an index leads to the few patients that can match, whoever asks."""
    return bool(number_key(request.number) or digits_key(request.snils) or request.birthday)


def _wanted(connection: Connection, request: FindPatients) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if key := number_key(request.number):
        clauses.append(table.c.patient_id.in_(patients.with_number(connection, key)))
    else:
        clauses.append(table.c.merged_into_id.is_(None))
    if snils := digits_key(request.snils):
        clauses.append(table.c.snils_key == snils)
    if request.birthday is not None:
        clauses.append(table.c.birthday == request.birthday)
    clauses += begins(table.c.family_key, request.family_name)
    clauses += begins(table.c.personal_key, request.personal_name)
    return clauses


def begins(column: ColumnElement[str], prefix: str) -> list[ColumnElement[bool]]:
    """The conditions of a key column that begins with the key of *prefix*; none if that is empty."""
    key = name_key(prefix)
    if not key:
        return []
    end = after_prefix(key)
    return [column >= key] if end is None else [column >= key, column < end]


def _leads(
    connection: Connection, actor: Actor, request: FindPatients, names: tuple[str, str]
) -> list[_Lead]:
    """The leads whose patients together are all that the request can find, none of them twice.

    They only lead the way: what may be seen is said by the access rule.
    """
    if number_key(request.number):
        return [_Lead(())]  # by their ids
    if digits_key(request.snils):
        return [_Lead(("snils_key",))]
    if request.birthday is not None:
        return [_Lead(("birthday",))]
    reach = EXAM_REACH[actor.role]
    if reach is Reach.ALL:
        return [_Lead(names)]
    own = _Lead(("issuer_hcf_id", *names), (table.c.issuer_hcf_id == actor.hcf_id,))
    return [own, _sent(connection, actor, names)] if reach is Reach.HCF else [own]


def _sent(connection: Connection, actor: Actor, names: tuple[str, str]) -> _Lead:
    """Patients of other HCFs, of whom an exam was sent to the actor's."""
    foreign = table.c.issuer_hcf_id != actor.hcf_id
    to_actor = (consultation.c.to_hcf_id == actor.hcf_id, consultation.c.exam_id == exam.c.exam_id)
    some = select(consultation.c.exam_id).where(to_actor[0]).limit(FEW_SENT + 1).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW_SENT:
        theirs = connection.scalars(select(exam.c.patient_id).where(*to_actor).distinct())
        return _Lead((), (foreign, table.c.patient_id.in_(theirs.all())))
    return _Lead(names, (foreign,))  # the access rule picks those of whom an exam was sent


def _records(connection: Connection, patient_ids: list[int]) -> tuple[PatientRecord, ...]:
    if not patient_ids:
        return ()
    rows = connection.execute(select(table).where(table.c.patient_id.in_(patient_ids)))
    found: dict[int, Row[Any]] = {row.patient_id: row for row in rows}
    return tuple(
        PatientRecord(row.patient_id, row.issuer_hcf_id, patients.from_row(row))
        for row in (found[patient_id] for patient_id in patient_ids)
    )
