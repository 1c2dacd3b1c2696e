"""Events: what happened, in the order of the commits, and what exporters are owed for it.

An event and the deliveries it causes are rows of the caller's transaction (a transactional outbox):
either all of them are committed with the change they tell of, or none.

Readers go through the events by "everything after the last id I saw". That loses nothing only if ids
become visible in ascending order. Ids from a sequence do not: a transaction may draw 7 and commit after
another one has drawn and committed 8, and a reader at 8 never looks back. So ids are drawn from a row
of ``counter``, whose lock a transaction keeps until its commit: whoever draws 8 waits for 7 to be visible.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, not_, select, update
from sqlalchemy.engine import Row

from cardioserver.archive import access
from cardioserver.archive.access import Actor, Audience
from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.deliveries import FORGET_AT_ONCE, UNFINISHED, DeliveryStatus
from cardioserver.archive.schema import consultation, counter, delivery, event, exam
from cardioserver.protocol.messages import Event, EventKind

COUNTER = "event"
"""Row of ``counter`` from which the ids of events and deliveries come."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events an exporter wants."""

    exporter: str  # its name in the configuration
    kinds: EventKind
    hcf_ids: frozenset[int] = frozenset()  # empty: of any HCF

    def wants(self, event: Event) -> bool:
        """Whether a delivery is owed for *event*."""
        return bool(event.kind & self.kinds) and (not self.hcf_ids or event.hcf_id in self.hcf_ids)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event with those who may hear of it."""

    event: Event
    audience: Audience


def record_event(connection: Connection, event: Event, subscriptions: Iterable[Subscription]) -> Event:
    """As :func:`record_events`, of one event."""
    return record_events(connection, (event,), subscriptions)[0]


def record_events(
    connection: Connection,
    events: Sequence[Event],
    subscriptions: Iterable[Subscription],
    clock: Clock = database_time,
) -> tuple[Event, ...]:
    """Write events and one delivery for each exporter that wants one, in the caller's transaction.

    Call it last in the transaction, after everything that may wait for a lock: until the commit all other
    transactions with events wait for this one, and whoever waits for nothing afterwards cannot deadlock.

    Parameters
    ----------
    events
        Their ``event_id`` is ignored.

    Returns
    -------
    tuple of Event
        The events with their ids, in the order given.
    """
    if not events:
        return ()
    subscriptions = tuple(subscriptions)
    owed = [(index, s.exporter) for index, e in enumerate(events) for s in subscriptions if s.wants(e)]
    first = _draw(connection, len(events) + len(owed))
    recorded = tuple(replace(e, event_id=first + index) for index, e in enumerate(events))
    connection.execute(insert(event), [_event_row(e) for e in recorded])
    if owed:
        first += len(events)
        due = {"next_attempt_at": clock(connection)}  # an event's own time may be of a clock that runs ahead
        rows = [
            _delivery_row(first + number, recorded[index], exporter) | due
            for number, (index, exporter) in enumerate(owed)
        ]
        connection.execute(insert(delivery), rows)
    return recorded


def _draw(connection: Connection, count: int) -> int:
    """The first of *count* numbers that nobody else has, larger than all drawn before."""
    drawn = counter.c.name == COUNTER
    add = update(counter).where(drawn).values(value=counter.c.value + count)
    if connection.execute(add).rowcount == 0:
        # The count begins at the time in microseconds: in a database that replaces a lost one, ids still
        # go on from those that clients remember.
        begin = insert(counter).values(name=COUNTER, value=time.time_ns() // 1000)
        connection.execute(
            begin.prefix_with("OR IGNORE", dialect="sqlite").prefix_with("IGNORE", dialect="mysql")
        )
        connection.execute(add)
    value: int = connection.execute(select(counter.c.value).where(drawn)).scalar_one()
    return value - count + 1


def _event_row(e: Event) -> dict[str, object]:
    return {
        "event_id": e.event_id,
        "kind": int(e.kind),
        "created_at": e.created_at,
        "exam_id": e.exam_id,
        "subject_id": e.subject_id,
        "hcf_id": e.hcf_id,
    }


def _delivery_row(delivery_id: int, e: Event, exporter: str) -> dict[str, object]:
    return _event_row(e) | {
        "delivery_id": delivery_id,
        "exporter": exporter,
        "status": int(DeliveryStatus.WAITING),
        "attempts": 0,
        "lease_owner": "",
        "last_error": "",
    }


def events_after(
    connection: Connection, actor: Actor, kinds: EventKind, after_id: int, limit: int
) -> tuple[Event, ...]:
    """The events after *after_id* that *actor* may know of, oldest first: what a subscriber missed."""
    query = (
        select(event)
        .where(event.c.event_id > after_id, event.c.kind.in_(int(kind) for kind in kinds))
        .where(access.visible_events(actor))
        .order_by(event.c.event_id)
        .limit(limit)
    )
    return tuple(_event(row) for row in connection.execute(query))


def announcements_after(connection: Connection, after_id: int, limit: int) -> tuple[Announcement, ...]:
    """The events after *after_id* of the whole archive, oldest first, with those who may hear of them.

    One poll serves all subscribers: :func:`cardioserver.archive.access.hears` tells whose each one is.
    """
    query = select(event).where(event.c.event_id > after_id).order_by(event.c.event_id).limit(limit)
    events = [_event(row) for row in connection.execute(query)]
    exam_ids = {e.exam_id for e in events if e.exam_id}
    recorders: dict[int, int] = {}
    consulted: dict[int, set[int]] = {}
    if exam_ids:
        recorder = select(exam.c.exam_id, exam.c.recorder_account_id).where(exam.c.exam_id.in_(exam_ids))
        recorders = {row.exam_id: row.recorder_account_id for row in connection.execute(recorder)}
        sent = select(consultation.c.exam_id, consultation.c.to_hcf_id)
        for exam_id, hcf_id in connection.execute(sent.where(consultation.c.exam_id.in_(exam_ids))):
            consulted.setdefault(exam_id, set()).add(hcf_id)
    return tuple(
        Announcement(
            e,
            Audience(e.kind, e.hcf_id, recorders.get(e.exam_id, 0), frozenset(consulted.get(e.exam_id, ()))),
        )
        for e in events
    )


def newest_event_id(connection: Connection) -> int:
    """The id after which all future events come; 0 if there never was one."""
    return connection.scalar(select(counter.c.value).where(counter.c.name == COUNTER)) or 0


def forget_events(connection: Connection, before: datetime, limit: int = FORGET_AT_ONCE) -> int:
    """Delete up to *limit* events older than *before* that are owed to nobody any more; returns how many.

    A subscriber that was away for longer misses them.
    """
    query = select(event.c.event_id).where(event.c.created_at < before, not_(_is_owed())).limit(limit)
    ids = connection.scalars(query).all()
    return connection.execute(delete(event).where(event.c.event_id.in_(ids))).rowcount if ids else 0


def _is_owed() -> ColumnElement[bool]:
    unfinished = delivery.c.status.in_(int(status) for status in UNFINISHED)
    return exists().where(and_(delivery.c.event_id == event.c.event_id, unfinished))


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(
        event_id=row.event_id,
        kind=EventKind(row.kind),
        created_at=row.created_at,
        exam_id=row.exam_id,
        subject_id=row.subject_id,
        hcf_id=row.hcf_id,
    )
