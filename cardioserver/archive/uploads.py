"""Partial uploads: what has arrived of exams that are sent in chunks.

Each is two files in the bank's ``incoming/``: ``<exam uuid>.part``, the bytes so far, and
``<exam uuid>.begin``, whose upload it is and its ``UploadBegin``. They are in the bank so that a recorder
may go on after a restart of the server, or with another server.

A received offset is acknowledged once the bytes are handed to the operating system: they survive the
death of the server, not that of the machine's power. What is lost then is missed by the commit, which
compares the digest.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from uuid import UUID, uuid4

from cardioserver.archive import durable
from cardioserver.archive.errors import StorageFull, UploadIncomplete, UploadOffset, UploadUnknown, UuidReused
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.errors import MalformedMessage
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import UploadBegin

_FORMAT = 1
_DATA = ".part"
_BEGIN = ".begin"
_TEMPORARY = ".tmp"
_MODE = 0o640
_LEFTOVER_AGE = 3600.0  # seconds; what a process left that was killed while it wrote an announcement
_UUID = re.compile("[0-9a-f-]{36}")
_COUNT_EVERY = 5.0  # seconds between two counts of the folder's bytes


@dataclass(frozen=True, slots=True)
class _Head:
    """First line of a ``.begin`` file: what a chunk needs to know."""

    hcf_id: int
    byte_count: int
    digest: str


class Uploads:
    """The partial uploads in one folder; several threads and servers may use it at once.

    Parameters
    ----------
    folder
        The bank's ``incoming/``.
    max_bytes
        Of all partial uploads together.
    reserve_bytes
        Room to be left on the disk.
    """

    def __init__(self, folder: Path, max_bytes: int, reserve_bytes: int = 0) -> None:
        self._reserve_bytes = reserve_bytes
        self._folder = folder
        self._max_bytes = max_bytes
        self._count_lock = Lock()
        self._counted = 0
        self._counted_at = float("-inf")

    def begin(self, hcf_id: int, request: UploadBegin) -> int:
        """Start an upload, or go on with it if its samples are announced unchanged; the bytes held.

        Raises
        ------
        UuidReused
            An upload of another HCF has this UUID.
        StorageFull
            No room for what is missing.
        """
        head = _Head(hcf_id, request.signal.byte_count, request.digest.hex())
        exam_uuid = request.exam.uuid
        with self._locked(exam_uuid, create=True) as descriptor:
            before = self._read_head(exam_uuid)
            if before is not None and before.hcf_id != hcf_id:
                raise UuidReused(str(exam_uuid))
            if before != head:
                os.ftruncate(descriptor, 0)
            received = os.fstat(descriptor).st_size
            try:
                self._require_room(head.byte_count - received)
                self._write_begin(head, request)
            except BaseException:
                if before is None:
                    self._remove(exam_uuid)
                raise
            return received

    def append(self, hcf_id: int, exam_uuid: UUID, offset: int, data: bytes | bytearray | memoryview) -> int:
        """Add bytes that follow those held; held ones are skipped. The bytes held now.

        Raises
        ------
        UploadUnknown
            No upload with this UUID was begun by this HCF.
        UploadOffset
            Bytes between those held and these are missing.
        InvalidField
            More bytes than were announced (``data``).
        StorageFull
            No room; nothing was added.
        """
        with self._locked(exam_uuid) as descriptor:
            head = self._owned_head(hcf_id, exam_uuid)
            received = os.fstat(descriptor).st_size
            if offset > received:
                raise UploadOffset(str(exam_uuid), detail=received)
            if offset + len(data) > head.byte_count:
                raise InvalidField(
                    "data", offset + len(data), f"{head.byte_count} bytes in all, as announced"
                )
            fresh = memoryview(data)[received - offset :]
            if fresh:
                self._extend(descriptor, fresh, received)
            return received + len(fresh)

    def _extend(self, descriptor: int, data: memoryview, received: int) -> None:
        try:
            with durable.storage_errors(self._folder):
                durable.write_all(descriptor, data, received)
        except BaseException:
            os.ftruncate(descriptor, received)
            raise

    def read(self, hcf_id: int, exam_uuid: UUID) -> tuple[UploadBegin, bytes]:
        """What was announced, and all its bytes.

        Raises
        ------
        UploadUnknown
            As :meth:`append`.
        UploadIncomplete
            Bytes are missing; ``detail`` says how many there are.
        """
        with self._locked(exam_uuid):
            head = self._owned_head(hcf_id, exam_uuid)
            data = self._path(exam_uuid, _DATA).read_bytes()
            if len(data) < head.byte_count:
                raise UploadIncomplete(str(exam_uuid), detail=len(data))
            message = self._path(exam_uuid, _BEGIN).read_bytes().partition(b"\n")[2]
            try:
                return parse(UploadBegin, memoryview(message)), data
            except (MalformedMessage, InvalidField):  # cut off by a power loss: the recorder begins anew
                raise UploadUnknown(str(exam_uuid)) from None

    def discard(self, hcf_id: int, exam_uuid: UUID) -> None:
        """Forget an upload. One that is unknown, or another HCF's, is left alone."""
        try:
            with self._locked(exam_uuid):
                head = self._read_head(exam_uuid)
                if head is None or head.hcf_id == hcf_id:
                    self._remove(exam_uuid)
        except UploadUnknown:
            pass

    def expire(self, max_age: timedelta) -> int:
        """Forget uploads that have not got a byte for *max_age*; how many."""
        now = time.time()
        expired = 0
        with os.scandir(self._folder) as entries:
            ages = {Path(e.path): now - _modified(e) for e in entries}
        for path, age in ages.items():
            if path.suffix == _DATA and age > max_age.total_seconds() and _UUID.fullmatch(path.stem):
                expired += self._expire(UUID(path.stem), now - max_age.total_seconds())
            elif path.suffix == _TEMPORARY and age > _LEFTOVER_AGE:
                path.unlink(missing_ok=True)
        return expired

    def _expire(self, exam_uuid: UUID, oldest: float) -> bool:
        try:
            with self._locked(exam_uuid) as descriptor:
                if os.fstat(descriptor).st_mtime >= oldest:
                    return False
                self._remove(exam_uuid)
        except UploadUnknown:
            return False
        return True

    def _path(self, exam_uuid: UUID, suffix: str) -> Path:
        return self._folder / f"{exam_uuid}{suffix}"

    @contextmanager
    def _locked(self, exam_uuid: UUID, *, create: bool = False) -> Iterator[int]:
        """Open the data file and keep all others, in this process and elsewhere, from using it."""
        path = self._path(exam_uuid, _DATA)
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        with durable.storage_errors(self._folder):
            while True:
                try:
                    descriptor = os.open(path, flags, _MODE)
                except FileNotFoundError:
                    raise UploadUnknown(str(exam_uuid)) from None
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    if not os.fstat(descriptor).st_nlink:  # removed while we waited for the lock
                        continue
                    yield descriptor
                    return
                finally:
                    os.close(descriptor)

    def _read_head(self, exam_uuid: UUID) -> _Head | None:
        try:
            line = self._path(exam_uuid, _BEGIN).read_bytes().partition(b"\n")[0]
            content = json.loads(line)
            if content.pop("format") != _FORMAT:
                return None
            return _Head(**content)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # a power loss: the recorder begins anew

    def _owned_head(self, hcf_id: int, exam_uuid: UUID) -> _Head:
        head = self._read_head(exam_uuid)
        if head is None or head.hcf_id != hcf_id:
            raise UploadUnknown(str(exam_uuid))
        return head

    def _write_begin(self, head: _Head, request: UploadBegin) -> None:
        fields = {
            "format": _FORMAT,
            "hcf_id": head.hcf_id,
            "byte_count": head.byte_count,
            "digest": head.digest,
        }
        temporary = self._folder / f"{uuid4()}{_TEMPORARY}"
        try:
            with durable.storage_errors(self._folder):
                temporary.touch(_MODE)
                temporary.write_bytes(json.dumps(fields).encode() + b"\n" + b"".join(serialise(request)))
                temporary.replace(self._path(request.exam.uuid, _BEGIN))
        finally:
            temporary.unlink(missing_ok=True)

    def _remove(self, exam_uuid: UUID) -> None:
        self._path(exam_uuid, _BEGIN).unlink(missing_ok=True)
        self._path(exam_uuid, _DATA).unlink(missing_ok=True)

    def _require_room(self, missing: int) -> None:
        durable.require_room(self._folder, missing, self._reserve_bytes)
        now = time.monotonic()
        with self._count_lock:
            if now - self._counted_at > _COUNT_EVERY:
                with os.scandir(self._folder) as entries:
                    self._counted = sum(_size(e) for e in entries)
                self._counted_at = now
            if self._counted + missing > self._max_bytes:
                raise StorageFull(f"{self._folder}: too many partial uploads")
            self._counted += missing


def _modified(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0
