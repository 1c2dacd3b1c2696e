"""What a page carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.document import Document


@dataclass(frozen=True, slots=True)
class Stamp:
    """A doctor's or a facility's stamp: a picture (PNG or JPEG), or else a text that gets a frame."""

    image: bytes = field(default=b"", repr=False)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A doctor's conclusion. ``signed_at`` is printed with its own offset."""

    text: str = field(repr=False)
    author: str = field(repr=False)
    signed_at: datetime
    stamp: Stamp = Stamp()


@dataclass(frozen=True, slots=True)
class Content:
    """Everything about one ECG that is printed. It can be pickled: pages may be made in another process.

    Attributes
    ----------
    document
        The machine's reading; ``None`` if there is none yet.
    conclusions
        Oldest first. Without any the page says that it is unconfirmed.
    hcf, archive
        Names of the facility and of the archive; empty ones leave no trace.
    exam_id
        The exam's number in the archive, 0 if it is in none.
    time_known
        Whether ``exam.started_at`` is when the ECG was recorded, and not a guess, which is not printed.
    """

    exam: Exam
    recording: Recording
    document: Document | None = None
    conclusions: tuple[Conclusion, ...] = ()
    hcf: str = ""
    archive: str = ""
    exam_id: int = 0
    time_known: bool = True

    @property
    def confirmed_by(self) -> Conclusion | None:
        """The newest conclusion."""
        return self.conclusions[-1] if self.conclusions else None
