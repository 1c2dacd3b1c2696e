"""`cardioserver archive`: the collections of exams within an HCF."""

from __future__ import annotations

from typing import Annotated

import typer

from cardioserver.cli.changes import change
from cardioserver.cli.hcf import HcfId, Name
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import HcfFilter, Json
from cardioserver.language import Phrase

app = typer.Typer(help="Archives: named collections of exams within an HCF.", no_args_is_help=True)

ArchiveId = Annotated[
    int, typer.Argument(metavar="ARCHIVE_ID", help="Number of the archive, from `archive list`.")
]


@app.command("add")
@in_the_installation
def add(installation: Installation, hcf_id: HcfId, name: Name, as_json: Json = False) -> None:
    """Add an archive; an HCF's first one becomes its default."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import add_archive

    with change(installation) as work:
        added = add_archive(work.connection, work.ids, hcf_id, name)
        work.journal(Action.ADD_ARCHIVE, added.archive_id)
    if as_json:
        show_json(added)
    else:
        said = f"{added.archive_id}: {added.name}"
        say(Phrase(f"Added archive {said}", f"Добавлен архив {said}"))


@app.command("list")
@in_the_installation
def show(installation: Installation, hcf: HcfFilter = 0, as_json: Json = False) -> None:
    """List archives."""
    from cardioserver.archive.directory import default_archive_id, list_archives

    with installation.store() as store, store.database.read() as connection:
        found = list_archives(connection, hcf)
        defaults = {default_archive_id(connection, hcf_id) for hcf_id in {a.hcf_id for a in found}}
    if as_json:
        show_json(
            [
                {
                    "archive_id": archive.archive_id,
                    "hcf_id": archive.hcf_id,
                    "name": archive.name,
                    "default": archive.archive_id in defaults,
                }
                for archive in found
            ]
        )
        return
    columns = (
        Phrase("Archive", "Архив"),
        Phrase("HCF", "Учреждение"),
        Phrase("Name", "Название"),
        Phrase("Default", "По умолчанию"),
    )
    show_table(columns, [(a.archive_id, a.hcf_id, a.name, a.archive_id in defaults) for a in found])


@app.command("rename")
@in_the_installation
def rename(installation: Installation, archive_id: ArchiveId, name: Name) -> None:
    """Give an archive another name."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import rename_archive

    with change(installation) as work:
        rename_archive(work.connection, archive_id, name)
        work.journal(Action.CHANGE_DIRECTORY, archive_id)
    say(Phrase("Renamed.", "Переименовано."))


@app.command("default")
@in_the_installation
def default(installation: Installation, archive_id: ArchiveId) -> None:
    """Make an archive the one where its HCF's exams go that name none."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import set_default_archive

    with change(installation) as work:
        set_default_archive(work.connection, archive_id)
        work.journal(Action.CHANGE_DIRECTORY, archive_id, "default")
    say(Phrase("Done.", "Готово."))
