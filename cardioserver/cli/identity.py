"""A patient described by options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardioserver.cli.parameters import provided_by
from cardioserver.cli.times import DATE_FORMATS, day

if TYPE_CHECKING:
    from cardioserver.ecg.patient import Patient


class SexName(StrEnum):
    """Names of :class:`cardioserver.ecg.patient.Sex` in lower case."""

    UNKNOWN = "unknown"
    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the options say of a patient; ``None``: nothing."""

    number: str | None
    family_name: str | None
    personal_name: str | None
    patronymic: str | None
    birthday: date | None
    sex: SexName | None
    passport: str | None
    insurance: str | None
    snils: str | None
    address: str | None
    phone: str | None

    def patient(self, known: Patient | None = None) -> Patient:
        """The patient: *known* (from a file) with what was typed in its place.

        Raises
        ------
        cardioserver.ecg.errors.InvalidField
            A value cannot be true.
        """
        from cardioserver.ecg.patient import Patient, Sex

        typed: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        typed = {name: value for name, value in typed.items() if value is not None}
        if self.sex is not None:
            typed["sex"] = Sex[self.sex.name]
        return replace(known or Patient(""), **typed)


def _identity(
    *,
    patient_number: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The patient's number at your HCF.")
    ] = None,
    family_name: Annotated[str | None, typer.Option(metavar="TEXT", help="Family name.")] = None,
    personal_name: Annotated[str | None, typer.Option(metavar="TEXT", help="Personal name.")] = None,
    patronymic: Annotated[str | None, typer.Option(metavar="TEXT", help="Patronymic.")] = None,
    birthday: Annotated[
        datetime | None,
        typer.Option(formats=DATE_FORMATS, metavar="DATE", help="Birthday, e.g. 1961-04-12."),
    ] = None,
    sex: Annotated[SexName | None, typer.Option(help="Sex.")] = None,
    passport: Annotated[str | None, typer.Option(metavar="TEXT", help="Passport.")] = None,
    insurance: Annotated[str | None, typer.Option(metavar="TEXT", help="Insurance policy.")] = None,
    snils: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Number of the pension insurance (SNILS).")
    ] = None,
    address: Annotated[str | None, typer.Option(metavar="TEXT", help="Address.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="TEXT", help="Phone.")] = None,
) -> Identity:
    return Identity(
        patient_number,
        family_name,
        personal_name,
        patronymic,
        day(birthday),
        sex,
        passport,
        insurance,
        snils,
        address,
        phone,
    )


with_identity = provided_by(_identity)
"""Decorator: the command's first parameter is an :class:`Identity`, made from options."""
