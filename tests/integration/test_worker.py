"""The delivery worker: at least once, in order, whatever exporters and databases do."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardioserver.archive.audit import Action, AuditQuery, search
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import (
    Delivery,
    DeliveryFilter,
    DeliveryState,
    DeliveryStatus,
    drop,
    list_deliveries,
    retry,
)
from cardioserver.archive.errors import DamagedExam, DatabaseUnavailable, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.leases import Backoff
from cardioserver.integration.exporter import Permanent, Retryable
from cardioserver.integration.worker import DeliveryWorker, Pace
from tests.integration.exporters import NoSource, Recording, owe
from tests.servers import MariaDb, wait_until

PACE = Pace(lease=timedelta(seconds=20), poll=0.05, outage=0.05, rest=0.05)
IDS = IdGenerator(1)
ROOT = Path(__file__).resolve().parents[2]

Start = Callable[..., DeliveryWorker]


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """Starts workers and stops them at the end."""
    workers: list[DeliveryWorker] = []

    def run(*exporters: Recording, pace: Pace = PACE, on: Database | None = None) -> DeliveryWorker:
        worker = DeliveryWorker(on or database, exporters, NoSource(), IDS, server="test", pace=pace)
        workers.append(worker)
        worker.start()
        return worker

    yield run
    for worker in workers:
        worker.stop(20)


def states(database: Database, exporter: str = "recording") -> list[DeliveryState]:
    with database.read() as connection:
        return list(list_deliveries(connection, DeliveryFilter(exporter=exporter), limit=1000))


def statuses(database: Database, exporter: str = "recording") -> list[DeliveryStatus]:
    return [state.status for state in states(database, exporter)]


def all_are(database: Database, status: DeliveryStatus, exporter: str = "recording") -> Callable[[], bool]:
    return lambda: set(statuses(database, exporter)) == {status}


def waits_for(event: threading.Event) -> Callable[[Delivery], None]:
    """A delivery that ends when *event* is set."""

    def act(_: Delivery) -> None:
        assert event.wait(60)

    return act


# ---------------------------------------------------------------- one worker


def test_what_is_owed_arrives_once(database: Database, start: Start) -> None:
    owe(database, 1, 2, 3)
    exporter = Recording()
    worker = start(exporter)
    wait_until(all_are(database, DeliveryStatus.DONE), "all are done")
    assert exporter.exams == [1, 2, 3]
    tally = worker.tallies["recording"]
    wait_until(lambda: tally.delivered == 3, "it has counted them")


def test_each_export_is_journalled(database: Database, start: Start) -> None:
    owe(database, 7)
    start(Recording())
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done")
    with database.read() as connection:
        (entry,) = search(connection, AuditQuery(action=Action.EXPORT)).entries
    assert (entry.exam_id, entry.detail, entry.outcome) == (7, "recording", "ok")
    assert entry.subject_id == states(database)[0].delivery.delivery_id


def test_new_work_is_begun_at_once_when_the_worker_is_woken(database: Database, start: Start) -> None:
    exporter = Recording()
    worker = start(exporter, pace=Pace(poll=3600.0))
    wait_until(lambda: threading.active_count() > 1, "threads run")
    time.sleep(0.2)  # so that the worker has looked and found nothing
    owe(database, 1)
    worker.wake()
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done", deadline=10)


def test_new_work_is_found_without_being_told(database: Database, start: Start) -> None:
    start(Recording())
    owe(database, 1)
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done")


def test_a_retryable_failure_is_repeated_with_the_same_ids(database: Database, start: Start) -> None:
    def act(delivery: Delivery) -> None:
        if delivery.attempts < 3:
            raise Retryable("no answer")

    owe(database, 1)
    exporter = Recording(act=act)
    worker = start(exporter)
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done")
    assert [d.attempts for d in exporter.given] == [1, 2, 3]
    assert len({(d.delivery_id, d.event_id) for d in exporter.given}) == 1
    tally = worker.tallies["recording"]
    wait_until(lambda: (tally.delivered, tally.failed) == (1, 2), "it has counted them")


def test_after_the_last_attempt_a_person_has_to_decide(database: Database, start: Start) -> None:
    def act(delivery: Delivery) -> None:
        if not mended.is_set():
            raise Retryable("no answer")

    mended = threading.Event()
    owe(database, 1, 1)
    exporter = Recording(act=act)
    worker = start(exporter)
    wait_until(lambda: DeliveryStatus.DEAD in statuses(database), "it is dead")
    assert statuses(database) == [DeliveryStatus.DEAD, DeliveryStatus.WAITING]
    assert len(exporter.given) == 4
    assert states(database)[0].last_error == "no answer"
    wait_until(lambda: worker.tallies["recording"].died == 1, "it has counted it")
    mended.set()
    database.transact(lambda connection: retry(connection, DeliveryFilter()))
    wait_until(all_are(database, DeliveryStatus.DONE), "both are done")


@pytest.mark.parametrize("error", [Permanent("refused"), NotFound("exam 1"), DamagedExam("exam 1")])
def test_a_permanent_failure_is_not_repeated(database: Database, start: Start, error: Exception) -> None:
    def act(_: Delivery) -> None:
        raise error

    owe(database, 1)
    exporter = Recording(act=act)
    start(exporter)
    wait_until(all_are(database, DeliveryStatus.DEAD), "it is dead")
    assert len(exporter.given) == 1
    assert states(database)[0].last_error == str(error)


def test_an_unexpected_error_is_repeated_and_its_text_shown_to_nobody(
    database: Database, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def act(delivery: Delivery) -> None:
        if delivery.attempts == 1:
            raise KeyError("Ёлкина Анна")
        assert may_end.wait(30)

    may_end = threading.Event()
    owe(database, 1)
    start(Recording(act=act))
    wait_until(lambda: bool(states(database)[0].last_error), "it has failed")
    shown = states(database)[0].last_error
    assert "KeyError at test_worker.py:" in shown
    assert "Ёлкина" not in shown + caplog.text
    assert "KeyError" in caplog.text
    may_end.set()
    wait_until(lambda: statuses(database) == [DeliveryStatus.DONE], "it is done")


def test_the_other_side_is_left_alone_as_long_as_it_asks(database: Database, start: Start) -> None:
    def act(_: Delivery) -> None:
        raise Retryable("busy", retry_after=3600)

    owe(database, 1)
    exporter = Recording(act=act)
    start(exporter)
    wait_until(lambda: bool(states(database)[0].last_error), "it has failed")
    assert states(database)[0].next_attempt_at - datetime.now(UTC) > timedelta(minutes=50)
    assert len(exporter.given) == 1


def test_deliveries_of_one_exam_keep_their_order_in_many_threads(database: Database, start: Start) -> None:
    def act(delivery: Delivery) -> None:
        with lock:
            running[delivery.exam_id] += 1
            most[delivery.exam_id] = max(most[delivery.exam_id], running[delivery.exam_id])
        try:
            if (delivery.delivery_id + delivery.attempts) % 3 == 0:
                raise Retryable("no answer")
        finally:
            with lock:
                running[delivery.exam_id] -= 1

    running: Counter[int] = Counter()
    most: Counter[int] = Counter()
    lock = threading.Lock()
    owe(database, *[exam_id for _ in range(5) for exam_id in (1, 2, 3, 4)])
    exporter = Recording(
        act=act, threads=4, backoff=Backoff(timedelta(milliseconds=5), timedelta(milliseconds=5))
    )
    start(exporter)
    start(exporter)
    wait_until(all_are(database, DeliveryStatus.DONE), "all are done", deadline=60)
    assert set(most.values()) == {1}
    for exam_id in (1, 2, 3, 4):
        order = [d.delivery_id for d in exporter.given if d.exam_id == exam_id]
        assert order == sorted(order)
        assert len(set(order)) == 5


def test_a_failing_and_a_hanging_exporter_stop_no_other(database: Database, start: Start) -> None:
    def fail(_: Delivery) -> None:
        raise Retryable("no answer")

    def hang(_: Delivery) -> None:
        released.wait(60)

    released = threading.Event()
    owe(database, *range(1, 11), exporters=("failing", "hanging", "recording"))
    start(Recording("failing", act=fail), Recording("hanging", act=hang), Recording())
    wait_until(all_are(database, DeliveryStatus.DONE), "the good one is done")
    assert DeliveryStatus.DONE not in statuses(database, "failing") + statuses(database, "hanging")
    released.set()


def test_an_exporter_that_keeps_failing_is_left_alone_for_a_while(database: Database, start: Start) -> None:
    def fail(_: Delivery) -> None:
        raise Retryable("no answer")

    owe(database, *range(1, 201))
    exporter = Recording(act=fail)
    start(exporter, pace=Pace(poll=0.01, rest=3600.0))
    wait_until(lambda: len(exporter.given) >= 3, "it has failed")
    time.sleep(1.0)
    assert len(exporter.given) < 60


# ---------------------------------------------------------------- stopping


def test_stopping_waits_for_what_has_begun_and_begins_nothing_new(database: Database, start: Start) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def act(_: Delivery) -> None:
        begun.set()
        assert may_end.wait(30)

    owe(database, 1, 2)
    exporter = Recording(act=act)
    worker = start(exporter)
    assert begun.wait(30)
    threading.Timer(0.2, may_end.set).start()
    assert worker.stop(20)
    assert exporter.closed
    assert statuses(database) == [DeliveryStatus.DONE, DeliveryStatus.WAITING]


def test_stopping_takes_no_longer_than_allowed(database: Database, start: Start) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def act(_: Delivery) -> None:
        begun.set()
        may_end.wait(30)

    owe(database, 1)
    exporter = Recording(act=act)
    worker = start(exporter)
    assert begun.wait(30)
    before = time.monotonic()
    assert not worker.stop(0.3)
    assert time.monotonic() - before < 15
    assert not exporter.closed
    assert statuses(database) == [DeliveryStatus.LEASED]
    may_end.set()


def test_an_idle_worker_stops_at_once(start: Start) -> None:
    worker = start(Recording(), pace=Pace(poll=3600.0))
    before = time.monotonic()
    assert worker.stop(20)
    assert time.monotonic() - before < 15


def test_without_exporters_nothing_runs(start: Start) -> None:
    before = threading.active_count()
    worker = start()
    assert threading.active_count() == before
    assert worker.stop(20)


# ---------------------------------------------------------------- crashes, outages, several workers


def test_a_long_delivery_keeps_its_lease(database: Database, start: Start) -> None:
    may_end = threading.Event()
    slow = Recording(act=waits_for(may_end))
    pace = Pace(lease=timedelta(seconds=0.6), poll=0.05)
    owe(database, 1)
    start(slow, pace=pace)
    wait_until(lambda: len(slow.given) == 1, "it has begun")
    second = Recording()
    start(second, pace=pace)
    time.sleep(1.5)
    assert second.given == []
    may_end.set()
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done")
    assert second.given == []


def test_a_delivery_that_does_not_end_is_tried_by_another_worker(database: Database, start: Start) -> None:
    may_end = threading.Event()
    hanging = Recording(act=waits_for(may_end), patience=0.1)
    pace = Pace(lease=timedelta(seconds=0.6), poll=0.05)
    owe(database, 1)
    worker = start(hanging, pace=pace)
    wait_until(lambda: len(hanging.given) == 1, "it has begun")
    second = Recording()
    start(second, pace=pace)
    wait_until(all_are(database, DeliveryStatus.DONE), "the other one has done it")
    assert second.given[0].delivery_id == hanging.given[0].delivery_id
    may_end.set()
    wait_until(lambda: worker.tallies["recording"].lapsed == 1, "the first one has heard of it")


def test_many_workers_share_the_work(database: Database, start: Start) -> None:
    owe(database, *range(1, 61))
    exporters = [Recording(act=lambda _: time.sleep(0.01)) for _ in range(3)]
    for exporter in exporters:
        start(exporter)
    wait_until(all_are(database, DeliveryStatus.DONE), "all are done", deadline=60)
    delivered = [delivery.exam_id for exporter in exporters for delivery in exporter.given]
    assert sorted(delivered) == list(range(1, 61))
    assert all(exporter.given for exporter in exporters)


VICTIM = """
import sys, time
sys.path.insert(0, sys.argv[1])
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.integration.worker import DeliveryWorker
from tests.integration.exporters import NoSource, Recording
from tests.integration.test_worker import KILLED_PACE

