"""Ingest: from a recorder's bytes to a durable, indexed exam."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Event as Flag
from threading import Lock, Thread
from types import NoneType
from typing import TypeVar
from uuid import UUID

from cardioserver.archive import exams, spool
from cardioserver.archive.access import Actor, require
from cardioserver.archive.backlog import Backlog
from cardioserver.archive.bank import Bank
from cardioserver.archive.committer import Committer, Pending
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import DigestMismatch, StorageFull, UploadUnknown, UuidReused
from cardioserver.archive.events import Subscription
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.index import Index
from cardioserver.archive.intake import Intake
from cardioserver.archive.staging import Helpers
from cardioserver.archive.uploads import Uploads
from cardioserver.protocol.messages import (
    Event,
    ExamStored,
    Upload,
    UploadAbort,
    UploadBegin,
    UploadChunk,
    UploadCommit,
    UploadState,
    UploadStatus,
)

_Request = TypeVar("_Request")

log = logging.getLogger(__name__)

_FEW = 4  # uploads waiting for a thread; more of them mean that many arrive at once
_ADOPT_EVERY = 5.0  # seconds between looks for spools of servers that died
_EXPIRE_EVERY = 3600.0  # seconds between looks for abandoned uploads


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What ingest accepts and how it works.

    Attributes
    ----------
    max_upload
        Bytes of samples in one exam.
    max_partial_bytes
        Bytes of all partial uploads together; beyond it an upload gets ``StorageFull``.
    partial_max_age
        A partial upload without a new byte for so long is forgotten.
    reserve_bytes
        Room left free on the bank's disk: so that what shares it, such as the database, goes on working.
    helpers
        Processes that verify, compress and write exams while many arrive at once.
    max_batch
        Most exams in one database transaction.
    """

    max_upload: int = 64 << 20
    max_partial_bytes: int = 8 << 30
    partial_max_age: timedelta = timedelta(days=7)
    reserve_bytes: int = 16 << 20
    helpers: int = (os.cpu_count() or 1) + 1
    max_batch: int = 64


