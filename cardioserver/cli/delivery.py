"""`cardioserver delivery`: documents owed to other systems."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.changes import change
from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import Json, Limit
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.archive.deliveries import DeliveryFilter, DeliveryState

app = typer.Typer(help="Deliveries: documents owed to other systems.", no_args_is_help=True)


class StatusName(StrEnum):
    """Names of :class:`cardioserver.archive.deliveries.DeliveryStatus` in lower case."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"
    DROPPED = "dropped"


Exporter = Annotated[
    str, typer.Option(metavar="TEXT", help="Only to this exporter, by its name in the configuration.")
]
Exam = Annotated[int, typer.Option(metavar="EXAM_ID", help="Only of this exam.", show_default=False)]
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="DELIVERY_ID", help="Numbers from `delivery list`.")
]
All = Annotated[bool, typer.Option("--all", help="All that are dead or waiting.")]


@app.command("list")
@in_the_installation
def show(
    installation: Installation,
    *,
    status: Annotated[
        list[StatusName] | None,
        typer.Option(help="Only in this status; may be repeated. Without it: all that are not ended."),
    ] = None,
    exporter: Exporter = "",
    exam: Exam = 0,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List deliveries, oldest first."""
    from cardioserver.archive.deliveries import UNFINISHED, DeliveryFilter, DeliveryStatus, list_deliveries

    statuses = tuple(DeliveryStatus[name.name] for name in status or ()) or UNFINISHED
    wanted = DeliveryFilter(exporter=exporter, statuses=statuses, exam_id=exam)
    with installation.store() as store, store.database.read() as connection:
        found = list_deliveries(connection, wanted, limit)
    if as_json:
        show_json([_flat(state) for state in found])
        return
    columns = (
        Phrase("Delivery", "Доставка"),
        Phrase("Exporter", "Получатель"),
        Phrase("Status", "Состояние"),
        Phrase("Event", "Событие"),
        Phrase("Exam", "Обследование"),
        Phrase("Attempts", "Попыток"),
        Phrase("Next attempt", "Следующая попытка"),
        Phrase("Last error", "Последняя ошибка"),
    )
    show_table(columns, [_row(state) for state in found])


def _flat(state: DeliveryState) -> dict[str, object]:
    delivery = {name: getattr(state.delivery, name) for name in state.delivery.__slots__}
    return delivery | {name: getattr(state, name) for name in state.__slots__ if name != "delivery"}


def _row(state: DeliveryState) -> tuple[object, ...]:
    delivery = state.delivery
    return (
        delivery.delivery_id,
        delivery.exporter,
        state.status,
        delivery.kind,
        delivery.exam_id or "",
        delivery.attempts,
        None if state.finished_at else state.next_attempt_at,
        state.last_error,
    )


@app.command("retry")
@in_the_installation
def retry(
    installation: Installation,
    delivery_ids: Numbers = None,
    exporter: Exporter = "",
    exam: Exam = 0,
    everything: All = False,
) -> None:
    """Have dead deliveries tried again, and waiting ones at once."""
    from cardioserver.archive import deliveries
    from cardioserver.archive.audit import Action

    wanted = _wanted(delivery_ids, exporter, exam, everything)
    with change(installation) as work:
        count = deliveries.retry(work.connection, wanted)
        work.journal(Action.RETRY_DELIVERY, _only(delivery_ids), f"{count} deliveries")
    say(Phrase(f"To be tried again: {count}", f"Будут отправлены снова: {count}"))


@app.command("drop")
@in_the_installation
def drop(
    installation: Installation,
    delivery_ids: Numbers = None,
    exporter: Exporter = "",
    exam: Exam = 0,
    everything: All = False,
) -> None:
    """Give up dead and waiting deliveries; later ones of the same exams can then go."""
    from cardioserver.archive import deliveries
    from cardioserver.archive.audit import Action

    wanted = _wanted(delivery_ids, exporter, exam, everything)
    with change(installation) as work:
        count = deliveries.drop(work.connection, wanted)
        work.journal(Action.DROP_DELIVERY, _only(delivery_ids), f"{count} deliveries")
    say(Phrase(f"Given up: {count}", f"Отменено: {count}"))


def _wanted(delivery_ids: list[int] | None, exporter: str, exam: int, everything: bool) -> DeliveryFilter:
    from cardioserver.archive.deliveries import DeliveryFilter

    if not (delivery_ids or exporter or exam or everything):
        raise Failure(
            Phrase(
                "Which deliveries? Give their numbers, --exporter, --exam or --all.",
                "Какие доставки? Укажите номера, --exporter, --exam или --all.",
            ),
            ExitCode.USAGE,
        )
    return DeliveryFilter(delivery_ids=tuple(delivery_ids or ()), exporter=exporter, exam_id=exam)


def _only(delivery_ids: list[int] | None) -> int:
    return delivery_ids[0] if delivery_ids and len(delivery_ids) == 1 else 0
