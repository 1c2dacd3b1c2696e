"""The backlog: exams that are durable in the bank but not yet in the database.

They are there because the database was down, or because a server was killed between the file and the
row. A thread indexes them in the order in which they were accepted, as soon as the database answers.
While there are any, new exams queue behind them. The queue itself is the files of the spools; this
module only keeps their names in memory.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from threading import Condition, Thread

from cardioserver.archive import bankfile
from cardioserver.archive.bank import Bank
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DamagedExam, DatabaseUnavailable, StorageFull, UuidReused
from cardioserver.archive.index import Index, Indexed
from cardioserver.archive.spool import Staged

log = logging.getLogger(__name__)

OUTAGES = (DatabaseUnavailable, StorageFull)
"""Failures of the database that pass by themselves."""

PAUSE = 1.0  # seconds between attempts while the database is down


class Backlog:
    """Indexes staged exams in the background.

    Parameters
    ----------
    max_batch
        Most exams in one transaction.
    """

    def __init__(self, bank: Bank, index: Index, max_batch: int) -> None:
        self._bank = bank
        self._index = index
        self._max_batch = max_batch
        self._staged: deque[Staged] = deque()
        self._closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="ingest-backlog", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._staged)

    def add(self, staged: Iterable[Staged]) -> None:
        """Queue exams whose names in the spool are durable."""
        with self._changed:
            self._staged.extend(staged)
            self._changed.notify_all()

    def close(self) -> None:
        """Stop after the running transaction; what is left stays in the spools."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        reported = False
        while batch := self._next_batch():
            try:
                self._work_off(batch)
            except Exception as error:  # an outage that passes; whatever it is, no exam is given up
                if not reported:
                    log.warning("%d exams wait to be indexed: %s", len(self), type(error).__name__)
                reported = True
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, PAUSE)
                continue
            if reported and len(self) == len(batch):
                log.info("the exams that waited are indexed")
                reported = False
            with self._changed:
                for _ in batch:
                    self._staged.popleft()

    def _next_batch(self) -> list[Staged]:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._staged)
            return [] if self._closing else list(islice(self._staged, self._max_batch))

    def _work_off(self, batch: Sequence[Staged]) -> None:
        found = [(staged, record) for staged in batch if (record := self._publish(staged)) is not None]
        if not found:
            return
        self._bank.sync_parents(self._path(record) for _, record in found)
        self._add(found)

    def _publish(self, staged: Staged) -> ExamRecord | None:
        """The bank's record of a staged exam, linked into its folder if need be; ``None``: no exam."""
        try:
            record = bankfile.read_header(staged.path)
            if not _is_file(self._path(record), staged.path):
                # Its server was killed before the link, so nobody was told that it is stored.
                bankfile.check(staged.path)
            return self._bank.publish(staged.path, record)
        except FileNotFoundError:  # worked off before an outage interrupted this batch
            return None
        except (DamagedExam, UuidReused) as error:
            log.warning("unfinished upload %s dropped: %s", staged.exam_uuid, type(error).__name__)
            staged.path.unlink()
            return None

    def _add(self, found: Sequence[tuple[Staged, ExamRecord]]) -> None:
        try:
            outcomes = self._index.add([record for _, record in found])
        except OUTAGES:
            raise
        except Exception as error:
            if len(found) > 1:
                for one in found:
                    self._add([one])
                return
            staged, record = found[0]
            log.error("exam %d cannot be indexed: %s", record.exam_id, type(error).__name__)
            self._bank.reject(staged.path, record)
            return
        for (staged, record), outcome in zip(found, outcomes, strict=True):
            self._finish(staged, record, outcome)

    def _finish(self, staged: Staged, record: ExamRecord, outcome: Indexed) -> None:
        if outcome.is_of(record):
            staged.path.unlink(missing_ok=True)
            return
        log.error("exam %d: its UUID %s was taken meanwhile", record.exam_id, staged.exam_uuid)
        self._bank.reject(staged.path, record)

    def _path(self, record: ExamRecord) -> Path:
        return self._bank.exam_path(record.exam.uuid, record.exam.started_at)


def _is_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except FileNotFoundError:
        return False
