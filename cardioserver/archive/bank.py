"""The cardiobank: one immutable file an exam in dated folders, and small records beside them.

::

    ROOT/
      YYYY/MM/DD/<exam uuid>.ecg               an exam, by its start in UTC
      records/YYYY/MM/DD/<uuid>.<kind>.json    a conclusion, consultation, patient merge or its undoing
      staging/<server>-<start>/                files on their way in, of one running server each
      incoming/                                partial uploads
      conflicts/                               acknowledged exams whose UUID turned out to be taken

A file that has its name in a dated folder is complete and never changes. The bank is the truth, the
database an index of it. Several servers may share one bank, also on a network file system that has
hard links and locks (NFS 3 and 4 do).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.records import BankRecord
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording


class Bank:
    """The folder tree under *root*.

    Parameters
    ----------
    root
        Created (mode 0750) if missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def exam_path(self, exam_uuid: UUID, started_at: datetime) -> Path:
        """Where the file of an exam is, or would be.

        Raises
        ------
        InvalidField
            ``exam.started_at`` has no UTC date.
        """
        raise NotImplementedError

    def read_header(self, exam_uuid: UUID, started_at: datetime) -> ExamRecord:
        """The metadata of a stored exam.

        Raises
        ------
        NotFound
            The bank has no such exam.
        DamagedExam
            Its file is damaged.
        """
        raise NotImplementedError

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
        NotFound, DamagedExam
            As :meth:`read_header`.
        InvalidField
            The part lies outside the recording.
        """
        raise NotImplementedError

    def put_record(self, record: BankRecord) -> None:
        """Store a record durably; it is on the disk when this returns. Storing it twice stores it once.

        Raises
        ------
        Conflict
            Another record with this UUID and kind is there.
        StorageFull
            No room; nothing was written.
        """
        raise NotImplementedError

    def exam_files(self) -> Iterator[Path]:
        """Files of all exams, by day, then by name."""
        raise NotImplementedError

    def record_files(self) -> Iterator[Path]:
        """Files of all records, by day, then by name."""
        raise NotImplementedError

    def records(self) -> Iterator[BankRecord]:
        """All records in order of their ``created_at``.

        Raises
        ------
        DamagedExam
            A file is damaged; ``note`` holds its path.
        """
        raise NotImplementedError
