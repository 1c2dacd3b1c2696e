"""How a page is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead
from cardioserver.language import Language
from cardioserver.signal.filters import MAINS_HZ

SPEEDS = (25.0, 50.0)
GAINS = (5.0, 10.0, 20.0)


class Layout(StrEnum):
    """How the leads stand on the page; the numbers are rows and columns of the twelve leads."""

    AUTO = "auto"
    THREE_BY_FOUR = "3x4"
    SIX_BY_TWO = "6x2"
    TWELVE_BY_ONE = "12x1"
    RHYTHM = "rhythm"


class Filter(StrEnum):
    """The filters of :mod:`cardioserver.signal.filters`, applied in this order."""

    DAPLF = "daplf"
    DRIFT = "drift"
    TREMOR = "tremor"


class Part(StrEnum):
    """Parts of a document, in their order."""

    ECG = "ecg"  # the page a doctor reads
    BEATS = "beats"  # representative beats and their measurements
    STRIP = "strip"  # the whole recording, if the first page could not show all of it


@dataclass(frozen=True, slots=True)
class Options:
    """How a document is made. The same content and options always give the same bytes.

    Attributes
    ----------
    created_at
        Printed as the time of the print-out and kept in the file; with an offset.
    layout
        ``AUTO`` chooses by leads, exam type and paper.
    cabrera
        Limb leads from aVL to III with -aVR; ``None``: as the exam's type says.
    rhythm
        Leads of the strips below the columns, and of the strip of a long recording; ``None``: II where there
        are columns.
    speed
        25 or 50 mm/s.
    gain
        5, 10 or 20 mm/mV; ``None``: 10, or less where the traces would run into each other.
    mains
        50 or 60 Hz, for the filter ``DAPLF``.
    portrait
        A4 upright; otherwise A4 landscape.
    start
        Where in the recording the first page begins, s.

    Raises
    ------
    InvalidField
        A value that is not allowed; ``field`` names it as ``report.…``.
    """

    created_at: datetime
    language: Language = "ru"
    layout: Layout = Layout.AUTO
    cabrera: bool | None = None
    rhythm: tuple[Lead, ...] | None = None
    speed: float = 25.0
    gain: float | None = None
    filters: frozenset[Filter] = frozenset({Filter.DAPLF, Filter.DRIFT})
    mains: float = 50.0
    portrait: bool = False
    parts: frozenset[Part] = frozenset(Part)
    start: float = 0.0

    def __post_init__(self) -> None:
        if self.created_at.utcoffset() is None:
            raise InvalidField("report.created_at", self.created_at, "a time with an offset from UTC")
        if self.speed not in SPEEDS:
            raise InvalidField("report.speed", self.speed, "25 or 50 mm/s")
        if self.gain is not None and self.gain not in GAINS:
            raise InvalidField("report.gain", self.gain, "5, 10 or 20 mm/mV")
        if self.mains not in MAINS_HZ:
            raise InvalidField("report.mains", self.mains, "50 or 60 Hz")
        if not self.parts:
            raise InvalidField("report.parts", self.parts, "at least one of ecg, beats, strip")
        if not 0 <= self.start < float("inf"):
            raise InvalidField("report.start", self.start, "0 s or more")
