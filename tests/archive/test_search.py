"""Searching exams and patients: filters, order, pages, who sees what, and along which index."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from cardioserver.archive import conclusions, consultations, examsearch, patientsearch
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.merges import Merges
from cardioserver.archive.paging import encode_cursor
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import Patient
from cardioserver.protocol.messages import (
    ExamSummary,
    FindExams,
    FindPatients,
    PatientRecord,
    Role,
    SaveConclusion,
    SendExam,
)
from tests.archive.samples import PATIENT, START, Facility, actor, add_exam


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


def find(database: Database, who: Actor, request: FindExams) -> tuple[ExamSummary, ...]:
    with database.read() as connection:
        return examsearch.find(connection, who, request, max_page=1000).exams


def exam_ids(database: Database, who: Actor, **search: Any) -> list[int]:
    return [summary.exam_id for summary in find(database, who, FindExams(**search))]


def found(database: Database, who: Actor, **search: Any) -> list[PatientRecord]:
    with database.read() as connection:
        return list(patientsearch.find(connection, who, FindPatients(**search), max_page=1000).patients)


def families(database: Database, who: Actor, **search: Any) -> list[str]:
    return [record.patient.family_name for record in found(database, who, **search)]


def all_exams(database: Database, who: Actor, request: FindExams) -> list[int]:
    """All pages of a search."""
    seen: list[int] = []
    while True:
        with database.read() as connection:
            page = examsearch.find(connection, who, request, max_page=1000)
        seen += [summary.exam_id for summary in page.exams]
        if not page.cursor:
            return seen
        request = replace(request, cursor=page.cursor)


def send(
    database: Database, ids: IdGenerator, bank: Bank, exam_id: int, origin: Facility, to: Facility
) -> None:
    request = SendExam(exam_id, to.hcf_id)
    with database.write() as connection:
        consultations.send(connection, origin.doctor, request, ids=ids, bank=bank, subscriptions=())


def conclude(database: Database, ids: IdGenerator, bank: Bank, exam_id: int, who: Actor) -> None:
    request = SaveConclusion(exam_id, uuid4(), "норма")
    with database.write() as connection:
        conclusions.save(connection, who, request, ids=ids, bank=bank, subscriptions=())


# ---------------------------------------------------------------- exams


def test_exams_come_newest_first(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    days = [3, 1, 2, 1, 5]
    added = [add_exam(database, ids, clinic, started_at=START + timedelta(days=d)) for d in days]
    order = sorted(added, key=lambda r: (r.exam.started_at, r.exam_id), reverse=True)
    assert exam_ids(database, clinic.doctor) == [record.exam_id for record in order]


def test_a_row_tells_what_a_list_shows(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    record = add_exam(database, ids, clinic, device_number="KMT-7", accession_number="A1")
    conclude(database, ids, bank, record.exam_id, clinic.doctor)
    send(database, ids, bank, record.exam_id, clinic, centre)
    [own], [sent] = (find(database, who, FindExams()) for who in (clinic.doctor, centre.doctor))
    assert (own.exam_uuid, own.patient_number, own.family_name) == (record.exam.uuid, "A-17", "Ёлкина")
    assert (own.birthday, own.sex, own.started_at) == (PATIENT.birthday, PATIENT.sex, START)
    assert (own.hcf_id, own.archive_id) == (clinic.hcf_id, clinic.archive.archive_id)
    assert (own.device_number, own.accession_number) == ("KMT-7", "A1")
    assert (own.conclusion_count, own.has_auto_report, own.sender_hcf_id) == (1, False, 0)
    assert sent == replace(own, sender_hcf_id=clinic.hcf_id)


def test_each_filter_restricts(database: Database, ids: IdGenerator, clinic: Facility, bank: Bank) -> None:
    other = replace(PATIENT, number="B-1", family_name="Петрова")
    wanted = add_exam(
        database, ids, clinic, other, device_number="D1", accession_number="ACC",
        started_at=START + timedelta(hours=1),
    )  # fmt: skip
    unwanted = add_exam(database, ids, clinic, device_number="D2", accession_number="ACC2")
    conclude(database, ids, bank, wanted.exam_id, clinic.doctor)
    [summary] = find(database, clinic.doctor, FindExams(exam_uuid=wanted.exam.uuid))
    searches: list[dict[str, Any]] = [
        {"patient_id": summary.patient_id}, {"patient_number": " B-1"}, {"family_name": "ПЕТ"},
        {"started_from": START + timedelta(hours=1)}, {"device_number": "D1"}, {"has_conclusion": True},
        {"accession_number": "ACC"}, {"exam_uuid": wanted.exam.uuid},
    ]  # fmt: skip
    for search in searches:
        assert exam_ids(database, clinic.doctor, **search) == [wanted.exam_id], search
    for search in ({"started_before": START + timedelta(hours=1)}, {"has_conclusion": False}):
        assert exam_ids(database, clinic.doctor, **search) == [unwanted.exam_id], search
    for search in ({"hcf_id": clinic.hcf_id}, {"archive_id": clinic.archive.archive_id}):
        assert len(exam_ids(database, clinic.doctor, **search)) == 2, search
    for search in ({"hcf_id": 1}, {"archive_id": 1}, {"patient_id": 1}, {"consultation_only": True}):
        assert exam_ids(database, clinic.doctor, **search) == [], search


@pytest.mark.parametrize("wildcard", ["%", "_", "Ё%", "Ё_кина", "\\", "'", "*", "?", "[Ё]"])
def test_wildcards_are_letters_like_others(
    database: Database, ids: IdGenerator, clinic: Facility, wildcard: str
) -> None:
    add_exam(database, ids, clinic)
    named = add_exam(database, ids, clinic, replace(PATIENT, number="W", family_name=f"{wildcard}x"))
    assert exam_ids(database, clinic.doctor, family_name=wildcard) == [named.exam_id]
    assert families(database, clinic.doctor, family_name=wildcard) == [f"{wildcard}x"]


def test_everyone_sees_what_is_theirs(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    own, sent = add_exam(database, ids, clinic), add_exam(database, ids, clinic)
    foreign = add_exam(database, ids, centre, device_number="D1")
    send(database, ids, bank, sent.exam_id, clinic, centre)
    root = actor(Role.SUPER_ADMINISTRATOR, clinic.hcf_id)
    expected = {
        clinic.doctor: {own.exam_id, sent.exam_id},
        clinic.recorder: {own.exam_id, sent.exam_id},
        actor(Role.RECORDER, clinic.hcf_id): set(),
        centre.doctor: {sent.exam_id, foreign.exam_id},
        actor(Role.ADMINISTRATOR, clinic.hcf_id): set(),
        root: {own.exam_id, sent.exam_id, foreign.exam_id},
    }
    for who, visible in expected.items():
        assert set(exam_ids(database, who)) == visible, who.role
        assert set(exam_ids(database, who, family_name="елк")) == visible, who.role
        assert set(exam_ids(database, who, patient_number=PATIENT.number)) == visible, who.role
        with_device = visible & {foreign.exam_id}
        assert set(exam_ids(database, who, device_number="D1")) == with_device, who.role
    assert exam_ids(database, centre.doctor, consultation_only=True) == [sent.exam_id]
    assert exam_ids(database, centre.doctor, hcf_id=clinic.hcf_id) == [sent.exam_id]
    assert exam_ids(database, centre.doctor, archive_id=clinic.archive.archive_id) == [sent.exam_id]


def test_a_consulted_exam_leaves_the_unread_when_anybody_concludes(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank
) -> None:
    first, second = add_exam(database, ids, clinic), add_exam(database, ids, clinic)
    conclude(database, ids, bank, first.exam_id, clinic.doctor)
    for record in (first, second):
        send(database, ids, bank, record.exam_id, clinic, centre)
    unread = FindExams(consultation_only=True, has_conclusion=False)
    assert [s.exam_id for s in find(database, centre.doctor, unread)] == [second.exam_id]
    conclude(database, ids, bank, second.exam_id, centre.doctor)
    assert find(database, centre.doctor, unread) == ()


def test_common_names_are_found_by_time_and_rare_ones_by_name(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    source = random.Random(1)
    for number in range(60):
        name = source.choice(["Иванов", "Иванченко", "Петров"])
        where = source.choice([clinic, centre])
        at = START + timedelta(minutes=source.randrange(30))
        record = add_exam(database, ids, where, Patient(str(number), family_name=name), started_at=at)
        if where is clinic and number % 3 == 0:
            send(database, ids, bank, record.exam_id, clinic, centre)
    for who in (clinic.doctor, centre.doctor, clinic.recorder):
        for name in ("Иванов", "И", "Пет", "Нет"):
            request = FindExams(family_name=name, limit=7)
            monkeypatch.setattr(examsearch, "FEW_EXAMS", 1000)
            by_name = all_exams(database, who, request)
            monkeypatch.setattr(examsearch, "FEW_EXAMS", -1)
            assert all_exams(database, who, request) == by_name
            summaries = find(database, who, FindExams(limit=1000))
            assert by_name == [s.exam_id for s in summaries if s.family_name.startswith(name)]


def test_exams_are_found_by_the_name_that_their_patient_has_now(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    maiden, married = replace(PATIENT, family_name="Девичья"), replace(PATIENT, family_name="Мужнина")
    twin = replace(PATIENT, number="B-1", family_name="Двойникова")
    first = add_exam(database, ids, clinic, maiden).exam_id
    other = add_exam(database, ids, clinic, twin).exam_id
    for exam_id in (first, other):
        send(database, ids, bank, exam_id, clinic, centre)
    later = add_exam(database, ids, clinic, married, started_at=START + timedelta(days=1)).exam_id
    [kept], [merged] = (found(database, clinic.doctor, number=p.number) for p in (PATIENT, twin))

    def by_name(name: str) -> list[int]:
        answers = []
        for few in (1000, -1):
            monkeypatch.setattr(examsearch, "FEW_EXAMS", few)
            answers.append(exam_ids(database, clinic.doctor, family_name=name))
            consulted = exam_ids(database, centre.doctor, family_name=name)
            assert consulted == [exam_id for exam_id in answers[-1] if exam_id in (first, other)]
        assert answers[0] == answers[1]
        return answers[0]

    assert (by_name("Дев"), by_name("Муж"), by_name("Двой")) == ([], [later, first], [other])
    desk = Merges(database, bank, ids)
    merge = desk.merge(None, merged.patient_id, kept.patient_id)
    late = add_exam(database, ids, clinic, twin, started_at=START + timedelta(days=2)).exam_id
    assert (by_name("Муж"), by_name("Двой")) == ([late, later, other, first], [])
    desk.undo(None, merge.merge_id)
    assert (by_name("Муж"), by_name("Двой")) == ([later, first], [late, other])


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_hold_still_while_exams_arrive(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank, limit: int
) -> None:
    source = random.Random(limit)

    def arrive(days: int) -> int:
        where = source.choice([clinic, centre])
        exam_id = add_exam(database, ids, where, started_at=START + timedelta(days=days)).exam_id
        if where is clinic:
            send(database, ids, bank, exam_id, clinic, centre)
        return exam_id

    before = {arrive(source.randrange(4)) for _ in range(30)}  # many of the same instant
    seen: list[int] = []
    request = FindExams(limit=limit)
    while True:
        with database.read() as connection:
            page = examsearch.find(connection, centre.doctor, request, max_page=1000)
        assert len(page.exams) <= limit
        seen += [summary.exam_id for summary in page.exams]
        if not page.cursor:
            break
        arrive(source.randrange(-2, 8))
        request = replace(request, cursor=page.cursor)
    assert len(set(seen)) == len(seen)
    assert before <= set(seen)
    assert [e for e in exam_ids(database, centre.doctor, limit=1000) if e in set(seen)] == seen


def test_the_last_page_says_so_also_if_it_is_full(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    for _ in range(4):
        add_exam(database, ids, clinic)
    with database.read() as connection:
        page = examsearch.find(connection, clinic.doctor, FindExams(limit=4), max_page=1000)
        clamped = examsearch.find(connection, clinic.doctor, FindExams(limit=4), max_page=3)
    assert (len(page.exams), page.cursor) == (4, "")
    assert len(clamped.exams) == 3
    assert clamped.cursor


@pytest.mark.parametrize("key", [(2**62, 2**62), (-(2**62), -1), (0, 0)])
def test_a_cursor_of_impossible_times_finds_a_page_all_the_same(
    database: Database, ids: IdGenerator, clinic: Facility, key: tuple[int, int]
) -> None:
    add_exam(database, ids, clinic)
    cursor = encode_cursor(FindExams(), key)
    assert len(exam_ids(database, clinic.doctor, cursor=cursor)) == (key[0] > 0)


def test_a_forged_cursor_names_its_field(database: Database, clinic: Facility) -> None:
    with pytest.raises(InvalidField, match="cursor"):
        exam_ids(database, clinic.doctor, cursor="x")
    with pytest.raises(InvalidField, match="cursor"):
        found(database, clinic.doctor, cursor="x")


# ---------------------------------------------------------------- patients


def test_names_match_by_prefix_in_any_letter_case(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    names = ["Ёлкин", "ЕЛКИНА", "Елисеев", "Қожахметов", "ҚОЖАБЕК", "Кожа", "\U0001f493Сердцев", "Ян"]
    for number, name in enumerate(names):
        add_exam(database, ids, clinic, Patient(str(number), family_name=name, personal_name="Әлия"))
    expected = {
        "ёлк": ["Ёлкин", "ЕЛКИНА"],
        "ЕЛ": ["Елисеев", "Ёлкин", "ЕЛКИНА"],
        "қожа": ["ҚОЖАБЕК", "Қожахметов"],
        "кожа": ["Кожа"],
        "\U0001f493": ["\U0001f493Сердцев"],
        "ян": ["Ян"],
        "яна": [],
    }
    for prefix, names_found in expected.items():
        assert families(database, clinic.doctor, family_name=prefix) == names_found, prefix
    assert len(families(database, clinic.doctor, personal_name="ӘЛИ")) == len(names)
    assert families(database, clinic.doctor, personal_name="Али") == []
    assert families(database, clinic.doctor, personal_name="әли", family_name="ян") == ["Ян"]


def test_numbers_birthdays_and_snils_match_exactly(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    add_exam(database, ids, clinic)
    other = Patient("A-1", birthday=date(1990, 2, 28), family_name="Иной", snils="999-888-777 66")
    add_exam(database, ids, clinic, other)
    for search in (
        {"number": "A-1"}, {"birthday": date(1990, 2, 28)}, {"snils": "99988877766"},
        {"number": "A-1", "family_name": "ин"},
    ):  # fmt: skip
        assert [r.patient for r in found(database, clinic.doctor, **search)] == [other], search
    for search in (
        {"number": "A"},
        {"number": "a-1"},
        {"snils": "999"},
        {"number": "A-1", "family_name": "Ё"},
    ):
        assert found(database, clinic.doctor, **search) == [], search


def test_a_merged_patient_is_found_by_number_as_the_one_they_are(
    database: Database, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    maiden = replace(PATIENT, number="OLD", family_name="Девичья")
    for patient in (PATIENT, maiden):
        add_exam(database, ids, clinic, patient)
    [old], [new] = (found(database, clinic.doctor, number=n) for n in ("OLD", PATIENT.number))
    Merges(database, bank, ids).merge(None, old.patient_id, new.patient_id)
    assert found(database, clinic.doctor, number="OLD") == [new]
    assert families(database, clinic.doctor, family_name="Дев") == []
    assert families(database, clinic.doctor) == [PATIENT.family_name]
    for search in ({"patient_number": "OLD"}, {"patient_id": old.patient_id}, {"family_name": "Елк"}):
        assert len(exam_ids(database, clinic.doctor, **search)) == 2, search


@pytest.mark.parametrize("few_sent", [1000, -1])
@pytest.mark.parametrize("search", [{}, {"family_name": "и"}, {"personal_name": "а"}])
def test_pages_of_patients_are_whole_and_in_order(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, bank: Bank,
    monkeypatch: pytest.MonkeyPatch, few_sent: int, search: dict[str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(patientsearch, "FEW_SENT", few_sent)
    source = random.Random(2)
    visible = {}
    for number in range(40):
        family, person = source.choice(["Иванов", "Ильин", "Яров"]), source.choice(["Анна", "Аля", "Олег"])
        where = source.choice([clinic, centre])
        patient = Patient(str(number), family_name=family, personal_name=person)
        record = add_exam(database, ids, where, patient)
        if where is clinic and number % 2:
            send(database, ids, bank, record.exam_id, clinic, centre)
        if where is centre or number % 2:
            visible[str(number)] = patient
    wanted = {
        number
        for number, p in visible.items()
        if p.family_name.lower().startswith(search.get("family_name", ""))
        and p.personal_name.lower().startswith(search.get("personal_name", ""))
    }
    request, seen = FindPatients(**search, limit=3), []
    while True:
        with database.read() as connection:
            page = patientsearch.find(connection, centre.doctor, request, max_page=1000)
        seen += [record.patient for record in page.patients]
        if not page.cursor:
            break
        request = replace(request, cursor=page.cursor)
    assert sorted(p.number for p in seen) == sorted(wanted)
    by_person = "personal_name" in search
    keys = [(p.personal_name, p.family_name) if by_person else (p.family_name, p.personal_name) for p in seen]
    assert keys == sorted(keys)


# ---------------------------------------------------------------- indexes


class Plans:
    """The plans of the queries that a search makes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, search: Any, who: Actor, request: Any) -> str:
        """What the database says of each query, one line a step."""
        statements: list[tuple[str, Any]] = []

        def remember(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            statements.append((statement, parameters))

        with self._database.read() as connection:
            event.listen(connection, "before_cursor_execute", remember)
            search.find(connection, who, request, max_page=1000)
            event.remove(connection, "before_cursor_execute", remember)
            explain = "EXPLAIN QUERY PLAN" if self._database.is_sqlite else "EXPLAIN"
            steps = [
                tuple(row)
                for statement, parameters in statements
                if statement.startswith("SELECT")
                for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
            ]
        return "\n".join(str(step) for step in steps)


BY_TIME = "ix_exam_hcf_id_started_at_exam_id_family_key"
CASES: list[tuple[Any, str]] = [
    (FindExams(), BY_TIME),
    (FindExams(started_from=START, started_before=START + timedelta(days=1)), BY_TIME),
    (FindExams(has_conclusion=False), "ix_exam_hcf_id_concluded_started_at"),
    (
        FindExams(has_conclusion=False, consultation_only=True),
        "ix_consultation_to_hcf_id_concluded_started_at",
    ),
    (FindExams(consultation_only=True), "ix_consultation_to_hcf_id_started_at_exam_id_family_key"),
    (FindExams(accession_number="A1"), "ix_exam_accession_number"),
    (FindExams(patient_number="A-17"), "ix_exam_patient_id_started_at"),
    (FindExams(device_number="KMT-7"), "ix_exam_device_number_hcf_id_started_at"),
    (FindExams(family_name="Ёлк"), "ix_exam_family_key_hcf_id_started_at"),
    (FindPatients(), "ix_patient_issuer_hcf_id_family_key_personal_key"),
    (FindPatients(family_name="Ёлк"), "ix_patient_issuer_hcf_id_family_key_personal_key"),
    (FindPatients(personal_name="Ан"), "ix_patient_issuer_hcf_id_personal_key_family_key"),
    (FindPatients(number="A-17"), "ix_patient_number_key"),
    (FindPatients(snils="11223344595"), "ix_patient_snils_key"),
    (FindPatients(birthday=PATIENT.birthday), "ix_patient_birthday"),
]


@pytest.mark.parametrize(("request_", "index"), CASES, ids=[f"{i}-{c[1]}" for i, c in enumerate(CASES)])
def test_searches_go_along_their_index_from_the_first_page_to_the_last(
    database: Database, ids: IdGenerator, clinic: Facility, request_: Any, index: str
) -> None:
    records = [
        add_exam(database, ids, clinic, device_number="KMT-7", accession_number="A1") for _ in range(3)
    ]
    exams = isinstance(request_, FindExams)
    search: Any = examsearch if exams else patientsearch
    key: tuple[Any, ...] = (1_800_000_000_000_000, records[0].exam_id) if exams else ("а", "а", 1)
    later = replace(request_, cursor=encode_cursor(request_, key))
    for page in (request_, later):
        plan = Plans(database).of(search, clinic.doctor, page)
        assert index in plan
        assert not re.search(r"SCAN (exam|patient|consultation)\b", plan)  # SQLite reads a whole table


@pytest.mark.parametrize("who", [Role.SUPER_ADMINISTRATOR, Role.RECORDER])
def test_the_other_roles_have_their_index_too(
    database: Database, ids: IdGenerator, clinic: Facility, who: Role
) -> None:
    add_exam(database, ids, clinic)
    index = {
        Role.SUPER_ADMINISTRATOR: "ix_exam_started_at",
        Role.RECORDER: "ix_exam_recorder_account_id_started_at",
    }[who]
    assert index in Plans(database).of(examsearch, actor(who, clinic.hcf_id), FindExams())
