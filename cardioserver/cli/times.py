"""Dates and times as people type them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

DATE_FORMATS = ["%Y-%m-%d", "%d.%m.%Y"]
TIME_FORMATS = [*DATE_FORMATS, "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

Since = Annotated[
    datetime | None,
    typer.Option(formats=TIME_FORMATS, metavar="TIME", help="From this time on, e.g. 2026-11-21T08:30."),
]
Before = Annotated[
    datetime | None, typer.Option(formats=TIME_FORMATS, metavar="TIME", help="Before this time.")
]
Day = Annotated[datetime | None, typer.Option(formats=DATE_FORMATS, metavar="DATE")]


def moment(typed: datetime | None) -> datetime | None:
    """A typed time with its offset: without one it is this machine's local time."""
    return typed.astimezone() if typed is not None and typed.tzinfo is None else typed


def day(typed: datetime | None) -> date | None:
    """A typed date."""
    return None if typed is None else typed.date()
