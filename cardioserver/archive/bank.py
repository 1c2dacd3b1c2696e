"""The cardiobank: one immutable file an exam in dated folders, and small records beside them.

::

    ROOT/
      YYYY/MM/DD/<exam uuid>.ecg               an exam, by its start in UTC
      records/YYYY/MM/DD/<uuid>.<kind>.json    a conclusion, consultation, patient merge or its undoing
      staging/<server>-<random>/               files on their way in, of one running server each
      incoming/                                partial uploads
      rejected/                                exams the database refused; for a person to look at

A file that has its name in a dated folder is complete and never changes. The bank is the truth, the
database an index of it. Several servers may share one bank, also on a network file system, if it has
hard links and locks (NFS 3 and 4 do).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

from cardioserver.archive import bankfile, durable
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DamagedExam, UuidReused
from cardioserver.archive.records import BankRecord, encode_record, read_record
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording

EXAM_SUFFIX = ".ecg"
RECORD_SUFFIX = ".json"
_TEMPORARY = ".tmp"
_LEFTOVER_AGE = 3600.0  # seconds; no process writes a record for so long


class Bank:
    """The folder tree under *root*.

    Parameters
    ----------
    root
        Created (mode 0750) if missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / "staging"
        self.incoming = root / "incoming"
        self.rejected = root / "rejected"
        self._records = root / "records"
        root.mkdir(durable.FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (self.staging, self.incoming, self.rejected, self._records):
            durable.make_folders(folder, root)
        self._durable_folders: set[Path] = set()
        self._lock = threading.Lock()

    def exam_path(self, exam_uuid: UUID, started_at: datetime) -> Path:
        """Where the file of an exam is, or would be.

        Raises
        ------
        InvalidField
            ``exam.started_at`` has no UTC date.
        """
        try:
            day = started_at.astimezone(UTC).date()
        except OverflowError:
            raise InvalidField("exam.started_at", started_at, "a time between the years 1 and 9999") from None
        return _dated(self.root, day) / f"{exam_uuid}{EXAM_SUFFIX}"

    def read_header(self, exam_uuid: UUID, started_at: datetime) -> ExamRecord:
        """The metadata of a stored exam.

        Raises
        ------
        DamagedExam
            Its file is damaged or missing.
        """
        path = self.exam_path(exam_uuid, started_at)
        try:
            return bankfile.read_header(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    def read_signal(
        self,
        exam_uuid: UUID,
        started_at: datetime,
        start: int = 0,
        count: int = 0,
        leads: Sequence[Lead] = (),
    ) -> Recording:
        """Samples *start* to ``start + count`` (count 0: to the end) of *leads* (none: all).

        Raises
        ------
        DamagedExam
            Its file is damaged or missing.
        InvalidField
            The part lies outside the recording.
        """
        path = self.exam_path(exam_uuid, started_at)
        try:
            return bankfile.read_signal(path, start, count, leads)
        except OSError as error:
            raise _unreadable(path, error) from error

    def publish(self, staged: Path, record: ExamRecord) -> ExamRecord:
        """Give a synced exam file its name in the bank; the record of the file that has that name now.

        That is another file if the exam was published before. Durable only after :meth:`sync_parents`, so
        that many exams share one sync.

        Raises
        ------
        UuidReused
            The name is taken by other samples, or by another HCF.
        DamagedExam
            The name is taken by a damaged file.
        StorageFull
            No room for the name.
        """
        exam = record.exam
        if self._link(staged, self.exam_path(exam.uuid, exam.started_at)):
            return record
        stored = self.read_header(exam.uuid, exam.started_at)
        if (stored.digest, stored.recorder_hcf_id) != (record.digest, record.recorder_hcf_id):
            raise UuidReused(str(exam.uuid))
        return stored

    def reject(self, staged: Path, record: ExamRecord) -> None:
        """Put a published exam that the database does not take aside, for a person to look at."""
        target = self.exam_path(record.exam.uuid, record.exam.started_at)
        if target.exists() and target.samefile(staged):
            target.unlink()
        staged.replace(self.rejected / target.name)

    def _link(self, staged: Path, target: Path) -> bool:
        try:
            return durable.link_file(staged, target)
        except FileNotFoundError:
            if not staged.exists():
                raise
            durable.make_folders(target.parent, self.root)
            return durable.link_file(staged, target)

    def sync_parents(self, files: Iterable[Path]) -> None:
        """Make the names of published files durable.

        Raises
        ------
        StorageFull
            No room.
        """
        for folder in {file.parent for file in files}:
            with self._lock:
                known = folder in self._durable_folders
            if not known:  # perhaps made by another server that has not come to syncing it
                durable.make_folders(folder, self.root)
                with self._lock:
                    self._durable_folders.add(folder)
            durable.sync_folder(folder)

    def put_record(self, record: BankRecord) -> BankRecord:
        """Store a record durably and return the one that is in the bank.

        That is the first of its kind, UUID and day, so a caller that comes again after a crash takes
        the ids from what is returned.

        Raises
        ------
        StorageFull
            No room; nothing was written.
        DamagedExam
            It is there already, and damaged.
        """
        target = _dated(self._records, record.day) / f"{record.uuid}.{record.kind}{RECORD_SUFFIX}"
        staged = self._records / f"{uuid4()}{_TEMPORARY}"
        durable.write_file(staged, encode_record(record))
        try:
            fresh = self._link(staged, target)
            self.sync_parents([target])
        finally:
            staged.unlink(missing_ok=True)
        return record if fresh else read_record(target)

    def remove_leftovers(self) -> None:
        """Remove what a process that was killed within :meth:`put_record` left."""
        oldest = time.time() - _LEFTOVER_AGE
        for path in self._records.glob(f"*{_TEMPORARY}"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def exam_files(self) -> Iterator[Path]:
        """Files of all exams, by day, then by name."""
        for folder in _days(self.root):
            yield from _files(folder, EXAM_SUFFIX)

    def record_files(self) -> Iterator[Path]:
        """Files of all records, by day, then by name."""
        for folder in _days(self._records):
            yield from _files(folder, RECORD_SUFFIX)


def _dated(root: Path, day: date) -> Path:
    return root / f"{day.year:04d}" / f"{day.month:02d}" / f"{day.day:02d}"


def _days(root: Path) -> Iterator[Path]:
    for year in _numbered(root, 4):
        for month in _numbered(year, 2):
            yield from _numbered(month, 2)


def _numbered(folder: Path, digits: int) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if len(e.name) == digits and e.name.isdecimal() and e.is_dir()]
    return [folder / name for name in sorted(names)]


def _files(folder: Path, suffix: str) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.endswith(suffix)]
    return [folder / name for name in sorted(names)]


def _unreadable(path: Path, error: OSError) -> DamagedExam:
    return DamagedExam(f"{path}: {os.strerror(error.errno or 0)}")