class Ingest:
    """Takes uploads of all connections; thread-safe.

    Exams become durable in groups: files are synced in parallel, rows are committed in one database
    transaction. A future resolves once its exam's file and row are durable, or, while the database is
    down, once its file and its place in the queue are.

    ``begin``, ``chunk`` and ``abort`` do file I/O: call them from a thread. ``commit`` and ``store``
    return at once.

    Parameters
    ----------
    directory
        Archives and HCFs for uploads, also while the database is down.
    ids
        Makes the exam ids; its server id is written into the exams' files.
    subscriptions
        Which exporters are owed a delivery of a stored exam.
    on_events
        Called with the events of stored exams after their commit, in a thread of ingest; must not block.
    """

    def __init__(
        self,
        database: Database,
        bank: Bank,
        directory: DirectorySnapshot,
        ids: IdGenerator,
        *,
        subscriptions: Sequence[Subscription] = (),
        limits: IngestLimits | None = None,
        on_events: Callable[[Sequence[Event]], None] = lambda _: None,
    ) -> None:
        limits = limits or IngestLimits()
        self._bank = bank
        self._database = database
        self._partial_max_age = limits.partial_max_age
        self._uploads = Uploads(bank.incoming, limits.max_partial_bytes, limits.reserve_bytes)
        self._spool = spool.create(bank.staging, ids.server_id)
        self._waiting = 0  # uploads for which there is no thread yet
        self._count = Lock()
        self._helpers = Helpers(limits.helpers, self._spool.lock)
        self._intake = Intake(
            bank,
            self._spool,
            directory,
            database,
            ids,
            helpers=self._helpers,
            max_upload=limits.max_upload,
            reserve_bytes=limits.reserve_bytes,
        )
        index = Index(database, ids, subscriptions, on_events)
        self._backlog = Backlog(bank, index, limits.max_batch)
        self._adopted: list[spool.Spool] = []
        self._adopt()  # before the first upload, so that what was left over keeps its place
        self._committer = Committer(
            bank, self._spool, self._backlog, index, max_batch=limits.max_batch, is_busy=self._is_busy
        )
        self._workers = ThreadPoolExecutor(limits.helpers or 1, thread_name_prefix="ingest")
        self._closing = Flag()
        self._caretaker = Thread(target=self._take_care, name="ingest-care", daemon=True)
        self._caretaker.start()

    def begin(self, actor: Actor, request: UploadBegin) -> UploadState:
        """Start or resume an upload, or tell that its exam is already stored.

        Raises
        ------
        AccessDenied
            The actor may not upload into this archive.
        InvalidField
            The exam is larger than ``max_upload``, or the archive does not exist.
        UuidReused
            The UUID names another exam.
        StorageFull
            No room for the announced bytes.
        """
        exam, signal = request.exam, request.signal
        self._intake.place(actor, exam, signal)
        known = self._intake.stored(actor, exam, request.digest)
        if known is None:
            received = self._uploads.begin(actor.hcf_id, request)
            return UploadState(UploadStatus.RECEIVING, received, 0)
        stored: Future[ExamStored] = Future()
        self._committer.submit(Pending(*known, stored))
        exam_id = stored.result().exam_id
        self._uploads.discard(actor.hcf_id, exam.uuid)
        return UploadState(UploadStatus.STORED, signal.byte_count, exam_id)

    def chunk(self, actor: Actor, request: UploadChunk) -> UploadState:
        """Append bytes to an upload. Bytes the server already holds are skipped.

        Raises
        ------
        AccessDenied
            The actor may not upload.
        UploadUnknown
            No upload with this UUID was begun by this actor's HCF.
        UploadOffset
            The chunk does not continue; ``detail`` is the offset expected.
        InvalidField
            More bytes than were announced.
        StorageFull
            No room; the offset has not advanced.
        """
        require(actor, UploadChunk)
        received = self._uploads.append(actor.hcf_id, request.exam_uuid, request.offset, request.data)
        return UploadState(UploadStatus.RECEIVING, received, 0)

    def commit(self, actor: Actor, request: UploadCommit) -> Future[ExamStored]:
        """Store an exam whose bytes have all arrived.

        The future raises what that of :meth:`store` raises, and ``UploadUnknown``, ``UploadIncomplete``.
        After ``DigestMismatch`` the upload begins anew.
        """
        return self._start(self._commit, actor, request)

    def store(self, actor: Actor, request: Upload) -> Future[ExamStored]:
        """Store an exam that came in one message.

        The future raises ``AccessDenied``, ``UuidReused`` and ``StorageFull`` as :meth:`begin` does,
        ``DigestMismatch`` if the bytes do not have the announced SHA-256, and ``InvalidField`` if they do
        not fit the signal's format.
        """
        return self._start(self._store, actor, request)

    def abort(self, actor: Actor, request: UploadAbort) -> None:
        """Forget a partial upload; unknown ones are ignored.

        Raises
        ------
        AccessDenied
            The actor may not upload.
        """
        require(actor, UploadAbort)
        self._uploads.discard(actor.hcf_id, request.exam_uuid)

    @property
    def queued(self) -> int:
        """Exams that are durable in the bank but wait for the database."""
        return len(self._backlog)

    def close(self) -> None:
        """Finish what was accepted, then stop the threads. Later uploads raise ``RuntimeError``."""
        self._closing.set()
        self._workers.shutdown()
        self._helpers.close()
        self._committer.close()
        self._backlog.close()
        self._caretaker.join()
        for folder in (self._spool, *self._adopted):
            folder.close()

    def _start(
        self, task: Callable[[Actor, _Request, Future[ExamStored]], None], actor: Actor, request: _Request
    ) -> Future[ExamStored]:
        answer: Future[ExamStored] = Future()
        answer.set_running_or_notify_cancel()  # an exam on its way cannot be called back

        def run() -> None:
            with self._count:
                self._waiting -= 1
            try:
                task(actor, request, answer)
            except Exception as error:  # whatever it is, it is the uploader's answer
                answer.set_exception(error)

        with self._count:
            self._waiting += 1
        self._workers.submit(run)
        return answer

    def _is_busy(self) -> bool:
        return self._waiting > _FEW

    def _store(self, actor: Actor, request: Upload, answer: Future[ExamStored]) -> None:
        exam = request.exam
        place = self._intake.place(actor, exam, request.signal)
        staged = self._intake.stored(actor, exam, request.digest)
        if staged is None:
            staged = self._intake.stage(actor, place, request, busy=self._is_busy())
        self._committer.submit(Pending(*staged, answer))

    def _commit(self, actor: Actor, request: UploadCommit, answer: Future[ExamStored]) -> None:
        try:
            begun, data = self._uploads.read(actor.hcf_id, request.exam_uuid)
        except UploadUnknown:
            answer.set_result(self._indexed(actor, request.exam_uuid))
            return
        stored: Future[ExamStored] = Future()
        stored.add_done_callback(lambda _: self._conclude(actor, request.exam_uuid, stored, answer))
        try:
            self._store(actor, Upload(begun.exam, begun.signal, begun.digest, data), stored)
        except Exception as error:
            stored.set_exception(error)

    def _conclude(
        self, actor: Actor, exam_uuid: UUID, stored: Future[ExamStored], answer: Future[ExamStored]
    ) -> None:
        """Drop the bytes of an upload that is stored or can never be, then answer its commit."""
        error = stored.exception()
        if isinstance(error, NoneType | DigestMismatch | UuidReused):
            try:
                self._uploads.discard(actor.hcf_id, exam_uuid)
            except (OSError, StorageFull) as failure:  # it ages out; the answer does not wait for that
                log.warning("a partial upload could not be removed: %s", failure)
        if error is None:
            answer.set_result(stored.result())
        else:
            answer.set_exception(error)

    def _indexed(self, actor: Actor, exam_uuid: UUID) -> ExamStored:
        """What a commit is told whose upload is over: it got lost on its way to the recorder."""
        with self._database.read() as connection:
            found = exams.stored(connection, [exam_uuid]).get(exam_uuid)
        if found is None or found.recorder_hcf_id != actor.hcf_id:
            raise UploadUnknown(str(exam_uuid))
        return ExamStored(found.exam_id, exam_uuid, already_stored=True)

    def _take_care(self) -> None:
        expired_at = float("-inf")
        while not self._closing.wait(_ADOPT_EVERY):
            try:
                self._adopt()
                self._helpers.retire()
                if time.monotonic() - expired_at > _EXPIRE_EVERY:
                    expired_at = time.monotonic()
                    self._uploads.expire(self._partial_max_age)
                    self._bank.remove_leftovers()
            except Exception as error:  # whatever it is, it is tried again
                log.warning("the care of the bank failed: %s", type(error).__name__)

    def _adopt(self) -> None:
        """Take over what servers left that died, and let go of what is finished."""
        for folder in spool.adopt_abandoned(self._bank.staging):
            self._adopted.append(folder)
            self._backlog.add(folder.entries())
        for folder in [folder for folder in self._adopted if not folder.entries()]:
            self._adopted.remove(folder)
            folder.close()
