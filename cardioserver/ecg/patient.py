"""The person whose ECG it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

from cardioserver.ecg.errors import InvalidField

MAX_NAME = 100  # characters; the original's column width
MAX_TEXT = 255
MAX_ADDRESS = 1000
OLDEST_BIRTHDAY = date(1850, 1, 1)
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_CONTROLS_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Sex(IntEnum):
    """ISO/IEC 5218 codes."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2
    OTHER = 9


@dataclass(frozen=True, slots=True)
class Patient:
    """Identity of a patient, as the recorder or a hospital system gave it.

    ``number`` is the patient's number at the HCF that issued it: unique there, not in the world.
    An empty string or ``None`` means "not given".

    Raises
    ------
    InvalidField
        A text is too long or holds control characters; ``field`` names it as ``patient.…``.
        (A birthday is checked against the exam's day, by :class:`~cardioserver.ecg.exam.Exam`.)
    """

    number: str = field(repr=False)
    sex: Sex = Sex.UNKNOWN
    birthday: date | None = field(default=None, repr=False)
    family_name: str = field(default="", repr=False)
    personal_name: str = field(default="", repr=False)
    patronymic: str = field(default="", repr=False)
    passport: str = field(default="", repr=False)
    insurance: str = field(default="", repr=False)
    snils: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_text("patient.number", self.number, MAX_NAME)
        check_text("patient.family_name", self.family_name, MAX_NAME)
        check_text("patient.personal_name", self.personal_name, MAX_NAME)
        check_text("patient.patronymic", self.patronymic, MAX_NAME)
        check_text("patient.passport", self.passport, MAX_TEXT)
        check_text("patient.insurance", self.insurance, MAX_TEXT)
        check_text("patient.snils", self.snils, MAX_TEXT)
        check_text("patient.address", self.address, MAX_ADDRESS)
        check_text("patient.phone", self.phone, MAX_TEXT)
        if self.birthday is not None and self.birthday < OLDEST_BIRTHDAY:
            raise InvalidField("patient.birthday", self.birthday, f"{OLDEST_BIRTHDAY} or later")


def check_text(name: str, value: str, limit: int, *, multiline: bool = False) -> None:
    """Check a text field's length and characters.

    Raises
    ------
    InvalidField
        Longer than *limit* characters, or holding control characters (line breaks and tabs are
        allowed if *multiline*) or lone surrogates.
    """
    if len(value) > limit:
        raise InvalidField(name, len(value), f"at most {limit} characters")
    if (_CONTROLS_IN_LINES if multiline else _CONTROLS).search(value):
        raise InvalidField(name, value, "text without control characters")
    if _SURROGATES.search(value):
        raise InvalidField(name, value, "valid Unicode text")
