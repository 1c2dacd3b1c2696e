"""Files and folders that are on the disk when the call returns.

Every step towards the disk in the archive's write path is one of these functions, in the order
write → sync → link → sync of the folder. A link never replaces a file, also on NFS, where a rename
without replacement does not exist.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardioserver.archive.errors import StorageFull

FOLDER_MODE = 0o750
FILE_MODE = 0o440  # what the bank holds is never changed

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn the system's "no room" into :class:`StorageFull`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(f"{place}: {os.strerror(error.errno)}") from error
        raise


def require_room(folder: Path, byte_count: int, reserve: int = 0) -> None:
    """Check that *folder*'s file system has *byte_count* bytes and *reserve* more.

    Raises
    ------
    StorageFull
        It has not.
    """
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < byte_count + reserve:
        raise StorageFull(str(folder))


def write_file(path: Path, data: bytes, mode: int = FILE_MODE) -> None:
    """Write a new file and sync it. On any failure there is no file.

    Raises
    ------
    StorageFull
        No room.
    FileExistsError
        The name is taken.
    """
    with storage_errors(path.parent):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def write_all(descriptor: int, data: bytes | memoryview, offset: int = 0) -> None:
    """Write all of *data* at *offset* of an open file."""
    rest = memoryview(data).cast("B")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        offset += written
        rest = rest[written:]


def link_file(source: Path, target: Path) -> bool:
    """Give a synced file its second name, without replacing another; False: the name is taken.

    The folder is not synced. A network file system may carry out a link and yet report that the name
    is taken (its reply got lost and the request was repeated), therefore the files are compared.

    Raises
    ------
    StorageFull
        No room for the name.
    FileNotFoundError
        The target's folder is missing.
    """
    with storage_errors(target.parent):
        try:
            os.link(source, target)
        except FileExistsError:
            return source.samefile(target)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    with storage_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folders(folder: Path, root: Path) -> None:
    """Make *folder* and its parents below *root*, each durable; existing ones are synced too.

    They may have been made by another process that has not come to syncing them.
    """
    missing = [folder, *folder.parents]
    for level in reversed(missing[: missing.index(root)]):
        with storage_errors(level):
            level.mkdir(FOLDER_MODE, exist_ok=True)
        sync_folder(level.parent)
