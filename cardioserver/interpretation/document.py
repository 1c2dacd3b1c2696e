"""The analysis of one ECG as a document: what ``analyse --json`` prints and the archive keeps.

It holds nothing that tells who the person is. ``docs/analysis.md`` describes every field.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

import cardioserver
from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.comparison import Comparison
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.statement import Statement
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass
from cardioserver.signal.fiducials import NAMES, NONE
from cardioserver.signal.measurements import LeadMeasurements, Measurements
from cardioserver.signal.quality import Quality

VERSION: Literal[1] = 1
"""Goes up when a field changes its meaning or goes away; new fields may come without."""

DECIMALS = 3
"""Of measured numbers: finer than anything means, coarser than what differs between processors."""

MOST_BEATS = 6000
"""In a document that is kept: more than half an hour at any rate."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What was analysed."""

    rate: float  # Hz
    sample_count: int
    leads: tuple[Lead, ...]


@dataclass(frozen=True, slots=True)
class Beat:
    """A QRS complex."""

    sample: int
    kind: Annotated[BeatClass, Field(alias="class")]


@dataclass(frozen=True, slots=True)
class Waves:
    """Where the waves of a beat are, in samples of the record; ``None`` where there is no such wave."""

    p_on: int | None
    p_peak: int | None
    p_off: int | None
    qrs_on: int | None
    r_peak: int | None
    qrs_off: int | None
    t_on: int | None
    t_peak: int | None
    t_off: int | None


@dataclass(frozen=True, slots=True)
class Document:
    """Everything said of one ECG by the machine. Unconfirmed until a doctor has signed."""

    format: Literal["cardioserver-analysis"]
    version: Literal[1]
    program: str  # name and version of what made it
    signal: Signal
    person: Person
    beats: tuple[Beat, ...]
    fiducials: tuple[Waves, ...]  # one for each of ``beats``
    leads: tuple[LeadMeasurements, ...]
    measurements: Measurements
    quality: Quality
    statements: tuple[Statement, ...]
    text: Phrase
    abridged: bool = False  # ``beats`` and ``fiducials`` were left out, there are too many to keep
    comparison: Comparison | None = None  # with the person's previous ECG, where one is known


@cache
def _adapter() -> TypeAdapter[Document]:
    return TypeAdapter(Document)  # takes a moment to make, and not all who interpret need it


def document_of(case: Case, statements: tuple[Statement, ...], text: Phrase) -> Document:
    """The document of a case that was read."""
    analysis = case.analysis
    found = zip(analysis.beats.samples.tolist(), analysis.beats.classes, strict=True)
    return Document(
        format="cardioserver-analysis",
        version=VERSION,
        program=f"cardioserver {cardioserver.__version__}",
        signal=Signal(case.format.rate, case.format.sample_count, case.format.leads),
        person=case.person,
        beats=tuple(Beat(sample, kind) for sample, kind in found),
        fiducials=tuple(_waves(row) for row in analysis.fiducials.samples.tolist()),
        leads=_rounded(analysis.leads),
        measurements=_rounded(analysis.measurements),
        quality=_rounded(analysis.quality),
        statements=_rounded(statements),
        text=text,
    )


def _waves(row: list[int]) -> Waves:
    return Waves(**{name: None if at == NONE else at for name, at in zip(NAMES, row, strict=True)})


def _rounded(value: Any) -> Any:
    """The same with all numbers in it rounded."""
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    kind: type = type(value)
    names = _field_names(kind)
    return kind(**{name: _rounded(getattr(value, name)) for name in names}) if names else value


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Those of a dataclass; none of anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def abridge(document: Document) -> Document:
    """The same without the single beats of a long record: what is kept and sent stays below a megabyte."""
    if len(document.beats) <= MOST_BEATS:
        return document
    return replace(document, beats=(), fiducials=(), abridged=True)


def encode(document: Document) -> bytes:
    """The document as JSON in UTF-8."""
    return _adapter().dump_json(document, by_alias=True)


def decode(data: bytes | str) -> Document:
    """The document in its JSON.

    Raises
    ------
    pydantic.ValidationError
        It is none, or of a version that is not known; a ``ValueError``.
    """
    return _adapter().validate_json(data)
