"""Patients: who they are, by the number that their HCF gave them.

A patient is unique per (number, issuer HCF). Each description that arrives for a number (with an exam or an
order) is weighed against what is known:

- An empty field never erases a filled one; a field that was empty is filled by any description.
- A filled field changes only by a newer description, newer by the exam's start: an exam that was kept in a
  recorder for a week does not bring back an old address.
- A description whose family name *and* birthday both contradict what is known is of somebody else, by all
  likelihood under a mistyped number. It changes nothing here, and the row keeps when that happened
  (``conflict_at``) for a person to look at. The exam still belongs to the number, and its own metadata keep
  what the recorder said.
- Patients without a number (emergencies) are never the same person as anybody: each gets an own row, to be
  merged by a person (:mod:`cardioserver.archive.merges`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update
from sqlalchemy.engine import Row

from cardioserver.archive.database import insert_or_keep
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import consultation, exam
from cardioserver.archive.schema import patient as table
from cardioserver.archive.searchkeys import digits_key, name_key, number_key
from cardioserver.ecg.patient import Patient, Sex

FIELDS = (
    "sex", "birthday", "family_name", "personal_name", "patronymic",
    "passport", "insurance", "snils", "address", "phone",
)  # fmt: skip
"""Fields of a description, beside the number. A false value means "not given"."""

_KEY_OF = {"family_name": "family_key", "personal_name": "personal_key", "snils": "snils_key"}

_Number = tuple[int, str]
"""A patient's issuer and number, as compared."""

_locked_by_number = (
    select(table)
    .where(table.c.issuer_hcf_id == bindparam("issuer"), table.c.number_key == bindparam("key"))
    .with_for_update()
)

_locked_by_any_number = (
    select(table)
    .where(
        table.c.issuer_hcf_id == bindparam("issuer"),
        table.c.number_key.in_(bindparam("keys", expanding=True)),
    )
    .order_by(table.c.number_key)
    .with_for_update()
)


def upsert(
    connection: Connection,
    ids: IdGenerator,
    patient: Patient,
    issuer_hcf_id: int,
    described_at: datetime | None = None,
) -> int:
    """The patient's id in the archive: found by number, or new.

    Locks the patient until the transaction ends, so that a merge cannot happen between this and the
    insertion of the exam.

    Parameters
    ----------
    described_at
        When the description was true, the exam's start; ``None``: now.

    Returns
    -------
    int
        The patient whom the number names, even if merged into another one:
        :func:`cardioserver.archive.exams.insert` follows merges itself.
    """
    described_at = described_at or datetime.now(UTC)
    key = number_key(patient.number)
    if key is None:
        row = _new_row(ids, patient, issuer_hcf_id, described_at)
        connection.execute(insert(table), row)
        return int(row["patient_id"])
    numbered = {"issuer": issuer_hcf_id, "key": key}
    known = connection.execute(_locked_by_number, numbered).one_or_none()
    if known is None:
        row = _new_row(ids, patient, issuer_hcf_id, described_at)
        connection.execute(insert_or_keep(connection, table), row)
        known = connection.execute(_locked_by_number, numbered).one()
    _learn(connection, known, patient, described_at)
    return int(known.patient_id)


@dataclass(frozen=True, slots=True)
class Description:
    """What an exam says of its patient; the fields are those of :func:`upsert`."""

    patient: Patient
    issuer_hcf_id: int
    described_at: datetime


def upsert_all(connection: Connection, ids: IdGenerator, descriptions: Sequence[Description]) -> list[int]:
    """As :func:`upsert` of each in turn, with a few statements for all whom the archive does not know."""
    first: dict[_Number, Description] = {}
    for description in descriptions:
        if (number := _number(description)) is not None:
            first.setdefault(number, description)
    known = _locked_by_numbers(connection, first)
    new = {
        number: _new_row(ids, told.patient, told.issuer_hcf_id, told.described_at)
        for number, told in sorted(first.items(), key=itemgetter(0))
        if number not in known
    }
    if new:
        connection.execute(insert_or_keep(connection, table), list(new.values()))
        known |= _locked_by_numbers(connection, new)
    found = []
    for told in descriptions:
        number = _number(told)
        if number is None or first[number] is not told:  # the row may have learnt since it was read
            found.append(upsert(connection, ids, told.patient, told.issuer_hcf_id, told.described_at))
            continue
        row = known[number]
        if number not in new or row.patient_id != new[number]["patient_id"]:
            _learn(connection, row, told.patient, told.described_at)
        found.append(int(row.patient_id))
    return found


def _number(description: Description) -> _Number | None:
    key = number_key(description.patient.number)
    return None if key is None else (description.issuer_hcf_id, key)


