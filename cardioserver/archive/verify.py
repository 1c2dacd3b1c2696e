"""Verification: every byte of the bank against its checksums, and the database against the bank."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select

from cardioserver.archive import bankfile, exams, spool
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.errors import DamagedExam
from cardioserver.archive.records import read_record
from cardioserver.archive.schema import exam

T = TypeVar("T")

PAGE = 1000  # files or rows at a time
THREADS = max(2, os.cpu_count() or 1)


class Fault(StrEnum):
    """What is wrong with an exam or a record."""

    DAMAGED = "damaged"
    """The file differs from what was written, or cannot be read."""
    MISPLACED = "misplaced"
    """The file is whole but has another exam's or another day's name."""
    MISSING = "missing"
    """The database knows the exam, the bank has no file of it."""
    UNINDEXED = "unindexed"
    """The bank has the exam, the database does not know it. ``bank rebuild`` adds it."""
    REJECTED = "rejected"
    """The database refused the exam; its file was put aside in ``rejected/``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    fault: Fault
    path: Path
    note: str = ""


@dataclass(slots=True)
class Report:
    """What a verification saw."""

    exams: int = 0
    records: int = 0
    waiting: int = 0  # exams that a server holds for the database
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


Progress = Callable[[int, int], None]
"""Told how many files are done, and of how many."""


def verify(
    bank: Bank, database: Database | None = None, progress: Progress = lambda done, total: None
) -> Report:
    """Read every file of the bank and verify it; compare with the database if there is one.

    Servers may go on storing exams meanwhile.

    Raises
    ------
    DatabaseUnavailable
        The database does not answer.
    """
    report = Report()
    total = sum(1 for _ in bank.exam_files()) + sum(1 for _ in bank.record_files())
    progress(0, total)
    done = 0
    unindexed: dict[UUID, Path] = {}
    with ThreadPoolExecutor(THREADS) as threads:
        for paths in _pages(bank.exam_files()):
            for finding in threads.map(partial(_check_exam, bank), paths):
                report.exams += 1
                report.findings += finding
                progress(done := done + 1, total)
            if database is not None:
                unindexed |= _not_indexed(
                    database, {UUID(path.stem): path for path in paths if _is_uuid(path)}
                )
        for paths in _pages(bank.record_files()):
            for finding in threads.map(_check_record, paths):
                report.records += 1
                report.findings += finding
                progress(done := done + 1, total)
    if database is not None:
        waiting = spool.waiting(bank.staging)
        report.waiting = len(waiting)
        # What was on its way when its page was read may have arrived since.
        for paths in _pages(sorted(path for uuid, path in unindexed.items() if uuid not in waiting)):
            late = _not_indexed(database, {UUID(path.stem): path for path in paths})
            report.findings += [Finding(Fault.UNINDEXED, path) for path in late.values()]
        report.findings += _missing(bank, database)
    report.findings += [Finding(Fault.REJECTED, path) for path in sorted(bank.rejected.iterdir())]
    return report


def _check_exam(bank: Bank, path: Path) -> list[Finding]:
    try:
        record = bankfile.check(path)
    except (DamagedExam, OSError) as error:
        return [Finding(Fault.DAMAGED, path, _note(error))]
    place = bank.exam_path(record.exam.uuid, record.exam.started_at)
    if place != path:
        return [Finding(Fault.MISPLACED, path, str(place))]
    return []


def _check_record(path: Path) -> list[Finding]:
    try:
        record = read_record(path)
    except (DamagedExam, OSError) as error:
        return [Finding(Fault.DAMAGED, path, _note(error))]
    day = "-".join(path.parts[-4:-1])
    if day != record.day.isoformat() or path.name != f"{record.uuid}.{record.kind}.json":
        return [Finding(Fault.MISPLACED, path)]
    return []


def _note(error: DamagedExam | OSError) -> str:
    return error.note if isinstance(error, DamagedExam) else os.strerror(error.errno or 0)


def _not_indexed(database: Database, paths: dict[UUID, Path]) -> dict[UUID, Path]:
    with database.read() as connection:
        known = exams.stored(connection, paths)
    return {exam_uuid: path for exam_uuid, path in paths.items() if exam_uuid not in known}


def _missing(bank: Bank, database: Database) -> Iterator[Finding]:
    last = 0
    while True:
        query = (
            select(exam.c.exam_id, exam.c.exam_uuid, exam.c.started_at)
            .where(exam.c.exam_id > last)
            .order_by(exam.c.exam_id)
            .limit(PAGE)
        )
        with database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            path = bank.exam_path(row.exam_uuid, row.started_at)
            if not path.exists():
                yield Finding(Fault.MISSING, path, f"exam {row.exam_id}")
        last = rows[-1].exam_id


def _is_uuid(path: Path) -> bool:
    try:
        UUID(path.stem)
    except ValueError:
        return False
    return True


def _pages(items: Iterable[T]) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while page := list(islice(iterator, PAGE)):
        yield page
