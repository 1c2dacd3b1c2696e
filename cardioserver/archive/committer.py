"""Group commit: exams that arrive together share the syncs of their folders and one transaction.

An exam comes here staged: written and synced in the spool. The committer takes all that are waiting and

1. links each into its dated folder,
2. syncs those folders,
3. indexes them in one transaction; or, while the database is down or older exams wait for it, syncs the
   spool and leaves them to the backlog,
4. and only then tells the uploaders.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from cardioserver.archive.backlog import OUTAGES, Backlog
from cardioserver.archive.bank import Bank
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import ArchiveError, UuidReused
from cardioserver.archive.index import Index, Indexed
from cardioserver.archive.spool import Spool, Staged
from cardioserver.protocol.messages import ExamStored

log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.05
"""How long a group waits for others while many arrive: a transaction costs the database as much for one exam
as for ten, and no recorder minds a twentieth of a second."""


@dataclass(slots=True)
class Pending:
    """A staged exam whose uploader waits.

    Attributes
    ----------
    record
        Of the staged file; after the link, of the file that the bank has under this UUID.
    """

    staged: Staged
    record: ExamRecord
    stored: Future[ExamStored]


class Committer:
    """A thread that commits staged exams in groups.

    Parameters
    ----------
    spool
        Where the exams are staged.
    max_batch
        Most exams in one transaction.
    is_busy
        Whether more exams are about to come: a group waits a moment for them.
    """

    def __init__(
        self,
        bank: Bank,
        spool: Spool,
        backlog: Backlog,
        index: Index,
        *,
        max_batch: int,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._bank = bank
        self._spool = spool
        self._backlog = backlog
        self._index = index
        self._max_batch = max_batch
        self._is_busy = is_busy
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="ingest-commit", daemon=True)
        self._thread.start()

    def submit(self, pending: Pending) -> None:
        """Commit an exam soon; its future tells when."""
        self._queue.put(pending)

    def close(self) -> None:
        """Commit what was submitted, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            batch = self._next_batch()
            closing = None in batch
            self._commit([pending for pending in batch if pending is not None])

    def _next_batch(self) -> list[Pending | None]:
        batch = [self._queue.get()]
        end = time.monotonic() + _GATHER_SECONDS
        while len(batch) < self._max_batch:
            rest = end - time.monotonic() if self._is_busy() else 0.0
            try:
                batch.append(self._queue.get(timeout=rest) if rest > 0 else self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _commit(self, batch: Sequence[Pending]) -> None:
        try:
            published = [pending for pending in batch if self._publish(pending)]
            self._bank.sync_parents(self._path(pending) for pending in published)
            self._index_or_queue(published)
        except Exception as error:  # no failure may end the thread
            log.error("commit of %d exams failed: %s", len(batch), type(error).__name__)
            for pending in batch:
                if not pending.stored.done():
                    _fail(pending, error)

    def _publish(self, pending: Pending) -> bool:
        try:
            pending.record = self._bank.publish(pending.staged.path, pending.record)
        except ArchiveError as error:
            _fail(pending, error)
            return False
        return True

    def _index_or_queue(self, batch: Sequence[Pending]) -> None:
        if not batch:
            return
        if self._backlog:
            self._queue_up(batch)
            return
        try:
            outcomes = self._index.add([pending.record for pending in batch])
        except OUTAGES:
            self._queue_up(batch)
        except Exception as error:
            if len(batch) > 1:  # one of them must not cost the others
                for pending in batch:
                    self._index_or_queue([pending])
            else:
                self._refuse(batch[0], error)
        else:
            _remove(pending.staged.path for pending in batch)
            for pending, outcome in zip(batch, outcomes, strict=True):
                self._answer(pending, outcome)

    def _answer(self, pending: Pending, outcome: Indexed) -> None:
        staged, record = pending.staged, pending.record
        if outcome.row.exam_id != record.exam_id and record.exam_id == staged.number:
            # The archive has this UUID under another day, so the file just linked is nobody's.
            self._path(pending).unlink(missing_ok=True)
        if not outcome.is_of(record):
            pending.stored.set_exception(UuidReused(str(staged.exam_uuid)))
            return
        known = not outcome.fresh
        pending.stored.set_result(ExamStored(outcome.row.exam_id, staged.exam_uuid, already_stored=known))

    def _queue_up(self, batch: Sequence[Pending]) -> None:
        self._spool.sync()
        self._backlog.add(pending.staged for pending in batch)
        for pending in batch:
            exam_id, staged = pending.record.exam_id, pending.staged
            known = exam_id != staged.number
            pending.stored.set_result(ExamStored(exam_id, staged.exam_uuid, already_stored=known))

    def _refuse(self, pending: Pending, error: Exception) -> None:
        exam_id = pending.record.exam_id
        log.error("exam %d cannot be indexed: %s", exam_id, type(error).__name__)
        if exam_id == pending.staged.number:
            self._path(pending).unlink(missing_ok=True)
        # Not the error itself: a database driver quotes the values, and they are personal data.
        _fail(pending, ArchiveError(f"exam {exam_id}: {type(error).__name__}"))

    def _path(self, pending: Pending) -> Path:
        exam = pending.record.exam
        return self._bank.exam_path(exam.uuid, exam.started_at)


def _fail(pending: Pending, error: Exception) -> None:
    _remove([pending.staged.path])
    pending.stored.set_exception(error)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # the next start finds it and has nothing to do for it
            log.warning("%s cannot be removed: %s", path, error)
