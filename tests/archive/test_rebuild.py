"""Rebuilding: an empty database becomes what the lost one was."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Column, select

from cardioserver.archive import schema
from cardioserver.archive.access import Actor
from cardioserver.archive.accounts import Accounts, NewAccount
from cardioserver.archive.archive import Archive
from cardioserver.archive.database import Database, migrate
from cardioserver.archive.directory import add_archive
from cardioserver.archive.errors import DatabaseUnavailable
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.archive.merges import Merges
from cardioserver.archive.rebuild import rebuild
from cardioserver.protocol.messages import Account, ExamStored, Role, SaveConclusion, SendExam, Upload
from tests.archive import examples
from tests.archive.samples import Facility
from tests.archive.uploading import Uploading

PASSWORD = "correct horse 7"

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Hospital:
    """A filled archive: exams of several patients, conclusions, a consultation, merges."""

    def __init__(self, uploading: Uploading, clinic: Facility, centre: Facility) -> None:
        self.uploading = uploading
        self.clinic = clinic
        self.centre = centre
        database, ids = uploading.database, uploading.ids
        accounts = Accounts(database, ids)
        self.recorder = self._account(accounts, "recorder-1", Role.RECORDER)
        self.doctor = self._account(accounts, "doctor-1", Role.DOCTOR, "Иванова А. П.")
        self.merges = Merges(database, uploading.bank, ids)
        self._archive = Archive(
            database, uploading.bank, ids, Journal(database, uploading.folder / "audit.waiting")
        )

    def _account(self, accounts: Accounts, login: str, role: Role, name: str = "") -> Actor:
        made: Account = accounts.add(NewAccount(login, role, self.clinic.hcf_id, name), PASSWORD)
        return replace(self.clinic.recorder, account_id=made.account_id, login=made.login, role=role)

    def store(self, message: Upload) -> ExamStored:
        """Upload an exam."""
        return self.uploading.store(self.recorder, message)

    def conclude(self, exam_id: int, text: str) -> None:
        """Write a conclusion."""
        self._archive.handle(self.doctor, SaveConclusion(exam_id, uuid4(), text), "127.0.0.1")

    def consult(self, exam_id: int) -> None:
        """Send an exam to the centre."""
        self._archive.handle(self.doctor, SendExam(exam_id, self.centre.hcf_id, "прошу"), "127.0.0.1")

    def patient_id(self, exam_id: int) -> int:
        """Whom an exam named."""
        query = select(schema.exam.c.origin_patient_id).where(schema.exam.c.exam_id == exam_id)
        with self.uploading.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def fill(self) -> list[Upload]:
        """Exams of five patients, one without a number; some of it concluded, sent, merged and unmerged."""
        numbers = ["1", "1", "2", "3", "", "4"]
        messages = [
            examples.upload(
                examples.exam(
                    number=number,
                    started_at=examples.STARTED + timedelta(days=day % 3),
                    ended_at=examples.STARTED + timedelta(days=day % 3, seconds=10),
                ),
                seed=day,
            )
            for day, number in enumerate(numbers)
        ]
        ids = [self.store(message).exam_id for message in messages]
        self.conclude(ids[0], "Ритм синусовый.")
        self.conclude(ids[0], "Уточнение: ЧСС 64.")
        self.conclude(ids[3], "Норма.")
        self.consult(ids[2])
        patients = [self.patient_id(exam_id) for exam_id in ids]
        self.merges.merge(None, patients[2], patients[0])
        self.merges.merge(None, patients[4], patients[3])
        mistake = self.merges.merge(None, patients[5], patients[0])
        self.merges.undo(None, mistake.merge_id)
        return messages


@pytest.fixture
def hospital(
    database: Database, clinic: Facility, centre: Facility, ids: IdGenerator, tmp_path: Path
) -> Iterator[Hospital]:
    uploading = Uploading(database, tmp_path, ids)
    yield Hospital(uploading, clinic, centre)
    uploading.close()


@pytest.fixture
def new_database(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[], Database]]:
    """Makes empty migrated databases of the same kind as the lost one."""
    opened: list[Database] = []

    def make() -> Database:
        if database.is_sqlite:
            path = tmp_path / f"new-{len(opened)}.db"
            shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
            made = Database(f"sqlite:///{path}")
        else:
            made = Database(request.getfixturevalue("mariadb").new_database())
            migrate(made)
        opened.append(made)
        return made

    yield make
    for made in opened:
        made.close()


def _rows(database: Database, table: str, *without: str) -> set[tuple[Any, ...]]:
    columns: list[Column[Any]] = [c for c in schema.metadata.tables[table].c if c.name not in without]
    with database.read() as connection:
        return {tuple(row) for row in connection.execute(select(*columns))}


def _who_has_what(database: Database) -> set[tuple[Any, ...]]:
    """Each exam with the numbers of the patient it named and of the one who has it."""
    named, owner = schema.patient.alias(), schema.patient.alias()
    query = (
        select(schema.exam.c.exam_uuid, named.c.number, owner.c.number, owner.c.family_name)
        .join(named, named.c.patient_id == schema.exam.c.origin_patient_id)
        .join(owner, owner.c.patient_id == schema.exam.c.patient_id)
    )
    with database.read() as connection:
        return {tuple(row) for row in connection.execute(query)}


def assert_same(lost: Database, made: Database) -> None:
    """All that the bank knows is equal in both."""
    of_directory = (
        "created_at",
        "oktmo",
        "default_archive_id",
    )  # the bank knows them only of where exams are
    assert _rows(made, "hcf", *of_directory) == _rows(lost, "hcf", *of_directory)
    assert _rows(made, "exam", "patient_id", "origin_patient_id") == _rows(
        lost, "exam", "patient_id", "origin_patient_id"
    )
    assert _rows(made, "exam_metadata") == _rows(lost, "exam_metadata")
    assert _rows(made, "conclusion") == _rows(lost, "conclusion")
    assert _rows(made, "consultation") == _rows(lost, "consultation")
    assert _who_has_what(made) == _who_has_what(lost)
    merge_ids = ("merge_id", "from_patient_id", "to_patient_id")
    assert _rows(made, "patient_merge", *merge_ids) == _rows(lost, "patient_merge", *merge_ids)


def test_an_empty_database_gets_everything_back(
    hospital: Hospital, new_database: Callable[[], Database]
) -> None:
    lost, bank = hospital.uploading.database, hospital.uploading.bank
    hospital.fill()
    made = new_database()
    steps: list[tuple[int, int]] = []

    report = rebuild(bank, made, IdGenerator(2), lambda done, total: steps.append((done, total)))

    assert report.failed == []
    assert (report.facilities, report.archives, report.accounts) == (2, 1, 2)
    assert (report.exams, report.records) == (6, 8)
    total = 2 * (6 + 8)
    assert steps == [(done, total) for done in range(total + 1)]
    assert_same(lost, made)


def test_accounts_come_back_but_cannot_log_in(
    hospital: Hospital, new_database: Callable[[], Database]
) -> None:
    hospital.fill()
    made = new_database()
    rebuild(hospital.uploading.bank, made, IdGenerator(2))

    with made.read() as connection:
        rows = connection.execute(schema.account.select().order_by(schema.account.c.login)).all()

    assert [(row.login, row.role, row.name, row.disabled, row.password_hash) for row in rows] == [
        ("doctor-1", Role.DOCTOR, "Иванова А. П.", True, ""),
        ("recorder-1", Role.RECORDER, "", True, ""),
    ]
    assert {row.account_id for row in rows} == {hospital.recorder.account_id, hospital.doctor.account_id}


def test_no_event_and_no_delivery_is_made_up(
    hospital: Hospital, new_database: Callable[[], Database]
) -> None:
    hospital.fill()
    made = new_database()
    rebuild(hospital.uploading.bank, made, IdGenerator(2))

    assert _rows(made, "event") == set()
    assert _rows(made, "delivery") == set()


@sqlite_only
def test_rebuilding_again_changes_nothing(hospital: Hospital, new_database: Callable[[], Database]) -> None:
    hospital.fill()
    made = new_database()
    rebuild(hospital.uploading.bank, made, IdGenerator(2))
    tables = [name for name in schema.metadata.tables if name != "counter"]
    before = [_rows(made, table) for table in tables]

    report = rebuild(hospital.uploading.bank, made, IdGenerator(2))

    assert (report.facilities, report.archives, report.accounts, report.exams) == (0, 0, 0, 0)
    assert [_rows(made, table) for table in tables] == before


@sqlite_only
def test_an_interrupted_rebuild_is_completed_by_the_next(
    hospital: Hospital, new_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.fill()
    monkeypatch.setattr("cardioserver.archive.rebuild.BATCH", 1)
    made = new_database()
    for broken_at in itertools.count(1):
        transact = made.transact
        calls = itertools.count(1)

        def break_off(
            function: Any, calls: Any = calls, transact: Any = transact, at: int = broken_at
        ) -> Any:
            if next(calls) == at:
                raise DatabaseUnavailable("down")
            return transact(function)

        with monkeypatch.context() as patch:
            patch.setattr(made, "transact", break_off)
            try:
                rebuild(hospital.uploading.bank, made, IdGenerator(2))
            except DatabaseUnavailable:
                continue
        break

    assert broken_at > 10
    assert_same(hospital.uploading.database, made)


@sqlite_only
def test_the_running_database_keeps_what_it_knows_better(hospital: Hospital) -> None:
    hospital.fill()
    database = hospital.uploading.database
    before = [_rows(database, table) for table in schema.metadata.tables]

    rebuild(hospital.uploading.bank, database, IdGenerator(2))

    assert [_rows(database, table) for table in schema.metadata.tables] == before


@sqlite_only
def test_damaged_files_are_reported_and_the_rest_comes_back(
    hospital: Hospital, new_database: Callable[[], Database]
) -> None:
    messages = hospital.fill()
    bank = hospital.uploading.bank
    exam = messages[5].exam
    damaged = bank.exam_path(exam.uuid, exam.started_at)
    record = next(path for path in bank.record_files() if "unmerge" in path.name)
    for path in (damaged, record):
        path.chmod(0o640)
        path.write_bytes(path.read_bytes()[:-7][:60])
    made = new_database()

    report = rebuild(bank, made, IdGenerator(2))

    assert {path for path, _ in report.failed} >= {damaged, record}
    assert report.exams == 5
    assert len(_rows(made, "conclusion")) == 3


@sqlite_only
def test_the_latest_name_of_a_facility_counts_and_a_taken_name_gets_a_number(
    hospital: Hospital, new_database: Callable[[], Database]
) -> None:
    uploading, clinic = hospital.uploading, hospital.clinic
    with uploading.database.write() as connection:
        second = add_archive(connection, uploading.ids, clinic.hcf_id, "Second")
    uploading.close()
    uploading.ingest = uploading.open()
    hospital.store(examples.upload(examples.exam(archive_id=second.archive_id), seed=1))
    with uploading.database.write() as connection:
        table = schema.archive
        first = table.c.archive_id == clinic.archive.archive_id
        connection.execute(table.update().where(table.c.archive_id == second.archive_id).values(name="Old"))
        connection.execute(table.update().where(first).values(name="Second"))
    uploading.close()
    uploading.ingest = uploading.open()
    hospital.store(examples.upload(seed=2))
    made = new_database()

    rebuild(uploading.bank, made, IdGenerator(2))

    archives = {(row[0], row[2]) for row in _rows(made, "archive")}
    assert archives == {
        (clinic.archive.archive_id, "Second"),
        (second.archive_id, f"Second {second.archive_id}"),
    }
    (default,) = (row[3] for row in _rows(made, "hcf") if row[0] == clinic.hcf_id)
    assert default == clinic.archive.archive_id
