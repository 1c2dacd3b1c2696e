"""Merges: everything goes along, and comes back exactly."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from cardioserver.archive import merges, orders, patients
from cardioserver.archive.audit import Action, AuditQuery, search
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.merges import Merges
from cardioserver.archive.records import read_record
from cardioserver.archive.schema import ecg_order, exam
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import Patient
from cardioserver.protocol.messages import CreateOrder, Role
from tests.archive.samples import PATIENT, Facility, actor, add_exam, exam_record, store

ANNA = replace(PATIENT, number="1")
ANYA = replace(PATIENT, number="2", personal_name="Аня")
OTHER = replace(PATIENT, number="3")


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


@pytest.fixture
def desk(database: Database, bank: Bank, ids: IdGenerator) -> Merges:
    return Merges(database, bank, ids)


def owners(database: Database) -> dict[int, int]:
    """Exams and orders with the patient they belong to."""
    with database.read() as connection:
        exams = connection.execute(select(exam.c.exam_id, exam.c.patient_id)).all()
        worklist = connection.execute(select(ecg_order.c.order_id, ecg_order.c.patient_id)).all()
    return {row[0]: row[1] for row in [*exams, *worklist]}


def number_of(database: Database, ids: IdGenerator, facility: Facility, patient: Patient) -> int:
    """The id of a patient with a number."""
    return database.transact(lambda connection: patients.upsert(connection, ids, patient, facility.hcf_id))


def add_order(database: Database, ids: IdGenerator, facility: Facility, patient: Patient) -> int:
    with database.write() as connection:
        request = CreateOrder(patient)
        return orders.create(connection, facility.doctor, request, ids=ids, subscriptions=()).order_id


def test_a_merge_carries_exams_and_orders_and_undoing_gives_back_exactly_those(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges
) -> None:
    for patient in (ANNA, ANYA, OTHER):
        for _ in range(3):
            add_exam(database, ids, clinic, patient)
        add_order(database, ids, clinic, patient)
    anna, anya, other = (number_of(database, ids, clinic, p) for p in (ANNA, ANYA, OTHER))
    before = owners(database)

    merge = desk.merge(None, anya, anna)
    merged = owners(database)
    assert merged == {thing: anna if owner == anya else owner for thing, owner in before.items()}
    assert sorted(merged.values()) == sorted([anna] * 8 + [other] * 4)

    undone = desk.undo(None, merge.merge_id)
    assert undone.undone_at is not None
    assert owners(database) == before


def test_what_arrives_after_the_merge_goes_back_too_by_the_number_it_came_with(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges
) -> None:
    add_exam(database, ids, clinic, ANNA)
    add_exam(database, ids, clinic, ANYA)
    anna, anya = (number_of(database, ids, clinic, p) for p in (ANNA, ANYA))
    merge = desk.merge(None, anya, anna)
    as_anna = add_exam(database, ids, clinic, ANNA).exam_id
    as_anya = add_exam(database, ids, clinic, ANYA).exam_id
    ordered = add_order(database, ids, clinic, ANYA)
    assert set(owners(database).values()) == {anna}

    desk.undo(None, merge.merge_id)
    after = owners(database)
    assert (after[as_anna], after[as_anya], after[ordered]) == (anna, anya, anya)


def test_merges_of_merged_patients_are_undone_in_any_order(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges
) -> None:
    people = [replace(PATIENT, number=f"N{n}") for n in range(5)]
    for patient in people:
        add_exam(database, ids, clinic, patient)
        add_exam(database, ids, clinic, patient)
    numbers = [number_of(database, ids, clinic, p) for p in people]
    before = owners(database)
    source = random.Random(3)
    for _ in range(6):
        chain = [desk.merge(None, a, b) for a, b in itertools.pairwise(numbers)]
        assert set(owners(database).values()) == {numbers[-1]}
        source.shuffle(chain)
        for merge in chain:
            desk.undo(None, merge.merge_id)
        assert owners(database) == before


def test_undoing_the_inner_merge_leaves_the_outer_one(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges
) -> None:
    exams = [add_exam(database, ids, clinic, p).exam_id for p in (ANYA, ANNA, OTHER)]
    anya, anna, other = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA, OTHER))
    inner = desk.merge(None, anya, anna)
    desk.merge(None, anna, other)
    desk.undo(None, inner.merge_id)
    after = owners(database)
    assert [after[exam_id] for exam_id in exams] == [anya, other, other]


def test_undoing_twice_changes_nothing(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, bank: Bank
) -> None:
    anya, anna = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA))
    merge = desk.merge(None, anya, anna)
    first = desk.undo(None, merge.merge_id)
    again = desk.merge(None, anya, anna)
    assert desk.undo(None, merge.merge_id) == first
    with database.read() as connection:
        assert patients.roots(connection, [anya]) == {anya: anna}
        assert merges.list_merges(connection, anya) == (again, first)
    assert len(list(bank.record_files())) == 3


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (2, 0)])
def test_somebody_who_is_merged_already_is_refused(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, pair: tuple[int, int]
) -> None:
    numbers = [number_of(database, ids, clinic, p) for p in (ANYA, ANNA, OTHER)]
    desk.merge(None, numbers[0], numbers[1])
    if pair != (1, 2):
        with pytest.raises(Conflict):
            desk.merge(None, numbers[pair[0]], numbers[pair[1]])
    else:
        desk.merge(None, numbers[1], numbers[2])


def test_nobody_is_merged_with_themselves_or_with_nobody(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges
) -> None:
    anna = number_of(database, ids, clinic, ANNA)
    with pytest.raises(InvalidField):
        desk.merge(None, anna, anna)
    with pytest.raises(NotFound):
        desk.merge(None, anna, 4711)
    with pytest.raises(NotFound):
        desk.undo(None, 4711)


def test_who_manages_the_hcf_merges_its_patients_and_no_others(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility, desk: Merges
) -> None:
    anya, anna = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA))
    foreign = number_of(database, ids, centre, OTHER)
    administrator = actor(Role.ADMINISTRATOR, clinic.hcf_id)
    for nobody in (clinic.doctor, clinic.recorder, actor(Role.ADMINISTRATOR, centre.hcf_id)):
        with pytest.raises(NotFound):
            desk.merge(nobody, anya, anna)
    with pytest.raises(NotFound):
        desk.merge(administrator, anya, foreign)
    merge = desk.merge(administrator, anya, anna)
    with pytest.raises(NotFound):
        desk.undo(clinic.doctor, merge.merge_id)
    desk.undo(administrator, merge.merge_id)
    desk.merge(actor(Role.SUPER_ADMINISTRATOR, clinic.hcf_id), anya, foreign)


def test_merges_are_journalled(database: Database, ids: IdGenerator, clinic: Facility, desk: Merges) -> None:
    anya, anna = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA))
    administrator = actor(Role.ADMINISTRATOR, clinic.hcf_id)
    merge = desk.merge(administrator, anya, anna, "10.0.0.1")
    desk.undo(administrator, merge.merge_id, "10.0.0.1")
    with database.read() as connection:
        entries = search(connection, AuditQuery(account_id=administrator.account_id)).entries
    assert [(e.action, e.subject_id, e.address) for e in entries] == [
        (Action.UNMERGE_PATIENTS, merge.merge_id, "10.0.0.1"),
        (Action.MERGE_PATIENTS, merge.merge_id, "10.0.0.1"),
    ]


def test_exams_that_arrive_while_patients_are_merged_and_unmerged_end_where_they_belong(
    database: Database, database_url: str, ids: IdGenerator, clinic: Facility, bank: Bank
) -> None:
    anya, anna = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA))
    other, other_ids = Database(database_url), IdGenerator(2)

    def merging() -> Iterator[None]:
        desk = Merges(other, bank, other_ids)
        for _ in range(8):
            merge = desk.merge(None, anya, anna)
            desk.undo(None, merge.merge_id)
        yield desk.merge(None, anya, anna)

    def indexing(patient: Patient) -> list[int]:
        made = []
        for _ in range(25):
            record = exam_record(ids, clinic, patient)
            database.transact(lambda connection, r=record: store(connection, ids, r))
            made.append(record.exam_id)
        return made

    with ThreadPoolExecutor(3) as pool:
        last = pool.submit(lambda: list(merging()))
        added = [pool.submit(indexing, patient) for patient in (ANYA, ANNA)]
        [merge] = last.result(120)
        as_anya, as_anna = (future.result(120) for future in added)
    after = owners(database)
    assert {after[exam_id] for exam_id in as_anya + as_anna} == {anna}
    Merges(other, bank, other_ids).undo(None, merge.merge_id)
    after = owners(database)
    assert {after[exam_id] for exam_id in as_anya} == {anya}
    assert {after[exam_id] for exam_id in as_anna} == {anna}
    other.close()


# ---------------------------------------------------------------- out of the bank


def replayed(database: Database, ids: IdGenerator, bank: Bank) -> None:
    """Put all the bank's merges into the database, as a rebuild does."""
    records = sorted(map(read_record, bank.record_files()), key=lambda record: record.created_at)
    for record in records:
        database.transact(lambda connection, r=record: merges.restore(connection, ids, r))


