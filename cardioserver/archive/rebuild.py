"""Rebuilding: everything the bank knows, into a database that lacks it.

What comes back: facilities, archives, accounts (disabled and without a password, to be given one),
patients, exams, conclusions, consultations, merges. What the bank does not know does not: devices, orders,
the journal. Events and deliveries belong to the moment when something happened; they are not made up again.

It may be run on any database, again and again, and be interrupted: what is there stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cardioserver.archive import bankfile, conclusions, consultations, exams, merges, patients
from cardioserver.archive.bank import Bank
from cardioserver.archive.bankdirectory import BankDirectory
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.database import Database
from cardioserver.archive.errors import (
    ArchiveError,
    DamagedExam,
    DatabaseUnavailable,
    StorageFull,
    UuidReused,
)
from cardioserver.archive.exams import NewExam
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.patients import Description
from cardioserver.archive.records import BankRecord, RecordKind, read_record

T = TypeVar("T")

BATCH = 200  # exams or records in one transaction

Progress = Callable[[int, int], None]
"""Told how many files are done, and of how many. Each is read twice and counts twice."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild added, and what it could not."""

    facilities: int = 0
    archives: int = 0
    accounts: int = 0
    exams: int = 0
    records: int = 0  # conclusions, consultations, merges and their undoing, those that were there too
    failed: list[tuple[Path, str]] = field(default_factory=list)


def rebuild(
    bank: Bank, database: Database, ids: IdGenerator, progress: Progress = lambda done, total: None
) -> Rebuilt:
    """Bring everything in the bank into the database, whose tables must be there.

    Files that cannot be taken are reported and do not stop it.

    Raises
    ------
    DatabaseUnavailable, StorageFull
        The database does not answer or has no room; run it again later.
    """
    return _Rebuild(bank, database, ids, progress).run()


class _Rebuild:
    def __init__(self, bank: Bank, database: Database, ids: IdGenerator, progress: Progress) -> None:
        self._bank = bank
        self._database = database
        self._ids = ids
        self._progress = progress
        self._done = 0
        self._total = 0
        self._report = Rebuilt()

    def run(self) -> Rebuilt:
        exam_files, record_files = self._bank.exam_files, self._bank.record_files
        self._total = 2 * (sum(1 for _ in exam_files()) + sum(1 for _ in record_files()))
        self._progress(0, self._total)
        merged = self._restore_directory()
        for headers in _batches(self._read(exam_files(), bankfile.read_header)):
            self._report.exams += self._take(headers, self._add_exams)
        for records in _batches(self._read(record_files(), read_record)):
            self._report.records += self._take([one for one in records if _is_of_exam(one)], _add_records)
        for merge in sorted(merged, key=lambda one: one[1].created_at):
            self._report.records += self._take([merge], self._add_merges)
        return self._report

    def _restore_directory(self) -> list[tuple[Path, BankRecord]]:
        """First reading: who there was. Returns the merges, which go last and in the order of time."""
        directory = BankDirectory()
        for _, header in self._read(self._bank.exam_files(), bankfile.read_header, report=True):
            directory.hear_exam(header)
        merged = []
        for path, record in self._read(self._bank.record_files(), read_record, report=True):
            directory.hear_record(record)
            if not _is_of_exam((path, record)):
                merged.append((path, record))
        restored = self._database.transact(directory.restore)
        self._report.facilities = restored.facilities
        self._report.archives = restored.archives
        self._report.accounts = restored.accounts
        return merged

    def _read(
        self, paths: Iterable[Path], read: Callable[[Path], T], *, report: bool = False
    ) -> Iterator[tuple[Path, T]]:
        for path in paths:
            try:
                yield path, read(path)
            except (DamagedExam, OSError) as error:
                if report:
                    self._report.failed.append((path, type(error).__name__))
            self._done += 1
            self._progress(self._done, self._total)

    def _take(self, batch: Sequence[tuple[Path, T]], add: Callable[[Connection, Sequence[T]], int]) -> int:
        """Add a batch in one transaction; if that fails, each by itself. How many were added."""
        if not batch:
            return 0
        items = [item for _, item in batch]
        try:
            return self._database.transact(lambda connection: add(connection, items))
        except (DatabaseUnavailable, StorageFull):
            raise
        except (ArchiveError, SQLAlchemyError) as error:
            if len(batch) > 1:
                return sum(self._take([one], add) for one in batch)
            # Not the error itself: a database driver quotes the values, and they are personal data.
            self._report.failed.append((batch[0][0], type(error).__name__))
            return 0

    def _add_exams(self, connection: Connection, records: Sequence[ExamRecord]) -> int:
        known = exams.stored(connection, [record.exam.uuid for record in records])
        for record in records:
            row = known.get(record.exam.uuid)
            if row is not None and row.exam_id != record.exam_id:
                raise UuidReused(str(record.exam.uuid))
        new = [record for record in records if record.exam.uuid not in known]
        described = [Description(r.exam.patient, r.issuer_hcf_id, r.exam.started_at) for r in new]
        patient_ids = patients.upsert_all(connection, self._ids, described)
        exams.insert(connection, [NewExam(*one) for one in zip(new, patient_ids, strict=True)])
        return len(new)

    def _add_merges(self, connection: Connection, records: Sequence[BankRecord]) -> int:
        for record in records:
            merges.restore(connection, self._ids, record)
        return len(records)


def _add_records(connection: Connection, records: Sequence[BankRecord]) -> int:
    for record in records:
        if record.kind is RecordKind.CONCLUSION:
            conclusions.restore(connection, record)
        else:
            consultations.restore(connection, record)
    return len(records)


def _is_of_exam(one: tuple[Path, BankRecord]) -> bool:
    return one[1].kind in (RecordKind.CONCLUSION, RecordKind.CONSULTATION)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
