"""The spool: files on their way into the bank, in the order in which they were accepted.

Each running server has one folder ``staging/<server id>-<random>/`` and holds a lock on it. A file in
it is named ``<number>-<exam uuid>.ecg``; numbers are identifiers, ordered by time. It is written and
synced there, then linked into its dated folder, then indexed, and only then removed from the spool.
Hence what a spool holds is what may still have to be done, whether the server was killed in between or
the database was down, and any server that can lock the folder may do it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from cardioserver.archive import durable

_LOCK = ".lock"
_ID_DIGITS = 19  # of the largest 63-bit id
_NAME = re.compile(r"(?P<number>\d{19})-(?P<uuid>[0-9a-f-]{36})\.ecg")


@dataclass(frozen=True, slots=True, order=True)
class Staged:
    """One file in a spool; sorts by acceptance.

    Attributes
    ----------
    number
        The exam's id; a newer one if the exam was in the bank before and is staged again.
    """

    number: int
    exam_uuid: UUID
    path: Path


class Spool:
    """One locked folder. Made by :func:`create` and :func:`adopt_abandoned`."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock: int | None = lock

    @property
    def lock(self) -> int:
        """The descriptor that holds the lock; a process that inherits it holds it too."""
        assert self._lock is not None  # noqa: S101  not closed
        return self._lock

    def entry(self, number: int, exam_uuid: UUID) -> Staged:
        """A file to be: whoever writes it must sync it. Its name is durable only after :meth:`sync`."""
        name = f"{number:0{_ID_DIGITS}d}-{exam_uuid}.ecg"
        return Staged(number, exam_uuid, self.folder / name)

    def stage_link(self, number: int, exam_uuid: UUID, stored: Path) -> Staged:
        """Take up a file that already is in the bank, to have it indexed.

        Raises
        ------
        StorageFull
            No room for the name.
        """
        staged = self.entry(number, exam_uuid)
        durable.link_file(stored, staged.path)
        return staged

    def sync(self) -> None:
        """Make the names of the staged files durable.

        Raises
        ------
        StorageFull
            No room.
        """
        durable.sync_folder(self.folder)

    def entries(self) -> list[Staged]:
        """What is staged, oldest first."""
        with os.scandir(self.folder) as files:
            names = [match for f in files if (match := _NAME.fullmatch(f.name))]
        return sorted(Staged(int(m["number"]), UUID(m["uuid"]), self.folder / m[0]) for m in names)

    def close(self) -> None:
        """Give up the lock. An empty spool is removed; another is left to whoever locks it next."""
        with _guard(self.folder.parent):
            self._close()

    def _close(self) -> None:
        if self._lock is None:
            return
        if not self.entries():
            (self.folder / _LOCK).unlink(missing_ok=True)
            self.folder.rmdir()
        os.close(self._lock)
        self._lock = None


def create(staging: Path, server_id: int) -> Spool:
    """Make the spool of a starting server below *staging*.

    Raises
    ------
    StorageFull
        No room.
    """
    with _guard(staging), durable.storage_errors(staging):
        folder = staging / f"{server_id}-{uuid4().hex}"
        folder.mkdir(durable.FOLDER_MODE)
        lock = _try_lock(folder)
        if lock is None:
            raise OSError(f"{folder}: the file system does not give locks")
        durable.sync_folder(staging)
    return Spool(folder, lock)


def adopt_abandoned(staging: Path) -> list[Spool]:
    """Lock all spools whose servers are gone, the oldest content first; empty ones are removed."""
    adopted = []
    with _guard(staging):
        with os.scandir(staging) as entries:
            folders = [Path(e.path) for e in entries if e.is_dir()]
        for folder in folders:
            lock = _try_lock(folder)
            if lock is None:
                continue
            spool = Spool(folder, lock)
            if spool.entries():
                adopted.append(spool)
            else:
                spool._close()
    return sorted(adopted, key=lambda spool: spool.entries()[0])


def waiting(staging: Path) -> set[UUID]:
    """Exams in all spools, whoever holds them."""
    return {UUID(match["uuid"]) for path in staging.glob("*/*") if (match := _NAME.fullmatch(path.name))}


@contextmanager
def _guard(staging: Path) -> Iterator[None]:
    """Keep others from taking a folder that is just being made for abandoned."""
    descriptor = os.open(staging / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(folder: Path) -> int | None:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:  # its owner has just removed it
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
