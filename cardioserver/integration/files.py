"""Files that other systems read: durable, with the permissions asked for."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cardioserver.integration.errors import Retryable


@contextmanager
def retryable(folder: Path) -> Iterator[None]:
    """Whatever a folder's file system refuses may succeed later."""
    try:
        yield
    except OSError as error:
        # Not the name of the file: it may hold the patient's number.
        raise Retryable(f"{folder}: {os.strerror(error.errno or 0)}") from error


def write(path: Path, content: bytes, mode: int) -> None:
    """A new file, synced, with these permissions."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)  # the process's umask has no say
        os.fsync(descriptor)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # network file systems may not sync folders
            raise
    finally:
        os.close(descriptor)


def holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether a folder holds exactly these files."""
    try:
        return {path.name: path.read_bytes() for path in folder.iterdir()} == dict(files)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
