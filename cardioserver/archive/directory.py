"""The directory: HCFs, their archives and devices."""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from cardioserver.archive import access
from cardioserver.archive.access import Actor
from cardioserver.archive.database import Database
from cardioserver.archive.durable import sync_folder, write_file
from cardioserver.archive.errors import Conflict, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import LINE, account, archive, device, hcf
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import check_text
from cardioserver.protocol.messages import (
    Account,
    ArchiveRecord,
    Archives,
    HcfRecord,
    Hcfs,
    ListArchives,
    ListHcfs,
    Role,
)

OKTMO = 11  # digits
DEVICE_NUMBER = 64
PRIVATE = 0o600

_VERSION = 1

log = logging.getLogger(__name__)


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
    record = HcfRecord(ids.next(), _name("hcf.name", name), _text("hcf.oktmo", oktmo, OKTMO))
    row = {
        "hcf_id": record.hcf_id,
        "name": record.name,
        "oktmo": record.oktmo,
        "created_at": datetime.now(UTC),
    }
    _insert(connection, hcf, row)
    return record


def rename_hcf(connection: Connection, hcf_id: int, name: str) -> None:
    """Give an HCF another name.

    Raises
    ------
    NotFound, Conflict, InvalidField
        As :func:`add_hcf`.
    """
    _rename(connection, hcf, hcf_id, _name("hcf.name", name))


def list_hcfs(connection: Connection) -> tuple[HcfRecord, ...]:
    """All HCFs, by name."""
    rows = connection.execute(select(hcf.c.hcf_id, hcf.c.name, hcf.c.oktmo).order_by(hcf.c.name))
    return tuple(HcfRecord(*row) for row in rows)


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
    name = _name("archive.name", name)
    _require_hcf(connection, hcf_id)
    record = ArchiveRecord(ids.next(), hcf_id, name)
    _insert(connection, archive, asdict(record) | {"created_at": datetime.now(UTC)})
    first = update(hcf).where(hcf.c.hcf_id == hcf_id, hcf.c.default_archive_id.is_(None))
    connection.execute(first.values(default_archive_id=record.archive_id))
    return record


def rename_archive(connection: Connection, archive_id: int, name: str) -> None:
    """Give an archive another name.

    Raises
    ------
    NotFound, Conflict, InvalidField
        As :func:`add_archive`.
    """
    _rename(connection, archive, archive_id, _name("archive.name", name))


def set_default_archive(connection: Connection, archive_id: int) -> None:
    """Make an archive the one where its HCF's exams go that name none.

    Raises
    ------
    NotFound
        No such archive.
    """
    owner = connection.scalar(select(archive.c.hcf_id).where(archive.c.archive_id == archive_id))
    if owner is None:
        raise NotFound(f"archive {archive_id}")
    connection.execute(update(hcf).where(hcf.c.hcf_id == owner).values(default_archive_id=archive_id))


def list_archives(connection: Connection, hcf_id: int = 0) -> tuple[ArchiveRecord, ...]:
    """Archives of an HCF (0: of all), by HCF and name."""
    query = select(archive.c.archive_id, archive.c.hcf_id, archive.c.name)
    query = query.where(archive.c.hcf_id == hcf_id) if hcf_id else query
    rows = connection.execute(query.order_by(archive.c.hcf_id, archive.c.name))
    return tuple(ArchiveRecord(*row) for row in rows)


def visible_archives(connection: Connection, actor: Actor, request: ListArchives) -> Archives:
    """The archives that an actor may see, by HCF and name."""
    query = select(archive.c.archive_id, archive.c.hcf_id, archive.c.name).where(
        access.visible_archives(actor)
    )
    rows = connection.execute(query.order_by(archive.c.hcf_id, archive.c.name))
    return Archives(tuple(ArchiveRecord(*row) for row in rows))


def visible_hcfs(connection: Connection, actor: Actor, request: ListHcfs) -> Hcfs:
    """All HCFs, by name: whoever sends an exam for consultation chooses among them."""
    return Hcfs(list_hcfs(connection))


def default_archive_id(connection: Connection, hcf_id: int) -> int:
    """The default archive of an HCF; 0: it has none."""
    return connection.scalar(select(hcf.c.default_archive_id).where(hcf.c.hcf_id == hcf_id)) or 0


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
    number = _text("device.number", number, DEVICE_NUMBER)
    if not number:
        raise InvalidField("device.number", number, "a number")
    name = _text("device.name", name, LINE)
    _require_hcf(connection, hcf_id)
    added = Device(ids.next(), hcf_id, number, name, datetime.now(UTC))
    _insert(connection, device, asdict(added))
    return added


def rename_device(connection: Connection, device_id: int, name: str) -> None:
    """Give a device another name.

    Raises
    ------
    NotFound, InvalidField
        As :func:`add_device`.
    """
    _rename(connection, device, device_id, _text("device.name", name, LINE))


