"""`cardioserver send`: ECG files to a server, as a recorder sends them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid5

import typer

from cardioserver.cli.exits import ExitCode
from cardioserver.cli.failures import explain
from cardioserver.cli.identity import Identity, with_identity
from cardioserver.cli.output import complain, language, say, show_json
from cardioserver.cli.parameters import Json
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.times import TIME_FORMATS, moment
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.client import Client
    from cardioserver.ecg.exam import Exam
    from cardioserver.ecg.recording import Recording

NAMESPACE = UUID("6f8f8ce5-3c5c-5b0e-9d1e-0d3f5f6a7c11")
"""Namespace (RFC 9562, section 5.5) of the UUIDs of exams that come from files."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one file."""

    file: Path
    exam_id: int = 0
    exam_uuid: UUID | None = None
    already_stored: bool = False
    error: str = ""
    code: ExitCode = ExitCode.DONE


@dataclass(frozen=True, slots=True)
class Additions:
    """What the options say of every exam."""

    identity: Identity
    started_at: datetime | None
    archive_id: int | None
    device_number: str
    accession_number: str
    comment: str


@over_the_wire
@with_identity
def send(
    identity: Identity,
    server: Server,
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="ECG files: WFDB (.hea) or DICOM waveforms.")
    ],
    started: Annotated[
        datetime | None,
        typer.Option(
            formats=TIME_FORMATS, metavar="TIME", help="When it was recorded, if the file does not say."
        ),
    ] = None,
    archive: Annotated[
        int | None, typer.Option(metavar="ARCHIVE_ID", help="Archive; without it the HCF's default.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NUMBER", help="Device number.")] = "",
    accession_number: Annotated[
        str, typer.Option(metavar="TEXT", help="Accession number of the order it fulfils.")
    ] = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Comment.")] = "",
    as_json: Json = False,
) -> None:
    """Send ECG files to a server.

    What the options say of the patient replaces what is in the files. The exam's UUID is made from the
    samples and the patient's number: sending a file twice stores one exam. A file that cannot be sent is
    reported; the others go on, and the exit status tells.
    """
    additions = Additions(identity, moment(started), archive, device, accession_number, comment)
    results = server.run(lambda client: _send_all(client, files, additions))
    if as_json:
        show_json([_as_json(result) for result in results])
    else:
        for result in results:
            _tell(result)
    raise typer.Exit(max((result.code for result in results), default=ExitCode.DONE))


async def _send_all(client: Client, files: list[Path], additions: Additions) -> list[Sent]:
    results: list[Sent] = []
    for file in files:
        if results and results[-1].code is ExitCode.UNREACHABLE:
            # It was tried for a while: the other files would only wait as long, one after another.
            results.append(replace(results[-1], file=file))
        else:
            results.append(await _send(client, file, additions))
    return results


async def _send(client: Client, file: Path, additions: Additions) -> Sent:
    try:
        exam, recording = _read(file, additions)
        stored = await client.upload(exam, recording)
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        phrase, code = explained
        return Sent(file, error=phrase.say(language()), code=code)
    return Sent(file, stored.exam_id, stored.exam_uuid, stored.already_stored)


def _read(file: Path, additions: Additions) -> tuple[Exam, Recording]:
    """The exam in a file, with what the options say."""
    from cardioserver.ecg.formats.reader import read

    foreign = read(file)
    patient = additions.identity.patient(foreign.patient)
    started_at = foreign.started_at or additions.started_at or changed_at(file)
    exam = foreign.exam(exam_uuid(foreign.recording, patient.number), patient=patient, started_at=started_at)
    exam = replace(
        exam,
        archive_id=additions.archive_id,
        device_number=additions.device_number or exam.device_number,
        accession_number=additions.accession_number or exam.accession_number,
        comment=additions.comment or exam.comment,
    )
    return exam, foreign.recording


def changed_at(file: Path) -> datetime:
    """When the file was written: a guess, but the same on every sending."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).astimezone()


def exam_uuid(recording: Recording, patient_number: str) -> UUID:
    """The same for the same samples of the same patient, whatever the file is called."""
    import hashlib

    digest = hashlib.sha256(patient_number.encode() + b"\0")
    signal = recording.format
    digest.update(repr((signal.rate, tuple(map(int, signal.leads)), signal.resolution, signal.bits)).encode())
    digest.update(recording.samples.data)
    return uuid5(NAMESPACE, digest.hexdigest())


def _as_json(sent: Sent) -> dict[str, object]:
    if sent.error:
        return {"file": sent.file, "error": sent.error}
    return {
        "file": sent.file,
        "exam_id": sent.exam_id,
        "exam_uuid": sent.exam_uuid,
        "already_stored": sent.already_stored,
    }


def _tell(sent: Sent) -> None:
    if sent.error:
        complain(Phrase(f"{sent.file}: {sent.error}", f"{sent.file}: {sent.error}"))
    elif sent.already_stored:
        say(
            Phrase(
                f"{sent.file}: stored before as exam {sent.exam_id}",
                f"{sent.file}: уже в архиве, обследование {sent.exam_id}",
            )
        )
    else:
        say(
            Phrase(
                f"{sent.file}: stored as exam {sent.exam_id}",
                f"{sent.file}: сохранено, обследование {sent.exam_id}",
            )
        )
