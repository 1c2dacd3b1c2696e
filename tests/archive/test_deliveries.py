"""The outbox: leases, order, waits, dead letters, and what people do to it."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from cardioserver.archive import schema
from cardioserver.archive.clock import database_time
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import (
    MAX_ERROR,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    DeliveryStatus,
    count_deliveries,
    drop,
    forget_deliveries,
    list_deliveries,
    retry,
)
from cardioserver.archive.events import Subscription, record_events
from cardioserver.archive.leases import Backoff, Leases
from cardioserver.protocol.messages import Event, EventKind

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ALL_KINDS = EventKind(31)
STEADY = Backoff(base=timedelta(seconds=8), cap=timedelta(seconds=100), max_attempts=4)
NO_ERROR = ""


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self, connection: Connection) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Always(random.Random):
    """The same random number every time."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def random(self) -> float:
        return self._value


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def worker(database: Database, time: Time) -> Leases:
    return Leases(database, "worker-1", timedelta(seconds=60), time)


@pytest.fixture
def other(database: Database, time: Time) -> Leases:
    return Leases(database, "worker-2", timedelta(seconds=60), time)


def owe(database: Database, *exam_ids: int, exporters: tuple[str, ...] = ("folder",)) -> None:
    """One delivery for each exam and exporter, in this order."""
    events = [Event(0, EventKind.EXAM_STORED, NOW, exam_id, 0, 1) for exam_id in exam_ids]
    with database.write() as connection:
        record_events(
            connection, events, [Subscription(name, ALL_KINDS) for name in exporters], lambda _: NOW
        )


def states(database: Database, wanted: DeliveryFilter | None = None) -> tuple[DeliveryState, ...]:
    with database.read() as connection:
        return list_deliveries(connection, wanted or DeliveryFilter())


def take(worker: Leases, limit: int = 10, exporter: str = "folder") -> tuple[Delivery, ...]:
    return worker.take(exporter, limit, STEADY)


# ---------------------------------------------------------------- leases


def test_a_lease_is_one_workers_until_it_is_done(database: Database, worker: Leases, other: Leases) -> None:
    owe(database, 1)
    (mine,) = take(worker)
    assert (mine.exporter, mine.exam_id, mine.kind, mine.attempts) == ("folder", 1, EventKind.EXAM_STORED, 1)
    assert take(other) == take(worker) == ()
    assert worker.done(mine)
    (state,) = states(database)
    assert (state.status, state.finished_at, state.lease_owner) == (DeliveryStatus.DONE, NOW, "")
    assert take(worker) == ()


def test_deliveries_are_taken_oldest_first_and_no_more_than_asked(database: Database, worker: Leases) -> None:
    owe(database, 1, 2, 3)
    assert [d.exam_id for d in take(worker, 2)] == [1, 2]
    assert [d.exam_id for d in take(worker, 2)] == [3]


def test_a_lapsed_lease_goes_to_another_worker_with_the_same_ids(
    database: Database, worker: Leases, other: Leases, time: Time
) -> None:
    owe(database, 1)
    (first,) = take(worker)
    time.pass_by(59)
    assert take(other) == ()
    time.pass_by(1)
    (second,) = take(other)
    assert (second.delivery_id, second.event_id) == (first.delivery_id, first.event_id)
    assert second.attempts == 2
    # The first worker wakes up: it has lost its say.
    assert not worker.done(first)
    assert worker.fail(first, NO_ERROR, STEADY, Always(0)) is None
    assert worker.bury(first, NO_ERROR) is None
    assert worker.renew([first.delivery_id]) == frozenset()
    assert states(database)[0].lease_owner == "worker-2"
    assert other.done(second)


def test_a_worker_that_took_a_lapsed_lease_again_has_one_say(
    database: Database, worker: Leases, time: Time
) -> None:
    owe(database, 1)
    (first,) = take(worker)
    time.pass_by(60)
    (second,) = take(worker)
    assert not worker.done(first)
    assert worker.done(second)


