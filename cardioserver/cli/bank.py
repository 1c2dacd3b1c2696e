"""`cardioserver bank`: check the cardiobank, and rebuild the database from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.exits import ExitCode
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import complain, progress, say, show_json
from cardioserver.cli.parameters import Json
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.archive.verify import Finding

app = typer.Typer(
    help="The cardiobank: verify its files, rebuild the database from them.", no_args_is_help=True
)

FAULTS = {
    "damaged": Phrase("damaged", "повреждён"),
    "misplaced": Phrase("misplaced", "не на своём месте"),
    "missing": Phrase("missing", "отсутствует"),
    "unindexed": Phrase("not in the database", "нет в базе данных"),
    "rejected": Phrase("refused by the database", "отвергнут базой данных"),
}


@app.command("verify")
@in_the_installation
def verify(
    installation: Installation,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Do not compare with the database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read every file of the bank and report each that is damaged or missing.

    The server may run meanwhile.
    """
    from cardioserver.archive.bank import Bank
    from cardioserver.archive.verify import verify as check

    title = Phrase("Verifying", "Проверка")
    if files_only:
        with progress(title) as tell:
            report = check(Bank(installation.config.bank_path), None, tell)
    else:
        with installation.store() as store, progress(title) as tell:
            report = check(store.bank, store.database, tell)
    if as_json:
        show_json(report)
    else:
        for finding in report.findings:
            complain(_line(finding))
        say(
            Phrase(
                f"Exams: {report.exams}, records: {report.records}, "
                f"waiting for the database: {report.waiting}, faults: {len(report.findings)}",
                f"Обследований: {report.exams}, записей: {report.records}, "
                f"ждут базу данных: {report.waiting}, нарушений: {len(report.findings)}",
            )
        )
    if not report.is_clean:
        raise typer.Exit(ExitCode.FAILED)


def _line(finding: Finding) -> Phrase:
    fault = FAULTS[finding.fault.value]
    note = f" ({finding.note})" if finding.note else ""
    return Phrase(f"{finding.path}: {fault.en}{note}", f"{finding.path}: {fault.ru}{note}")


@app.command("rebuild")
@in_the_installation
def rebuild(installation: Installation, as_json: Json = False) -> None:
    """Bring everything in the bank into the database; what is there already stays as it is.

    Accounts come back disabled and without a password: give each one with `account passwd` and enable it.
    """
    from cardioserver.archive.rebuild import rebuild as restore

    with installation.store() as store, progress(Phrase("Rebuilding", "Восстановление")) as tell:
        rebuilt = restore(store.bank, store.database, store.ids, tell)
    if as_json:
        show_json(rebuilt)
    else:
        for path, reason in rebuilt.failed:
            complain(Phrase(f"{path}: {reason}", f"{path}: {reason}"))
        say(
            Phrase(
                f"Exams: {rebuilt.exams}, records: {rebuilt.records}, accounts: {rebuilt.accounts}, "
                f"archives: {rebuilt.archives}, HCFs: {rebuilt.facilities}, failed: {len(rebuilt.failed)}",
                f"Обследований: {rebuilt.exams}, записей: {rebuilt.records}, "
                f"учётных записей: {rebuilt.accounts}, архивов: {rebuilt.archives}, "
                f"учреждений: {rebuilt.facilities}, не удалось: {len(rebuilt.failed)}",
            )
        )
    if rebuilt.failed:
        raise typer.Exit(ExitCode.FAILED)
