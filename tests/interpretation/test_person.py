"""What an interpretation may know of a person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.interpretation.person import Person

DAY = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def person(birthday: date | None, age_years: int | None = None) -> Person:
    patient = Patient("1017", Sex.MALE, birthday, "Иванов")
    return Person.of(Exam(uuid4(), patient, DAY, DAY, height_cm=180.0, weight_kg=81.5, age_years=age_years))


def test_sex_and_size_are_taken_as_they_are() -> None:
    assert person(None) == Person(Sex.MALE, None, 180.0, 81.5)


@pytest.mark.parametrize(
    ("birthday", "years"),
    [
        (date(1961, 11, 21), 65),
        (date(1961, 11, 22), 64),
        (date(2010, 11, 21), 16),
        (date(2023, 11, 21), 3),
        (date(1931, 1, 1), 90),
        (date(2026, 11, 22), 0),
    ],
)
def test_the_age_is_in_whole_years(birthday: date, years: int) -> None:
    assert person(birthday).age == years


@pytest.mark.parametrize(("days", "told"), [(0, 0), (12, 12), (29, 29), (34, 28), (400, 399)])
def test_that_of_a_small_child_is_in_days_and_weeks(days: int, told: int) -> None:
    age = person((DAY - timedelta(days=days)).date()).age
    assert age is not None
    assert age * 365.2425 == pytest.approx(told)


def test_the_birthday_knows_better_than_the_form() -> None:
    assert person(date(1961, 4, 12), age_years=12).age == 65
    assert person(None, age_years=12).age == 12
    assert person(None, age_years=97).age == 90
