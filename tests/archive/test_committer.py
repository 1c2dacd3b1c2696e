"""Group commit and backlog: outages of the database, restarts, and what was left unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert

from cardioserver.archive import backlog, bankfile, durable, exams, patients, schema
from cardioserver.archive import spool as spools
from cardioserver.archive.database import Database
from cardioserver.archive.errors import DatabaseUnavailable, StorageFull, UuidReused
from cardioserver.archive.ids import IdGenerator
from cardioserver.protocol.messages import OrderStatus, Upload, UploadStatus
from tests.archive import examples
from tests.archive.samples import Facility
from tests.archive.uploading import DEADLINE, Uploading, send

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""


@pytest.fixture
def archive(
    database: Database, clinic: Facility, ids: IdGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Uploading]:
    monkeypatch.setattr(backlog, "PAUSE", 0.02)
    opened = Uploading(database, tmp_path, ids)
    yield opened
    opened.close()


class Outage:
    """Lets the database fail for ingest, and nobody else."""

    def __init__(self, database: Database, error: type[Exception] = DatabaseUnavailable) -> None:
        self._database = database
        self._error = error
        self.tries = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The database is down."""
        self._database.transact = self._fail  # type: ignore[method-assign]
        try:
            yield
        finally:
            del self._database.transact  # type: ignore[method-assign]

    def _fail(self, function: object) -> object:
        self.tries += 1
        raise self._error("down")


@pytest.fixture
def down(database: Database) -> Outage:
    return Outage(database)


def _messages(count: int) -> list[Upload]:
    return [examples.upload(examples.exam(number=str(seed)), seed=seed) for seed in range(count)]


def test_uploads_go_on_while_the_database_is_down(archive: Uploading, clinic: Facility, down: Outage) -> None:
    messages = _messages(5)
    with down():
        answers = [archive.store(clinic.recorder, message) for message in messages]
        assert archive.ingest.queued == 5
        assert archive.count("exam") == 0
    archive.settle()

    archive.assert_holds(*messages)
    assert archive.exam_order() == [message.exam.uuid for message in messages]
    for message, answer in zip(messages, answers, strict=True):
        header = archive.bank.read_header(message.exam.uuid, message.exam.started_at)
        assert answer.exam_id == header.exam_id
        assert not answer.already_stored


@sqlite_only
def test_a_full_disk_of_the_database_counts_as_an_outage(archive: Uploading, clinic: Facility) -> None:
    message = examples.upload()
    with Outage(archive.database, StorageFull)():
        archive.store(clinic.recorder, message)
    archive.settle()

    archive.assert_holds(message)


@sqlite_only
def test_during_an_outage_sending_twice_still_stores_once(
    archive: Uploading, clinic: Facility, down: Outage
) -> None:
    message = examples.upload()
    with down():
        first = archive.store(clinic.recorder, message)
        again = archive.store(clinic.recorder, message)
        state = archive.ingest.begin(clinic.recorder, examples.begin(message))
        with pytest.raises(UuidReused):
            archive.store(clinic.recorder, examples.upload(message.exam, seed=9))
    archive.settle()

    assert again == replace(first, already_stored=True)
    assert (state.status, state.exam_id) == (UploadStatus.STORED, first.exam_id)
    archive.assert_holds(message)


@sqlite_only
def test_chunked_uploads_go_on_too(archive: Uploading, clinic: Facility, down: Outage) -> None:
    message = examples.upload()
    with down():
        send(archive.ingest, clinic.recorder, message).result(DEADLINE)
    archive.settle()

    archive.assert_holds(message)


@sqlite_only
def test_exams_accepted_after_the_outage_come_after_those_that_wait(
    archive: Uploading, clinic: Facility, down: Outage
) -> None:
    messages = _messages(8)
    with down():
        for message in messages[:4]:
            archive.store(clinic.recorder, message)
    for message in messages[4:]:
        archive.store(clinic.recorder, message)
    archive.settle()

    assert archive.exam_order() == [message.exam.uuid for message in messages]


@sqlite_only
def test_what_waits_survives_restarts(archive: Uploading, clinic: Facility, down: Outage) -> None:
    messages = _messages(6)
    with down():
        for message in messages[:3]:
            archive.store(clinic.recorder, message)
        archive.close()
        archive.ingest = archive.open()
        assert archive.ingest.queued == 3
        for message in messages[3:]:
            archive.store(clinic.recorder, message)
        archive.close()
        assert len(archive.staged()) == 6
    archive.ingest = archive.open()
    archive.settle()

    archive.assert_holds(*messages)
    assert archive.exam_order() == [message.exam.uuid for message in messages]
    archive.close()
    assert [p.name for p in archive.bank.staging.iterdir() if p.is_dir()] == []


@sqlite_only
def test_another_server_takes_over_what_a_dead_one_left(
    archive: Uploading, clinic: Facility, down: Outage
) -> None:
    messages = _messages(3)
    with down():
        for message in messages:
            archive.store(clinic.recorder, message)
        archive.close()

    archive.ingest = archive.open(server_id=2)
    archive.settle()

    archive.assert_holds(*messages)


