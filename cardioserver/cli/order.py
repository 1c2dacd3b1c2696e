"""`cardioserver order`: the worklist of ECGs to record."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.identity import Identity, with_identity
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import Json, Limit
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.times import TIME_FORMATS, Before, Since, moment
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.client import Client
    from cardioserver.protocol.messages import FindOrders, Order

app = typer.Typer(help="Orders: the worklist of ECGs to record.", no_args_is_help=True)


class StatusName(StrEnum):
    """Names of :class:`cardioserver.protocol.messages.OrderStatus` in lower case."""

    NEW = "new"
    TAKEN = "taken"
    DONE = "done"
    CANCELLED = "cancelled"


OrderId = Annotated[int, typer.Argument(metavar="ORDER_ID", help="Number of the order, from `order list`.")]


@app.command("add")
@over_the_wire
@with_identity
def add(
    identity: Identity,
    server: Server,
    *,
    accession_number: Annotated[
        str, typer.Option(metavar="TEXT", help="Its accession number. Without it the server makes one.")
    ] = "",
    scheduled: Annotated[
        datetime | None, typer.Option(formats=TIME_FORMATS, metavar="TIME", help="When to record it.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NUMBER", help="Only for the device with this number.")] = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="A word to who records it.")] = "",
    as_json: Json = False,
) -> None:
    """Order an ECG."""
    from cardioserver.protocol.messages import CreateOrder

    order = CreateOrder(identity.patient(), accession_number, moment(scheduled), device, comment)
    made = server.run(lambda client: client.create_order(order))
    _tell(made, as_json)


@app.command("list")
@over_the_wire
def show(
    server: Server,
    *,
    status: Annotated[StatusName | None, typer.Option(help="Only in this status.")] = None,
    since: Since = None,
    before: Before = None,
    patient_number: Annotated[
        str, typer.Option(metavar="TEXT", help="Only of the patient with this number.")
    ] = "",
    accession_number: Annotated[
        str, typer.Option(metavar="TEXT", help="Only with this accession number.")
    ] = "",
    device: Annotated[str, typer.Option(metavar="NUMBER", help="Only for the device with this number.")] = "",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List orders by their schedule."""
    from cardioserver.protocol.messages import FindOrders, OrderStatus

    query = FindOrders(
        status=OrderStatus[status.name] if status else None,
        scheduled_from=moment(since),
        scheduled_before=moment(before),
        patient_number=patient_number,
        accession_number=accession_number,
        device_number=device,
    )
    found = server.run(lambda client: _find(client, query, limit))
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Order", "Направление"),
        Phrase("Accession number", "Номер направления"),
        Phrase("Status", "Состояние"),
        Phrase("Scheduled", "Назначено на"),
        Phrase("Number", "Номер"),
        Phrase("Patient", "Пациент"),
        Phrase("Exam", "Обследование"),
        Phrase("Comment", "Комментарий"),
    )
    show_table(columns, [_row(order) for order in found])


async def _find(client: Client, query: FindOrders, limit: int) -> list[Order]:
    from dataclasses import replace

    info = await client.connect()
    query = replace(query, limit=min(limit, info.limits.max_page))
    found: list[Order] = []
    async for order in client.find_orders(query):
        found.append(order)
        if len(found) == limit:
            break
    return found


def _row(order: Order) -> tuple[object, ...]:
    patient = order.patient
    name = " ".join(filter(None, (patient.family_name, patient.personal_name, patient.patronymic)))
    return (
        order.order_id,
        order.accession_number,
        order.status,
        order.scheduled_at,
        patient.number,
        name,
        order.exam_id or "",
        order.comment,
    )


@app.command("take")
@over_the_wire
def take(server: Server, order_id: OrderId, as_json: Json = False) -> None:
    """Reserve an order for this account."""
    _tell(server.run(lambda client: client.take_order(order_id)), as_json)


@app.command("release")
@over_the_wire
def release(server: Server, order_id: OrderId, as_json: Json = False) -> None:
    """Give a taken order back."""
    _tell(server.run(lambda client: client.release_order(order_id)), as_json)


def _tell(order: Order, as_json: bool) -> None:
    if as_json:
        show_json(order)
        return
    said = f"{order.order_id} ({order.accession_number}): {order.status.name.lower()}"
    say(Phrase(f"Order {said}", f"Направление {said}"))
