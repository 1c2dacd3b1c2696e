"""Merges: two patients who turned out to be one person, and taking that back.

A merge sets ``merged_into_id`` of one patient, and everything that was the one's becomes the other's. Every
exam and order remembers in ``origin_patient_id`` whom its own words named, so who has it follows from the
merges alone: it belongs to the root of its origin. Undoing a merge therefore gives back exactly what came
with it, also what arrived later under the merged patient's number, and whatever other merges were made or
undone in between.

Neither patient's description changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update
from sqlalchemy.engine import Row

from cardioserver.archive import audit, patients
from cardioserver.archive.access import Actor, may_manage
from cardioserver.archive.audit import LOCAL, Action
from cardioserver.archive.bank import Bank
from cardioserver.archive.columns import EPOCH
from cardioserver.archive.database import Database
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.archive.schema import ecg_order, exam, patient
from cardioserver.archive.schema import patient_merge as table
from cardioserver.archive.searchkeys import number_key
from cardioserver.archive.signatures import signature
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import Patient


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge; ``undone_at`` ``None``: it is in force."""

    merge_id: int
    merge_uuid: UUID
    from_patient_id: int
    to_patient_id: int
    account_id: int  # 0: somebody at the server itself
    merged_at: datetime
    undone_at: datetime | None


class Merges:
    """Makes and undoes merges, in the bank before the database."""

    def __init__(self, database: Database, bank: Bank, ids: IdGenerator) -> None:
        self._database = database
        self._bank = bank
        self._ids = ids

    def merge(
        self, actor: Actor | None, from_patient_id: int, to_patient_id: int, address: str = LOCAL
    ) -> Merge:
        """Make all exams and orders of one patient another one's.

        Parameters
        ----------
        actor
            Who must manage the HCFs of both; ``None`` is somebody at the server itself, who may.

        Raises
        ------
        NotFound
            No such patient, or not for this actor.
        Conflict
            One of them is merged into somebody already.
        InvalidField
            Both are the same.
        """
        if from_patient_id == to_patient_id:
            raise InvalidField("to_patient_id", to_patient_id, "another patient")
        merge_uuid, now = uuid4(), datetime.now(UTC)

        def run(connection: Connection) -> Merge:
            pair = _locked(connection, actor, from_patient_id, to_patient_id)
            body = _words(connection, *pair) | signature(connection, actor)
            record = BankRecord(RecordKind.MERGE, merge_uuid, now.date(), now, body)
            made = _apply(connection, self._ids.next(), record, from_patient_id, to_patient_id)
            self._journal(connection, actor, address, Action.MERGE_PATIENTS, made)
            self._bank.put_record(record)
            return made

        return self._database.transact(run)

    def undo(self, actor: Actor | None, merge_id: int, address: str = LOCAL) -> Merge:
        """Take a merge back. Taking it back again changes nothing.

        Raises
        ------
        NotFound
            No such merge, or not for this actor.
        """
        undo_uuid, now = uuid4(), datetime.now(UTC)

        def run(connection: Connection) -> Merge:
            known = _by(connection, table.c.merge_id == merge_id, lock=True)
            if known is None or not _may(connection, actor, (known.from_patient_id, known.to_patient_id)):
                raise NotFound(f"merge {merge_id}")
            if known.undone_at is not None:
                return _merge(known)
            body = {"merge_uuid": str(known.merge_uuid), **signature(connection, actor)}
            record = BankRecord(RecordKind.UNMERGE, undo_uuid, now.date(), now, body)
            _revert(connection, known, record)
            undone = replace(_merge(known), undone_at=now)
            self._journal(connection, actor, address, Action.UNMERGE_PATIENTS, undone)
            self._bank.put_record(record)
            return undone

        return self._database.transact(run)

    def _journal(
        self, connection: Connection, actor: Actor | None, address: str, action: Action, about: Merge
    ) -> None:
        entry = audit.entry(
            self._ids, actor, address, action, patient_id=about.from_patient_id, subject_id=about.merge_id
        )
        audit.record(connection, [entry])


def list_merges(connection: Connection, patient_id: int = 0) -> tuple[Merge, ...]:
    """Merges in which a patient took part (0: all), newest first, undone ones too."""
    query = select(table)
    if patient_id:
        query = query.where((table.c.from_patient_id == patient_id) | (table.c.to_patient_id == patient_id))
    rows = connection.execute(query.order_by(table.c.merged_at.desc(), table.c.merge_id.desc()))
    return tuple(_merge(row) for row in rows)


def restore(connection: Connection, ids: IdGenerator, record: BankRecord) -> None:
    """Repeat a merge or its undoing from the bank, if it is not in the database.

    Call it with the records in order of time, after the exams are there.

    Raises
    ------
    NotFound
        A patient without a number whose exam is not there, or the merge that an undoing names.
    """
    if record.kind is RecordKind.UNMERGE:
        known = _by(connection, table.c.merge_uuid == UUID(record.body["merge_uuid"]), lock=True)
        if known is None:
            raise NotFound(f"merge {record.body['merge_uuid']}")
        if known.undone_at is None:
            _revert(connection, known, record)
        return
    if _by(connection, table.c.merge_uuid == record.uuid) is None:
        pair = [_named(connection, ids, record.body, side) for side in ("from", "to")]
        for patient_id in pair:
            # Both were nobody else's when the record was made: a merge that says otherwise never happened,
            # its record was left by a server that failed before it could commit.
            in_force = and_(table.c.from_patient_id == patient_id, table.c.undone_at.is_(None))
            if (stray := _by(connection, in_force, lock=True)) is not None:
                _revert(connection, stray, record)
        _locked(connection, None, *pair)
        _apply(connection, ids.next(), record, *pair)


