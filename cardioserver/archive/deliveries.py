"""Deliveries: the outbox of documents owed to exporters.

::

    WAITING ──lease──→ LEASED ──done──→ DONE
      ↑ ↑                │ │
      │ └──fail, lapse───┘ └──fail for good, too many attempts──→ DEAD ──drop──→ DROPPED
      └───────────────────────────retry─────────────────────────────┘

A worker holds a delivery only under a lease with a deadline: if it dies, the lease lapses and another
worker delivers again, with the same ids. So a delivery happens at least once, and twice at the same time
only if a worker outlives its own lease.

Per exporter, the deliveries of one exam go in the order of their events. One that is not finished, also a
dead one, holds back the later ones of the same exam for the same exporter, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.schema import delivery
from cardioserver.protocol.messages import EventKind

MAX_ERROR = 1000  # characters, the column's width
FORGET_AT_ONCE = 1000  # rows: a short transaction


class DeliveryStatus(IntEnum):
    """Life of a delivery; see the module."""

    WAITING = 1
    LEASED = 2
    DONE = 3
    DEAD = 4
    DROPPED = 5


UNFINISHED = (DeliveryStatus.WAITING, DeliveryStatus.LEASED, DeliveryStatus.DEAD)
"""Still owed; what holds back later deliveries of the same exam."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One document owed to one exporter. Its ids are the same on every attempt."""

    delivery_id: int
    event_id: int
    exporter: str
    kind: EventKind
    exam_id: int  # 0: of no exam
    subject_id: int  # the conclusion, auto report version or order
    hcf_id: int
    created_at: datetime
    attempts: int  # begun, this one included


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """Where a delivery stands, for people."""

    delivery: Delivery
    status: DeliveryStatus
    next_attempt_at: datetime  # of a leased one: when the lease lapses
    lease_owner: str
    finished_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries; empty and zero fields do not restrict."""

    delivery_ids: Collection[int] = ()
    exporter: str = ""
    statuses: Collection[DeliveryStatus] = ()
    exam_id: int = 0

    def clauses(self) -> tuple[ColumnElement[bool], ...]:
        """The filter as conditions on rows of ``delivery``."""
        clauses: list[ColumnElement[bool]] = []
        if self.delivery_ids:
            clauses.append(delivery.c.delivery_id.in_(self.delivery_ids))
        if self.exporter:
            clauses.append(delivery.c.exporter == self.exporter)
        if self.statuses:
            clauses.append(delivery.c.status.in_(int(status) for status in self.statuses))
        if self.exam_id:
            clauses.append(delivery.c.exam_id == self.exam_id)
        return tuple(clauses)


def list_deliveries(
    connection: Connection, wanted: DeliveryFilter, limit: int = 50, after_id: int = 0
) -> tuple[DeliveryState, ...]:
    """Deliveries in the order of their events, from after *after_id* on."""
    query = select(delivery).where(delivery.c.delivery_id > after_id, *wanted.clauses())
    rows = connection.execute(query.order_by(delivery.c.delivery_id).limit(limit))
    return tuple(_state(row) for row in rows)


def count_deliveries(connection: Connection) -> dict[tuple[str, DeliveryStatus], int]:
    """How many deliveries each exporter has in each status that is not an end."""
    query = select(delivery.c.exporter, delivery.c.status, func.count())
    query = query.where(delivery.c.status.in_(int(status) for status in UNFINISHED))
    rows = connection.execute(query.group_by(delivery.c.exporter, delivery.c.status))
    return {(exporter, DeliveryStatus(status)): count for exporter, status, count in rows}


def delays(connection: Connection, clock: Clock = database_time) -> dict[str, float]:
    """For how many seconds the longest due delivery of each exporter has been waiting for a worker."""
    now = clock(connection)
    query = select(delivery.c.exporter, func.min(delivery.c.next_attempt_at))
    query = query.where(delivery.c.status == int(DeliveryStatus.WAITING)).group_by(delivery.c.exporter)
    return {exporter: max((now - due).total_seconds(), 0.0) for exporter, due in connection.execute(query)}


def retry(connection: Connection, wanted: DeliveryFilter, clock: Clock = database_time) -> int:
    """Have dead deliveries tried again, and waiting ones without their wait; all attempts are before them.

    Returns
    -------
    int
        How many; a delivery that is being tried at this moment is left alone.
    """
    now = clock(connection)
    stuck = delivery.c.status.in_((int(DeliveryStatus.DEAD), int(DeliveryStatus.WAITING)))
    fresh = {
        "status": int(DeliveryStatus.WAITING),
        "attempts": 0,
        "next_attempt_at": now,
        "finished_at": None,
    }
    return connection.execute(update(delivery).where(stuck, *wanted.clauses()).values(fresh)).rowcount


def drop(connection: Connection, wanted: DeliveryFilter, clock: Clock = database_time) -> int:
    """Give up dead and waiting deliveries, which lets the later ones of their exams go; returns how many."""
    stuck = delivery.c.status.in_((int(DeliveryStatus.DEAD), int(DeliveryStatus.WAITING)))
    given_up = {"status": int(DeliveryStatus.DROPPED), "finished_at": clock(connection)}
    return connection.execute(update(delivery).where(stuck, *wanted.clauses()).values(given_up)).rowcount


def forget_deliveries(connection: Connection, before: datetime, limit: int = FORGET_AT_ONCE) -> int:
    """Delete up to *limit* deliveries that ended before a moment; returns how many. Dead ones stay."""
    ended = delivery.c.status.in_((int(DeliveryStatus.DONE), int(DeliveryStatus.DROPPED)))
    query = select(delivery.c.delivery_id).where(ended, delivery.c.finished_at < before).limit(limit)
    ids = connection.scalars(query).all()
    return connection.execute(delete(delivery).where(delivery.c.delivery_id.in_(ids))).rowcount if ids else 0


def from_row(row: Row[Any], attempts: int) -> Delivery:
    """The delivery in a row of ``delivery``."""
    return Delivery(
        delivery_id=row.delivery_id,
        event_id=row.event_id,
        exporter=row.exporter,
        kind=EventKind(row.kind),
        exam_id=row.exam_id,
        subject_id=row.subject_id,
        hcf_id=row.hcf_id,
        created_at=row.created_at,
        attempts=attempts,
    )


def shortened(error: str) -> str:
    """As much of an error's text as the table keeps."""
    return error if len(error) <= MAX_ERROR else error[: MAX_ERROR - 1] + "…"


def _state(row: Row[Any]) -> DeliveryState:
    return DeliveryState(
        delivery=from_row(row, row.attempts),
        status=DeliveryStatus(row.status),
        next_attempt_at=row.next_attempt_at,
        lease_owner=row.lease_owner,
        finished_at=row.finished_at,
        last_error=row.last_error,
    )
