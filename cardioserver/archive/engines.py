"""Database engines of the two kinds of servers, and what their drivers' errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cardioserver.archive.errors import ArchiveError, DatabaseUnavailable, StorageFull
from cardioserver.archive.hints import HintingCompiler

WRITES = "cardioserver_writes"
"""Execution option of connections that write: their transactions begin with the write lock."""

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another writer on SQLite."""

ROW_LOCK_TIMEOUT = 5
"""Seconds to wait for a row that another transaction has locked on MariaDB."""

CONNECT_TIMEOUT = 3
"""Seconds to wait for a database server to accept a connection."""

ANSWER_TIMEOUT = 10.0
"""Seconds to wait for bytes of an answer before the database server counts as gone."""

POOL_TIMEOUT = 10.0
"""Seconds to wait for another thread to give a connection back."""

RECYCLE = 3600
"""Seconds after which an idle connection is replaced: below the server's ``wait_timeout``."""

SQLITE_PAGES = -32_000  # KiB of page cache a connection

_MARIADB_SESSION = (
    "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00', "
    # The access rule asks of each row of a page whether it was sent to somebody. Materialising would list
    # all that was ever sent to them first.
    "optimizer_switch='materialization=off', "
    f"innodb_lock_wait_timeout={ROW_LOCK_TIMEOUT}"
)


class Contention(DatabaseUnavailable):
    """The transaction lost to another one (deadlock, lock wait); running it again may succeed."""


def make_engine(url: str, pool_size: int, answer_timeout: float) -> Engine:
    """An engine with the settings that the archive's promises need.

    Raises
    ------
    ValueError
        The URL names another kind of database, or SQLite in memory.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite_engine(parsed, pool_size)
        case "mysql" | "mariadb":
            return _mariadb_engine(parsed, pool_size, answer_timeout)
    raise ValueError("the database URL must begin with sqlite:/// or mysql+pymysql://")


def _sqlite_engine(url: URL, pool_size: int) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("the SQLite database needs a file: sqlite:///PATH")
    path = Path(url.database)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        # The driver's own transaction control would begin too late: BEGIN is ours, see _begin_sqlite.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": LOCK_TIMEOUT},
    )

    engine.dialect.statement_compiler = HintingCompiler

    event.listen(engine, "do_connect", lambda *_: _create_private_file(path))
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


_creating = threading.Lock()


def _create_private_file(path: Path) -> None:
    """Create the database's file, if it is not there, so that only its owner may read it.

    SQLite gives its -wal and -shm files the same permissions. A file that is there is not even opened:
    closing it would cancel the locks of all connections that this process has to it (POSIX, fcntl), and
    another process that comes and goes would then take itself for the last and remove the -wal file with
    what is committed in it ("How To Corrupt An SQLite Database File", section 2.2).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        f"cache_size={SQLITE_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once if another one wrote meanwhile.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _mariadb_engine(url: URL, pool_size: int, answer_timeout: float) -> Engine:
    return create_engine(
        url.set(drivername="mysql+pymysql"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        pool_pre_ping=True,
        pool_recycle=RECYCLE,
        isolation_level="READ COMMITTED",
        connect_args={
            "charset": "utf8mb4",
            "collation": "utf8mb4_bin",
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": answer_timeout,
            "write_timeout": answer_timeout,
            "init_command": _MARIADB_SESSION,
        },
    )


_SQLITE_OUTAGES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_NOMEM,
}

# https://mariadb.com/kb/en/mariadb-error-codes/
_MARIADB_CONTENTION = {1205, 1213}  # lock wait timeout, deadlock
_MARIADB_FULL = {1021, 1114}  # disk full, table full
_MARIADB_OUTAGES = {
    1040,  # too many connections
    1044, 1045, 1049, 1698,  # user, password or database refused
    1053,  # server shutdown
    1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927,  # the connection broke
    1129, 1130,  # host blocked or refused
    1203, 1226,  # too many connections of this user
    1290, 1792, 1836,  # read-only server
}  # fmt: skip
_CLIENT_ERRORS = range(2000, 3000)  # of the client library: no connection, or lost it


def translate(error: DBAPIError | PoolTimeout) -> ArchiveError | None:
    """The archive's error for a failure of the database itself; ``None`` for a failure of the statement."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("all connections are in use")
    if isinstance(error.orig, sqlite3.Error):
        return _translate_sqlite(error.orig)
    return _translate_mariadb(error)


def _translate_mariadb(error: DBAPIError) -> ArchiveError | None:
    code = error.orig.args[0] if error.orig is not None and error.orig.args else 0
    note = f"database error {code}"  # only the number: the driver's text may quote values
    if code in _MARIADB_CONTENTION:
        return Contention(note)
    if code in _MARIADB_FULL:
        return StorageFull(note)
    broken = error.connection_invalidated or isinstance(error, InterfaceError | InternalError)
    return DatabaseUnavailable(note) if broken or code in _MARIADB_OUTAGES or code in _CLIENT_ERRORS else None


def _translate_sqlite(error: sqlite3.Error) -> ArchiveError | None:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is the extended code
    name = getattr(error, "sqlite_errorname", "SQLite error")
    if primary == sqlite3.SQLITE_FULL:
        return StorageFull(name)
    return DatabaseUnavailable(name) if primary in _SQLITE_OUTAGES else None
