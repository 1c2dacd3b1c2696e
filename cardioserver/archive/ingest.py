"""Ingest: from a recorder's bytes to a durable, indexed exam."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.ids import IdGenerator
from cardioserver.protocol.messages import (
    ExamStored,
    Upload,
    UploadAbort,
    UploadBegin,
    UploadChunk,
    UploadCommit,
    UploadState,
)


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
    workers
        Threads that verify, encode and write exams.
    max_batch
        Most exams in one database transaction.
    """

    max_upload: int = 64 << 20
    max_partial_bytes: int = 8 << 30
    partial_max_age: timedelta = timedelta(days=7)
    workers: int = 4
    max_batch: int = 64


class Ingest:
    """Takes uploads of all connections; thread-safe.

    Exams become durable in groups: files are synced in parallel, rows are committed in one database
    transaction. A future resolves once its exam's file and row are durable, or, while the database is
    down, once its file and its place in the queue are.

    ``begin``, ``chunk`` and ``abort`` do file I/O and a database read: call them from a thread.
    ``commit`` and ``store`` return at once.

    Parameters
    ----------
    directory
        Archives and HCFs for uploads, also while the database is down.
    ids
        Makes the exam ids; its server id is written into the exams' files.
    subscriptions
        Passed on to :func:`cardioserver.archive.events.record_event`.
    on_stored
        Called with the exams' events after they are committed, from an own thread of ingest; must not block.
    """

    def __init__(
        self,
        database: Database,
        bank: Bank,
        directory: DirectorySnapshot,
        ids: IdGenerator,
        *,
        subscriptions: object = (),
        limits: IngestLimits | None = None,
    ) -> None:
        raise NotImplementedError

    def begin(self, actor: Actor, request: UploadBegin) -> UploadState:
        """Start or resume an upload, or tell that its exam is already stored.

        Raises
        ------
        AccessDenied
            The actor may not upload into this archive.
        InvalidField
            The exam is larger than ``max_upload``.
        UuidReused
            The UUID names another exam.
        StorageFull
            No room for the announced bytes.
        """
        raise NotImplementedError

    def chunk(self, actor: Actor, request: UploadChunk) -> UploadState:
        """Append bytes to an upload. Bytes the server already holds are skipped.

        Raises
        ------
        UploadUnknown
            No upload with this UUID was begun by this actor's HCF.
        UploadOffset
            The chunk does not continue; ``detail`` is the offset expected.
        StorageFull
            No room; the offset has not advanced.
        """
        raise NotImplementedError

    def commit(self, actor: Actor, request: UploadCommit) -> Future[ExamStored]:
        """Store an exam whose bytes have all arrived.

        The future raises what :meth:`store` raises, and ``UploadUnknown``, ``UploadIncomplete``.
        """
        raise NotImplementedError

    def store(self, actor: Actor, request: Upload) -> Future[ExamStored]:
        """Store an exam that came in one message.

        The future raises
        -----------------
        AccessDenied, UuidReused, StorageFull
            As :meth:`begin`.
        DigestMismatch
            The bytes do not have the announced SHA-256.
        InvalidField
            The bytes do not fit the signal's format.
        """
        raise NotImplementedError

    def abort(self, actor: Actor, request: UploadAbort) -> None:
        """Forget a partial upload; unknown ones are ignored."""
        raise NotImplementedError

    @property
    def queued(self) -> int:
        """Exams that are durable in the bank but wait for the database."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish what was accepted, then stop the threads. Later uploads raise ``RuntimeError``."""
        raise NotImplementedError
