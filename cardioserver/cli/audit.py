"""`cardioserver audit`: who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import show_json, show_table
from cardioserver.cli.parameters import HcfFilter, Json, Limit
from cardioserver.cli.times import Before, Since, moment
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.archive.audit import Action, AuditEntry, AuditQuery

app = typer.Typer(help="The audit journal: who did what, when and from where.", no_args_is_help=True)

PAGE = 500


@app.command("list")
@in_the_installation
def show(
    installation: Installation,
    *,
    since: Since = None,
    before: Before = None,
    login: Annotated[str, typer.Option(metavar="TEXT", help="Only of this account.")] = "",
    hcf: HcfFilter = 0,
    address: Annotated[
        str, typer.Option(metavar="TEXT", help="Only from this address; `local`: from this machine.")
    ] = "",
    action: Annotated[
        str, typer.Option(metavar="TEXT", help="Only this action, e.g. login, get_signal.")
    ] = "",
    failures: Annotated[bool, typer.Option("--failures", help="Only what failed.")] = False,
    patient: Annotated[
        int,
        typer.Option(
            metavar="PATIENT_ID", help="Only about this patient and their exams.", show_default=False
        ),
    ] = 0,
    exam: Annotated[
        int, typer.Option(metavar="EXAM_ID", help="Only about this exam.", show_default=False)
    ] = 0,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List entries of the journal, newest first."""
    from cardioserver.archive.accounts import fold_login
    from cardioserver.archive.audit import AuditQuery

    query = AuditQuery(
        since=moment(since),
        before=moment(before),
        login=fold_login(login),
        hcf_id=hcf,
        address=address,
        action=_action(action),
        only_failures=failures,
        patient_id=patient,
        exam_id=exam,
    )
    found = _search(installation, query, limit)
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Time", "Время"),
        Phrase("Action", "Действие"),
        Phrase("Outcome", "Итог"),
        Phrase("Login", "Логин"),
        Phrase("Address", "Адрес"),
        Phrase("Patient", "Пациент"),
        Phrase("Exam", "Обследование"),
        Phrase("About", "Предмет"),
        Phrase("Detail", "Подробности"),
    )
    show_table(columns, [_row(entry) for entry in found])


def _search(installation: Installation, query: AuditQuery, limit: int) -> list[AuditEntry]:
    from cardioserver.archive.audit import search

    found: list[AuditEntry] = []
    cursor = ""
    with installation.store() as store, store.database.read() as connection:
        while len(found) < limit:
            page = search(connection, query, min(PAGE, limit - len(found)), cursor)
            found += page.entries
            cursor = page.cursor
            if not cursor:
                break
    return found


def _action(typed: str) -> Action | None:
    from cardioserver.archive.audit import Action

    if not typed:
        return None
    try:
        return Action(typed)
    except ValueError:
        known = ", ".join(Action)
        raise Failure(
            Phrase(
                f"No action is called {typed}. There are: {known}.", f"Нет действия {typed}. Есть: {known}."
            ),
            ExitCode.USAGE,
        ) from None


def _row(entry: AuditEntry) -> tuple[object, ...]:
    return (
        entry.at,
        entry.action.value,
        entry.outcome,
        entry.login,
        entry.address,
        entry.patient_id or "",
        entry.exam_id or "",
        entry.subject_id or "",
        entry.detail,
    )
