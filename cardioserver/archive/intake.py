"""Intake: what is checked about one uploaded exam, and how it becomes a staged file."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from cardioserver.archive import access
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import AccessDenied, DatabaseUnavailable, UuidReused
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.spool import Spool, Staged
from cardioserver.archive.staging import Helpers
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.protocol.messages import ArchiveRecord, HcfRecord, Upload

log = logging.getLogger(__name__)

_REFRESH_EVERY = 2.0
"""Seconds between two copies of the directory because an archive is not in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exam belongs."""

    archive: ArchiveRecord
    hcf: HcfRecord  # owner of the archive
    recorder_hcf: HcfRecord


class Intake:
    """Checks exams and stages their files; thread-safe.

    Parameters
    ----------
    directory
        Archives and HCFs; needs no database. One that it does not know is looked for in the database.
    max_upload
        Bytes of samples in one exam.
    reserve_bytes
        Room to be left on the bank's disk.
    """

    def __init__(
        self,
        bank: Bank,
        spool: Spool,
        directory: DirectorySnapshot,
        database: Database,
        ids: IdGenerator,
        *,
        helpers: Helpers,
        max_upload: int,
        reserve_bytes: int,
    ) -> None:
        self._bank = bank
        self._spool = spool
        self._directory = directory
        self._database = database
        self._ids = ids
        self._helpers = helpers
        self._max_upload = max_upload
        self._reserve_bytes = reserve_bytes
        self._refreshed_at = float("-inf")

    def place(self, actor: Actor, exam: Exam, signal: SignalFormat) -> Place:
        """Where *actor* may store an exam.

        Raises
        ------
        AccessDenied
            Not there.
        InvalidField
            The samples are too many, or there is no such archive.
        """
        if signal.byte_count > self._max_upload:
            raise InvalidField(
                "signal.sample_count", signal.byte_count, f"at most {self._max_upload} bytes of samples"
            )
        place = self._look_up(actor, exam)
        if place is None:
            self._refresh()
            place = self._look_up(actor, exam)
        if place is None:
            raise InvalidField(
                "exam.archive_id", exam.archive_id, "an archive, or none if the HCF has a default archive"
            )
        if not access.may_upload(actor, place.archive):
            raise AccessDenied(f"archive {place.archive.archive_id}")
        return place

    def _look_up(self, actor: Actor, exam: Exam) -> Place | None:
        if exam.archive_id is None:
            archive = self._directory.default_archive(actor.hcf_id)
        else:
            archive = self._directory.archive(exam.archive_id)
        hcf = self._directory.hcf(archive.hcf_id) if archive is not None else None
        recorder_hcf = self._directory.hcf(actor.hcf_id)
        if archive is None or hcf is None or recorder_hcf is None:
            return None
        return Place(archive, hcf, recorder_hcf)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._refreshed_at < _REFRESH_EVERY:
            return
        self._refreshed_at = now
        try:
            self._directory.refresh(self._database)
        except (DatabaseUnavailable, OSError) as error:
            log.warning("the directory could not be refreshed: %s", type(error).__name__)

    def stored(self, actor: Actor, exam: Exam, digest: bytes) -> tuple[Staged, ExamRecord] | None:
        """The bank's file of an exam, staged again to have it indexed if it is not; ``None``: it has none.

        Raises
        ------
        UuidReused
            The bank has other samples under this UUID, or another HCF's.
        DamagedExam
            The file is there and damaged.
        StorageFull
            No room even for a name.
        """
        path = self._bank.exam_path(exam.uuid, exam.started_at)
        if not path.exists():
            return None
        record = self._bank.read_header(exam.uuid, exam.started_at)
        if (record.digest, record.recorder_hcf_id) != (digest, actor.hcf_id):
            raise UuidReused(str(exam.uuid))
        return self._spool.stage_link(self._ids.next(), exam.uuid, path), record

    def stage(self, actor: Actor, place: Place, request: Upload, *, busy: bool) -> tuple[Staged, ExamRecord]:
        """Compress an exam into a synced file in the spool.

        Parameters
        ----------
        busy
            Whether many others wait.

        Raises
        ------
        InvalidField
            The samples do not fit their format.
        DigestMismatch
            The samples do not have the announced SHA-256.
        StorageFull
            No room; nothing is left behind.
        """
        exam, signal = request.exam, request.signal
        Recording.from_bytes(signal, request.data)  # refuses what does not fit, before a helper copies it
        record = self._record(actor, place, exam, signal, request.digest)
        staged = self._spool.entry(record.exam_id, exam.uuid)
        self._helpers.stage(staged.path, record, request.data, self._reserve_bytes, busy=busy)
        return staged, record

    def _record(
        self, actor: Actor, place: Place, exam: Exam, signal: SignalFormat, digest: bytes
    ) -> ExamRecord:
        return ExamRecord(
            exam_id=self._ids.next(),
            exam=exam,
            signal=signal,
            digest=digest,
            stored_at=datetime.now(UTC),
            server_id=self._ids.server_id,
            recorder_account_id=actor.account_id,
            recorder_login=actor.login,
            recorder_hcf_id=place.recorder_hcf.hcf_id,
            recorder_hcf_name=place.recorder_hcf.name,
            hcf_id=place.hcf.hcf_id,
            hcf_name=place.hcf.name,
            hcf_oktmo=place.hcf.oktmo,
            archive_id=place.archive.archive_id,
            archive_name=place.archive.name,
            # A number is the archive owner's, also if a super-administrator imports the exam.
            issuer_hcf_id=place.hcf.hcf_id,
            issuer_hcf_name=place.hcf.name,
        )
