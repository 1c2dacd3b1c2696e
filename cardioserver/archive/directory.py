"""The directory: HCFs, their archives and devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.protocol.messages import Account, ArchiveRecord, HcfRecord


@dataclass(frozen=True, slots=True)
class Device:
    """A recorder, by the number that its exams carry."""

    device_id: int
    hcf_id: int
    number: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RecorderAccount:
    """A recorder's account with the hash of its password."""

    account: Account
    password_hash: str = field(repr=False)


def add_hcf(connection: Connection, ids: IdGenerator, name: str, oktmo: str = "") -> HcfRecord:
    """Add an HCF, without archives.

    Raises
    ------
    Conflict
        An HCF of that name exists.
    InvalidField
        ``hcf.name``, ``hcf.oktmo``
    """
    raise NotImplementedError


def rename_hcf(connection: Connection, hcf_id: int, name: str) -> None:
    """Give an HCF another name.

    Raises
    ------
    NotFound, Conflict, InvalidField
        As :func:`add_hcf`.
    """
    raise NotImplementedError


def list_hcfs(connection: Connection) -> tuple[HcfRecord, ...]:
    """All HCFs, by name."""
    raise NotImplementedError


def add_archive(connection: Connection, ids: IdGenerator, hcf_id: int, name: str) -> ArchiveRecord:
    """Add an archive to an HCF; the first one becomes its default.

    Raises
    ------
    NotFound
        No such HCF.
    Conflict
        The HCF has an archive of that name.
    InvalidField
        ``archive.name``
    """
    raise NotImplementedError


def rename_archive(connection: Connection, archive_id: int, name: str) -> None:
    """Give an archive another name.

    Raises
    ------
    NotFound, Conflict, InvalidField
        As :func:`add_archive`.
    """
    raise NotImplementedError


def set_default_archive(connection: Connection, archive_id: int) -> None:
    """Make an archive the one where its HCF's exams go that name none.

    Raises
    ------
    NotFound
        No such archive.
    """
    raise NotImplementedError


def list_archives(connection: Connection, hcf_id: int = 0) -> tuple[ArchiveRecord, ...]:
    """Archives of an HCF (0: of all), by HCF and name."""
    raise NotImplementedError


def default_archive_id(connection: Connection, hcf_id: int) -> int:
    """The default archive of an HCF; 0: it has none."""
    raise NotImplementedError


def add_device(connection: Connection, ids: IdGenerator, hcf_id: int, number: str, name: str = "") -> Device:
    """Add a device to an HCF.

    Raises
    ------
    NotFound
        No such HCF.
    Conflict
        The HCF has a device of that number.
    InvalidField
        ``device.number``, ``device.name``
    """
    raise NotImplementedError


def rename_device(connection: Connection, device_id: int, name: str) -> None:
    """Give a device another name.

    Raises
    ------
    NotFound, InvalidField
        As :func:`add_device`.
    """
    raise NotImplementedError


def list_devices(connection: Connection, hcf_id: int = 0) -> tuple[Device, ...]:
    """Devices of an HCF (0: of all), by HCF and number."""
    raise NotImplementedError


class DirectorySnapshot:
    """A copy of the directory and of the recorders' accounts, for when the database is down; thread-safe.

    It is kept in memory and in a file (mode 0600, replaced atomically), so that recorders can log in and
    upload even if the server starts while the database is down.

    Parameters
    ----------
    path
        The file. If it is there, its content is taken at once.
    """

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def refresh(self, database: Database) -> None:
        """Copy the directory out of the database; write the file if anything changed.

        Raises
        ------
        DatabaseUnavailable
            The database does not answer; the old copy stays.
        OSError
            The file cannot be written; the copy in memory is fresh all the same.
        """
        raise NotImplementedError

    def hcf(self, hcf_id: int) -> HcfRecord | None:
        """An HCF."""
        raise NotImplementedError

    def archive(self, archive_id: int) -> ArchiveRecord | None:
        """An archive."""
        raise NotImplementedError

    def default_archive(self, hcf_id: int) -> ArchiveRecord | None:
        """Where an HCF's exams go that name no archive."""
        raise NotImplementedError

    def recorder(self, login: str) -> RecorderAccount | None:
        """The account of a recorder, by its login as stored."""
        raise NotImplementedError
