"""A page costs what its rows cost, however many exams there are and however deep it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from benchmarks.generate import CENTRE, FIRST_DAY, generate
from cardioserver.archive import examsearch, patientsearch
from cardioserver.archive.access import Actor
from cardioserver.archive.columns import EPOCH, MICROSECOND
from cardioserver.archive.database import Database
from cardioserver.archive.paging import encode_cursor
from cardioserver.protocol.messages import FindExams, FindPatients, Role

EXAMS = 8000
STEPS_A_ROW = 60
"""Instructions of SQLite's virtual machine that a row of a list may take, its sub-searches included."""

DOCTOR = Actor(CENTRE, "doctor1", Role.DOCTOR, CENTRE)
ROOT = Actor(99, "root", Role.SUPER_ADMINISTRATOR, CENTRE)
MIDDLE = ((FIRST_DAY + timedelta(days=1000) - EPOCH) // MICROSECOND, EXAMS // 2)


@pytest.fixture
def filled(database: Database) -> Database:
    """A database with :data:`EXAMS` exams."""
    generate(database, EXAMS)
    return database


def rows_read(connection: Connection, work: Callable[[], object]) -> float:
    """How many rows a piece of work makes the database look at."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("FLUSH STATUS")
        work()
        status = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(row[1]) for row in status)
    driver: Any = connection.connection.driver_connection
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    driver.set_progress_handler(tick, 100)
    work()
    driver.set_progress_handler(None, 0)
    return 100 * ticks[0] / STEPS_A_ROW


def deep(request: Any, key: tuple[Any, ...]) -> Any:
    """The page of a search that comes after a key."""
    return replace(request, cursor=encode_cursor(request, key))


PAGES: dict[str, tuple[Actor, Any]] = {
    "newest": (DOCTOR, FindExams()),
    "deep": (DOCTOR, deep(FindExams(), MIDDLE)),
    "deep, all": (ROOT, deep(FindExams(), MIDDLE)),
    "a month": (DOCTOR, FindExams(started_from=FIRST_DAY, started_before=FIRST_DAY + timedelta(days=30))),
    "archive": (DOCTOR, deep(FindExams(archive_id=CENTRE), MIDDLE)),
    "device": (DOCTOR, deep(FindExams(device_number="KMT-1-3"), MIDDLE)),
    "unread": (DOCTOR, FindExams(has_conclusion=False)),
    "sent": (DOCTOR, FindExams(consultation_only=True)),
    "sent, deep": (DOCTOR, deep(FindExams(consultation_only=True), MIDDLE)),
    "sent, unread": (DOCTOR, FindExams(consultation_only=True, has_conclusion=False)),
    "number": (DOCTOR, FindExams(patient_number="00007/1-0")),
    "patients": (ROOT, FindPatients(family_name="Ив")),
    "patients, deep": (ROOT, deep(FindPatients(family_name="И"), ("иванова", "елена", 1))),
    "all patients, deep": (ROOT, deep(FindPatients(), ("н", "", 1))),
    "patient's number": (DOCTOR, FindPatients(number="00007/1-0")),
}


def test_pages_cost_what_their_rows_cost(filled: Database) -> None:
    costs = {}
    for name, (who, request) in PAGES.items():
        search: Any = examsearch if isinstance(request, FindExams) else patientsearch
        with filled.read() as connection:
            page = partial(search.find, connection, who, request, max_page=1000)
            costs[name] = rows_read(connection, page)
    # A row of a page is read in an index, in its table, with its patient and with its consultation; a
    # doctor's page is found in two parts. The tables have thousands.
    assert {name: cost for name, cost in costs.items() if cost > 700} == {}
