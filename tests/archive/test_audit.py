"""The audit journal: what gets into it, and finding it again."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardioserver.archive import audit
from cardioserver.archive.access import Actor
from cardioserver.archive.audit import (
    REQUEST_ACTIONS,
    Action,
    AuditEntry,
    AuditQuery,
    request_entry,
    search,
)
from cardioserver.archive.database import Database
from cardioserver.archive.errors import AccessDenied, DatabaseUnavailable, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import Patient
from cardioserver.protocol import messages as m
from tests.archive.rows import World

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
DOCTOR = Actor(7, "ivanova", m.Role.DOCTOR, 3)


def an_entry(number: int, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "audit_id": number,
        "at": NOW + timedelta(seconds=number),
        "action": Action.GET_EXAM,
        "outcome": "ok",
    }
    return AuditEntry(**values | changes)  # type: ignore[arg-type]


def found(database: Database, **query: object) -> list[int]:
    with database.read() as connection:
        page = search(connection, AuditQuery(**query), limit=1000)  # type: ignore[arg-type]
    return [entry.audit_id for entry in page.entries]


# ---------------------------------------------------------------- what is journalled


def test_every_request_has_a_decision() -> None:
    assert set(REQUEST_ACTIONS) == {request for request, _ in m.REQUESTS.values()}


def test_what_reads_or_changes_data_is_journalled_except_uploads_that_tell_it_themselves() -> None:
    silent = {request.__name__ for request, action in REQUEST_ACTIONS.items() if action is None}
    assert silent == {
        "Hello", "Ping", "Logout", "UploadBegin", "UploadChunk", "UploadCommit", "Upload", "UploadAbort",
        "ListArchives", "ListHcfs", "Subscribe", "Unsubscribe",
    }  # fmt: skip


EXAM = m.ExamSummary(
    5, uuid.uuid4(), 6, "P-1", "Ёлкина", "Анна", "", None, 0, NOW, NOW, 3, 1, "", "", 0, False, 0,  # type: ignore[arg-type]
)  # fmt: skip
CONCLUSION = m.Conclusion(44, uuid.uuid4(), 5, 7, "Иванова", 3, NOW, "Норма")
ORDER = m.Order(9, "A-1", 3, m.OrderStatus.TAKEN, Patient("P-1"), NOW, None, "", 7, 0, "")


@pytest.mark.parametrize(
    ("request_", "result", "expected"),
    [
        (m.GetSignal(5), m.Done(), ("get_signal", "ok", 0, 5, 0, "")),
        (m.GetExam(5), NotFound("exam 5"), ("get_exam", "not_found", 0, 5, 0, "")),
        (m.GetExam(5), AccessDenied("GetExam"), ("get_exam", "access_denied", 0, 5, 0, "")),
        (
            m.FindExams(family_name="Ёлк"),
            m.ExamPage((EXAM, EXAM), ""),
            ("find_exams", "ok", 0, 0, 0, "2 exams"),
        ),
        (m.FindExams(patient_id=6), m.ExamPage((), ""), ("find_exams", "ok", 6, 0, 0, "0 exams")),
        (
            m.SaveConclusion(5, CONCLUSION.conclusion_uuid, "Норма"),
            CONCLUSION,
            ("save_conclusion", "ok", 0, 5, 44, ""),
        ),
        (m.SendExam(5, 8, "?"), m.Done(), ("send_exam", "ok", 0, 5, 8, "")),
        (m.TakeOrder(9), ORDER, ("take_order", "ok", 0, 0, 9, "")),
        (
            m.CreateOrder(Patient("P-1")),
            InvalidField("comment", "", ""),
            ("create_order", "invalid_field", 0, 0, 0, ""),
        ),
        (m.GetExam(5), ZeroDivisionError(), ("get_exam", "internal", 0, 5, 0, "")),
    ],
)
def test_a_request_is_journalled_with_what_it_was_about(
    ids: IdGenerator, request_: object, result: object, expected: tuple[object, ...]
) -> None:
    entry = request_entry(ids, DOCTOR, "192.0.2.1", request_, result)
    assert entry is not None
    assert expected == (
        entry.action, entry.outcome, entry.patient_id, entry.exam_id, entry.subject_id, entry.detail,
    )  # fmt: skip
    assert (entry.account_id, entry.login, entry.hcf_id, entry.address) == (7, "ivanova", 3, "192.0.2.1")
    assert not any(private in repr(entry) for private in ("Ёлк", "Норма", "Анна"))


def test_details_of_an_exam_are_found_by_exam_and_patient(ids: IdGenerator) -> None:
    details = type("Reply", (), {"exam_id": 5, "patient_id": 6, "hcf_id": 3})()
    entry = request_entry(ids, DOCTOR, "", m.GetExam(0, uuid.uuid4()), details)
    assert entry is not None
    assert (entry.exam_id, entry.patient_id, entry.subject_id) == (5, 6, 0)


def test_what_shows_nothing_leaves_no_entry(ids: IdGenerator) -> None:
    assert request_entry(ids, DOCTOR, "", m.ListHcfs(), m.Hcfs(())) is None


# ---------------------------------------------------------------- finding it again


@pytest.fixture
def journal(database: Database, tmp_path: Path) -> Journal:
    return Journal(database, tmp_path / "audit.waiting")


def test_an_entry_is_found_as_it_was_written(database: Database, journal: Journal, ids: IdGenerator) -> None:
    entry = audit.entry(
        ids, DOCTOR, "2001:db8::1", Action.EXPORT, "busy",
        patient_id=1, exam_id=2, subject_id=3, detail="x" * 400,
    )  # fmt: skip
    journal.record(entry)
    with database.read() as connection:
        (read,) = search(connection, AuditQuery()).entries
    assert read == entry
    assert len(read.detail) == 255


def test_entries_are_found_by_each_of_their_fields(database: Database, journal: Journal) -> None:
    journal.record(
        an_entry(1, account_id=7, login="ivanova", hcf_id=3, address="192.0.2.1", exam_id=5),
        an_entry(2, account_id=8, login="petrov", hcf_id=3, address="192.0.2.2", subject_id=44),
        an_entry(3, action=Action.LOGIN, outcome="login_failed", address="192.0.2.1"),
        an_entry(4, patient_id=6, action=Action.FIND_EXAMS),
    )
    for query, expected in (
        ({}, [4, 3, 2, 1]),
        ({"since": NOW + timedelta(seconds=2)}, [4, 3, 2]),
        ({"before": NOW + timedelta(seconds=2)}, [1]),
        ({"account_id": 7}, [1]),
        ({"login": "petrov"}, [2]),
        ({"hcf_id": 3}, [2, 1]),
        ({"address": "192.0.2.1"}, [3, 1]),
        ({"action": Action.LOGIN}, [3]),
        ({"only_failures": True}, [3]),
        ({"exam_id": 5}, [1]),
        ({"patient_id": 6}, [4]),
        ({"subject_id": 44}, [2]),
        ({"address": "192.0.2.1", "action": Action.GET_EXAM}, [1]),
        ({"login": "nobody"}, []),
    ):
        assert found(database, **query) == expected, query


def test_a_patients_journal_has_what_was_done_to_their_exams(database: Database, journal: Journal) -> None:
    world = World(database)
    patient = world.patient(world.hcf_a)
    exam = world.exam(world.hcf_a, world.recorder_a, patient)
    foreign = world.exam(world.hcf_a, world.recorder_a)
    journal.record(an_entry(1, exam_id=exam), an_entry(2, exam_id=foreign), an_entry(3, patient_id=patient))
    assert found(database, patient_id=patient) == [3, 1]


def test_pages_meet_although_entries_are_added_between_them(database: Database, journal: Journal) -> None:
    same_moment = [an_entry(number, at=NOW) for number in range(1, 8)]
    journal.record(*same_moment)
    cursor, pages = "", []
    for _ in range(4):
        with database.read() as connection:
            page = search(connection, AuditQuery(), limit=2, cursor=cursor)
        pages.append([entry.audit_id for entry in page.entries])
        cursor = page.cursor
        journal.record(an_entry(100 + len(pages)))
    assert pages == [[7, 6], [5, 4], [3, 2], [1]]
    assert cursor == ""


@pytest.mark.parametrize(
    "cursor", ["x", "2026-11-21T09:30:00+00:00", "2026-11-21T09:30:00/5", "/", "yesterday/5"]
)
def test_a_cursor_of_elsewhere_is_refused(database: Database, cursor: str) -> None:
    with database.read() as connection, pytest.raises(InvalidField) as caught:
        search(connection, AuditQuery(), cursor=cursor)
    assert caught.value.field == "cursor"


# ---------------------------------------------------------------- the way in


def test_a_change_and_its_entry_are_written_together(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        database.transact(lambda connection: audit.record(connection, [an_entry(1)]) or 1 / 0)
    assert found(database) == []


def test_an_entry_is_written_once_however_often_it_is_recorded(database: Database, journal: Journal) -> None:
    journal.record(an_entry(1))
    journal.record(an_entry(1), an_entry(2))
    assert found(database) == [2, 1]


def test_readers_at_the_same_moment_share_transactions(
    database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = 0
    first_may_commit = threading.Event()
    transact = database.transact

    def slow(function: object) -> object:
        nonlocal transactions
        transactions += 1
        if transactions == 1:
            assert first_may_commit.wait(30)
        return transact(function)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "transact", slow)
    threads = [threading.Thread(target=journal.record, args=(an_entry(n),)) for n in range(1, 31)]
    for thread in threads:
        thread.start()
    first_may_commit.set()
    for thread in threads:
        thread.join(30)
    assert found(database) == list(range(30, 0, -1))
    assert transactions < 30


def test_a_reader_hears_that_its_entry_was_not_written(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseUnavailable("outage")

    with monkeypatch.context() as patch:
        patch.setattr(database, "transact", fail)
        with pytest.raises(DatabaseUnavailable):
            journal.record(an_entry(1))
    journal.record(an_entry(2))
    assert found(database) == [2]


def test_entries_put_aside_come_in_with_the_next_one(
    database: Database, journal: Journal, tmp_path: Path
) -> None:
    journal.keep(an_entry(1, detail="ё"), an_entry(2))
    journal.keep(an_entry(3))
    assert found(database) == []
    assert (tmp_path / "audit.waiting").stat().st_mode & 0o777 == 0o600
    journal.record(an_entry(4))
    assert found(database) == [4, 3, 2, 1]
    assert not (tmp_path / "audit.waiting").exists()


def test_a_half_written_line_spoils_no_other(database: Database, journal: Journal, tmp_path: Path) -> None:
    journal.keep(an_entry(1))
    with (tmp_path / "audit.waiting").open("ab") as file:
        file.write(b'\n{"audit_id": 2, "at"')
    journal.keep(an_entry(3))
    journal.catch_up()
    assert found(database) == [3, 1]
