"""Orders: the worklist of ECGs to record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, insert, select, type_coerce, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from cardioserver.archive import patients
from cardioserver.archive.access import Actor, may_manage, visible_orders
from cardioserver.archive.columns import EPOCH, MICROSECOND, local_time, offset_minutes
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.events import Subscription, record_event
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.paging import beyond, decode_cursor, encode_cursor, page_length
from cardioserver.archive.schema import LINE, patient
from cardioserver.archive.schema import ecg_order as table
from cardioserver.archive.searchkeys import number_key
from cardioserver.ecg.patient import check_text
from cardioserver.protocol.messages import (
    CreateOrder,
    Event,
    EventKind,
    FindOrders,
    Order,
    OrderPage,
    OrderStatus,
    ReleaseOrder,
    TakeOrder,
)

OPEN = (int(OrderStatus.NEW), int(OrderStatus.TAKEN))
MAX_COMMENT = 1000
DEVICE_NUMBER = 64

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: without letters that look like digits."""

_DUE = type_coerce(table.c.due_at, BigInteger)


def create(
    connection: Connection,
    actor: Actor,
    request: CreateOrder,
    *,
    ids: IdGenerator,
    subscriptions: Sequence[Subscription],
) -> Order:
    """Order an ECG at the actor's HCF. Without an accession number the archive makes one of 13 characters.

    (DICOM's Accession Number, a Short String, holds 16.)

    Raises
    ------
    Conflict
        The HCF has an order with this accession number.
    InvalidField
        ``accession_number``, ``device_number`` or ``comment`` is too long.
    """
    check_text("accession_number", request.accession_number, LINE)
    check_text("device_number", request.device_number, DEVICE_NUMBER)
    check_text("comment", request.comment, MAX_COMMENT, multiline=True)
    now, order_id = datetime.now(UTC), ids.next()
    patient_id = patients.upsert(connection, ids, request.patient, actor.hcf_id, now)
    scheduled_at = request.scheduled_at
    row = {
        "order_id": order_id,
        "hcf_id": actor.hcf_id,
        "patient_id": patients.roots(connection, [patient_id], lock=True)[patient_id],
        "origin_patient_id": patient_id,
        "accession_number": request.accession_number.strip() or accession_number(order_id),
        "status": int(OrderStatus.NEW),
        "created_at": now,
        "created_by_account_id": actor.account_id,
        "scheduled_at": scheduled_at,
        "scheduled_offset": 0 if scheduled_at is None else offset_minutes(scheduled_at),
        "due_at": scheduled_at or now,
        "device_number": request.device_number.strip(),
        "comment": request.comment,
    }
    try:
        connection.execute(insert(table), row)
    except IntegrityError:
        raise Conflict("the accession number is in use") from None
    created = _visible(connection, actor, order_id)
    _announce(connection, created, subscriptions)
    return created


def accession_number(order_id: int) -> str:
    """An accession number as unique as the id."""
    return "".join(_DIGITS[order_id >> shift & 31] for shift in range(60, -1, -5))