def test_a_renewed_lease_lasts_on(database: Database, worker: Leases, other: Leases, time: Time) -> None:
    owe(database, 1)
    (mine,) = take(worker)
    time.pass_by(50)
    assert worker.renew([mine.delivery_id, 12345]) == {mine.delivery_id}
    time.pass_by(50)
    assert take(other) == ()
    assert worker.done(mine)


def test_a_lease_given_back_is_no_attempt(database: Database, worker: Leases, other: Leases) -> None:
    owe(database, 1)
    worker.give_back(take(worker))
    (again,) = take(other)
    assert again.attempts == 1


@pytest.mark.parametrize("workers", [8])
def test_workers_never_share_a_delivery(database: Database, workers: int) -> None:
    events = [Event(0, EventKind.EXAM_STORED, NOW, exam_id, 0, 1) for exam_id in range(1, 121)]
    with database.write() as connection:
        record_events(connection, events, [Subscription("folder", ALL_KINDS)])
    taken: list[int] = []
    start = threading.Barrier(workers)

    def work(number: int) -> None:
        leases = Leases(database, f"worker-{number}")
        start.wait(30)
        while batch := leases.take("folder", 3, STEADY):
            taken.extend(d.delivery_id for d in batch)
            for one in batch:
                assert leases.done(one)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(Counter(taken).values()) <= {1}
    # A worker may find all it wants locked and stop early, but the last one leaves nothing.
    leases = Leases(database, "the last one")
    taken += [d.delivery_id for d in leases.take("folder", 120, STEADY)]
    assert len(taken) == 120


# ---------------------------------------------------------------- order


def test_deliveries_of_one_exam_go_in_order(database: Database, worker: Leases, other: Leases) -> None:
    owe(database, 1, 1, 2, exporters=("folder", "pacs"))
    first, unrelated = take(worker)
    assert (first.exam_id, unrelated.exam_id) == (1, 2)
    assert take(other) == ()  # the second of exam 1 waits for the first
    assert [d.exam_id for d in take(other, exporter="pacs")] == [1, 2]  # another exporter does not care
    assert worker.done(first)
    (second,) = take(other)
    assert second.exam_id == 1
    assert second.delivery_id > first.delivery_id


def test_a_failed_delivery_holds_back_its_exam_only(database: Database, worker: Leases, time: Time) -> None:
    owe(database, 1, 1, 2, 2)
    one, two = take(worker)
    assert worker.fail(one, "no answer", STEADY, Always(1.0)) is DeliveryStatus.WAITING
    assert worker.done(two)
    assert [d.exam_id for d in take(worker)] == [2]
    time.pass_by(8)
    (again,) = take(worker)
    assert (again.delivery_id, again.attempts) == (one.delivery_id, 2)


def test_a_dead_delivery_holds_back_its_exam_until_somebody_decides(
    database: Database, worker: Leases, time: Time
) -> None:
    owe(database, 1, 1)
    (first,) = take(worker)
    assert worker.bury(first, "the other side refuses it") is DeliveryStatus.DEAD
    time.pass_by(10**6)
    assert take(worker) == ()
    with database.write() as connection:
        assert drop(connection, DeliveryFilter(delivery_ids=[first.delivery_id]), time) == 1
    (second,) = take(worker)
    assert second.delivery_id > first.delivery_id


def test_orders_without_an_exam_hold_back_only_themselves(database: Database, worker: Leases) -> None:
    events = [Event(0, EventKind.ORDER, NOW, 0, order, 1) for order in (5, 6, 5)]
    with database.write() as connection:
        record_events(connection, events, [Subscription("folder", ALL_KINDS)], lambda _: NOW)
    taken = take(worker)
    assert [d.subject_id for d in taken] == [5, 6]
    assert worker.done(taken[0])
    assert [d.subject_id for d in take(worker)] == [5]


# ---------------------------------------------------------------- waits and dead letters


