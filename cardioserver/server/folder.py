"""The data directory: what belongs to one server alone.

::

    DIR/
      lock                   held while a server runs on this directory
      server.json            where the running server listens, and its process
      server_id              the number this directory drew, if none is configured
      cardioserver.sqlite    the embedded database
      cardiobank/            the embedded bank
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cardioserver.settings.config import MAX_SERVER_ID


class FolderInUse(Exception):
    """Another server runs on this data directory."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Content of ``server.json``: what a program beside the server wants to know of it."""

    pid: int
    host: str
    port: int
    monitoring_port: int  # 0: none
    tls: bool
    version: str


class DataFolder:
    """One data directory, held by this process until :meth:`close`.

    Parameters
    ----------
    path
        Created (mode 0700) if missing.

    Raises
    ------
    FolderInUse
        A server runs on it.
    OSError
        It cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise FolderInUse(str(path)) from None

    def announce(self, listening: Listening) -> None:
        """Write ``server.json``."""
        _replace(self.path / "server.json", json.dumps(asdict(listening)) + "\n")

    def close(self) -> None:
        """Remove ``server.json`` and let go of the directory."""
        (self.path / "server.json").unlink(missing_ok=True)
        os.close(self._lock)


def server_id(folder: Path) -> int:
    """The number of a data directory's server, drawn at its first use.

    Drawn and not 1, so that two servers that somebody points at one database without numbering
    them are unlikely to make the same identifiers.

    Raises
    ------
    OSError
        It cannot be read or written.
    ValueError
        The file does not hold a number.
    """
    file = folder / "server_id"
    if not file.exists():
        draft = folder / f"server_id.{os.getpid()}"
        draft.write_text(f"{secrets.randbelow(MAX_SERVER_ID) + 1}\n", encoding="ascii")
        with suppress(FileExistsError):  # another process was first: its number counts
            file.hardlink_to(draft)
        draft.unlink()
    return int(file.read_text(encoding="ascii"))


def _replace(file: Path, content: str) -> None:
    """Write a file so that a reader sees all of it or the one before."""
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(content, encoding="utf-8")
    draft.replace(file)