def _locked_by_numbers(connection: Connection, numbers: Iterable[_Number]) -> dict[_Number, Row[Any]]:
    by_issuer: dict[int, list[str]] = {}
    for issuer, key in sorted(numbers):
        by_issuer.setdefault(issuer, []).append(key)
    found: dict[_Number, Row[Any]] = {}
    for issuer, keys in by_issuer.items():
        rows = connection.execute(_locked_by_any_number, {"issuer": issuer, "keys": keys})
        found |= {(issuer, row.number_key): row for row in rows}
    return found


def _new_row(
    ids: IdGenerator, patient: Patient, issuer_hcf_id: int, described_at: datetime
) -> dict[str, Any]:
    return {
        "patient_id": ids.next(),
        "issuer_hcf_id": issuer_hcf_id,
        "number": patient.number,
        "number_key": number_key(patient.number),
        "described_at": described_at,
        "created_at": datetime.now(UTC),
        **{field: getattr(patient, field) for field in FIELDS},
        **_keys(patient),
    }


def _keys(patient: Patient) -> dict[str, str]:
    return {
        "family_key": name_key(patient.family_name),
        "personal_key": name_key(patient.personal_name),
        "snils_key": digits_key(patient.snils),
    }


def _learn(connection: Connection, known: Row[Any], patient: Patient, described_at: datetime) -> None:
    if _is_somebody_else(known, patient):
        changes: dict[str, Any] = {"conflict_at": datetime.now(UTC)}
    else:
        changes = _changes(known, patient, newer=described_at >= known.described_at)
        if described_at > known.described_at:
            changes["described_at"] = described_at
    if changes:
        connection.execute(update(table).where(table.c.patient_id == known.patient_id).values(changes))
    if "family_key" in changes:
        give_exams(connection, exam.c.patient_id == known.patient_id, known.patient_id)


def _changes(known: Row[Any], patient: Patient, *, newer: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for field in FIELDS:
        value, before = getattr(patient, field), getattr(known, field)
        if value and value != before and (newer or not before):
            changes[field] = value
    keys = _keys(patient)
    return changes | {key: keys[key] for field, key in _KEY_OF.items() if field in changes}


def _is_somebody_else(known: Row[Any], patient: Patient) -> bool:
    family_key = name_key(patient.family_name)
    return bool(
        family_key
        and known.family_key
        and family_key != known.family_key
        and patient.birthday
        and known.birthday
        and patient.birthday != known.birthday
    )


def from_row(row: Row[Any]) -> Patient:
    """The description in a row that has all columns of the table."""
    return Patient(
        number=row.number,
        sex=Sex(row.sex),
        birthday=row.birthday,
        family_name=row.family_name,
        personal_name=row.personal_name,
        patronymic=row.patronymic,
        passport=row.passport,
        insurance=row.insurance,
        snils=row.snils,
        address=row.address,
        phone=row.phone,
    )


def with_number(connection: Connection, key: str) -> frozenset[int]:
    """Whom a number's key leads to, at all issuers, merges followed."""
    named = connection.scalars(select(table.c.patient_id).where(table.c.number_key == key))
    return frozenset(roots(connection, named).values())


def roots(connection: Connection, patient_ids: Iterable[int], *, lock: bool = False) -> dict[int, int]:
    """Whom each of the patients is after all merges.

    With *lock* these stay as they are until the transaction ends.
    """
    found = {patient_id: patient_id for patient_id in patient_ids}
    unknown = set(found.values())
    columns = (table.c.patient_id, table.c.merged_into_id)
    while unknown:
        query = select(*columns).where(table.c.patient_id.in_(sorted(unknown))).order_by(table.c.patient_id)
        # Not "where merged_into_id is not null": MariaDB does not keep the locks of rows that do not match.
        rows = connection.execute(query.with_for_update() if lock else query)
        merged = {row.patient_id: row.merged_into_id for row in rows if row.merged_into_id is not None}
        found = {patient_id: merged.get(root, root) for patient_id, root in found.items()}
        unknown = set(merged.values())
    return found


def family_keys(connection: Connection, patient_ids: Iterable[int]) -> dict[int, str]:
    """The keys of the patients' family names."""
    query = select(table.c.patient_id, table.c.family_key).where(table.c.patient_id.in_(list(patient_ids)))
    return {row.patient_id: row.family_key for row in connection.execute(query)}


def give_exams(connection: Connection, exams: ColumnElement[bool], patient_id: int) -> None:
    """Make exams those of a patient, under the patient's name of now. The patient must be locked."""
    family_key = family_keys(connection, [patient_id])[patient_id]
    exam_ids = connection.scalars(select(exam.c.exam_id).where(exams)).all()
    if exam_ids:
        # The exams first: whoever is sending one of them waits for its row, and reads the new name there.
        theirs = update(exam).where(exam.c.exam_id.in_(exam_ids))
        connection.execute(theirs.values(patient_id=patient_id, family_key=family_key))
        sent = update(consultation).where(consultation.c.exam_id.in_(exam_ids))
        connection.execute(sent.values(family_key=family_key))