def test_a_commit_that_broke_off_after_it_happened_counts_once(
    archive: Uploading, clinic: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = _messages(3)
    transact = archive.database.transact
    broken: list[object] = []

    def break_off(function: object) -> object:
        result = transact(function)  # type: ignore[arg-type]
        if len(broken) < 2:
            broken.append(result)
            raise DatabaseUnavailable("the answer to COMMIT got lost")
        return result

    monkeypatch.setattr(archive.database, "transact", break_off)
    for message in messages:
        archive.store(clinic.recorder, message)
    archive.settle()

    assert len(broken) == 2
    archive.assert_holds(*messages)


def test_an_order_is_done_by_its_exam_after_an_outage(
    archive: Uploading, clinic: Facility, down: Outage
) -> None:
    with archive.database.write() as connection:
        patient_id = patients.upsert(connection, archive.ids, examples.exam().patient, clinic.hcf_id)
        connection.execute(
            insert(schema.ecg_order).values(
                order_id=5,
                hcf_id=clinic.hcf_id,
                patient_id=patient_id,
                origin_patient_id=patient_id,
                accession_number="A-5",
                status=int(OrderStatus.TAKEN),
                created_at=examples.STARTED,
                created_by_account_id=1,
                scheduled_offset=0,
                due_at=examples.STARTED,
                device_number="",
                comment="",
            )
        )
    message = examples.upload(examples.exam(accession_number="A-5"))
    with down():
        answer = archive.store(clinic.recorder, message)
    archive.settle()

    with archive.database.read() as connection:
        order = connection.execute(schema.ecg_order.select()).one()
    assert (order.status, order.exam_id) == (OrderStatus.DONE, answer.exam_id)


def test_a_uuid_that_was_taken_elsewhere_meanwhile_is_put_aside_and_holds_up_nothing(
    archive: Uploading, clinic: Facility, down: Outage
) -> None:
    taken, after = _messages(2)
    with down():
        archive.store(clinic.recorder, taken)
        archive.store(clinic.recorder, after)
        archive.close()
    yesterday = examples.STARTED - timedelta(days=1)
    other = replace(
        examples.record(replace(taken.exam, started_at=yesterday), examples.recording(9), archive.ids.next()),
        hcf_id=clinic.hcf_id,
        archive_id=clinic.archive.archive_id,
        recorder_hcf_id=clinic.hcf_id,
        issuer_hcf_id=clinic.hcf_id,
    )
    with archive.database.write() as connection:
        patient_id = patients.upsert(connection, archive.ids, other.exam.patient, clinic.hcf_id)
        exams.insert(connection, [exams.NewExam(other, patient_id)])

    archive.ingest = archive.open()
    archive.settle()

    assert archive.exam_order() == [after.exam.uuid]
    (kept,) = archive.bank.rejected.iterdir()
    assert bankfile.check(kept).digest == taken.digest
    assert len(list(archive.bank.exam_files())) == 1


# ---------------------------------------------------------------- what a killed server left


def _leave(
    archive: Uploading, message: Upload, clinic: Facility, *, keep: int | None = None
) -> spools.Staged:
    """Stage an exam as a server does that is killed before it links it."""
    recording = examples.recording_of(message)
    record = replace(
        examples.record(message.exam, recording, archive.ids.next()),
        hcf_id=clinic.hcf_id,
        archive_id=clinic.archive.archive_id,
        recorder_hcf_id=clinic.hcf_id,
        issuer_hcf_id=clinic.hcf_id,
    )
    left = spools.create(archive.bank.staging, 9)
    staged = examples.stage(
        left, record.exam_id, message.exam.uuid, bankfile.encode_exam(record, recording)[:keep]
    )
    left.close()
    return staged


@sqlite_only
def test_a_complete_file_that_was_not_linked_yet_is_stored(archive: Uploading, clinic: Facility) -> None:
    archive.close()
    message = examples.upload()
    _leave(archive, message, clinic)

    archive.ingest = archive.open()
    archive.settle()

    archive.assert_holds(message)
    assert archive.store(clinic.recorder, message).already_stored


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
@sqlite_only
def test_a_file_that_was_cut_off_leaves_nothing(archive: Uploading, clinic: Facility, keep: int) -> None:
    archive.close()
    message = examples.upload()
    _leave(archive, message, clinic, keep=keep)

    archive.ingest = archive.open()
    archive.settle()

    archive.assert_holds()
    assert not archive.store(clinic.recorder, message).already_stored
    archive.assert_holds(message)


@sqlite_only
def test_a_file_that_was_linked_but_not_indexed_is_indexed(archive: Uploading, clinic: Facility) -> None:
    archive.close()
    message = examples.upload()
    staged = _leave(archive, message, clinic)
    archive.bank.publish(staged.path, bankfile.read_header(staged.path))

    archive.ingest = archive.open()
    archive.settle()

    archive.assert_holds(message)


@sqlite_only
def test_a_bank_file_without_a_row_is_indexed_when_it_is_sent_again(
    archive: Uploading, clinic: Facility
) -> None:
    archive.close()
    message = examples.upload()
    staged = _leave(archive, message, clinic)
    record = bankfile.read_header(staged.path)
    archive.bank.publish(staged.path, record)
    staged.path.unlink()
    archive.ingest = archive.open()

    state = archive.ingest.begin(clinic.recorder, examples.begin(message))

    assert (state.status, state.exam_id) == (UploadStatus.STORED, record.exam_id)
    archive.assert_holds(message)


@sqlite_only
def test_a_failed_sync_of_the_folder_is_no_acknowledgement(
    archive: Uploading, clinic: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = examples.upload()

    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync_folder", fail)
        with pytest.raises(OSError, match="Input/output"):
            archive.store(clinic.recorder, message)
    assert archive.count("exam") == 0

    archive.store(clinic.recorder, message)
    archive.assert_holds(message)


@sqlite_only
def test_the_order_of_an_uploader_is_the_order_of_acknowledgement(
    archive: Uploading, clinic: Facility
) -> None:
    messages = _messages(10)
    answers: list[UUID] = [archive.store(clinic.recorder, message).exam_uuid for message in messages]

    assert archive.exam_order() == answers
