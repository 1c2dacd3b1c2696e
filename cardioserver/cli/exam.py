"""`cardioserver exam`: find exams, read their metadata and samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.output import language, say, show_fields, show_json, show_table
from cardioserver.cli.parameters import HcfFilter, Json, Limit
from cardioserver.cli.reinterpret import reinterpret
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.subject import named_exam
from cardioserver.cli.terms import EXAM_TYPES, SEXES
from cardioserver.cli.times import Before, Since, moment
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.client import Client
    from cardioserver.ecg.recording import Recording
    from cardioserver.protocol.messages import AutoReport, Conclusion, ExamDetails, ExamSummary, FindExams

app = typer.Typer(help="Exams: find them, read their metadata and samples.", no_args_is_help=True)

ExamName = Annotated[str, typer.Argument(metavar="EXAM", help="Number or UUID of the exam.")]


@app.command("list")
@over_the_wire
def show_list(
    server: Server,
    *,
    patient_number: Annotated[
        str, typer.Option(metavar="TEXT", help="Only of the patient with this number.")
    ] = "",
    family_name: Annotated[
        str, typer.Option(metavar="TEXT", help="Beginning of the patient's family name.")
    ] = "",
    since: Since = None,
    before: Before = None,
    hcf: HcfFilter = 0,
    archive: Annotated[
        int, typer.Option(metavar="ARCHIVE_ID", help="Only of this archive.", show_default=False)
    ] = 0,
    device: Annotated[str, typer.Option(metavar="NUMBER", help="Only by the device with this number.")] = "",
    accession_number: Annotated[str, typer.Option(metavar="TEXT", help="Only of this order.")] = "",
    conclusion: Annotated[
        bool | None,
        typer.Option("--with-conclusion/--without-conclusion", help="Only with, or only without."),
    ] = None,
    consultation: Annotated[
        bool, typer.Option("--consultation", help="Only what was sent to us for consultation.")
    ] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List exams, newest first."""
    from cardioserver.protocol.messages import FindExams

    query = FindExams(
        patient_number=patient_number,
        family_name=family_name,
        started_from=moment(since),
        started_before=moment(before),
        hcf_id=hcf,
        archive_id=archive,
        device_number=device,
        accession_number=accession_number,
        has_conclusion=conclusion,
        consultation_only=consultation,
    )
    found = server.run(lambda client: _find(client, query, limit))
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Exam", "Обследование"),
        Phrase("Time", "Время"),
        Phrase("Number", "Номер"),
        Phrase("Patient", "Пациент"),
        Phrase("Birthday", "Дата рождения"),
        Phrase("Conclusions", "Заключений"),
    )
    show_table(columns, [_row(exam) for exam in found])


async def _find(client: Client, query: FindExams, limit: int) -> list[ExamSummary]:
    from dataclasses import replace

    info = await client.connect()
    query = replace(query, limit=min(limit, info.limits.max_page))
    found: list[ExamSummary] = []
    async for exam in client.find_exams(query):
        found.append(exam)
        if len(found) == limit:
            break
    return found


def _row(exam: ExamSummary) -> tuple[object, ...]:
    name = " ".join(filter(None, (exam.family_name, exam.personal_name, exam.patronymic)))
    return (
        exam.exam_id,
        exam.started_at,
        exam.patient_number,
        name,
        exam.birthday,
        exam.conclusion_count or "",
    )


@app.command("show")
@over_the_wire
def show(server: Server, exam: ExamName, as_json: Json = False) -> None:
    """Show an exam's metadata, the newest machine interpretation and the conclusions."""
    named = named_exam(exam)

    async def read(client: Client) -> tuple[ExamDetails, AutoReport, tuple[Conclusion, ...]]:
        details = await client.get_exam(named)
        report = await client.get_auto_report(details.exam_id)
        return details, report, await client.list_conclusions(details.exam_id)

    details, report, conclusions = server.run(read)
    if as_json:
        show_json({"exam": details, "auto_report": _flat(report), "conclusions": conclusions})
        return
    show_fields(_fields(details))
    if report.version:
        from cardioserver.cli.reading import show_text

        print()
        of = f"{report.version}, {report.created_at:%Y-%m-%d %H:%M}"
        say(Phrase(f"Auto report, version {of}:", f"Машинная интерпретация, версия {of}:"))
        show_text(Phrase(report.text_en, report.text_ru), concluded=bool(conclusions))
    for conclusion in conclusions:
        print()
        author = f"{conclusion.account_name}, {conclusion.created_at:%Y-%m-%d %H:%M}"
        said = f"({author}):\n{conclusion.text}"
        say(Phrase(f"Conclusion {said}", f"Заключение {said}"))


def _flat(report: AutoReport) -> dict[str, Any] | None:
    """The report with its document as JSON, not as a text that holds JSON; ``None``: there is none."""
    import json

    if not report.version:
        return None
    document = json.loads(report.document) if report.document else None
    return {name: getattr(report, name) for name in report.__slots__} | {"document": document}


