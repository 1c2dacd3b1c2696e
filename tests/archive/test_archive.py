"""The archive as the server sees it: access, dispatch, journal, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cardioserver.archive import archive as archive_module
from cardioserver.archive.archive import Archive
from cardioserver.archive.audit import Action, AuditEntry, AuditQuery, search
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.errors import AccessDenied, DamagedExam, DatabaseUnavailable, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead
from cardioserver.integration.interpreter import SUBSCRIPTION
from cardioserver.protocol import messages as m
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import REQUESTS, Role
from tests.archive import examples
from tests.archive.samples import PATIENT, Facility, actor, add_exam
from tests.archive.uploading import Uploading

ADDRESS = "10.0.0.7"
CONNECTION = {
    m.Hello, m.Login, m.Logout, m.ChangePassword, m.Ping, m.UploadBegin, m.UploadChunk, m.UploadCommit,
    m.Upload, m.UploadAbort, m.Subscribe, m.Unsubscribe,
}  # fmt: skip


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


@pytest.fixture
def archive(database: Database, bank: Bank, ids: IdGenerator, tmp_path: Path) -> Archive:
    return Archive(
        database, bank, ids, Journal(database, tmp_path / "waiting"), subscriptions=(SUBSCRIPTION,)
    )


def journal(database: Database, **query: Any) -> list[AuditEntry]:
    with database.read() as connection:
        return list(search(connection, AuditQuery(**query)).entries)


def requests(exam_id: int, hcf_id: int, order_id: int) -> dict[type, Any]:
    """One request of every type that the archive answers."""
    made = [
        m.FindPatients(), m.FindExams(), m.GetExam(exam_id), m.GetAutoReport(exam_id),
        m.ListConclusions(exam_id), m.ListArchives(), m.ListHcfs(), m.ListAccounts(), m.FindOrders(),
        m.RequestInterpretation(exam_id),
        m.SaveConclusion(exam_id, uuid4(), "норма"), m.SendExam(exam_id, hcf_id),
        m.CreateOrder(PATIENT), m.TakeOrder(order_id), m.ReleaseOrder(order_id),
    ]  # fmt: skip
    return {type(request): request for request in made}


def test_every_request_has_an_answer_here_or_at_the_connection(archive: Archive) -> None:
    assert archive.answered | CONNECTION == {request for request, _ in REQUESTS.values()}
    assert not archive.answered & CONNECTION


def test_every_answer_is_the_reply_of_its_request_and_fits_the_wire(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    root = actor(Role.SUPER_ADMINISTRATOR, clinic.hcf_id)
    order_id = archive.handle(root, m.CreateOrder(PATIENT), ADDRESS).order_id
    replies = dict(REQUESTS.values())
    for kind, request in requests(exam_id, centre.hcf_id, order_id).items():
        reply = archive.handle(root, request, ADDRESS)
        assert type(reply) is replies[kind], kind
        wire = b"".join(bytes(part) for part in _parts(serialise(reply)))
        assert parse(type(reply), memoryview(wire)) == reply, kind


def _parts(serialised: Any) -> list[Any]:
    return [serialised] if isinstance(serialised, bytes | bytearray | memoryview) else list(serialised)


def test_what_a_role_may_not_ask_is_refused_before_anything_happens(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    for request in (m.SaveConclusion(exam_id, uuid4(), "x"), m.SendExam(exam_id, centre.hcf_id)):
        with pytest.raises(AccessDenied):
            archive.handle(clinic.recorder, request, ADDRESS)
    assert archive.handle(clinic.doctor, m.ListConclusions(exam_id), ADDRESS).conclusions == ()
    refused = journal(database, account_id=clinic.recorder.account_id)
    assert {(e.action, e.outcome) for e in refused} == {
        (Action.SAVE_CONCLUSION, "access_denied"),
        (Action.SEND_EXAM, "access_denied"),
    }


@pytest.mark.parametrize("request_", [m.Ping(), m.Subscribe(m.EventKind.ORDER), m.Done()])
def test_what_is_not_for_the_archive_is_a_programming_error(
    archive: Archive, clinic: Facility, request_: Any
) -> None:
    with pytest.raises(TypeError):
        archive.handle(clinic.doctor, request_, ADDRESS)


def test_an_exam_of_others_and_one_that_is_not_there_look_the_same(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    foreign = add_exam(database, ids, clinic).exam_id
    absent = ids.next()
    for make in (
        m.GetExam, m.GetSignal, m.GetAutoReport, m.RequestInterpretation, m.ListConclusions,
        lambda i: m.SaveConclusion(i, uuid4(), "x"), lambda i: m.SendExam(i, clinic.hcf_id),
    ):  # fmt: skip
        told = []
        for exam_id in (foreign, absent):
            with pytest.raises(NotFound) as caught:
                archive.handle(centre.doctor, make(exam_id), ADDRESS)
            told.append((type(caught.value), str(caught.value).replace(str(exam_id), "…")))
        assert told[0] == told[1]


def test_reads_and_changes_are_journalled_with_their_exam(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    archive.handle(clinic.doctor, m.GetExam(exam_id), ADDRESS)
    saved = archive.handle(clinic.doctor, m.SaveConclusion(exam_id, uuid4(), "x"), ADDRESS)
    with pytest.raises(InvalidField):
        archive.handle(clinic.doctor, m.SaveConclusion(exam_id, uuid4(), ""), ADDRESS)
    entries = journal(database, exam_id=exam_id)
    assert [(e.action, e.outcome, e.address) for e in reversed(entries)] == [
        (Action.GET_EXAM, "ok", ADDRESS),
        (Action.SAVE_CONCLUSION, "ok", ADDRESS),
        (Action.SAVE_CONCLUSION, "invalid_field", ADDRESS),
    ]
    assert entries[1].subject_id == saved.conclusion_id


def test_a_change_that_cannot_be_journalled_does_not_happen(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id

    def fail(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(archive_module.audit, "record", fail)
        with pytest.raises(DatabaseUnavailable):
            archive.handle(clinic.doctor, m.SaveConclusion(exam_id, uuid4(), "x"), ADDRESS)
        with pytest.raises(DatabaseUnavailable):
            archive.handle(clinic.doctor, m.GetExam(exam_id), ADDRESS)
    assert archive.handle(clinic.doctor, m.ListConclusions(exam_id), ADDRESS).conclusions == ()


def test_pages_are_never_longer_than_the_limit(
    database: Database, bank: Bank, ids: IdGenerator, clinic: Facility, tmp_path: Path
) -> None:
    small = Archive(database, bank, ids, Journal(database, tmp_path / "waiting"), max_page=2)
    for _ in range(3):
        add_exam(database, ids, clinic)
    page = small.handle(clinic.doctor, m.FindExams(limit=1000), ADDRESS)
    assert len(page.exams) == 2
    assert page.cursor


# ---------------------------------------------------------------- signals


def stored(archive: Uploading, clinic: Facility) -> tuple[m.Upload, int]:
    """An exam with its samples in the bank."""
    message = examples.upload()
    return message, archive.store(clinic.recorder, message).exam_id


@pytest.fixture
def uploading(database: Database, clinic: Facility, ids: IdGenerator, tmp_path: Path) -> Iterator[Uploading]:
    opened = Uploading(database, tmp_path, ids)
    yield opened
    opened.close()


@pytest.fixture
def reading(uploading: Uploading, tmp_path: Path) -> Archive:
    """An archive on the bank that takes uploads."""
    journal = Journal(uploading.database, tmp_path / "waiting")
    return Archive(uploading.database, uploading.bank, uploading.ids, journal)


def test_samples_come_back_whole(reading: Archive, uploading: Uploading, clinic: Facility) -> None:
    message, exam_id = stored(uploading, clinic)
    signal = reading.handle(clinic.doctor, m.GetSignal(exam_id), ADDRESS)
    assert bytes(signal.data) == bytes(message.data)
    assert (signal.exam_id, signal.start, signal.signal) == (exam_id, 0, message.signal)
    assert signal.digest == message.digest
    [entry] = journal(uploading.database, action=Action.GET_SIGNAL)
    assert (entry.exam_id, entry.outcome) == (exam_id, "ok")


def test_a_part_is_the_samples_and_leads_asked_for(
    reading: Archive, uploading: Uploading, clinic: Facility
) -> None:
    message, exam_id = stored(uploading, clinic)
    leads = (Lead.V1, Lead.II)
    part = reading.handle(clinic.doctor, m.GetSignal(exam_id, 100, 50, leads), ADDRESS)
    whole = examples.recording_of(message)
    rows = [message.signal.leads.index(lead) for lead in leads]
    expected = whole.samples[rows, 100:150].tobytes()
    assert bytes(part.data) == expected
    assert (part.start, part.signal.leads, part.signal.sample_count) == (100, leads, 50)
    assert part.digest == hashlib.sha256(expected).digest()


@pytest.mark.parametrize(("start", "count"), [(10**6, 0), (0, 10**6), (2**63, 1)])
def test_a_part_outside_the_recording_names_its_field(
    reading: Archive, uploading: Uploading, clinic: Facility, start: int, count: int
) -> None:
    _, exam_id = stored(uploading, clinic)
    with pytest.raises(InvalidField, match="signal"):
        reading.handle(clinic.doctor, m.GetSignal(exam_id, start, count), ADDRESS)


def test_a_flipped_bit_is_damage(reading: Archive, uploading: Uploading, clinic: Facility) -> None:
    _, exam_id = stored(uploading, clinic)
    [path] = uploading.bank.exam_files()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(DamagedExam):
        reading.handle(clinic.doctor, m.GetSignal(exam_id), ADDRESS)


def test_an_exam_whose_file_is_missing_is_damaged(
    archive: Archive, database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    record = add_exam(database, ids, clinic)
    with pytest.raises(DamagedExam):
        archive.handle(clinic.doctor, m.GetSignal(record.exam_id), ADDRESS)
