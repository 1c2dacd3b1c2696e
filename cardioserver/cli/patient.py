"""`cardioserver patient`: find patients, merge two that are one person, take that back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import Json, Limit
from cardioserver.cli.times import DATE_FORMATS, day
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.protocol.messages import FindPatients, PatientRecord

app = typer.Typer(help="Patients: find, merge, unmerge.", no_args_is_help=True)


@app.command("find")
@in_the_installation
def find(
    installation: Installation,
    *,
    number: Annotated[str, typer.Option(metavar="TEXT", help="The patient's number.")] = "",
    family_name: Annotated[str, typer.Option(metavar="TEXT", help="Beginning of the family name.")] = "",
    personal_name: Annotated[str, typer.Option(metavar="TEXT", help="Beginning of the personal name.")] = "",
    birthday: Annotated[
        datetime | None, typer.Option(formats=DATE_FORMATS, metavar="DATE", help="Birthday.")
    ] = None,
    snils: Annotated[str, typer.Option(metavar="TEXT", help="Number of the pension insurance (SNILS).")] = "",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Find patients by number, name, birthday or SNILS."""
    from cardioserver.protocol.messages import FindPatients

    query = FindPatients(number, family_name, personal_name, day(birthday), snils)
    found = _find(installation, query, limit)
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Patient", "Пациент"),
        Phrase("HCF", "Учреждение"),
        Phrase("Number", "Номер"),
        Phrase("Name", "Имя"),
        Phrase("Birthday", "Дата рождения"),
        Phrase("Sex", "Пол"),
    )
    show_table(columns, [_row(record) for record in found])


def _find(installation: Installation, query: FindPatients, limit: int) -> list[PatientRecord]:
    from dataclasses import replace

    from cardioserver.archive import audit, patientsearch
    from cardioserver.archive.access import Actor
    from cardioserver.protocol.messages import Role

    anyone = Actor(0, "", Role.SUPER_ADMINISTRATOR, 0)
    page_size = installation.config.limits.page_rows
    found: list[PatientRecord] = []
    with installation.store() as store:
        with store.database.read() as connection:
            while True:
                query = replace(query, limit=min(limit - len(found), page_size))
                page = patientsearch.find(connection, anyone, query, max_page=page_size)
                found += page.patients
                if not page.cursor or len(found) >= limit:
                    break
                query = replace(query, cursor=page.cursor)
        with store.database.write() as connection:
            detail = f"{len(found)} patients"
            entry = audit.entry(store.ids, None, audit.LOCAL, audit.Action.FIND_PATIENTS, detail=detail)
            audit.record(connection, [entry])
    return found


def _row(record: PatientRecord) -> tuple[object, ...]:
    person = record.patient
    name = " ".join(filter(None, (person.family_name, person.personal_name, person.patronymic)))
    return record.patient_id, record.issuer_hcf_id, person.number, name, person.birthday, person.sex


@app.command("merge")
@in_the_installation
def merge(
    installation: Installation,
    patient_id: Annotated[int, typer.Argument(metavar="PATIENT_ID", help="Who turned out to be …")],
    into: Annotated[int, typer.Argument(metavar="INTO_PATIENT_ID", help="… this patient.")],
    as_json: Json = False,
) -> None:
    """Make all exams and orders of one patient another one's. `unmerge` takes it back."""
    from cardioserver.archive.merges import Merges

    with installation.store() as store:
        made = Merges(store.database, store.bank, store.ids).merge(None, patient_id, into)
    if as_json:
        show_json(made)
        return
    say(
        Phrase(
            f"Merged. To take it back: patient unmerge {made.merge_id}",
            f"Объединены. Чтобы разъединить: patient unmerge {made.merge_id}",
        )
    )


@app.command("merges")
@in_the_installation
def merges(
    installation: Installation,
    patient: Annotated[
        int, typer.Option(metavar="PATIENT_ID", help="Only of this patient.", show_default=False)
    ] = 0,
    as_json: Json = False,
) -> None:
    """List merges."""
    from cardioserver.archive.merges import list_merges

    with installation.store() as store, store.database.read() as connection:
        found = list_merges(connection, patient)
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Merge", "Объединение"),
        Phrase("Patient", "Пациент"),
        Phrase("Into", "С пациентом"),
        Phrase("Made", "Выполнено"),
        Phrase("Undone", "Отменено"),
    )
    show_table(
        columns,
        [(x.merge_id, x.from_patient_id, x.to_patient_id, x.merged_at, x.undone_at) for x in found],
    )


@app.command("unmerge")
@in_the_installation
def unmerge(
    installation: Installation,
    merge_id: Annotated[int, typer.Argument(metavar="MERGE_ID", help="From `patient merges`.")],
) -> None:
    """Take a merge back: each patient has their own exams and orders again."""
    from cardioserver.archive.merges import Merges

    with installation.store() as store:
        Merges(store.database, store.bank, store.ids).undo(None, merge_id)
    say(Phrase("The patients are separate again.", "Пациенты снова раздельны."))
