"""The interpreter of stored exams: one version for each event, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from cardioserver.archive import deliveries, schema
from cardioserver.archive.access import Actor
from cardioserver.archive.archive import Archive
from cardioserver.archive.audit import Action, AuditQuery, search
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import Delivery, DeliveryFilter, DeliveryState, DeliveryStatus
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import NotOffered
from cardioserver.archive.events import Subscription
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest
from cardioserver.archive.journal import Journal
from cardioserver.archive.merges import Merges
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording
from cardioserver.integration.exporter import Permanent, Retryable
from cardioserver.integration.interpreter import ATTEMPTS_THAT_FAIL, SUBSCRIPTION, Interpreter
from cardioserver.integration.printer import Printer
from cardioserver.integration.source import ArchiveSource
from cardioserver.integration.worker import DeliveryWorker, Pace
from cardioserver.interpretation.errors import (
    Busy,
    Crashed,
    InterpretationError,
    Refused,
    TooLarge,
    TooLong,
    Unavailable,
)
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.person import Person
from cardioserver.language import Phrase
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import EventKind, Role
from tests.archive import examples
from tests.archive.rows import World
from tests.servers import wait_until

HOSPITAL = Subscription("hospital", EventKind.AUTO_REPORT)
PACE = Pace(lease=timedelta(seconds=20), poll=0.05, outage=0.05, rest=0.05)


@dataclass
class Engine:
    """Says how often it was asked; does before that what a test tells it to."""

    act: Callable[[], None] = lambda: None
    asked: list[tuple[Recording, Person, bytes | None]] = field(default_factory=list)
    is_closed: bool = False

    def interpret(self, recording: Recording, person: Person, earlier: bytes | None = None) -> Interpretation:
        self.act()
        self.asked.append((recording, person, earlier))
        number = len(self.asked)
        return Interpretation(Phrase(f"Report {number}", f"Отчёт {number}"), b'{"number": %d}' % number)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class House:
    """An archive that interprets."""

    database: Database
    bank: Bank
    world: World
    archive: Archive
    ingest: Ingest
    source: ArchiveSource
    engine: Engine
    interpreter: Interpreter
    doctor: Actor
    ids: IdGenerator

    def upload(self, recorder: Actor | None = None, patient: Patient | None = None, **fields: Any) -> int:
        recorder = recorder or Actor(self.world.recorder_a, "recorder", Role.RECORDER, self.world.hcf_a)
        started = fields.setdefault("started_at", examples.STARTED)
        exam = examples.exam(ended_at=started + timedelta(seconds=10), **fields)
        exam = exam if patient is None else replace(exam, patient=patient)
        return self.ingest.store(recorder, examples.upload(exam)).result(30).exam_id

    def ask(self, exam_id: int) -> m.InterpretationRequested:
        reply = self.archive.handle(self.doctor, m.RequestInterpretation(exam_id), "")
        assert isinstance(reply, m.InterpretationRequested)
        return reply

    def owed(self, exam_id: int = 0) -> list[DeliveryState]:
        with self.database.read() as connection:
            wanted = DeliveryFilter(exporter="interpretation", exam_id=exam_id)
            return list(deliveries.list_deliveries(connection, wanted))

    def newest_owed(self, exam_id: int) -> Delivery:
        return replace(self.owed(exam_id)[-1].delivery, attempts=1)

    def interpret(self, exam_id: int) -> m.AutoReport:
        """Carry out what is owed last for an exam."""
        self.interpreter.deliver(self.newest_owed(exam_id), self.source)
        return self.report(exam_id)

    def report(self, exam_id: int) -> m.AutoReport:
        reply = self.archive.handle(self.doctor, m.GetAutoReport(exam_id), "")
        assert isinstance(reply, m.AutoReport)
        return reply

    def versions(self, exam_id: int) -> list[tuple[int, str]]:
        table = schema.auto_report
        query = select(table.c.version, table.c.text_en).where(table.c.exam_id == exam_id)
        with self.database.read() as connection:
            return [(row.version, row.text_en) for row in connection.execute(query.order_by(table.c.version))]

    def hospital_is_owed(self) -> list[tuple[int, int]]:
        """Exam and version of each report that the hospital is to get."""
        with self.database.read() as connection:
            found = deliveries.list_deliveries(connection, DeliveryFilter(exporter="hospital"))
        return [(state.delivery.exam_id, state.delivery.subject_id) for state in found]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    ids, bank, world = IdGenerator(1), Bank(tmp_path / "bank"), World(database)
    snapshot = DirectorySnapshot(tmp_path / "directory.json")
    snapshot.refresh(database)
    told = (SUBSCRIPTION, HOSPITAL)
    engine = Engine()
    ingest = Ingest(database, bank, snapshot, ids, subscriptions=told)
    yield House(
        database,
        bank,
        world,
        Archive(database, bank, ids, Journal(database, tmp_path / "audit.waiting"), subscriptions=told),
        ingest,
        ArchiveSource(database, bank, Printer()),
        engine,
        Interpreter(engine, database, (HOSPITAL,), threads=2, longest=30.0, leaves=False),
        Actor(world.account(world.hcf_a, Role.DOCTOR), "doctor", Role.DOCTOR, world.hcf_a),
        ids,
    )
    ingest.close()


def test_a_stored_exam_gets_a_report_of_which_all_are_told(house: House) -> None:
    heard: list[None] = []
    house.interpreter.on_report = lambda: heard.append(None)
    patient = Patient("P-7", Sex.FEMALE, date(1961, 4, 30), "Ёлкина")
    exam_id = house.upload(patient=patient, height_cm=170.0)
    assert house.report(exam_id).version == 0

    report = house.interpret(exam_id)

    assert (report.version, report.text_ru, report.text_en) == (1, "Отчёт 1", "Report 1")
    assert report.document == '{"number": 1}'
    ((recording, person, earlier),) = house.engine.asked
    assert np.array_equal(recording.samples, house.source.signal(exam_id).samples)
    assert (person, earlier) == (Person(Sex.FEMALE, 65, 170.0), None)
    assert house.hospital_is_owed() == [(exam_id, 1)]
    assert len(heard) == 1


def test_a_delivery_that_comes_again_adds_no_version(house: House) -> None:
    exam_id = house.upload()
    report = house.interpret(exam_id)
    assert house.interpret(exam_id) == report
    assert len(house.engine.asked) == 1
    assert house.hospital_is_owed() == [(exam_id, 1)]


def test_two_that_interpret_the_same_at_once_add_one_version(house: House) -> None:
    exam_id = house.upload()
    together = threading.Barrier(2)
    house.engine.act = lambda: together.wait(30) and None
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(house.interpret, exam_id) for _ in range(2)]:
            assert done.result().version == 1
    assert len(house.engine.asked) == 2
    assert len(house.versions(exam_id)) == 1
    assert house.hospital_is_owed() == [(exam_id, 1)]


def finish(house: House, exam_id: int, status: DeliveryStatus = DeliveryStatus.DONE) -> None:
    """As the worker reports what became of an exam's deliveries."""
    table = schema.delivery
    mine = (table.c.exam_id == exam_id, table.c.exporter == "interpretation")
    with house.database.write() as connection:
        connection.execute(table.update().where(*mine).values(status=int(status)))


