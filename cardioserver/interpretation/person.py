"""What an interpretation may know of the person: nothing that tells who it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Sex

DAYS_IN_YEAR = 365.2425

SexName = Annotated[
    Sex,
    BeforeValidator(lambda name: Sex[str(name).upper()]),
    PlainSerializer(lambda sex: sex.name.lower(), return_type=str),
    WithJsonSchema({"enum": [sex.name.lower() for sex in Sex]}),
]
"""In documents a sex is its name."""


@dataclass(frozen=True, slots=True)
class Person:
    """Sex, age and size; ``None`` and ``Sex.UNKNOWN`` where they are not known.

    ``age`` is in years with a fraction: limits of the first year of life change within weeks.
    """

    sex: SexName = Sex.UNKNOWN
    age: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None

    @classmethod
    def of(cls, exam: Exam) -> Person:
        """The anonymous part of an exam; the age from the birthday if it is known."""
        age = None if exam.age_years is None else float(exam.age_years)
        if exam.patient.birthday is not None:
            age = max((exam.started_at.date() - exam.patient.birthday).days, 0) / DAYS_IN_YEAR
        return cls(exam.patient.sex, age, exam.height_cm, exam.weight_kg)
