"""Conclusions, consultations and auto reports: kept once, seen by whom they concern, told to all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from cardioserver.archive import conclusions, consultations, events, exams, reports
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.errors import AccessDenied, Conflict, NotFound, StorageFull
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.records import RecordKind, read_record
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import (
    AutoReport,
    Conclusion,
    EventKind,
    GetAutoReport,
    GetExam,
    ListConclusions,
    Role,
    SaveConclusion,
    SendExam,
)
from tests.archive.samples import Facility, actor, add_exam

TEXT = "Ритм синусовый, ЧСС 72.\n\tТасы қалыпты \U0001f493"


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


def save(
    database: Database, ids: IdGenerator, bank: Bank, who: Actor, exam_id: int,
    text: str = TEXT, conclusion_uuid: UUID | None = None,
) -> Conclusion:  # fmt: skip
    request = SaveConclusion(exam_id, conclusion_uuid or uuid4(), text)
    return database.transact(
        lambda c: conclusions.save(c, who, request, ids=ids, bank=bank, subscriptions=())
    )


def listed(database: Database, who: Actor, exam_id: int) -> tuple[Conclusion, ...]:
    with database.read() as connection:
        return conclusions.list_conclusions(connection, who, ListConclusions(exam_id)).conclusions


def send(
    database: Database, ids: IdGenerator, bank: Bank, who: Actor, exam_id: int, to: int, comment: str = ""
) -> None:
    request = SendExam(exam_id, to, comment)
    database.transact(lambda c: consultations.send(c, who, request, ids=ids, bank=bank, subscriptions=()))


def told(database: Database, who: Actor, kind: EventKind) -> list[tuple[int, int]]:
    with database.read() as connection:
        return [(e.exam_id, e.subject_id) for e in events.events_after(connection, who, kind, 0, 100)]


# ---------------------------------------------------------------- conclusions


def test_conclusions_stand_beside_each_other_oldest_first(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    saved = [save(database, ids, bank, clinic.doctor, exam_id, f"{TEXT} {n}") for n in range(3)]
    assert listed(database, clinic.doctor, exam_id) == tuple(saved)
    assert [c.text for c in saved] == [f"{TEXT} {n}" for n in range(3)]
    assert {(c.account_id, c.hcf_id) for c in saved} == {(clinic.doctor.account_id, clinic.hcf_id)}
    assert told(database, clinic.recorder, EventKind.CONCLUSION) == [
        (exam_id, c.conclusion_id) for c in saved
    ]


def test_saving_twice_saves_once(database: Database, ids: IdGenerator, clinic: Facility, bank: Bank) -> None:
    exam_id, name = add_exam(database, ids, clinic).exam_id, uuid4()
    first = save(database, ids, bank, clinic.doctor, exam_id, conclusion_uuid=name)
    assert save(database, ids, bank, clinic.doctor, exam_id, conclusion_uuid=name) == first
    assert listed(database, clinic.doctor, exam_id) == (first,)
    assert len(told(database, clinic.doctor, EventKind.CONCLUSION)) == 1
    assert len(list(bank.record_files())) == 1


def test_saving_at_once_over_two_databases_saves_once(
    database: Database, database_url: str, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    exam_id, name = add_exam(database, ids, clinic).exam_id, uuid4()
    servers = [(database, ids), (Database(database_url), IdGenerator(2))]

    def attempt(index: int) -> Conclusion:
        where, its_ids = servers[index % 2]
        return save(where, its_ids, bank, clinic.doctor, exam_id, conclusion_uuid=name)

    with ThreadPoolExecutor(6) as pool:
        saved = set(pool.map(attempt, range(6)))
    assert listed(database, clinic.doctor, exam_id) == tuple(saved)
    assert len(told(database, clinic.doctor, EventKind.CONCLUSION)) == 1
    with database.read() as connection:
        assert exams.visible(connection, clinic.doctor, exam_id).conclusion_count == 1
    servers[1][0].close()


def test_a_uuid_names_one_conclusion(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    exam_id, other, name = (
        add_exam(database, ids, clinic).exam_id,
        add_exam(database, ids, clinic).exam_id,
        uuid4(),
    )
    save(database, ids, bank, clinic.doctor, exam_id, conclusion_uuid=name)
    colleague = actor(Role.DOCTOR, clinic.hcf_id)
    with pytest.raises(Conflict):
        save(database, ids, bank, clinic.doctor, exam_id, "иное", name)
    with pytest.raises(Conflict):
        save(database, ids, bank, clinic.doctor, other, conclusion_uuid=name)
    with pytest.raises(Conflict):
        save(database, ids, bank, colleague, exam_id, conclusion_uuid=name)


@pytest.mark.parametrize("text", ["", " \n", "x" * 100_001, "\x00", "a\x1bb"])
def test_a_text_that_is_none_is_refused(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank, text: str
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    with pytest.raises(InvalidField) as caught:
        save(database, ids, bank, clinic.doctor, exam_id, text)
    assert caught.value.field == "text"
    assert list(bank.record_files()) == []


def test_a_stranger_learns_nothing_of_an_exam(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    for attempt in (
        lambda: save(database, ids, bank, centre.doctor, exam_id),
        lambda: listed(database, centre.doctor, exam_id),
        lambda: send(database, ids, bank, centre.doctor, exam_id, clinic.hcf_id),
        lambda: newest(database, centre.doctor, exam_id),
    ):
        with pytest.raises(NotFound) as foreign:
            attempt()
        assert str(exam_id) in str(foreign.value)  # as of an exam that is not there
    assert list(bank.record_files()) == []


def test_no_room_in_the_bank_saves_nothing(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id

    def full(*_: object) -> None:
        raise StorageFull

    with monkeypatch.context() as patched:
        patched.setattr(Bank, "put_record", full)
        with pytest.raises(StorageFull):
            save(database, ids, bank, clinic.doctor, exam_id)
    assert listed(database, clinic.doctor, exam_id) == ()
    assert told(database, clinic.doctor, EventKind.CONCLUSION) == []


def test_what_the_bank_kept_before_a_crash_is_what_is_saved_after_it(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    exam_id, name = add_exam(database, ids, clinic).exam_id, uuid4()
    request = SaveConclusion(exam_id, name, TEXT)

    class CrashError(Exception):
        pass

    def crash(connection: object) -> None:
        conclusions.save(connection, clinic.doctor, request, ids=ids, bank=bank, subscriptions=())  # type: ignore[arg-type]
        raise CrashError

    with pytest.raises(CrashError):
        database.transact(crash)
    [kept] = map(read_record, bank.record_files())
    saved = save(database, ids, bank, clinic.doctor, exam_id, conclusion_uuid=name)
    assert (saved.conclusion_id, saved.created_at) == (kept.body["conclusion_id"], kept.created_at)
    assert len(list(bank.record_files())) == 1


# ---------------------------------------------------------------- consultations


def test_who_was_asked_reads_and_concludes(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    send(database, ids, bank, clinic.doctor, exam_id, centre.hcf_id, "Посмотрите V2")
    with database.read() as connection:
        seen = exams.get(connection, centre.doctor, GetExam(exam_id))
    assert (seen.hcf_id, seen.sender_hcf_id) == (clinic.hcf_id, clinic.hcf_id)
    answer = save(database, ids, bank, centre.doctor, exam_id)
    assert listed(database, clinic.doctor, exam_id) == (answer,)
    assert told(database, centre.doctor, EventKind.CONSULTATION) == [(exam_id, 0)]
    kinds = {read_record(path).kind for path in bank.record_files()}
    assert kinds == {RecordKind.CONSULTATION, RecordKind.CONCLUSION}


def test_sending_twice_sends_once(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    for comment in ("раз", "два"):
        send(database, ids, bank, clinic.doctor, exam_id, centre.hcf_id, comment)
    assert len(told(database, centre.doctor, EventKind.CONSULTATION)) == 1
    [record] = map(read_record, bank.record_files())
    assert record.body["comment"] == "раз"


def test_only_the_owner_sends_on(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    send(database, ids, bank, clinic.doctor, exam_id, centre.hcf_id)
    with pytest.raises(AccessDenied):
        send(database, ids, bank, centre.doctor, exam_id, clinic.hcf_id)
    with pytest.raises(NotFound):
        send(database, ids, bank, clinic.doctor, exam_id, 4711)
    with pytest.raises(InvalidField, match="to_hcf_id"):
        send(database, ids, bank, clinic.doctor, exam_id, clinic.hcf_id)


def test_records_come_back_out_of_the_bank_once(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    saved = save(database, ids, bank, clinic.doctor, exam_id)
    send(database, ids, bank, clinic.doctor, exam_id, centre.hcf_id)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM conclusion")
        connection.exec_driver_sql("DELETE FROM consultation")
        connection.exec_driver_sql("UPDATE exam SET conclusion_count = 0, concluded = 0")
    for _ in range(2):
        for record in map(read_record, bank.record_files()):
            restore = conclusions.restore if record.kind is RecordKind.CONCLUSION else consultations.restore
            database.transact(lambda c, r=record, f=restore: f(c, r))
    assert listed(database, centre.doctor, exam_id) == (saved,)
    with database.read() as connection:
        row = exams.visible(connection, centre.doctor, exam_id)
    assert (row.conclusion_count, row.concluded) == (1, True)


# ---------------------------------------------------------------- auto reports


def newest(database: Database, who: Actor, exam_id: int) -> AutoReport:
    with database.read() as connection:
        return reports.newest(connection, who, GetAutoReport(exam_id))


def test_the_newest_report_is_read_and_each_is_told(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    exam_id = add_exam(database, ids, clinic).exam_id
    assert newest(database, clinic.doctor, exam_id).version == 0

    def add(number: int) -> AutoReport:
        texts = {"text_ru": f"Норма {number}", "text_en": f"Normal {number}", "document": "{}"}
        return database.transact(lambda c: reports.add(c, exam_id, **texts, subscriptions=()))

    with ThreadPoolExecutor(4) as pool:
        added = sorted(pool.map(add, range(6)), key=lambda report: report.version)
    assert [report.version for report in added] == [1, 2, 3, 4, 5, 6]
    assert newest(database, clinic.doctor, exam_id) == added[-1]
    assert sorted(told(database, clinic.doctor, EventKind.AUTO_REPORT)) == [(exam_id, n) for n in range(1, 7)]
    with pytest.raises(NotFound):
        database.transact(
            lambda c: reports.add(c, 4711, text_ru="", text_en="", document="", subscriptions=())
        )
