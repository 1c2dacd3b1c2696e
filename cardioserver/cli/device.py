"""`cardioserver device`: recorders."""

from __future__ import annotations

from typing import Annotated

import typer

from cardioserver.cli.changes import change
from cardioserver.cli.hcf import HcfId
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import HcfFilter, Json
from cardioserver.language import Phrase

app = typer.Typer(help="Devices: recorders by their numbers.", no_args_is_help=True)


@app.command("add")
@in_the_installation
def add(
    installation: Installation,
    hcf_id: HcfId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Device number, as in its exams.")],
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name for people, e.g. where it stands.")] = "",
    as_json: Json = False,
) -> None:
    """Add a device to an HCF."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import add_device

    with change(installation) as work:
        added = add_device(work.connection, work.ids, hcf_id, number, name)
        work.journal(Action.ADD_DEVICE, added.device_id)
    if as_json:
        show_json(added)
    else:
        said = f"{added.device_id}: {added.number}"
        say(Phrase(f"Added device {said}", f"Добавлен прибор {said}"))


@app.command("list")
@in_the_installation
def show(installation: Installation, hcf: HcfFilter = 0, as_json: Json = False) -> None:
    """List devices."""
    from cardioserver.archive.directory import list_devices

    with installation.store() as store, store.database.read() as connection:
        found = list_devices(connection, hcf)
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Device", "Прибор"),
        Phrase("HCF", "Учреждение"),
        Phrase("Number", "Номер"),
        Phrase("Name", "Название"),
        Phrase("Added", "Добавлен"),
    )
    show_table(columns, [(d.device_id, d.hcf_id, d.number, d.name, d.created_at) for d in found])


@app.command("rename")
@in_the_installation
def rename(
    installation: Installation,
    device_id: Annotated[int, typer.Argument(metavar="DEVICE_ID", help="From `device list`.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
) -> None:
    """Give a device another name."""
    from cardioserver.archive.audit import Action
    from cardioserver.archive.directory import rename_device

    with change(installation) as work:
        rename_device(work.connection, device_id, name)
        work.journal(Action.CHANGE_DIRECTORY, device_id)
    say(Phrase("Renamed.", "Переименовано."))