def _apply(connection: Connection, merge_id: int, record: BankRecord, from_id: int, to_id: int) -> Merge:
    account_id = record.body["account_id"]
    made = Merge(merge_id, record.uuid, from_id, to_id, account_id, record.created_at, None)
    row = {name: getattr(made, name) for name in Merge.__dataclass_fields__}
    connection.execute(insert(table), row)
    connection.execute(update(patient).where(patient.c.patient_id == from_id).values(merged_into_id=to_id))
    _give(connection, to_id, exam.c.patient_id == from_id, ecg_order.c.patient_id == from_id)
    return made


def _revert(connection: Connection, known: Row[Any], record: BankRecord) -> None:
    from_id = known.from_patient_id
    undone = update(table).where(table.c.merge_id == known.merge_id)
    connection.execute(
        undone.values(
            undo_uuid=record.uuid, undone_by_account_id=record.body["account_id"], undone_at=record.created_at
        )
    )
    patients.roots(connection, [from_id], lock=True)  # whoever indexes an exam of theirs waits, or has waited
    connection.execute(update(patient).where(patient.c.patient_id == from_id).values(merged_into_id=None))
    back = _with_merged(connection, from_id)
    _give(connection, from_id, exam.c.origin_patient_id.in_(back), ecg_order.c.origin_patient_id.in_(back))


def _give(
    connection: Connection, patient_id: int, exams: ColumnElement[bool], orders: ColumnElement[bool]
) -> None:
    patients.give_exams(connection, exams, patient_id)
    connection.execute(update(ecg_order).where(orders).values(patient_id=patient_id))


def _with_merged(connection: Connection, patient_id: int) -> list[int]:
    """A patient and all who are merged into them, directly or over others."""
    found, fresh = [patient_id], [patient_id]
    while fresh:
        query = select(patient.c.patient_id).where(patient.c.merged_into_id.in_(fresh)).with_for_update()
        fresh = list(connection.scalars(query))
        found += fresh
    return found


def _locked(
    connection: Connection, actor: Actor | None, from_id: int, to_id: int
) -> tuple[Row[Any], Row[Any]]:
    """Both patients, locked in the order of their ids as everywhere, so that nobody deadlocks."""
    query = select(patient).where(patient.c.patient_id.in_((from_id, to_id)))
    rows = connection.execute(query.order_by(patient.c.patient_id).with_for_update())
    found = {row.patient_id: row for row in rows}
    for patient_id in (from_id, to_id):
        if patient_id not in found or not _may_manage(actor, [found[patient_id].issuer_hcf_id]):
            raise NotFound(f"patient {patient_id}")
        if found[patient_id].merged_into_id is not None:
            raise Conflict(f"patient {patient_id} is merged into {found[patient_id].merged_into_id}")
    return found[from_id], found[to_id]


def _may(connection: Connection, actor: Actor | None, patient_ids: Iterable[int]) -> bool:
    issuers = select(patient.c.issuer_hcf_id).where(patient.c.patient_id.in_(list(patient_ids)))
    return _may_manage(actor, connection.scalars(issuers))


def _may_manage(actor: Actor | None, hcf_ids: Iterable[int]) -> bool:
    return actor is None or all(may_manage(actor, hcf_id) for hcf_id in hcf_ids)


def _words(connection: Connection, source: Row[Any], target: Row[Any]) -> dict[str, Any]:
    """What a record says of the two, so that they are found again in another database."""
    carried = select(exam.c.exam_uuid).where(exam.c.patient_id == source.patient_id).order_by(exam.c.exam_id)
    words: dict[str, Any] = {"exam_uuids": [str(exam_uuid) for exam_uuid in connection.scalars(carried)]}
    for side, row in (("from", source), ("to", target)):
        words[f"{side}_number"] = row.number
        words[f"{side}_issuer_hcf_id"] = row.issuer_hcf_id
        words[f"{side}_exam_uuid"] = _own_exam(connection, row.patient_id)
    return words


def _own_exam(connection: Connection, patient_id: int) -> str:
    """An exam that named this patient, which is how a patient without a number can be found again."""
    query = select(exam.c.exam_uuid).where(exam.c.origin_patient_id == patient_id)
    exam_uuid = connection.scalar(query.order_by(exam.c.exam_id).limit(1))
    return "" if exam_uuid is None else str(exam_uuid)


def _named(connection: Connection, ids: IdGenerator, body: Any, side: str) -> int:
    """The patient whom a record of the bank names."""
    number, issuer = body[f"{side}_number"], body[f"{side}_issuer_hcf_id"]
    if number_key(number):
        numbered = (patient.c.issuer_hcf_id == issuer, patient.c.number_key == number_key(number))
        known = connection.scalar(select(patient.c.patient_id).where(*numbered))
        # Without an exam of theirs in the bank they are known by their number only.
        return known or patients.upsert(connection, ids, Patient(number), issuer, EPOCH)
    exam_uuid = body[f"{side}_exam_uuid"]
    if exam_uuid:
        origin = select(exam.c.origin_patient_id).where(exam.c.exam_uuid == UUID(exam_uuid))
        named: int | None = connection.scalar(origin)
        if named is not None:
            return named
    raise NotFound(f"the patient of exam {exam_uuid}")


def _by(connection: Connection, condition: Any, *, lock: bool = False) -> Row[Any] | None:
    query = select(table).where(condition)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _merge(row: Row[Any]) -> Merge:
    return Merge(**{name: getattr(row, name) for name in Merge.__dataclass_fields__})