def act(delivery):
    print(delivery.delivery_id, delivery.event_id, delivery.exam_id, flush=True)
    if delivery.exam_id == 2:
        time.sleep(3600)

database, exporters = Database(sys.argv[2]), [Recording(act=act)]
DeliveryWorker(database, exporters, NoSource(), IdGenerator(2), pace=KILLED_PACE).start()
time.sleep(3600)
"""
KILLED_PACE = Pace(lease=timedelta(seconds=1.5), poll=0.05)


def test_what_a_killed_worker_was_doing_is_done_by_another(
    database: Database, database_url: str, start: Start
) -> None:
    owe(database, 1, 2, 2, 3)
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(ROOT), database_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert victim.stdout is not None
        lines = [victim.stdout.readline().split() for _ in range(2)]  # exam 1 done, exam 2 begun
        assert [line[2] for line in lines] == ["1", "2"]
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait(30)
        victim.stdout.close()  # type: ignore[union-attr]
    assert statuses(database) == [
        DeliveryStatus.DONE, DeliveryStatus.LEASED, DeliveryStatus.WAITING, DeliveryStatus.WAITING,
    ]  # fmt: skip
    exporter = Recording()
    start(exporter, pace=KILLED_PACE)
    wait_until(all_are(database, DeliveryStatus.DONE), "all are done")
    again = next(d for d in exporter.given if d.exam_id == 2)
    assert [str(again.delivery_id), str(again.event_id)] == lines[1][:2]
    assert again.attempts == 2
    assert [d.exam_id for d in exporter.given if d.exam_id == 2] == [2, 2]
    assert sorted(exporter.exams) == [2, 2, 3]


@pytest.mark.mariadb
def test_a_worker_goes_on_after_an_outage(mariadb: MariaDb, mariadb_url: str) -> None:
    from tests.archive.rows import migrated

    database = migrated(mariadb_url)
    begun, may_end = threading.Event(), threading.Event()

    def act(delivery: Delivery) -> None:
        if delivery.exam_id == 1:
            begun.set()
            assert may_end.wait(60)

    owe(database, 1, 2)
    exporter = Recording(act=act)
    worker = DeliveryWorker(database, [exporter], NoSource(), IDS, pace=PACE)
    worker.start()
    assert begun.wait(30)
    mariadb.stop()
    may_end.set()  # the first one arrives while nobody can write it down
    time.sleep(0.5)
    mariadb.start()
    wait_until(database.is_available, "the database is back")
    wait_until(all_are(database, DeliveryStatus.DONE), "both are done", deadline=60)
    assert exporter.exams == [1, 2]
    assert worker.stop(20)
    database.close()


def test_a_source_without_a_database_is_an_attempt_that_failed(database: Database, start: Start) -> None:
    def act(delivery: Delivery) -> None:
        if delivery.attempts == 1:
            raise DatabaseUnavailable("outage")

    owe(database, 1)
    exporter = Recording(act=act)
    start(exporter)
    wait_until(all_are(database, DeliveryStatus.DONE), "it is done")
    assert len(exporter.given) == 2


def test_a_broken_outbox_does_not_end_the_worker(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owe(database, 1)
    real = database.read
    failures = iter([ZeroDivisionError("secret"), DatabaseUnavailable("outage")])

    def read() -> object:
        error = next(failures, None)
        if error is not None:
            raise error
        return real()

    monkeypatch.setattr(database, "read", read)
    exporter = Recording()
    start(exporter)
    wait_until(lambda: len(exporter.given) == 1, "it is done")
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text
    monkeypatch.undo()


def test_dropped_deliveries_let_the_later_ones_go(database: Database, start: Start) -> None:
    refused = threading.Event()

    def act(delivery: Delivery) -> None:
        if not refused.is_set():
            refused.set()
            raise Permanent("refused")

    owe(database, 1, 1)
    exporter = Recording(act=act)
    start(exporter)
    wait_until(lambda: DeliveryStatus.DEAD in statuses(database), "the first is dead")
    dead = DeliveryFilter(statuses=[DeliveryStatus.DEAD])
    assert database.transact(lambda connection: drop(connection, dead)) == 1
    wait_until(lambda: statuses(database)[1] is DeliveryStatus.DONE, "the second is done")


def test_nothing_is_left_running(database: Database) -> None:
    before = set(threading.enumerate())
    worker = DeliveryWorker(database, [Recording(threads=3)], NoSource(), IDS, pace=PACE)
    worker.start()
    assert worker.stop(20)
    assert set(threading.enumerate()) <= before
