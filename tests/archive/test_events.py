"""Events: in commit order, with what exporters are owed, to those who may hear of them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from cardioserver.archive import deliveries, schema
from cardioserver.archive.access import Actor, hears
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import DeliveryFilter, DeliveryStatus, list_deliveries
from cardioserver.archive.events import (
    Subscription,
    announcements_after,
    events_after,
    forget_events,
    newest_event_id,
    record_event,
    record_events,
)
from cardioserver.protocol.messages import Event, EventKind, Role
from tests.archive import rows

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ALL_KINDS = EventKind(31)
SUPER = Actor(1, "root", Role.SUPER_ADMINISTRATOR, 1)


def an_event(exam_id: int = 7, kind: EventKind = EventKind.EXAM_STORED, hcf_id: int = 1) -> Event:
    return Event(0, kind, NOW, exam_id, 0, hcf_id)


def ids_after(database: Database, after: int) -> list[int]:
    with database.read() as connection:
        return [e.event_id for e in events_after(connection, SUPER, ALL_KINDS, after, 1000)]


def test_an_event_comes_back_as_it_was_recorded(database: Database) -> None:
    with database.write() as connection:
        recorded = record_event(connection, Event(0, EventKind.CONCLUSION, NOW, 7, 99, 3), ())
    with database.read() as connection:
        (read,) = events_after(connection, SUPER, ALL_KINDS, 0, 10)
    assert read == recorded
    assert (read.kind, read.created_at, read.exam_id, read.subject_id, read.hcf_id) == (
        EventKind.CONCLUSION, NOW, 7, 99, 3,
    )  # fmt: skip
    assert read.event_id > 0


def test_ids_ascend_over_transactions_and_never_begin_again(database: Database) -> None:
    seen = []
    for _ in range(3):
        with database.write() as connection:
            seen += [e.event_id for e in record_events(connection, [an_event(), an_event(8)], ())]
    assert seen == sorted(set(seen))
    # A database that replaces a lost one goes on after what clients remember: from microseconds since 1970.
    assert seen[0] > datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000


def test_the_newest_id_is_the_one_after_which_the_next_event_comes(database: Database) -> None:
    with database.read() as connection:
        assert newest_event_id(connection) == 0
    for subscriptions in ((), (Subscription("folder", ALL_KINDS),)):
        with database.write() as connection:
            recorded = record_event(connection, an_event(), subscriptions)
        with database.read() as connection:
            newest = newest_event_id(connection)
        assert newest >= recorded.event_id
        assert ids_after(database, newest) == []
        with database.write() as connection:
            following = record_event(connection, an_event(), ())
        assert ids_after(database, newest) == [following.event_id]


def test_a_rollback_leaves_neither_event_nor_delivery(database: Database) -> None:
    with database.write() as connection:
        record_event(connection, an_event(), (Subscription("folder", ALL_KINDS),))

    def fail_after(connection: Connection) -> None:
        record_event(connection, an_event(), (Subscription("folder", ALL_KINDS),))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.transact(fail_after)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.event)) == 1
        assert connection.scalar(select(func.count()).select_from(schema.delivery)) == 1


def test_each_exporter_is_owed_what_it_wants_and_nothing_else(database: Database) -> None:
    subscriptions = (
        Subscription("everything", ALL_KINDS),
        Subscription("conclusions", EventKind.CONCLUSION),
        Subscription("hospital-2", ALL_KINDS, frozenset({2})),
    )
    with database.write() as connection:
        stored, concluded, elsewhere = record_events(
            connection,
            [an_event(7), an_event(7, EventKind.CONCLUSION), an_event(8, hcf_id=2)],
            subscriptions,
        )
    with database.read() as connection:
        owed = [
            (s.delivery.exporter, s.delivery.event_id) for s in list_deliveries(connection, DeliveryFilter())
        ]
    assert sorted(owed) == sorted(
        [
            ("everything", stored.event_id),
            ("everything", concluded.event_id),
            ("everything", elsewhere.event_id),
            ("conclusions", concluded.event_id),
            ("hospital-2", elsewhere.event_id),
        ]
    )


@pytest.mark.mariadb
def test_a_late_commit_is_not_overtaken(mariadb_url: str) -> None:
    """The trap of ids from a sequence: 8 is committed and read before 7 is."""
    database = rows.migrated(mariadb_url)
    late_has_drawn, late_may_commit = threading.Event(), threading.Event()

    def late() -> None:
        with database.write() as connection:
            record_event(connection, an_event(1), ())
            late_has_drawn.set()
            assert late_may_commit.wait(30)

    def early() -> None:
        with database.write() as connection:
            record_event(connection, an_event(2), ())

    with database.write() as connection:  # so that the row of the counter is there
        first = record_event(connection, an_event(0), ())
    slow = threading.Thread(target=late)
    slow.start()
    assert late_has_drawn.wait(30)
    quick = threading.Thread(target=early)
    quick.start()
    # The quick one has to wait for the slow one, so nobody sees its event without the other's.
    quick.join(0.5)
    assert quick.is_alive()
    assert ids_after(database, first.event_id) == []
    late_may_commit.set()
    slow.join(30)
    quick.join(30)
    with database.read() as connection:
        exams = [e.exam_id for e in events_after(connection, SUPER, ALL_KINDS, first.event_id, 10)]
    assert exams == [1, 2]
    database.close()


def test_a_reader_by_last_id_misses_nothing_of_many_writers(database: Database) -> None:
    writers, each = 4, 25
    finished = threading.Event()

    def write(number: int) -> None:
        for index in range(each):
            exam_id = number * 1000 + index + 1
            database.transact(
                lambda connection, exam_id=exam_id: record_events(
                    connection, [an_event(exam_id), an_event(exam_id, EventKind.AUTO_REPORT)], ()
                )
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    seen: list[int] = []

    def read() -> None:
        last = 0
        while True:
            is_last_look = finished.is_set()
            new = ids_after(database, last)
            seen.extend(new)
            last = new[-1] if new else last
            if is_last_look:
                return

    reader = threading.Thread(target=read)
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    finished.set()
    reader.join(30)
    assert len(seen) == len(set(seen)) == writers * each * 2
    assert seen == sorted(seen)


def test_announcements_tell_each_actor_what_the_clause_tells(database: Database) -> None:
    world = rows.World(database)
    own = world.exam(hcf_id=world.hcf_a, recorder=world.recorder_a)
    sent = world.exam(hcf_id=world.hcf_b, recorder=world.recorder_b)
    world.send(sent, from_hcf=world.hcf_b, to_hcf=world.hcf_a)
    foreign = world.exam(hcf_id=world.hcf_b, recorder=world.recorder_b)
    with database.write() as connection:
        record_events(
            connection,
            [
                an_event(exam_id, kind, hcf_id)
                for exam_id, hcf_id in ((own, world.hcf_a), (sent, world.hcf_b), (foreign, world.hcf_b))
                for kind in (EventKind.EXAM_STORED, EventKind.CONCLUSION)
            ]
            + [
                Event(0, EventKind.ORDER, NOW, 0, 5, world.hcf_a),
                Event(0, EventKind.ORDER, NOW, sent, 6, world.hcf_b),
            ],
            (),
        )
    for role in Role:
        for account_id, hcf_id in (
            (world.recorder_a, world.hcf_a), (world.recorder_b, world.hcf_b), (99, world.hcf_a), (98, 77),
        ):  # fmt: skip
            actor = Actor(account_id, "x", role, hcf_id)
            with database.read() as connection:
                by_clause = events_after(connection, actor, ALL_KINDS, 0, 100)
                announced = announcements_after(connection, 0, 100)
            assert by_clause == tuple(a.event for a in announced if hears(actor, a.audience)), (role, hcf_id)
    assert announced[0].audience.recorder_account_id == world.recorder_a
    assert announced[2].audience.consulted_hcf_ids == {world.hcf_a}


def test_a_subscriber_gets_only_the_kinds_and_the_page_it_asked_for(database: Database) -> None:
    with database.write() as connection:
        a, b, c = record_events(connection, [an_event(1), an_event(2, EventKind.CONCLUSION), an_event(3)], ())
    with database.read() as connection:
        assert events_after(connection, SUPER, EventKind.EXAM_STORED, 0, 10) == (a, c)
        assert events_after(connection, SUPER, ALL_KINDS, 0, 2) == (a, b)
        assert events_after(connection, SUPER, ALL_KINDS, b.event_id, 2) == (c,)
        assert events_after(connection, SUPER, EventKind(0), 0, 2) == ()


def test_old_events_are_forgotten_unless_somebody_is_owed_them(database: Database) -> None:
    with database.write() as connection:
        record_event(connection, an_event(1), ())
        owed = record_event(connection, an_event(2), (Subscription("folder", ALL_KINDS),))
    later = NOW + timedelta(days=1)
    with database.write() as connection:
        assert forget_events(connection, NOW) == 0
        assert forget_events(connection, later) == 1
    assert ids_after(database, 0) == [owed.event_id]
    with database.write() as connection:
        assert deliveries.drop(connection, DeliveryFilter()) == 1
        assert forget_events(connection, later) == 1
    assert ids_after(database, 0) == []
    with database.read() as connection:
        (state,) = list_deliveries(connection, DeliveryFilter())
    assert state.status is DeliveryStatus.DROPPED