def test_who_asks_gets_another_version_and_the_old_ones_stay(house: House) -> None:
    exam_id = house.upload()
    house.interpret(exam_id)
    finish(house, exam_id)
    for version in (2, 3):
        assert house.ask(exam_id) == m.InterpretationRequested(exam_id, version - 1)
        assert house.interpret(exam_id).version == version
        finish(house, exam_id)
    assert house.versions(exam_id) == [(1, "Report 1"), (2, "Report 2"), (3, "Report 3")]
    assert house.report(exam_id).text_en == "Report 3"


def test_what_is_owed_is_not_asked_for_twice(house: House) -> None:
    exam_id = house.upload()
    for status in (DeliveryStatus.WAITING, DeliveryStatus.LEASED):
        finish(house, exam_id, status)
        assert house.ask(exam_id) == m.InterpretationRequested(exam_id, 0)
        assert len(house.owed(exam_id)) == 1


def test_a_dead_letter_comes_back_to_life(house: House) -> None:
    exam_id = house.upload()
    finish(house, exam_id, DeliveryStatus.DEAD)
    house.ask(exam_id)
    (state,) = house.owed(exam_id)
    assert state.status is DeliveryStatus.WAITING


def test_a_version_that_is_there_but_not_reported_yet_is_not_the_one_asked_for(house: House) -> None:
    exam_id = house.upload()
    house.interpret(exam_id)
    finish(house, exam_id, DeliveryStatus.LEASED)
    assert house.ask(exam_id).newest_version == 1
    assert len(house.owed(exam_id)) == 2


def test_who_interprets_nothing_says_so(house: House, database: Database, tmp_path: Path) -> None:
    exam_id = house.upload()
    journal = Journal(database, tmp_path / "other.waiting")
    archive = Archive(database, Bank(tmp_path / "bank"), house.ids, journal, subscriptions=(HOSPITAL,))
    with pytest.raises(NotOffered):
        archive.handle(house.doctor, m.RequestInterpretation(exam_id), "")


@pytest.mark.parametrize(
    ("error", "attempt", "ends"),
    [
        (Refused, 1, True),
        (Crashed, 1, False),
        (Crashed, ATTEMPTS_THAT_FAIL, True),
        (TooLong, ATTEMPTS_THAT_FAIL - 1, False),
        (TooLarge, ATTEMPTS_THAT_FAIL, True),
        (Busy, 100, False),
        (Unavailable, 100, False),
    ],
)
def test_failures_end_if_no_attempt_can_mend_them(
    house: House, error: type[InterpretationError], attempt: int, ends: bool
) -> None:
    exam_id = house.upload()

    def fail() -> None:
        raise error("here", retry_after=7.0)

    house.engine.act = fail
    with pytest.raises(Permanent if ends else Retryable, match=r"\(here\)") as raised:
        house.interpreter.deliver(replace(house.newest_owed(exam_id), attempts=attempt), house.source)
    if error in (Busy, Unavailable):
        assert isinstance(raised.value, Retryable)
        assert raised.value.retry_after == 7.0
    assert house.versions(exam_id) == []
    assert house.interpreter.tallies()[error.code].count == 1


