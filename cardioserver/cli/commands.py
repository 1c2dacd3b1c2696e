"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

import cardioserver
from cardioserver.cli import account, archive, audit, bank, delivery, device, exam, hcf, order, patient
from cardioserver.cli.analyse import analyse
from cardioserver.cli.demo import demo
from cardioserver.cli.interpretationservice import interpretation_service
from cardioserver.cli.output import speak
from cardioserver.cli.parameters import LanguageName
from cardioserver.cli.process import start, status, stop
from cardioserver.cli.report import report
from cardioserver.cli.send import send
from cardioserver.cli.serve import serve

app = typer.Typer(
    help="Cardioserver: an ECG archive server, its administration and its client.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those may be passwords
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cardioserver {cardioserver.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def cardioserver_command(
    context: typer.Context,
    language: Annotated[
        LanguageName | None,
        typer.Option(help="Language of messages. Without it: by LC_ALL, LC_MESSAGES, LANG."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
) -> None:
    """Cardioserver: an ECG archive server, its administration and its client."""
    if language is not None:
        speak(language.value)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("interpretation-service")(interpretation_service)
for command in (demo, start, stop, status, serve, send, analyse, report):
    app.command()(command)
for group in (exam, order, account, hcf, archive, device, patient, audit, delivery, bank):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])
