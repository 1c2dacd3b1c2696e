"""Orders: made once, taken by one, done by the exam with their number."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from cardioserver.archive import events, orders
from cardioserver.archive.access import Actor
from cardioserver.archive.database import Database
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import ecg_order
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import (
    CreateOrder,
    EventKind,
    FindOrders,
    Order,
    OrderStatus,
    ReleaseOrder,
    Role,
    TakeOrder,
)
from tests.archive.samples import PATIENT, START, Facility, actor


def create(database: Database, ids: IdGenerator, who: Actor, **fields: Any) -> Order:
    request = CreateOrder(**{"patient": PATIENT} | fields)
    return database.transact(lambda c: orders.create(c, who, request, ids=ids, subscriptions=()))


def take(database: Database, who: Actor, order_id: int) -> Order:
    return database.transact(lambda c: orders.take(c, who, TakeOrder(order_id), subscriptions=()))


def release(database: Database, who: Actor, order_id: int) -> Order:
    return database.transact(lambda c: orders.release(c, who, ReleaseOrder(order_id), subscriptions=()))


def find(database: Database, who: Actor, **search: Any) -> list[int]:
    with database.read() as connection:
        page = orders.find(connection, who, FindOrders(**search), max_page=1000)
    return [order.order_id for order in page.orders]


def test_an_order_comes_back_as_it_was_made(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    at = START.astimezone(timezone(timedelta(hours=6)))
    made = create(
        database, ids, clinic.doctor,
        accession_number="A-1", scheduled_at=at, device_number="KMT-7", comment="В покое\n\U0001f493",
    )  # fmt: skip
    assert (made.accession_number, made.hcf_id, made.status) == ("A-1", clinic.hcf_id, OrderStatus.NEW)
    assert (made.patient, made.scheduled_at, made.device_number) == (PATIENT, at, "KMT-7")
    assert made.scheduled_at is not None
    assert made.scheduled_at.utcoffset() == timedelta(hours=6)
    assert (made.taken_by_account_id, made.exam_id, made.comment) == (0, 0, "В покое\n\U0001f493")
    with database.read() as connection:
        assert orders.find(connection, clinic.recorder, FindOrders(), max_page=9).orders == (made,)


def test_accession_numbers_are_made_unique_and_fit_dicom(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    numbers = {create(database, ids, clinic.doctor).accession_number for _ in range(20)}
    assert len(numbers) == 20
    assert all(0 < len(number) <= 16 and number.isascii() for number in numbers)


def test_an_accession_number_is_used_once_in_an_hcf(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    create(database, ids, clinic.doctor, accession_number="A-1")
    with pytest.raises(Conflict):
        create(database, ids, clinic.doctor, accession_number=" A-1 ")
    create(database, ids, centre.doctor, accession_number="A-1")


@pytest.mark.parametrize(
    ("field", "value"),
    [("accession_number", "x" * 256), ("device_number", "x" * 65), ("comment", "x" * 1001)],
)
def test_what_does_not_fit_is_named(
    database: Database, ids: IdGenerator, clinic: Facility, field: str, value: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        create(database, ids, clinic.doctor, **{field: value})
    assert caught.value.field == field


def test_one_of_many_takes_an_order(
    database: Database, database_url: str, ids: IdGenerator, clinic: Facility
) -> None:
    order_id = create(database, ids, clinic.doctor).order_id
    other = Database(database_url)
    recorders = [actor(Role.RECORDER, clinic.hcf_id) for _ in range(8)]
    start = threading.Barrier(len(recorders))

    def attempt(index: int) -> int:
        start.wait(30)
        try:
            order = take((database, other)[index % 2], recorders[index], order_id)
        except Conflict:
            return 0
        return order.taken_by_account_id

    with ThreadPoolExecutor(len(recorders)) as pool:
        winners = [account for account in pool.map(attempt, range(len(recorders))) if account]
    assert len(winners) == 1
    [winner] = [who for who in recorders if who.account_id == winners[0]]
    assert take(database, winner, order_id).status is OrderStatus.TAKEN
    other.close()


def test_who_has_it_or_manages_the_hcf_gives_it_back(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    order_id = create(database, ids, clinic.doctor).order_id
    rival, root = actor(Role.RECORDER, clinic.hcf_id), actor(Role.SUPER_ADMINISTRATOR, clinic.hcf_id)
    for who in (clinic.recorder, root):
        take(database, clinic.recorder, order_id)
        with pytest.raises(Conflict):
            release(database, rival, order_id)
        given = release(database, who, order_id)
        assert (given.status, given.taken_by_account_id) == (OrderStatus.NEW, 0)
    assert release(database, rival, order_id).status is OrderStatus.NEW  # nobody has it: nothing to do


def test_an_order_of_another_hcf_does_not_exist(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    order_id = create(database, ids, clinic.doctor, accession_number="A-1").order_id
    for action in (take, release):
        with pytest.raises(NotFound):
            action(database, centre.recorder, order_id)
    assert find(database, centre.doctor, accession_number="A-1") == []


def test_an_exam_completes_the_order_of_its_hcf_once(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    made = create(database, ids, clinic.doctor, accession_number="A-1")
    take(database, clinic.recorder, made.order_id)

    def complete(hcf_id: int, number: str, exam_id: int) -> int | None:
        return database.transact(lambda c: orders.complete(c, hcf_id, number, exam_id))

    assert complete(centre.hcf_id, "A-1", 1) is None
    assert complete(clinic.hcf_id, "A-2", 1) is None
    assert complete(clinic.hcf_id, " A-1", 2) == made.order_id
    assert complete(clinic.hcf_id, "A-1", 3) is None
    with database.read() as connection:
        [done] = orders.find(connection, clinic.doctor, FindOrders(), max_page=9).orders
    assert (done.status, done.exam_id) == (OrderStatus.DONE, 2)
    for action in (take, release):
        with pytest.raises(Conflict):
            action(database, clinic.recorder, made.order_id)


def test_each_filter_restricts(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    other = replace(PATIENT, number="B-2", family_name="Иной", birthday=None)
    first = create(
        database, ids, clinic.doctor, scheduled_at=START, device_number="D1", accession_number="X"
    ).order_id
    second = create(
        database, ids, clinic.doctor, patient=other, scheduled_at=START + timedelta(hours=2)
    ).order_id
    third = create(database, ids, clinic.doctor, device_number="D2").order_id
    take(database, clinic.recorder, third)
    for search, expected in (
        ({}, [first, second, third]),
        ({"status": OrderStatus.NEW}, [first, second]),
        ({"status": OrderStatus.TAKEN}, [third]),
        ({"scheduled_from": START + timedelta(hours=1)}, [second, third]),
        ({"scheduled_before": START + timedelta(hours=1)}, [first]),
        ({"patient_number": "B-2"}, [second]),
        ({"accession_number": "X"}, [first]),
        ({"device_number": "D1"}, [first, second]),
        ({"device_number": "D3"}, [second]),
    ):
        assert find(database, clinic.recorder, **search) == expected, search


def test_pages_of_the_worklist_are_whole(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    made = [
        create(database, ids, clinic.doctor, scheduled_at=START + timedelta(minutes=n % 3)).order_id
        for n in range(10)
    ]
    request, seen = FindOrders(limit=3), []
    while True:
        with database.read() as connection:
            page = orders.find(connection, clinic.doctor, request, max_page=1000)
        seen += [order.order_id for order in page.orders]
        if not page.cursor:
            break
        request = replace(request, cursor=page.cursor)
    assert sorted(seen) == sorted(made)
    assert seen == sorted(made, key=lambda order_id: (made.index(order_id) % 3, order_id))


def test_every_change_of_an_order_is_an_event(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    order_id = create(database, ids, clinic.doctor).order_id
    take(database, clinic.recorder, order_id)
    take(database, clinic.recorder, order_id)
    release(database, clinic.recorder, order_id)
    with database.read() as connection:
        told = events.events_after(connection, clinic.recorder, EventKind.ORDER, 0, 10)
        assert connection.scalar(select(ecg_order.c.status)) == OrderStatus.NEW
    assert [(event.subject_id, event.hcf_id) for event in told] == [(order_id, clinic.hcf_id)] * 3
