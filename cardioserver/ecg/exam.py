"""What is known of one recorded ECG, beside its signal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum
from uuid import UUID

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import MAX_TEXT, Patient, check_text

MAX_COMMENT = 10_000
CLOCK_TOLERANCE = timedelta(days=2)
"""How far a recorder's clock may run ahead of the day its patient was born."""


class ExamType(IntEnum):
    """How the electrodes were placed; the labels are those of the original."""

    STANDARD = 1
    LIMB = 2
    NEHB = 3
    CABRERA = 4

    @property
    def label(self) -> str:
        """The original's Russian name."""
        return {1: "Стандартный", 2: "С конечностей", 3: "По Небу", 4: "По Кабрера"}[self.value]


class Method(IntEnum):
    """The examination method."""

    ECG_AT_REST = 1

    @property
    def label(self) -> str:
        """Name in documents."""
        return "EcgAtRest"


@dataclass(frozen=True, slots=True)
class Exam:
    """One ECG as its recorder describes it.

    ``uuid`` is made by the recorder once an exam: uploads are idempotent by it. Times are aware
    datetimes that keep the recorder's offset. ``archive_id`` ``None`` means the default archive of
    the uploading account's HCF. Who uploaded is never taken from here but from the login.

    Raises
    ------
    InvalidField
        A field cannot be true; ``field`` names it as ``exam.…`` or ``patient.…``.
    """

    uuid: UUID
    patient: Patient
    started_at: datetime
    ended_at: datetime
    exam_type: ExamType = ExamType.STANDARD
    method: Method = Method.ECG_AT_REST
    height_cm: float | None = None
    weight_kg: float | None = None
    age_years: int | None = None
    comment: str = field(default="", repr=False)
    archive_id: int | None = None
    device_number: str = ""
    latitude: float | None = field(default=None, repr=False)  # WGS 84, degrees
    longitude: float | None = field(default=None, repr=False)
    oktmo: str = ""  # Russian code of the municipality
    accession_number: str = ""

    def __post_init__(self) -> None:
        if self.uuid.int == 0:
            raise InvalidField("exam.uuid", self.uuid, "a UUID other than the nil UUID")
        for name, moment in (("exam.started_at", self.started_at), ("exam.ended_at", self.ended_at)):
            if moment.utcoffset() is None:
                raise InvalidField(name, moment, "a time with an offset from UTC")
        if self.ended_at < self.started_at:
            raise InvalidField("exam.ended_at", self.ended_at, "not before exam.started_at")
        self._check_birthday()
        _check_range("exam.height_cm", self.height_cm, 10, 300)
        _check_range("exam.weight_kg", self.weight_kg, 0.2, 700)
        _check_range("exam.age_years", self.age_years, 0, 150)
        _check_range("exam.latitude", self.latitude, -90, 90)
        _check_range("exam.longitude", self.longitude, -180, 180)
        check_text("exam.comment", self.comment, MAX_COMMENT, multiline=True)
        check_text("exam.device_number", self.device_number, 64)
        check_text("exam.oktmo", self.oktmo, 11)
        check_text("exam.accession_number", self.accession_number, MAX_TEXT)

    def _check_birthday(self) -> None:
        birthday: date | None = self.patient.birthday
        if birthday is not None and birthday > (self.started_at + CLOCK_TOLERANCE).date():
            raise InvalidField("patient.birthday", birthday, "not after the exam")


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidField(name, value, f"{low:g} to {high:g}")
