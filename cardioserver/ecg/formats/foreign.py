"""An ECG found in a file of another system."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import Recording


@dataclass(frozen=True, slots=True)
class ForeignExam:
    """What a file of another system says: the recording, and as much of the exam as is in it.

    Files rarely hold all that an :class:`~cardioserver.ecg.exam.Exam` needs: the patient's number may be
    empty, and ``started_at`` may be missing or lack an offset from UTC. :meth:`exam` fills the gaps.

    Attributes
    ----------
    format
        Name of the file format, e.g. ``WFDB`` or ``DICOM``.
    started_at
        Naive when the file gives local time without an offset; ``None`` when it gives none.
    institution
        Name of the facility the file names; empty if none.
    source_uid
        What names this ECG in its own format (DICOM SOP Instance UID); empty if nothing does.
    """

    format: str
    recording: Recording
    patient: Patient = field(repr=False)
    started_at: datetime | None = None
    age_years: int | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    comment: str = field(default="", repr=False)
    device_number: str = ""
    accession_number: str = ""
    institution: str = ""
    source_uid: str = ""

    def exam(self, uuid: UUID, *, patient: Patient | None = None, started_at: datetime | None = None) -> Exam:
        """The exam to upload.

        Parameters
        ----------
        uuid
            Names the exam from now on.
        patient
            Replaces the file's patient.
        started_at
            Replaces the file's time. Without it a naive time is taken as local time of this machine,
            and a missing one as "the recording ends now".

        Raises
        ------
        InvalidField
            A value of the file cannot be true (a birthday after the exam).
        """
        duration = timedelta(seconds=self.recording.duration)
        start = started_at or self.started_at or datetime.now(UTC) - duration
        if start.utcoffset() is None:
            start = start.astimezone()
        return Exam(
            uuid=uuid,
            patient=patient or self.patient,
            started_at=start,
            ended_at=start + duration,
            height_cm=self.height_cm,
            weight_kg=self.weight_kg,
            age_years=self.age_years,
            comment=self.comment,
            device_number=self.device_number,
            accession_number=self.accession_number,
        )