def forget_merges(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM patient_merge")
        connection.exec_driver_sql("UPDATE patient SET merged_into_id = NULL")
        connection.exec_driver_sql("UPDATE exam SET patient_id = origin_patient_id")


def test_merges_come_back_out_of_the_bank(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, bank: Bank
) -> None:
    unnamed = add_exam(database, ids, clinic, replace(PATIENT, number=""))
    for patient in (ANNA, ANYA, OTHER):
        add_exam(database, ids, clinic, patient)
    anna, anya, other = (number_of(database, ids, clinic, p) for p in (ANNA, ANYA, OTHER))
    desk.merge(None, anya, anna)
    undone = desk.merge(None, other, anna)
    desk.merge(None, owners(database)[unnamed.exam_id], anna)
    desk.undo(None, undone.merge_id)
    expected = owners(database)

    forget_merges(database)
    replayed(database, ids, bank)
    assert owners(database) == expected
    replayed(database, ids, bank)
    assert owners(database) == expected
    with database.read() as connection:
        assert len(merges.list_merges(connection)) == 3


def test_a_merge_of_a_number_without_exams_counts_for_the_next_exam(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, bank: Bank
) -> None:
    add_exam(database, ids, clinic, ANNA)
    anna, anya = (number_of(database, ids, clinic, p) for p in (ANNA, ANYA))
    desk.merge(None, anya, anna)
    forget_merges(database)
    with database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM patient WHERE patient_id = {anya}")

    replayed(database, ids, bank)
    late = add_exam(database, ids, clinic, ANYA)
    assert owners(database)[late.exam_id] == anna
    [row] = [p for p in _patients(database) if p.number == "2"]
    assert row.personal_name == "Аня"  # what came with the exam is newer than what the bank's record knows


def _patients(database: Database) -> list[Patient]:
    with database.read() as connection:
        return [patients.from_row(row) for row in connection.execute(select(patients.table))]


def test_a_record_of_a_merge_that_never_was_committed_gives_way(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, bank: Bank
) -> None:
    exams = [add_exam(database, ids, clinic, p).exam_id for p in (ANYA, ANNA, OTHER)]
    anya, anna, other = (number_of(database, ids, clinic, p) for p in (ANYA, ANNA, OTHER))
    desk.merge(None, anya, other)
    forget_merges(database)  # as if the server had been killed before its commit
    merge = desk.merge(None, anya, anna)
    forget_merges(database)

    replayed(database, ids, bank)
    after = owners(database)
    assert [after[exam_id] for exam_id in exams] == [anna, anna, other]
    with database.read() as connection:
        in_force = [m for m in merges.list_merges(connection) if m.undone_at is None]
    assert [m.merge_uuid for m in in_force] == [merge.merge_uuid]


def test_what_the_bank_cannot_explain_is_told(
    database: Database, ids: IdGenerator, clinic: Facility, desk: Merges, bank: Bank
) -> None:
    unnamed = add_exam(database, ids, clinic, replace(PATIENT, number=""))
    anna = number_of(database, ids, clinic, ANNA)
    desk.merge(None, owners(database)[unnamed.exam_id], anna)
    forget_merges(database)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM exam_metadata")
        connection.exec_driver_sql("DELETE FROM exam")
    with pytest.raises(NotFound, match=str(unnamed.exam.uuid)):
        replayed(database, ids, bank)
