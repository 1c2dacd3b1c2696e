"""`cardioserver hcf`: healthcare facilities."""

from __future__ import annotations

from typing import Annotated

import typer

from cardioserver.cli.changes import change
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import Json
from cardioserver.language import Phrase

app = typer.Typer(help="Healthcare facilities (HCF).", no_args_is_help=True)

HcfId = Annotated[int, typer.Argument(metavar="HCF_ID", help="Number of the HCF, from `hcf list`.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]


@app.command("add")
@in_the_installation
def add(
    installation: Installation,
    name: Name,
    oktmo: Annotated[str, typer.Option(metavar="CODE", help="Code of its municipality (OKTMO).")] = "",
    archive: Annotated[
        str, typer.Option(metavar="NAME", help="Name of its first archive, which becomes the default.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add an HCF, with a first archive if one is named."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import add_archive, add_hcf

    with change(installation) as work:
        added = add_hcf(work.connection, work.ids, name, oktmo)
        work.journal(Action.ADD_HCF, added.hcf_id)
        if archive:
            first = add_archive(work.connection, work.ids, added.hcf_id, archive)
            work.journal(Action.ADD_ARCHIVE, first.archive_id)
    if as_json:
        show_json(added)
    else:
        say(
            Phrase(
                f"Added HCF {added.hcf_id}: {added.name}",
                f"Добавлено учреждение {added.hcf_id}: {added.name}",
            )
        )


@app.command("list")
@in_the_installation
def show(installation: Installation, as_json: Json = False) -> None:
    """List all HCFs."""
    from cardioserver.archive.directory import list_hcfs

    with installation.store() as store, store.database.read() as connection:
        found = list_hcfs(connection)
    if as_json:
        show_json(found)
        return
    columns = (Phrase("HCF", "Учреждение"), Phrase("Name", "Название"), Phrase("OKTMO", "ОКТМО"))
    show_table(columns, [(hcf.hcf_id, hcf.name, hcf.oktmo) for hcf in found])


@app.command("rename")
@in_the_installation
def rename(installation: Installation, hcf_id: HcfId, name: Name) -> None:
    """Give an HCF another name."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import rename_hcf

    with change(installation) as work:
        rename_hcf(work.connection, hcf_id, name)
        work.journal(Action.CHANGE_DIRECTORY, hcf_id)
    say(Phrase("Renamed.", "Переименовано."))
