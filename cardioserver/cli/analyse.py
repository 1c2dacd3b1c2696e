"""`cardioserver analyse`: what the machine makes of ECGs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.failures import explain
from cardioserver.cli.identity import SexName
from cardioserver.cli.imports import uncollected
from cardioserver.cli.output import complain, language, speak
from cardioserver.cli.parameters import LanguageName
from cardioserver.cli.report import writer_of
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.subject import Subject, SubjectNames, read_subject
from cardioserver.language import Phrase
from cardioserver.trace import place_of

if TYPE_CHECKING:
    from cardioserver.interpretation.document import Document
    from cardioserver.interpretation.person import Person


PLOT_DPI = 200


@over_the_wire
def analyse(
    server: Server,
    *,
    subjects: SubjectNames,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the document as JSON; of several ECGs one a line.")
    ] = False,
    chosen: Annotated[
        LanguageName | None,
        typer.Option("--language", help="Language of the report. Without it: that of messages."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw the average beats and their waves, too; .png, .jpeg or .pdf."
        ),
    ] = None,
    sex: Annotated[SexName | None, typer.Option(help="Sex.")] = None,
    age: Annotated[float | None, typer.Option(metavar="YEARS", min=0, max=150, help="Age.")] = None,
    height: Annotated[float | None, typer.Option(metavar="CM", min=10, max=300, help="Height.")] = None,
    weight: Annotated[float | None, typer.Option(metavar="KG", min=0.2, max=700, help="Weight.")] = None,
) -> None:
    """Analyse ECGs of files or of the archive: beats, waves, measurements, statements.

    What the options say of the person replaces what is known. An ECG that cannot be analysed is reported;
    the others go on, and the exit status tells.
    """
    if chosen is not None:
        speak(chosen.value)
    if plot is not None and len(subjects) > 1:
        raise Failure(
            Phrase("--plot is for one ECG at a time.", "--plot — только для одной ЭКГ."), ExitCode.USAGE
        )
    if plot is not None:
        writer_of(plot)  # before the work, not after it
    known = {"sex": None if sex is None else sex.name, "age": age, "height_cm": height, "weight_kg": weight}
    several = len(subjects) > 1
    status = ExitCode.DONE
    for named in subjects:
        try:
            subject = read_subject(named, server, with_report=False)
            document = _interpret(subject, known)
        except Exception as error:
            phrase, code = explain(error) or (_fault(error), ExitCode.FAILED)
            status = max(status, code)
            _report_failure(named, phrase, as_json=as_json and several)
            continue
        if as_json:
            _print_json(document, named if several else "")
        else:
            _print(document, named if several else "")
        if plot is not None:
            _draw(replace(subject, document=document), plot)
    raise typer.Exit(status)


def _interpret(subject: Subject, known: dict[str, Any]) -> Document:
    with uncollected():
        from cardioserver.interpretation.interpreter import interpret

    return interpret(subject.recording, _person(subject, known))


def _person(subject: Subject, known: dict[str, Any]) -> Person:
    from cardioserver.ecg.patient import Sex
    from cardioserver.interpretation.person import Person

    told = {name: value for name, value in known.items() if value is not None}
    if "sex" in told:
        told["sex"] = Sex[told["sex"]]
    return replace(Person.of(subject.exam), **told)


def _print_json(document: Document, named: str) -> None:
    from cardioserver.interpretation.document import encode

    text = encode(document).decode()
    print(f'{{"file":{json.dumps(named)},{text[1:]}' if named else text, flush=True)


def _report_failure(named: str, phrase: Phrase, *, as_json: bool) -> None:
    opening = "" if phrase.en.startswith(f"{named}: ") else f"{named}: "
    complain(Phrase(opening + phrase.en, opening + phrase.ru))
    if as_json:
        print(json.dumps({"file": named, "error": phrase.say(language())}, ensure_ascii=False), flush=True)


def _fault(error: Exception) -> Phrase:
    """What to say of a fault of this program: it costs this ECG, not those that follow."""
    what = f"{type(error).__name__}, {place_of(error)}"
    return Phrase(f"the analysis has failed ({what}).", f"анализ прервался из-за сбоя ({what}).")


def _print(document: Document, named: str) -> None:
    from cardioserver.cli.reading import show_document

    if named:
        print(f"== {named}")
    show_document(document)
    if named:
        print(flush=True)


def _draw(subject: Subject, plot: Path) -> None:
    from cardioserver.cli.report import content_of
    from cardioserver.reports import Options, Part

    options = Options(datetime.now(UTC).astimezone(), language(), parts=frozenset({Part.BEATS}))
    writer_of(plot)(content_of(subject), options, plot, PLOT_DPI)