def test_waits_double_up_to_the_cap_and_are_random_from_zero() -> None:
    highest = [STEADY.wait(n, Always(1.0)).total_seconds() for n in (1, 2, 3, 4, 5, 6, 5000)]
    assert highest == [8, 16, 32, 64, 100, 100, 100]
    assert STEADY.wait(6, Always(0.0)) == timedelta(0)
    assert STEADY.wait(3, Always(0.25)) == timedelta(seconds=8)
    spread = [STEADY.wait(5, random.Random(seed)).total_seconds() for seed in range(1000)]
    assert 45 < sum(spread) / 1000 < 55
    assert min(spread) < 5
    assert max(spread) > 95


def test_the_default_outlasts_a_weekend() -> None:
    backoff = Backoff()
    rng = random.Random(1)
    total = sum((backoff.wait(n, rng) for n in range(1, backoff.max_attempts)), timedelta())
    assert timedelta(hours=64) < total < timedelta(hours=120)


def test_failures_follow_the_schedule_until_the_delivery_dies(
    database: Database, worker: Leases, time: Time
) -> None:
    owe(database, 1)
    for attempt, wait in ((1, 8), (2, 16), (3, 32)):
        (mine,) = take(worker)
        assert mine.attempts == attempt
        assert worker.fail(mine, f"error {attempt}", STEADY, Always(1.0)) is DeliveryStatus.WAITING
        time.pass_by(wait - 0.001)
        assert take(worker) == ()
        time.pass_by(0.001)
    (mine,) = take(worker)
    assert worker.fail(mine, "error 4", STEADY, Always(1.0)) is DeliveryStatus.DEAD
    (state,) = states(database)
    assert (state.status, state.last_error, state.delivery.attempts) == (DeliveryStatus.DEAD, "error 4", 4)


def test_the_other_side_may_ask_for_a_longer_wait(database: Database, worker: Leases, time: Time) -> None:
    owe(database, 1)
    (mine,) = take(worker)
    worker.fail(mine, "busy", STEADY, Always(0.5), retry_after=300)
    time.pass_by(299)
    assert take(worker) == ()
    time.pass_by(1)
    assert take(worker)


def test_a_delivery_that_kills_its_workers_dies_in_the_end(
    database: Database, worker: Leases, time: Time
) -> None:
    owe(database, 1)
    for _ in range(STEADY.max_attempts):
        assert take(worker)
        time.pass_by(60)
    assert take(worker) == ()
    (state,) = states(database)
    assert state.status is DeliveryStatus.DEAD
    assert state.last_error


def test_a_long_error_is_kept_in_part(database: Database, worker: Leases) -> None:
    owe(database, 1)
    (mine,) = take(worker)
    worker.fail(mine, "ё" * 5000, STEADY, Always(0.0))
    assert len(states(database)[0].last_error) == MAX_ERROR


# ---------------------------------------------------------------- people


@pytest.fixture
def mixed(database: Database, worker: Leases) -> Iterator[dict[int, DeliveryStatus]]:
    """Exams 1 dead, 2 waiting after a failure, 3 leased, 4 done, 5 new."""
    owe(database, 1, 2, 3, 4)
    dead, failed, _, done = take(worker)
    worker.bury(dead, "refused")
    worker.fail(failed, "no answer", STEADY, Always(1.0))
    worker.done(done)
    owe(database, 5, exporters=("folder", "pacs"))
    return {
        1: DeliveryStatus.DEAD,
        2: DeliveryStatus.WAITING,
        3: DeliveryStatus.LEASED,
        4: DeliveryStatus.DONE,
        5: DeliveryStatus.WAITING,
    }