def find(connection: Connection, actor: Actor, request: FindOrders, *, max_page: int) -> OrderPage:
    """One page of the worklist, by schedule; an order without one is due when it was made.

    A device number finds the orders for that device and those for any.

    Raises
    ------
    InvalidField
        ``cursor``
    """
    after = decode_cursor(request, (int, int))
    length = page_length(request.limit, max_page)
    wanted = [*_wanted(connection, request), visible_orders(actor)]
    order = (_DUE, table.c.order_id)
    if after is not None:
        wanted.append(beyond(connection, order, after))
    rows = connection.execute(_select().where(*wanted).order_by(*order).limit(length + 1)).all()
    page = rows[:length]
    cursor = ""
    if len(rows) > length:
        cursor = encode_cursor(request, ((page[-1].due_at - EPOCH) // MICROSECOND, page[-1].order_id))
    return OrderPage(tuple(_order(row) for row in page), cursor)


def _wanted(connection: Connection, request: FindOrders) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if request.status is not None:
        clauses.append(table.c.status == int(request.status))
    if request.scheduled_from is not None:
        clauses.append(table.c.due_at >= request.scheduled_from)
    if request.scheduled_before is not None:
        clauses.append(table.c.due_at < request.scheduled_before)
    if key := number_key(request.patient_number):
        clauses.append(table.c.patient_id.in_(patients.with_number(connection, key)))
    if number := request.accession_number.strip():
        clauses.append(table.c.accession_number == number)
    if number := request.device_number.strip():
        clauses.append(table.c.device_number.in_(("", number)))
    return clauses


def take(
    connection: Connection, actor: Actor, request: TakeOrder, *, subscriptions: Sequence[Subscription]
) -> Order:
    """Reserve an order; taking one's own again succeeds.

    Raises
    ------
    NotFound
        No such order, or not for this actor.
    Conflict
        Somebody else has it, or it is done or cancelled.
    """
    known = _visible(connection, actor, request.order_id)
    new = update(table).where(table.c.order_id == known.order_id, table.c.status == int(OrderStatus.NEW))
    taken = {"taken_by_account_id": actor.account_id, "taken_at": datetime.now(UTC)}
    if connection.execute(new.values({"status": int(OrderStatus.TAKEN), **taken})).rowcount:
        return _changed(connection, actor, known, subscriptions)
    known = _visible(connection, actor, request.order_id)
    if known.status is not OrderStatus.TAKEN or known.taken_by_account_id != actor.account_id:
        raise Conflict(f"order {known.order_id}")
    return known


def release(
    connection: Connection, actor: Actor, request: ReleaseOrder, *, subscriptions: Sequence[Subscription]
) -> Order:
    """Give a taken order back; one that nobody has stays as it is.

    Whoever took it may, and who manages the HCF.

    Raises
    ------
    NotFound
        No such order, or not for this actor.
    Conflict
        Somebody else has it, or it is done or cancelled.
    """
    known = _visible(connection, actor, request.order_id)
    taken = [table.c.order_id == known.order_id, table.c.status == int(OrderStatus.TAKEN)]
    if not may_manage(actor, known.hcf_id):
        taken.append(table.c.taken_by_account_id == actor.account_id)
    values = {"status": int(OrderStatus.NEW), "taken_by_account_id": None, "taken_at": None}
    if connection.execute(update(table).where(*taken).values(values)).rowcount:
        return _changed(connection, actor, known, subscriptions)
    known = _visible(connection, actor, request.order_id)
    if known.status is not OrderStatus.NEW:
        raise Conflict(f"order {known.order_id}")
    return known


def complete(connection: Connection, hcf_id: int, accession_number: str, exam_id: int) -> int | None:
    """Mark the order with this accession number as done by an exam.

    Parameters
    ----------
    hcf_id
        Owner of the exam's archive; accession numbers are unique within it.

    Returns
    -------
    int or None
        The order; ``None`` if there is none, or it is cancelled or done already.
    """
    numbered = (table.c.hcf_id == hcf_id, table.c.accession_number == accession_number.strip())
    order_id = connection.scalar(select(table.c.order_id).where(*numbered).with_for_update())
    if order_id is None:
        return None
    done = update(table).where(table.c.order_id == order_id, table.c.status.in_(OPEN))
    done = done.values(status=int(OrderStatus.DONE), exam_id=exam_id)
    return order_id if connection.execute(done).rowcount else None


def _select() -> Any:
    of_patient = (patient.c[name] for name in ("number", *patients.FIELDS))
    return select(table, *of_patient).join(patient, patient.c.patient_id == table.c.patient_id)


def _visible(connection: Connection, actor: Actor, order_id: int) -> Order:
    query = _select().where(table.c.order_id == order_id, visible_orders(actor))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"order {order_id}")
    return _order(row)


def _changed(
    connection: Connection, actor: Actor, before: Order, subscriptions: Sequence[Subscription]
) -> Order:
    changed = _visible(connection, actor, before.order_id)
    _announce(connection, changed, subscriptions)
    return changed


def _announce(connection: Connection, order: Order, subscriptions: Sequence[Subscription]) -> None:
    event = Event(0, EventKind.ORDER, datetime.now(UTC), order.exam_id, order.order_id, order.hcf_id)
    record_event(connection, event, subscriptions)


def _order(row: Row[Any]) -> Order:
    scheduled_at = row.scheduled_at
    return Order(
        order_id=row.order_id,
        accession_number=row.accession_number,
        hcf_id=row.hcf_id,
        status=OrderStatus(row.status),
        patient=patients.from_row(row),
        created_at=row.created_at,
        scheduled_at=None if scheduled_at is None else local_time(scheduled_at, row.scheduled_offset),
        device_number=row.device_number,
        taken_by_account_id=row.taken_by_account_id or 0,
        exam_id=row.exam_id or 0,
        comment=row.comment,
    )
