"""An ECG that a command is given as FILE_OR_EXAM: from a file of this machine or from a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.failures import explain
from cardioserver.cli.imports import uncollected
from cardioserver.cli.server import Server
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.client import Client
    from cardioserver.ecg.exam import Exam
    from cardioserver.ecg.recording import Recording
    from cardioserver.interpretation.document import Document
    from cardioserver.protocol.messages import Conclusion

SubjectName = Annotated[
    str,
    typer.Argument(metavar="FILE_OR_EXAM", help="An ECG file, or number or UUID of an exam at the server."),
]
SubjectNames = Annotated[
    list[str],
    typer.Argument(metavar="FILE_OR_EXAM", help="ECG files, or numbers or UUIDs of exams at the server."),
]


@dataclass(frozen=True, slots=True)
class Subject:
    """The ECG, and what a server knows of it; of a file nothing but itself."""

    exam: Exam
    recording: Recording
    exam_id: int = 0
    hcf: str = ""
    archive: str = ""
    document: Document | None = None
    conclusions: tuple[Conclusion, ...] = ()
    time_known: bool = True  # files need not say when they were recorded


def read_subject(named: str, server: Server, *, with_report: bool = True) -> Subject:
    """The ECG called *named*; the server is asked only if there is no such file.

    Parameters
    ----------
    with_report
        Whether the server is asked for more than the ECG: the automatic report, conclusions, names.

    Raises
    ------
    Failure
        It is neither, or a file that is no ECG or damaged, or the server's automatic report cannot be read by
        this version.
    cardioserver.client.errors.ClientError
        What the client raises.
    """
    for path in (Path(named), Path(f"{named}.hea")):  # a WFDB record is known by its name without an ending
        if path.exists():
            return _of_file(path, named)
    exam = exam_of(named)
    if exam is None:
        raise Failure(
            Phrase(
                f"{named}: no such file, and no number or UUID of an exam.",
                f"{named}: нет такого файла, и это не номер и не UUID обследования.",
            ),
            ExitCode.USAGE,
        )
    return server.run(lambda client: subject_of(client, exam, with_report=with_report))


def exam_of(typed: str) -> int | UUID | None:
    """The number or UUID of an exam, if it is one."""
    try:
        return int(typed) if typed.isdecimal() else UUID(typed)
    except ValueError:
        return None


def named_exam(typed: str) -> int | UUID:
    """As :func:`exam_of`, of what can be nothing else.

    Raises
    ------
    Failure
        It is neither.
    """
    named = exam_of(typed)
    if named is None:
        raise Failure(
            Phrase(
                f"{typed} is no number and no UUID of an exam.", f"{typed} — не номер и не UUID обследования."
            ),
            ExitCode.USAGE,
        )
    return named


def _of_file(path: Path, named: str) -> Subject:
    from cardioserver.cli.send import changed_at, exam_uuid
    from cardioserver.ecg.errors import EcgError
    from cardioserver.ecg.formats.reader import read

    try:
        with uncollected():  # the reader of a format imports its library
            foreign = read(path)
    except EcgError as error:
        phrase, code = explain(error) or (Phrase("", ""), ExitCode.FAILED)
        raise Failure(Phrase(f"{named}: {phrase.en}", f"{named}: {phrase.ru}"), code) from error
    exam = foreign.exam(
        exam_uuid(foreign.recording, foreign.patient.number),
        started_at=foreign.started_at or changed_at(path),
    )
    known = foreign.started_at is not None
    return Subject(exam, foreign.recording, hcf=foreign.institution, time_known=known)


async def subject_of(client: Client, exam: int | UUID, *, with_report: bool = True) -> Subject:
    """An exam of the server, *with_report* and conclusions or just as it was recorded.

    Raises
    ------
    Failure
        Its automatic report cannot be read by this version.
    cardioserver.client.errors.ClientError
        What the client raises.
    """
    details = await client.get_exam(exam)
    recording = await client.get_signal(details.exam_id)
    if not with_report:
        return Subject(details.exam, recording, details.exam_id)
    report = await client.get_auto_report(details.exam_id)
    hcfs = {hcf.hcf_id: hcf.name for hcf in await client.list_hcfs()}
    archives = {archive.archive_id: archive.name for archive in await client.list_archives()}
    return Subject(
        details.exam,
        recording,
        details.exam_id,
        hcfs.get(details.hcf_id, ""),
        archives.get(details.archive_id, ""),
        _document(report.document) if report.version else None,
        await client.list_conclusions(details.exam_id),
    )


def _document(text: str) -> Document:
    from cardioserver.interpretation.document import decode

    try:
        return decode(text)
    except ValueError as error:
        raise Failure(
            Phrase(
                "The automatic report of this exam is of another version than this program: update it.",
                "Автоматический анализ этого обследования сделан другой версией программы: обновите эту.",
            )
        ) from error
