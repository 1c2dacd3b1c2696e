"""Patients: one row a number, whoever describes them, however many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from cardioserver.archive import patients
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import patient as table
from cardioserver.ecg.patient import Patient, Sex
from tests.archive.samples import PATIENT, START, Facility

EARLIER, LATER = START - timedelta(days=30), START + timedelta(days=30)


def describe(
    database: Database, ids: IdGenerator, facility: Facility, patient: Patient, at: Any = START
) -> int:
    return database.transact(
        lambda connection: patients.upsert(connection, ids, patient, facility.hcf_id, at)
    )


def known(database: Database, patient_id: int) -> Any:
    with database.read() as connection:
        return connection.execute(select(table).where(table.c.patient_id == patient_id)).one()


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_patient_comes_back_as_described(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    full = replace(
        PATIENT,
        passport="45 00 № 123456",
        insurance="полис ⚕ 7700",
        address="Алматы қ., Абай даңғ. 10",
        phone="+7 701 000-00-00",
        patronymic="\U0001f493 Петровна",
    )
    patient_id = describe(database, ids, clinic, full)
    assert patients.from_row(known(database, patient_id)) == full


def test_one_number_of_one_hcf_is_one_patient(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    first = describe(database, ids, clinic, PATIENT)
    assert describe(database, ids, clinic, replace(PATIENT, number=f"  {PATIENT.number} ")) == first
    assert describe(database, ids, centre, PATIENT) != first
    assert describe(database, ids, clinic, replace(PATIENT, number=PATIENT.number.lower())) != first
    assert count(database) == 3


@pytest.mark.parametrize("number", ["", "   "])
def test_patients_without_a_number_are_never_the_same(
    database: Database, ids: IdGenerator, clinic: Facility, number: str
) -> None:
    unnamed = {describe(database, ids, clinic, replace(PATIENT, number=number)) for _ in range(3)}
    assert len(unnamed) == 3


def test_newer_data_replace_older(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    patient_id = describe(database, ids, clinic, replace(PATIENT, address="Старая, 1", phone="1"))
    describe(database, ids, clinic, replace(PATIENT, family_name="Берёзова", address="Новая, 2"), LATER)
    row = known(database, patient_id)
    assert (row.family_name, row.family_key) == ("Берёзова", "березова")
    assert (row.address, row.phone) == ("Новая, 2", "1")


def test_older_data_that_come_late_only_fill_gaps(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    patient_id = describe(database, ids, clinic, replace(PATIENT, address="Новая, 2", snils=""))
    late = replace(PATIENT, family_name="Прежняя", address="Старая, 1", snils="112-233-445 95", phone="2")
    describe(database, ids, clinic, late, EARLIER)
    row = known(database, patient_id)
    assert (row.family_name, row.address) == (PATIENT.family_name, "Новая, 2")
    assert (row.snils, row.snils_key, row.phone) == ("112-233-445 95", "11223344595", "2")


def test_what_is_newest_is_remembered_also_if_it_changed_nothing(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    patient_id = describe(database, ids, clinic, PATIENT, EARLIER)
    describe(database, ids, clinic, PATIENT, LATER)
    describe(database, ids, clinic, replace(PATIENT, family_name="Прежняя"), START)
    assert known(database, patient_id).family_name == PATIENT.family_name


def test_an_empty_field_erases_nothing(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    patient_id = describe(database, ids, clinic, PATIENT)
    describe(database, ids, clinic, Patient(PATIENT.number), LATER)
    assert patients.from_row(known(database, patient_id)) == PATIENT


def test_another_name_and_another_birthday_are_somebody_else(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    patient_id = describe(database, ids, clinic, PATIENT)
    stranger = Patient(PATIENT.number, Sex.MALE, date(1990, 1, 1), "Чужой", "Пётр", phone="3")
    assert describe(database, ids, clinic, stranger, LATER) == patient_id
    row = known(database, patient_id)
    assert patients.from_row(row) == PATIENT
    assert row.conflict_at is not None


@pytest.mark.parametrize(
    "change", [{"family_name": "Берёзова"}, {"birthday": date(1962, 4, 30)}, {"family_name": "ЕЛКИНА"}]
)
def test_a_new_name_or_a_corrected_birthday_is_the_same_person(
    database: Database, ids: IdGenerator, clinic: Facility, change: dict[str, Any]
) -> None:
    patient_id = describe(database, ids, clinic, PATIENT)
    describe(database, ids, clinic, replace(PATIENT, **change), LATER)
    row = known(database, patient_id)
    assert patients.from_row(row) == replace(PATIENT, **change)
    assert row.conflict_at is None


def test_many_at_once_over_two_databases_make_one_row_a_number(
    database: Database, database_url: str, clinic: Facility
) -> None:
    servers = [(database, IdGenerator(1)), (Database(database_url), IdGenerator(2))]
    numbers = [f"N-{n}" for n in range(10)]

    def work(index: int) -> dict[str, int]:
        where, ids = servers[index % 2]
        order = numbers if index % 3 else reversed(numbers)
        return {n: describe(where, ids, clinic, replace(PATIENT, number=n, phone=str(index))) for n in order}

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert all(answer == answers[0] or set(answer.items()) == set(answers[0].items()) for answer in answers)
    assert count(database) == len(numbers)
    servers[1][0].close()


def test_many_numbers_in_one_transaction_in_any_order_lose_nothing(
    database: Database, database_url: str, clinic: Facility
) -> None:
    servers = [(database, IdGenerator(1)), (Database(database_url), IdGenerator(2))]
    batch = [replace(PATIENT, number=f"N-{n}") for n in range(20)]

    def work(index: int) -> set[int]:
        where, ids = servers[index % 2]
        order = batch if index % 3 else batch[::-1]
        return where.transact(
            lambda connection: {patients.upsert(connection, ids, p, clinic.hcf_id, START) for p in order}
        )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(work, range(6)))
    assert all(answer == answers[0] for answer in answers)
    assert count(database) == len(batch)
    servers[1][0].close()