def list_devices(connection: Connection, hcf_id: int = 0) -> tuple[Device, ...]:
    """Devices of an HCF (0: of all), by HCF and number."""
    query = select(*(device.c[field.name] for field in fields(Device)))
    query = query.where(device.c.hcf_id == hcf_id) if hcf_id else query
    rows = connection.execute(query.order_by(device.c.hcf_id, device.c.number))
    return tuple(Device(*row) for row in rows)


def _name(field_name: str, value: str) -> str:
    name = _text(field_name, value, LINE)
    if not name:
        raise InvalidField(field_name, value, "a name")
    return name


def _text(field_name: str, value: str, limit: int) -> str:
    text = " ".join(normalize("NFC", value).split())
    check_text(field_name, text, limit)
    return text


def _insert(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    try:
        connection.execute(insert(table), row)
    except IntegrityError:
        raise Conflict(f"{table.name}: this name or number is in use") from None


def _rename(connection: Connection, table: Table, row_id: int, name: str) -> None:
    [key] = table.primary_key
    try:
        renamed = connection.execute(update(table).where(key == row_id).values(name=name))
    except IntegrityError:
        raise Conflict(f"{table.name}: this name is in use") from None
    if not renamed.rowcount:
        raise NotFound(f"{table.name} {row_id}")


def _require_hcf(connection: Connection, hcf_id: int) -> None:
    if connection.scalar(select(hcf.c.hcf_id).where(hcf.c.hcf_id == hcf_id)) is None:
        raise NotFound(f"hcf {hcf_id}")


@dataclass(frozen=True, slots=True)
class _Copy:
    """The snapshot's content."""

    hcfs: dict[int, HcfRecord]
    archives: dict[int, ArchiveRecord]
    default_archives: dict[int, int]  # of HCFs
    recorders: dict[str, RecorderAccount]  # by login


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
        self._path = path
        self._refreshing = threading.Lock()
        self._copy = _Copy({}, {}, {}, {})
        if path.exists():
            self._copy = _parse(path)

    def refresh(self, database: Database) -> None:
        """Copy the directory out of the database; write the file if anything changed.

        Raises
        ------
        DatabaseUnavailable
            The database does not answer; the old copy stays.
        OSError, StorageFull
            The file cannot be written; the copy in memory is fresh all the same.
        """
        with self._refreshing:
            with database.read() as connection:
                fresh = _read(connection)
            if fresh == self._copy and self._path.exists():
                return
            self._copy = fresh
            self._write(fresh)

    def hcf(self, hcf_id: int) -> HcfRecord | None:
        """An HCF."""
        return self._copy.hcfs.get(hcf_id)

    def archive(self, archive_id: int) -> ArchiveRecord | None:
        """An archive."""
        return self._copy.archives.get(archive_id)

    def default_archive(self, hcf_id: int) -> ArchiveRecord | None:
        """Where an HCF's exams go that name no archive."""
        return self._copy.archives.get(self._copy.default_archives.get(hcf_id, 0))

    def recorder(self, login: str) -> RecorderAccount | None:
        """The account of a recorder, by its login as stored."""
        return self._copy.recorders.get(login)

    def _write(self, copy: _Copy) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        write_file(fresh, _serialise(copy), PRIVATE)
        fresh.replace(self._path)
        sync_folder(self._path.parent)


def _read(connection: Connection) -> _Copy:
    rows = connection.execute(select(hcf.c.hcf_id, hcf.c.name, hcf.c.oktmo, hcf.c.default_archive_id)).all()
    of_recorders = select(account).where(account.c.role == int(Role.RECORDER))
    return _Copy(
        hcfs={row.hcf_id: HcfRecord(row.hcf_id, row.name, row.oktmo) for row in rows},
        archives={record.archive_id: record for record in list_archives(connection)},
        default_archives={row.hcf_id: row.default_archive_id for row in rows if row.default_archive_id},
        recorders={row.login: _recorder(row) for row in connection.execute(of_recorders)},
    )


def _recorder(row: Row[Any]) -> RecorderAccount:
    known = Account(row.account_id, row.login, Role(row.role), row.hcf_id, row.name, row.disabled)
    return RecorderAccount(known, row.password_hash)


def _serialise(copy: _Copy) -> bytes:
    content = {
        "version": _VERSION,
        "hcfs": [asdict(record) for record in copy.hcfs.values()],
        "archives": [asdict(record) for record in copy.archives.values()],
        "default_archives": list(copy.default_archives.items()),
        "recorders": [asdict(known) for known in copy.recorders.values()],
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _parse(path: Path) -> _Copy:
    """Read the file; an unreadable one counts as none: the database has the same."""
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != _VERSION:
            raise ValueError(content["version"])
        recorders = [
            RecorderAccount(
                Account(**known["account"] | {"role": Role(known["account"]["role"])}), known["password_hash"]
            )
            for known in content["recorders"]
        ]
        return _Copy(
            hcfs={record["hcf_id"]: HcfRecord(**record) for record in content["hcfs"]},
            archives={record["archive_id"]: ArchiveRecord(**record) for record in content["archives"]},
            default_archives=dict(content["default_archives"]),
            recorders={known.account.login: known for known in recorders},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("%s is damaged and ignored until the database answers", path)
        return _Copy({}, {}, {}, {})
