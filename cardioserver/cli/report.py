"""`cardioserver report`: the printed page as PDF, PNG or JPEG."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.imports import uncollected
from cardioserver.cli.output import complain, language, say, show_json
from cardioserver.cli.parameters import Json, LanguageName
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.subject import Subject, SubjectName, read_subject
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.ecg.lead import Lead
    from cardioserver.reports import Content, Filter, Options

NO_FILTERS = "none"
NO_LEADS = "none"


class LayoutName(StrEnum):
    """Names of :class:`cardioserver.reports.Layout`."""

    AUTO = "auto"
    THREE_BY_FOUR = "3x4"
    SIX_BY_TWO = "6x2"
    TWELVE_BY_ONE = "12x1"
    RHYTHM = "rhythm"


class PartName(StrEnum):
    """Names of :class:`cardioserver.reports.Part`."""

    ECG = "ecg"
    BEATS = "beats"
    STRIP = "strip"


class SpeedName(StrEnum):
    """mm/s."""

    USUAL = "25"
    FAST = "50"


class GainName(StrEnum):
    """mm/mV."""

    HALF = "5"
    NORMAL = "10"
    DOUBLE = "20"


class MainsName(StrEnum):
    """Hz."""

    FIFTY = "50"
    SIXTY = "60"


@over_the_wire
def report(
    server: Server,
    *,
    subject: SubjectName,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write; .pdf, .png or .jpeg.")
    ],
    layout: Annotated[LayoutName, typer.Option(help="Rows and columns of the leads.")] = LayoutName.AUTO,
    cabrera: Annotated[
        bool | None, typer.Option("--cabrera/--no-cabrera", help="Order of the limb leads; else by the exam.")
    ] = None,
    rhythm: Annotated[
        list[str] | None,
        typer.Option(metavar="LEAD", help="Lead of a rhythm strip below the columns; may be repeated."),
    ] = None,
    speed: Annotated[SpeedName, typer.Option(help="Paper speed, mm/s.")] = SpeedName.USUAL,
    gain: Annotated[
        GainName | None, typer.Option(help="mm/mV. Without it 10, or less if the traces would not fit.")
    ] = None,
    filters: Annotated[
        str, typer.Option(metavar="NAMES", help="Of daplf,drift,tremor, with commas between them; or none.")
    ] = "daplf,drift",
    mains: Annotated[MainsName, typer.Option(help="Mains that daplf removes, Hz.")] = MainsName.FIFTY,
    page_language: Annotated[
        LanguageName | None,
        typer.Option("--language", help="Language of the page. Without it: that of messages."),
    ] = None,
    portrait: Annotated[bool, typer.Option("--portrait", help="A4 upright.")] = False,
    part: Annotated[
        list[PartName] | None, typer.Option(help="Only this part; may be repeated. Without it: all.")
    ] = None,
    start: Annotated[
        float, typer.Option(metavar="S", min=0, help="Where in the recording the first page begins.")
    ] = 0.0,
    dpi: Annotated[int, typer.Option(metavar="N", min=60, max=600, help="Dots an inch of pictures.")] = 150,
    stamp: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Picture of a stamp, PNG or JPEG, beside the doctor's conclusion."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print an ECG to a file: PDF, or pictures of its pages.

    A file is analysed on the spot; of an exam at a server the automatic report and the conclusions are read.
    Of several pages the first picture gets the name that was given, the others NAME-2, NAME-3 and so on.
    """
    write = writer_of(out)
    with uncollected():
        from cardioserver.reports import Layout, Options, Part

    options = Options(
        created_at=datetime.now(UTC).astimezone(),
        language=page_language.value if page_language else language(),
        layout=Layout(layout.value),
        cabrera=cabrera,
        rhythm=None if rhythm is None else _leads(rhythm),
        speed=float(speed.value),
        gain=float(gain.value) if gain else None,
        filters=_filters(filters),
        mains=float(mains.value),
        portrait=portrait,
        parts=frozenset(Part(each.value) for each in part) if part else frozenset(Part),
        start=start,
    )
    content = content_of(read_subject(subject, server), stamp.read_bytes() if stamp else b"")
    if stamp and not content.conclusions:
        complain(
            Phrase(
                f"{stamp}: not used, this ECG has no doctor's conclusion.",
                f"{stamp}: не понадобилась, у этой ЭКГ нет заключения врача.",
            )
        )
    written = write(content, options, out, dpi)
    if as_json:
        show_json({"exam_uuid": content.exam.uuid, "files": written})
        return
    for file in written:
        said = f"{file}: {file.stat().st_size // 1024} "
        say(Phrase(f"{said}KiB", f"{said}КиБ"))


