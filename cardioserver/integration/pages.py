"""The printed page as exporters want it, and what is needed to print it.

Apart from what prints: a server needs none of that in its own memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.messages import Conclusion
from cardioserver.settings.config import Group


class PageFormat(StrEnum):
    """Formats of the printed page."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpeg"


class PageSettings(Group):
    """The ``page`` object of an exporter's options; ``docs/page.md`` shows what each does."""

    language: Literal["ru", "en"] = Field(default="ru", description="Language of the page.")
    layout: Literal["auto", "3x4", "6x2", "12x1", "rhythm"] = Field(
        default="auto", description="Rows and columns of the leads."
    )
    speed: Literal[25, 50] = Field(default=25, description="Paper speed, mm/s.")
    gain: Literal[5, 10, 20] | None = Field(
        default=None, description="mm/mV. Without it 10, or less if the traces would not fit."
    )
    filters: tuple[Literal["daplf", "drift", "tremor"], ...] = Field(
        default=("daplf", "drift"), description="Which filters."
    )
    mains: Literal[50, 60] = Field(default=50, description="Mains that daplf removes, Hz.")
    portrait: bool = Field(default=False, description="A4 upright.")
    beats: bool = Field(default=True, description="Whether there is a page of representative beats.")
    strip: bool = Field(
        default=True, description="Whether the whole recording is shown, if the first page cannot."
    )
    dpi: int = Field(default=150, ge=60, le=600, description="Dots an inch of pictures.")


@dataclass(frozen=True, slots=True)
class PageJob:
    """A page to print, of samples that come apart.

    Attributes
    ----------
    report
        The machine's reading as JSON; empty: there is none.
    conclusions
        Oldest first.
    created_at
        Printed as the page's time; all times are printed with its offset.
    seconds, memory_bytes
        What the job may cost.
    """

    settings: PageSettings
    format: PageFormat
    exam_id: int
    exam: Exam
    signal: SignalFormat
    report: str = field(repr=False)
    conclusions: tuple[Conclusion, ...]
    hcf: str
    archive: str
    created_at: datetime
    seconds: float = 0.0
    memory_bytes: int = 0