def _fields(details: ExamDetails) -> list[tuple[Phrase, object]]:
    exam, patient, signal = details.exam, details.exam.patient, details.signal
    name = " ".join(filter(None, (patient.family_name, patient.personal_name, patient.patronymic)))
    leads = " ".join(lead.label for lead in signal.leads)
    seconds = signal.sample_count / signal.rate
    rate = f"{signal.rate:g}"
    size = Phrase(f"{rate} Hz × {seconds:g} s", f"{rate} Гц × {seconds:g} с").say(language())
    return [
        (Phrase("Exam", "Обследование"), details.exam_id),
        (Phrase("UUID", "UUID"), exam.uuid),
        (Phrase("Started", "Начало"), exam.started_at.isoformat(" ", "seconds")),
        (Phrase("Stored", "Сохранено"), details.stored_at),
        (Phrase("Type", "Тип"), EXAM_TYPES[exam.exam_type.name].say(language())),
        (Phrase("Patient", "Пациент"), details.patient_id),
        (Phrase("Number", "Номер"), patient.number),
        (Phrase("Name", "Имя"), name),
        (Phrase("Birthday", "Дата рождения"), patient.birthday),
        (Phrase("Sex", "Пол"), SEXES[patient.sex.name].say(language())),
        (Phrase("Age, years", "Возраст, лет"), exam.age_years),
        (Phrase("Height, cm", "Рост, см"), exam.height_cm),
        (Phrase("Weight, kg", "Вес, кг"), exam.weight_kg),
        (Phrase("Comment", "Комментарий"), exam.comment),
        (Phrase("HCF", "Учреждение"), details.hcf_id),
        (Phrase("Archive", "Архив"), details.archive_id),
        (Phrase("Device", "Прибор"), exam.device_number),
        (Phrase("Accession number", "Номер направления"), exam.accession_number),
        (Phrase("Signal", "Сигнал"), f"{size} × {len(signal.leads)}: {leads}"),
        (Phrase("SHA-256", "SHA-256"), details.digest.hex()),
    ]


@app.command("get")
@over_the_wire
def get(
    server: Server,
    *,
    exam: ExamName,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write; .csv, .npy or .raw.")
    ],
    start: Annotated[float, typer.Option(metavar="S", min=0, help="From this second on.")] = 0.0,
    seconds: Annotated[float, typer.Option(metavar="S", min=0, help="So many seconds; 0: to the end.")] = 0.0,
    lead: Annotated[
        list[str] | None, typer.Option(metavar="LEAD", help="Only this lead; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read an exam's samples and write them to a file.

    CSV holds a time column in seconds and µV for each lead; NPY an array of counts, leads by samples; RAW
    the little-endian counts, lead after lead, as on the wire.
    """
    import hashlib

    from cardioserver.ecg.lead import Lead

    named, leads = named_exam(exam), tuple(Lead.parse(name) for name in lead or ())
    write = _writer(output)

    async def read(client: Client) -> tuple[ExamDetails, Recording]:
        details = await client.get_exam(named)
        rate = details.signal.rate
        part = round(start * rate), round(seconds * rate)
        return details, await client.get_signal(details.exam_id, *part, leads)

    details, recording = server.run(read)
    write(recording, output)
    signal = recording.format
    if as_json:
        show_json(
            {
                "exam_id": details.exam_id,
                "exam_uuid": details.exam.uuid,
                "file": output,
                "signal": signal,
                "sha256": hashlib.sha256(recording.samples.tobytes()).hexdigest(),
            }
        )
        return
    size = f"{len(signal.leads)} × {signal.sample_count}"
    say(Phrase(f"{output}: {size} samples", f"{output}: {size} отсчётов"))


def _writer(output: Path) -> Any:
    try:
        return _WRITERS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(_WRITERS)
        raise Failure(
            Phrase(
                f"{output}: the name must end in one of {known}.",
                f"{output}: имя должно кончаться на {known}.",
            ),
            ExitCode.USAGE,
        ) from None


def _write_csv(recording: Recording, output: Path) -> None:
    import csv

    microvolts = recording.microvolts()
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["s", *(lead.label for lead in recording.format.leads)])
        for number, row in enumerate(microvolts.T):
            writer.writerow([f"{number / recording.format.rate:.6g}", *(f"{value:g}" for value in row)])


def _write_npy(recording: Recording, output: Path) -> None:
    import numpy as np

    with output.open("wb") as file:
        np.save(file, recording.samples)


def _write_raw(recording: Recording, output: Path) -> None:
    output.write_bytes(recording.samples.tobytes())


app.command("reinterpret")(reinterpret)

_WRITERS = {".csv": _write_csv, ".npy": _write_npy, ".raw": _write_raw}
