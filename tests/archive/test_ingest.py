"""Ingest: what an uploader is told, and what the archive then has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select

from cardioserver.archive import schema
from cardioserver.archive.access import Actor
from cardioserver.archive.database import Database
from cardioserver.archive.directory import add_archive, list_archives
from cardioserver.archive.errors import (
    AccessDenied,
    ArchiveError,
    DigestMismatch,
    UploadIncomplete,
    UploadOffset,
    UploadUnknown,
    UuidReused,
)
from cardioserver.archive.events import Subscription
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.index import Index
from cardioserver.archive.ingest import IngestLimits
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import (
    EventKind,
    Role,
    UploadAbort,
    UploadChunk,
    UploadCommit,
    UploadStatus,
)
from tests.archive import examples
from tests.archive.samples import Facility
from tests.archive.uploading import DEADLINE, Uploading, send

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the kind of database."""


@pytest.fixture
def archive(database: Database, clinic: Facility, ids: IdGenerator, tmp_path: Path) -> Iterator[Uploading]:
    opened = Uploading(database, tmp_path, ids)
    yield opened
    opened.close()


@pytest.fixture
def recorder(clinic: Facility) -> Actor:
    return clinic.recorder


# ---------------------------------------------------------------- one exam


def test_an_upload_is_stored_before_it_is_acknowledged(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    seen: list[int] = []

    future = archive.ingest.store(recorder, message)
    future.add_done_callback(lambda _: seen.append(archive.count("exam")))
    answer = future.result(DEADLINE)
    archive.close()

    assert seen == [1]
    assert not answer.already_stored
    assert answer.exam_uuid == message.exam.uuid
    archive.assert_holds(message)
    header = archive.bank.read_header(message.exam.uuid, message.exam.started_at)
    assert (header.exam_id, header.recorder_login) == (answer.exam_id, recorder.login)


@sqlite_only
def test_the_file_tells_all_that_an_empty_database_needs(archive: Uploading, clinic: Facility) -> None:
    message = examples.upload()
    archive.store(clinic.recorder, message)

    header = archive.bank.read_header(message.exam.uuid, message.exam.started_at)

    assert header.exam == message.exam
    assert (header.hcf_id, header.hcf_name, header.hcf_oktmo) == (
        clinic.hcf_id,
        clinic.hcf.name,
        clinic.hcf.oktmo,
    )
    assert (header.archive_id, header.archive_name) == (clinic.archive.archive_id, clinic.archive.name)
    assert (header.recorder_account_id, header.recorder_hcf_id) == (
        clinic.recorder.account_id,
        clinic.recorder.hcf_id,
    )


@sqlite_only
def test_a_chunked_upload_is_stored_and_its_parts_are_gone(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()

    answer = send(archive.ingest, recorder, message).result(DEADLINE)
    archive.close()

    assert not answer.already_stored
    assert list(archive.bank.incoming.iterdir()) == []
    archive.assert_holds(message)


@sqlite_only
def test_a_broken_upload_resumes_with_another_server(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    archive.ingest.begin(recorder, examples.begin(message))
    archive.ingest.chunk(recorder, UploadChunk(message.exam.uuid, 0, message.data[:3000]))
    archive.close()

    other = archive.open(server_id=2)
    state = other.begin(recorder, examples.begin(message))
    assert (state.status, state.received) == (UploadStatus.RECEIVING, 3000)
    send(other, recorder, message).result(DEADLINE)
    archive.close()

    archive.assert_holds(message)


@sqlite_only
def test_a_patient_is_made_once_and_an_order_is_done(archive: Uploading, clinic: Facility) -> None:
    for seed in (1, 2):
        archive.store(clinic.recorder, examples.upload(examples.exam(number="77"), seed))

    assert archive.count("patient") == 1
    assert archive.count("exam") == 2


def test_an_exporter_is_owed_each_exam_once(archive: Uploading, recorder: Actor) -> None:
    archive.close()
    archive.ingest = archive.open(subscriptions=[Subscription("folder", EventKind.EXAM_STORED)])
    message = examples.upload()
    archive.store(recorder, message)
    archive.store(recorder, message)

    assert archive.count("delivery") == 1
    assert [event.kind for event in archive.events] == [EventKind.EXAM_STORED]


# ---------------------------------------------------------------- sending twice


def test_sending_twice_stores_once(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    first = archive.store(recorder, message)
    again = archive.store(recorder, message)
    archive.close()

    assert again == replace(first, already_stored=True)
    archive.assert_holds(message)


@sqlite_only
def test_beginning_what_is_stored_tells_so(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    answer = archive.store(recorder, message)

    state = archive.ingest.begin(recorder, examples.begin(message))

    assert (state.status, state.received, state.exam_id) == (
        UploadStatus.STORED,
        len(message.data),
        answer.exam_id,
    )


@sqlite_only
def test_a_commit_whose_answer_got_lost_can_be_repeated(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    first = send(archive.ingest, recorder, message).result(DEADLINE)

    again = archive.ingest.commit(recorder, UploadCommit(message.exam.uuid)).result(DEADLINE)

    assert again == replace(first, already_stored=True)


@pytest.mark.parametrize("servers", [1, 2])
def test_many_at_once_with_the_same_exam_store_one(archive: Uploading, recorder: Actor, servers: int) -> None:
    message = examples.upload()
    ingests = [archive.ingest, archive.open(server_id=2)][:servers]

    futures = [ingests[n % servers].store(recorder, message) for n in range(12)]
    answers = [future.result(DEADLINE) for future in futures]
    archive.close()

    assert len({answer.exam_id for answer in answers}) == 1
    assert sum(not answer.already_stored for answer in answers) == 1
    archive.assert_holds(message)


@sqlite_only
def test_a_uuid_names_one_exam(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload(seed=1)
    archive.store(recorder, message)

    with pytest.raises(UuidReused):
        archive.store(recorder, examples.upload(message.exam, seed=2))
    with pytest.raises(UuidReused):
        archive.ingest.begin(recorder, examples.begin(examples.upload(message.exam, seed=2)))

    archive.close()
    archive.assert_holds(message)


def test_a_uuid_names_one_exam_also_on_another_day(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload(seed=1)
    first = archive.store(recorder, message)
    tomorrow = {
        "started_at": examples.STARTED + timedelta(days=1),
        "ended_at": examples.STARTED + timedelta(days=2),
    }

    with pytest.raises(UuidReused):
        archive.store(recorder, examples.upload(replace(message.exam, **tomorrow), seed=2))
    same_samples = archive.store(recorder, examples.upload(replace(message.exam, **tomorrow), seed=1))

    assert same_samples == replace(first, already_stored=True)
    archive.close()
    archive.assert_holds(message)


@sqlite_only
def test_another_hcf_learns_nothing_of_an_exam_by_its_uuid(
    archive: Uploading, recorder: Actor, centre: Facility
) -> None:
    message = examples.upload()
    archive.store(recorder, message)

    with pytest.raises(UuidReused):
        archive.store(centre.recorder, message)
    with pytest.raises(UuidReused):
        archive.ingest.begin(centre.recorder, examples.begin(message))
    with pytest.raises(UploadUnknown):
        archive.ingest.commit(centre.recorder, UploadCommit(message.exam.uuid)).result(DEADLINE)

    archive.close()
    archive.assert_holds(message)


# ---------------------------------------------------------------- refusals


@sqlite_only
def test_wrong_bytes_are_refused_and_the_upload_begins_anew(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    wrong = replace(message, data=bytes(len(message.data)))

    with pytest.raises(DigestMismatch):
        archive.store(recorder, wrong)
    with pytest.raises(DigestMismatch):
        send(archive.ingest, recorder, wrong).result(DEADLINE)
    assert archive.ingest.begin(recorder, examples.begin(message)).received == 0

    send(archive.ingest, recorder, message).result(DEADLINE)
    archive.close()
    archive.assert_holds(message)


@sqlite_only
def test_bytes_that_do_not_fit_the_format_are_refused_by_name(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()

    with pytest.raises(InvalidField) as raised:
        archive.store(recorder, replace(message, data=message.data[:-2]))

    assert raised.value.field == "signal.sample_count"


@sqlite_only
def test_a_commit_before_the_last_byte_is_refused(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    archive.ingest.begin(recorder, examples.begin(message))
    archive.ingest.chunk(recorder, UploadChunk(message.exam.uuid, 0, message.data[:100]))

    with pytest.raises(UploadIncomplete):
        archive.ingest.commit(recorder, UploadCommit(message.exam.uuid)).result(DEADLINE)
    with pytest.raises(UploadOffset):
        archive.ingest.chunk(recorder, UploadChunk(message.exam.uuid, 101, message.data[101:]))

    assert archive.ingest.begin(recorder, examples.begin(message)).received == 100


@sqlite_only
def test_an_aborted_upload_is_unknown(archive: Uploading, recorder: Actor) -> None:
    message = examples.upload()
    archive.ingest.begin(recorder, examples.begin(message))
    archive.ingest.abort(recorder, UploadAbort(message.exam.uuid))
    archive.ingest.abort(recorder, UploadAbort(uuid4()))

    with pytest.raises(UploadUnknown):
        archive.ingest.commit(recorder, UploadCommit(message.exam.uuid)).result(DEADLINE)


@sqlite_only
def test_an_archive_of_another_hcf_is_refused(archive: Uploading, recorder: Actor, centre: Facility) -> None:
    message = examples.upload(examples.exam(archive_id=centre.archive.archive_id))

    with pytest.raises(AccessDenied):
        archive.store(recorder, message)
    with pytest.raises(AccessDenied):
        archive.ingest.begin(recorder, examples.begin(message))

    archive.assert_holds()


@sqlite_only
def test_a_viewer_may_not_upload(archive: Uploading, recorder: Actor) -> None:
    with pytest.raises(AccessDenied):
        archive.store(replace(recorder, role=Role.VIEWER), examples.upload())

    archive.assert_holds()


@sqlite_only
def test_an_archive_that_does_not_exist_is_refused_by_name(archive: Uploading, recorder: Actor) -> None:
    with pytest.raises(InvalidField) as raised:
        archive.store(recorder, examples.upload(examples.exam(archive_id=12345)))

    assert raised.value.field == "exam.archive_id"


@sqlite_only
def test_an_archive_made_a_moment_ago_is_found(archive: Uploading, clinic: Facility) -> None:
    with archive.database.write() as connection:
        made = add_archive(connection, archive.ids, clinic.hcf_id, "Новый")

    archive.store(clinic.recorder, examples.upload(examples.exam(archive_id=made.archive_id)))

    with archive.database.read() as connection:
        assert made in list_archives(connection, clinic.hcf_id)
        assert connection.scalar(select(schema.exam.c.archive_id)) == made.archive_id


@sqlite_only
def test_an_exam_larger_than_the_limit_is_refused_before_its_bytes_come(
    archive: Uploading, recorder: Actor
) -> None:
    archive.close()
    archive.ingest = archive.open(limits=IngestLimits(max_upload=1000))

    with pytest.raises(InvalidField) as raised:
        archive.ingest.begin(recorder, examples.begin(examples.upload()))

    assert raised.value.field == "signal.sample_count"


def test_one_bad_exam_does_not_cost_the_others_of_its_group(
    archive: Uploading, recorder: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [examples.upload(seed=seed) for seed in range(6)]
    bad = messages[3].exam.uuid
    _fail_for(monkeypatch, lambda uuid: uuid == bad)

    futures = [archive.ingest.store(recorder, message) for message in messages]
    for message, future in zip(messages, futures, strict=True):
        if message.exam.uuid == bad:
            with pytest.raises(ArchiveError) as raised:
                future.result(DEADLINE)
            assert "personal" not in str(raised.value)
        else:
            assert not future.result(DEADLINE).already_stored
    monkeypatch.undo()
    archive.close()

    archive.assert_holds(*(message for message in messages if message.exam.uuid != bad))


def _fail_for(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[object], bool]) -> None:
    add = Index._add

    def fail(self: Index, connection: object, records: dict[object, object]) -> object:
        if any(is_bad(exam_uuid) for exam_uuid in records):
            raise ValueError("personal data")
        return add(self, connection, records)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "_add", fail)


# ---------------------------------------------------------------- groups and closing


@sqlite_only
def test_exams_that_arrive_together_share_a_transaction(
    archive: Uploading, recorder: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    gate = threading.Event()
    add = Index.add

    def counted(self: Index, records: object) -> object:
        gate.wait(DEADLINE)
        sizes.append(len(records))  # type: ignore[arg-type]
        return add(self, records)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "add", counted)
    futures = [archive.ingest.store(recorder, examples.upload(seed=seed)) for seed in range(20)]
    gate.set()
    for future in futures:
        future.result(DEADLINE)

    assert sum(sizes) == 20
    assert max(sizes) > 1


@sqlite_only
def test_closing_finishes_what_was_accepted(archive: Uploading, recorder: Actor) -> None:
    messages = [examples.upload(seed=seed) for seed in range(10)]
    futures = [archive.ingest.store(recorder, message) for message in messages]

    archive.close()

    assert all(future.done() for future in futures)
    archive.assert_holds(*messages)
    with pytest.raises(RuntimeError):
        archive.ingest.store(recorder, examples.upload())


def test_sizes_and_widths_come_back_bit_for_bit(archive: Uploading, recorder: Actor) -> None:
    rng = np.random.default_rng(5)
    messages = []
    for bits, leads, samples in [(16, 12, 1), (16, 1, 12_001), (32, 3, 777), (16, 32, 64)]:
        limits = np.iinfo(np.int16 if bits == 16 else np.int32)
        values = rng.integers(limits.min, limits.max, (leads, samples), endpoint=True)
        messages.append(examples.upload_of(values.astype(f"<i{bits // 8}")))

    for message in messages:
        archive.store(recorder, message)
    archive.close()

    archive.assert_holds(*messages)
