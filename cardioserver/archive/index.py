"""Indexing: an exam's patient, row, order and event in one transaction, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, select

from cardioserver.archive import exams, orders, patients
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.database import Database
from cardioserver.archive.events import Subscription, record_events
from cardioserver.archive.exams import NewExam, StoredExam
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.patients import Description
from cardioserver.archive.schema import event
from cardioserver.protocol.messages import Event, EventKind


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the database holds for an exam's UUID now."""

    row: StoredExam
    fresh: bool  # its row is of this very call

    def is_of(self, record: ExamRecord) -> bool:
        """Whether the row is of the same samples from the same HCF."""
        return self.row.digest == record.digest and self.row.recorder_hcf_id == record.recorder_hcf_id


class Index:
    """Writes exams of the bank into the database. Indexing one again changes nothing."""

    def __init__(
        self,
        database: Database,
        ids: IdGenerator,
        subscriptions: Sequence[Subscription] = (),
        on_events: Callable[[Sequence[Event]], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._ids = ids
        self._subscriptions = tuple(subscriptions)
        self._on_events = on_events

    def add(self, records: Sequence[ExamRecord]) -> list[Indexed]:
        """Index exams in one transaction; the answers are in the order of *records*.

        Raises
        ------
        DatabaseUnavailable, StorageFull
            The database cannot do it now. If it went away during the commit it may have done it.
        """
        first = {record.exam.uuid: record for record in reversed(records)}
        rows, fresh, events = self._database.transact(lambda connection: self._add(connection, first))
        if events:
            self._on_events(events)
        return [
            Indexed(rows[exam_uuid], fresh=exam_uuid in fresh and first[exam_uuid] is record)
            for record in records
            for exam_uuid in (record.exam.uuid,)
        ]

    def _add(
        self, connection: Connection, records: Mapping[UUID, ExamRecord]
    ) -> tuple[dict[UUID, StoredExam], frozenset[UUID], tuple[Event, ...]]:
        rows = exams.stored(connection, records)
        missing = [record for exam_uuid, record in records.items() if exam_uuid not in rows]
        if not missing:
            return rows, frozenset(), ()
        held = self._insert(connection, missing)
        own = [record for record in missing if held[record.exam.uuid] == record.exam_id]
        rows |= {r.exam.uuid: StoredExam(r.exam_id, r.digest, r.recorder_hcf_id) for r in own}
        if len(own) < len(missing):  # another server was faster
            rows |= exams.stored(connection, held.keys() - rows.keys())
        announced = _announced(connection, own)
        fresh = [record for record in own if record.exam_id not in announced]
        happened = []
        for record in sorted(fresh, key=_age):
            now = datetime.now(UTC)
            happened.append(Event(0, EventKind.EXAM_STORED, now, record.exam_id, 0, record.hcf_id))
            order_id = _complete_order(connection, record)
            if order_id is not None:
                happened.append(Event(0, EventKind.ORDER, now, record.exam_id, order_id, record.hcf_id))
        events = record_events(connection, happened, self._subscriptions)
        return rows, frozenset(record.exam.uuid for record in fresh), events

    def _insert(self, connection: Connection, records: Sequence[ExamRecord]) -> dict[UUID, int]:
        described = [Description(r.exam.patient, r.issuer_hcf_id, r.exam.started_at) for r in records]
        patient_ids = patients.upsert_all(connection, self._ids, described)
        return exams.insert(connection, [NewExam(*new) for new in zip(records, patient_ids, strict=True)])


def _complete_order(connection: Connection, record: ExamRecord) -> int | None:
    number = record.exam.accession_number
    return orders.complete(connection, record.hcf_id, number, record.exam_id) if number else None


def _announced(connection: Connection, records: Sequence[ExamRecord]) -> set[int]:
    """Those of the exams that another server was indexing too, and committed while our insert waited."""
    query = select(event.c.exam_id).where(
        event.c.exam_id.in_([record.exam_id for record in records]),
        event.c.kind == int(EventKind.EXAM_STORED),
    )
    return set(connection.scalars(query))


def _age(record: ExamRecord) -> int:
    return record.exam_id
