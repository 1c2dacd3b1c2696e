"""Searching patients.

Pages are in the order of family name, personal name, id; in the order of personal name first if that is
all the search has. Each order has its indexes, with the issuer in front for those who see one HCF.
"""

from __future__ import annotations

import heapq
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, select, true
from sqlalchemy.engine import Row

from cardioserver.archive import patients
from cardioserver.archive.access import EXAM_REACH, Actor, Reach, visible_patients
from cardioserver.archive.paging import Key, beyond, decode_cursor, encode_cursor, page_length
from cardioserver.archive.schema import patient as table
from cardioserver.archive.searchkeys import after_prefix, digits_key, name_key, number_key
from cardioserver.protocol.messages import FindPatients, PatientPage, PatientRecord

Order = tuple[Column[Any], Column[Any], Column[Any]]

_BY_FAMILY: Order = (table.c.family_key, table.c.personal_key, table.c.patient_id)
_BY_PERSON: Order = (table.c.personal_key, table.c.family_key, table.c.patient_id)


def find(connection: Connection, actor: Actor, request: FindPatients, *, max_page: int) -> PatientPage:
    """One page of the patients that match and that the actor may see.

    A patient merged into another one is found by its number only, and as that other one.

    Raises
    ------
    InvalidField
        ``cursor``
    """
    by_person = bool(request.personal_name) and not _is_narrow(request) and not request.family_name
    order = _BY_PERSON if by_person else _BY_FAMILY
    after = decode_cursor(request, (str, str, int))
    length = page_length(request.limit, max_page)

    wanted = [*_wanted(connection, request), visible_patients(actor)]
    if after is not None:
        wanted.append(beyond(connection, order, after))
    scopes = [true()] if _is_narrow(request) else _scopes(actor)
    pages = [
        connection.execute(select(table).where(scope, *wanted).order_by(*order).limit(length + 1)).all()
        for scope in scopes
    ]
    found = list(heapq.merge(*pages, key=lambda row: _key(row, order)))
    page = found[:length]
    cursor = encode_cursor(request, _key(page[-1], order)) if len(found) > length else ""
    return PatientPage(tuple(_record(row) for row in page), cursor)


def _record(row: Row[Any]) -> PatientRecord:
    return PatientRecord(row.patient_id, row.issuer_hcf_id, patients.from_row(row))


def _key(row: Row[Any], order: Order) -> Key:
    return tuple(row._mapping[column] for column in order)


def _is_narrow(request: FindPatients) -> bool:
    """Whether an index leads to the few patients that can match, whatever the scope."""
    return bool(number_key(request.number) or digits_key(request.snils) or request.birthday)


def _scopes(actor: Actor) -> list[ColumnElement[bool]]:
    """Parts, each with its own index, that together hold all the actor may see.

    They only lead the way: what may be seen is said by the access rule.
    """
    own = table.c.issuer_hcf_id == actor.hcf_id
    match EXAM_REACH[actor.role]:
        case Reach.ALL:
            return [true()]
        case Reach.HCF:
            return [own, table.c.issuer_hcf_id != actor.hcf_id]
        case _:
            return [own]


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