def test_the_list_shows_where_each_delivery_stands(
    database: Database, mixed: dict[int, DeliveryStatus]
) -> None:
    shown = states(database, DeliveryFilter(exporter="folder"))
    assert {s.delivery.exam_id: s.status for s in shown} == mixed
    assert [s.last_error for s in shown] == ["refused", "no answer", "", "", ""]
    dead = states(database, DeliveryFilter(statuses=[DeliveryStatus.DEAD, DeliveryStatus.DONE]))
    assert [s.delivery.exam_id for s in dead] == [1, 4]
    assert [s.delivery.exporter for s in states(database, DeliveryFilter(exam_id=5))] == ["folder", "pacs"]
    with database.read() as connection:
        page = list_deliveries(connection, DeliveryFilter(), limit=4)
        rest = list_deliveries(connection, DeliveryFilter(), limit=4, after_id=page[-1].delivery.delivery_id)
    assert [s.delivery.exam_id for s in page + rest] == [1, 2, 3, 4, 5, 5]


def test_counts_are_of_what_is_not_finished(database: Database, mixed: dict[int, DeliveryStatus]) -> None:
    with database.read() as connection:
        assert count_deliveries(connection) == {
            ("folder", DeliveryStatus.DEAD): 1,
            ("folder", DeliveryStatus.WAITING): 2,
            ("folder", DeliveryStatus.LEASED): 1,
            ("pacs", DeliveryStatus.WAITING): 1,
        }


def test_a_retried_delivery_is_tried_at_once_and_from_the_start(
    database: Database, worker: Leases, time: Time, mixed: dict[int, DeliveryStatus]
) -> None:
    with database.write() as connection:
        assert retry(connection, DeliveryFilter(statuses=[DeliveryStatus.DEAD]), time) == 1
    assert {d.exam_id: d.attempts for d in take(worker)} == {1: 1, 5: 1}
    with database.write() as connection:
        assert retry(connection, DeliveryFilter(exam_id=2), time) == 1
        assert retry(connection, DeliveryFilter(exam_id=3), time) == 0  # in work
        assert retry(connection, DeliveryFilter(exam_id=4), time) == 0  # done
    assert [d.exam_id for d in take(worker)] == [2]


def test_a_dropped_delivery_is_never_tried_again(
    database: Database, worker: Leases, time: Time, mixed: dict[int, DeliveryStatus]
) -> None:
    with database.write() as connection:
        assert drop(connection, DeliveryFilter(exporter="folder"), time) == 3  # not the leased, not the done
    time.pass_by(59)
    assert take(worker) == ()
    assert [d.exam_id for d in take(worker, exporter="pacs")] == [5]


def test_ended_deliveries_are_forgotten_and_dead_ones_are_not(
    database: Database, time: Time, mixed: dict[int, DeliveryStatus]
) -> None:
    with database.write() as connection:
        assert forget_deliveries(connection, NOW) == 0
        assert forget_deliveries(connection, NOW + timedelta(days=30)) == 1
    assert [s.delivery.exam_id for s in states(database)] == [1, 2, 3, 5, 5]


def test_forgetting_goes_in_small_steps(database: Database, worker: Leases) -> None:
    owe(database, *range(1, 6))
    for one in take(worker):
        worker.done(one)
    later = NOW + timedelta(days=1)
    with database.write() as connection:
        assert [forget_deliveries(connection, later, limit=3) for _ in range(3)] == [3, 2, 0]


# ---------------------------------------------------------------- the clock


def test_the_clock_is_the_databases(database: Database) -> None:
    with database.read() as connection:
        there = database_time(connection)
    assert abs(there - datetime.now(UTC)) < timedelta(seconds=60)
    assert there.utcoffset() == timedelta(0)


def test_a_backlog_behind_dead_letters_is_found_quickly(database: Database, worker: Leases) -> None:
    """A thousand dead exams with a conclusion behind each, and one exam that can go."""
    owe(database, *range(1, 1001))
    while batch := take(worker, 200):
        database.transact(
            lambda connection, batch=batch: connection.execute(
                schema.delivery.update()
                .where(schema.delivery.c.delivery_id.in_([d.delivery_id for d in batch]))
                .values(status=int(DeliveryStatus.DEAD))
            )
        )
    owe(database, *range(1, 1001), 2000)
    assert [d.exam_id for d in take(worker)] == [2000]
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.delivery)) == 2001