def test_results_are_counted(house: House) -> None:
    for _ in range(2):
        house.interpret(house.upload())
    (tally,) = house.interpreter.tallies().values()
    assert tally.count == 2
    assert tally.seconds >= 0


# ---------------------------------------------------------------- the earlier ECG

DAY = timedelta(days=1)


def earlier_of(house: House, exam_id: int) -> bytes | None:
    house.interpret(exam_id)
    return house.engine.asked[-1][2]


def test_it_is_compared_with_the_newest_report_of_the_last_exam_before_it(house: House) -> None:
    first = house.upload(started_at=examples.STARTED)
    second = house.upload(started_at=examples.STARTED + DAY)
    third = house.upload(started_at=examples.STARTED + 2 * DAY)
    house.upload(started_at=examples.STARTED, number="P-2")
    assert earlier_of(house, third) is None, "none of the others has a report"
    assert earlier_of(house, first) is None, "the third is later"
    finish(house, first)
    house.ask(first)
    house.interpret(first)
    assert earlier_of(house, second) == b'{"number": 3}'
    finish(house, third)
    house.ask(third)
    assert earlier_of(house, third) == b'{"number": 4}', "of the second now"


def test_a_merged_patients_exams_are_one_persons(house: House) -> None:
    first = house.upload(number="P-1")
    second = house.upload(number="P-2", started_at=examples.STARTED + DAY)
    house.interpret(first)
    patient = {exam_id: house.source.exam(exam_id).patient_id for exam_id in (first, second)}
    Merges(house.database, house.bank, house.ids).merge(None, patient[first], patient[second])
    assert earlier_of(house, second) == b'{"number": 1}'


def test_an_exam_of_another_facility_is_not_told_of(house: House) -> None:
    stranger = Actor(house.world.recorder_b, "stranger", Role.RECORDER, house.world.hcf_b)
    theirs = house.upload(stranger, number="P-1")
    ours = house.upload(number="P-2", started_at=examples.STARTED + DAY)
    house.interpreter.deliver(house.newest_owed(theirs), house.source)
    patient = {exam_id: house.source.exam(exam_id).patient_id for exam_id in (theirs, ours)}
    Merges(house.database, house.bank, house.ids).merge(None, patient[theirs], patient[ours])
    assert earlier_of(house, ours) is None


# ---------------------------------------------------------------- with the worker


@pytest.fixture
def worker(house: House) -> Iterator[DeliveryWorker]:
    started = DeliveryWorker(
        house.database, (house.interpreter,), house.source, house.ids, server="test", pace=PACE
    )
    started.start()
    yield started
    started.stop(20)


def journalled(house: House) -> list[str]:
    with house.database.read() as connection:
        page = search(connection, AuditQuery(action=Action.EXPORT))
    return [entry.detail for entry in page.entries]


def test_the_outbox_sees_to_it(house: House, worker: DeliveryWorker) -> None:
    exams = [house.upload() for _ in range(5)]
    worker.wake()
    wait_until(lambda: all(house.report(exam_id).version == 1 for exam_id in exams), "all have a report")
    wait_until(lambda: {s.status for s in house.owed()} == {DeliveryStatus.DONE}, "nothing is owed")
    assert journalled(house) == [], "nothing has left"
    worker.stop()
    assert house.engine.is_closed


def test_data_that_leave_are_journalled(house: House) -> None:
    remote = Interpreter(house.engine, house.database, (), threads=1, longest=30.0, leaves=True)
    exam_id = house.upload()
    worker = DeliveryWorker(house.database, (remote,), house.source, house.ids, server="test", pace=PACE)
    worker.start()
    wait_until(lambda: house.report(exam_id).version == 1, "it has a report")
    worker.stop(20)
    assert journalled(house) == ["interpretation"]


def test_a_damaged_exam_waits_for_a_person_and_holds_up_nobody(house: House, worker: DeliveryWorker) -> None:
    damaged = house.upload()
    exam = house.source.exam(damaged).exam
    path = house.bank.exam_path(exam.uuid, exam.started_at)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-40])
    other = house.upload()
    worker.wake()
    wait_until(lambda: house.report(other).version == 1, "the other has a report")
    wait_until(lambda: house.owed(damaged)[0].status is DeliveryStatus.DEAD, "it waits for a person")


def test_the_delay_of_the_queue_is_that_of_the_longest_due(house: House) -> None:
    def delays(at: datetime) -> dict[str, float]:
        with house.database.read() as connection:
            return deliveries.delays(connection, lambda _: at)

    now = datetime.now(UTC)
    assert delays(now) == {}
    exam_id = house.upload()
    house.upload()
    assert delays(now + timedelta(hours=1))["interpretation"] == pytest.approx(3600, abs=60)
    assert delays(now - timedelta(hours=1))["interpretation"] == 0
    finish(house, exam_id, DeliveryStatus.LEASED)
    assert "interpretation" in delays(now)