def content_of(subject: Subject, stamp: bytes = b"") -> Content:
    """What the page carries; an ECG from a file is analysed.

    Parameters
    ----------
    stamp
        Picture beside the newest conclusion.
    """
    with uncollected():
        from cardioserver.interpretation.interpreter import interpret
        from cardioserver.interpretation.person import Person
        from cardioserver.reports import Conclusion, Content, Stamp

    document = subject.document
    if document is None and not subject.exam_id:
        document = interpret(subject.recording, Person.of(subject.exam))
    newest = len(subject.conclusions) - 1
    conclusions = tuple(
        Conclusion(
            each.text,
            each.account_name,
            each.created_at.astimezone(),
            Stamp(stamp if number == newest else b""),
        )
        for number, each in enumerate(subject.conclusions)
    )
    return Content(
        subject.exam,
        subject.recording,
        document,
        conclusions,
        subject.hcf,
        subject.archive,
        subject.exam_id,
        subject.time_known,
    )


def _leads(names: list[str]) -> tuple[Lead, ...]:
    from cardioserver.ecg.errors import InvalidField
    from cardioserver.ecg.lead import Lead

    try:
        return tuple(Lead.parse(name) for name in names if name != NO_LEADS)
    except InvalidField as error:
        raise Failure(
            Phrase(
                f"--rhythm {error.value}: a lead's name such as II, aVR, V1, or {NO_LEADS}.",
                f"--rhythm {error.value}: нужно название отведения, например II, aVR, V1, или {NO_LEADS}.",
            ),
            ExitCode.USAGE,
        ) from None


def _filters(names: str) -> frozenset[Filter]:
    from cardioserver.reports import Filter

    try:
        return frozenset(Filter(name.strip()) for name in names.split(",") if name.strip() != NO_FILTERS)
    except ValueError:
        known = ", ".join(Filter)
        raise Failure(
            Phrase(
                f"--filters {names}: known are {known}, or {NO_FILTERS}.",
                f"--filters {names}: есть {known} или {NO_FILTERS}.",
            ),
            ExitCode.USAGE,
        ) from None


def writer_of(out: Path) -> Callable[[Content, Options, Path, int], list[Path]]:
    """What writes the kind of file that *out* names, its pictures at so many dots an inch.

    Raises
    ------
    Failure
        It names no kind that is written, or a folder that is not there.
    """
    if not out.parent.is_dir():
        raise Failure(
            Phrase(f"{out.parent}: there is no such folder.", f"{out.parent}: такого каталога нет."),
            ExitCode.USAGE,
        )
    try:
        return _WRITERS[out.suffix.lower()]
    except KeyError:
        known = ", ".join(_WRITERS)
        raise Failure(
            Phrase(
                f"{out}: the name must end in one of {known}.", f"{out}: имя должно кончаться на {known}."
            ),
            ExitCode.USAGE,
        ) from None


def _write_pdf(content: Content, options: Options, out: Path, dpi: int) -> list[Path]:
    from cardioserver.reports import render_pdf

    out.write_bytes(render_pdf(content, options))
    return [out]


def _write_pictures(content: Content, options: Options, out: Path, dpi: int) -> list[Path]:
    from cardioserver.reports import ImageFormat, render_images

    kind = ImageFormat.PNG if out.suffix.lower() == ".png" else ImageFormat.JPEG
    written: list[Path] = []
    for number, picture in enumerate(render_images(content, options, kind, dpi=dpi), start=1):
        file = out if number == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
        file.write_bytes(picture)
        written.append(file)
    return written


_WRITERS = {".pdf": _write_pdf, ".png": _write_pictures, ".jpeg": _write_pictures, ".jpg": _write_pictures}
