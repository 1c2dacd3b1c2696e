"""What an interpretation may know of the person: nothing that tells who it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Sex

DAYS_IN_YEAR = 365.2425
DAYS_IN_WEEK = 7

NEWBORN_DAYS = 30
TODDLER_YEARS = 3
OLD_YEARS = 90


def _sex(value: object) -> Sex:
    if isinstance(value, Sex):
        return value
    try:
        return Sex[str(value).upper()]
    except KeyError:
        known = ", ".join(sex.name.lower() for sex in Sex)
        raise ValueError(f"allowed is one of {known}") from None


SexName = Annotated[
    Sex,
    BeforeValidator(_sex),
    PlainSerializer(lambda sex: sex.name.lower(), return_type=str),
    WithJsonSchema({"enum": [sex.name.lower() for sex in Sex]}),
]
"""In documents a sex is its name."""


@dataclass(frozen=True, slots=True)
class Person:
    """Sex, age and size; ``None`` and ``Sex.UNKNOWN`` where they are not known.

    ``age`` is in years, as exactly as limits need it: in whole days in the first month, in whole weeks in the
    first three years, then in whole years, and no higher than 90 (the last as in 45 CFR 164.514(b)(2)(i)(C)).
    """

    sex: SexName = Sex.UNKNOWN
    age: Annotated[float, Field(ge=0, le=150)] | None = None
    height_cm: Annotated[float, Field(ge=10, le=300)] | None = None
    weight_kg: Annotated[float, Field(ge=0.2, le=700)] | None = None

    @classmethod
    def of(cls, exam: Exam) -> Person:
        """The anonymous part of an exam; the age from the birthday if it is known."""
        age = None if exam.age_years is None else min(float(exam.age_years), OLD_YEARS)
        if exam.patient.birthday is not None:
            age = _age(exam.patient.birthday, exam.started_at.date())
        return cls(exam.patient.sex, age, exam.height_cm, exam.weight_kg)


def _age(birthday: date, day: date) -> float:
    years = day.year - birthday.year - ((day.month, day.day) < (birthday.month, birthday.day))
    if years >= TODDLER_YEARS:
        return min(years, OLD_YEARS)
    days = max((day - birthday).days, 0)
    whole = days if days < NEWBORN_DAYS else days // DAYS_IN_WEEK * DAYS_IN_WEEK
    return whole / DAYS_IN_YEAR
