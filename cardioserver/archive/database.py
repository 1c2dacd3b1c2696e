"""The database: connections, transactions, outages, migration."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, Insert, Table, func, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cardioserver.archive.engines import (
    ANSWER_TIMEOUT,
    LOCK_TIMEOUT,
    WRITES,
    Contention,
    make_engine,
    translate,
)
from cardioserver.archive.errors import ArchiveError, DatabaseUnavailable

T = TypeVar("T")

OUTAGE_PAUSE = 1.0
"""Seconds after a failed connection during which nobody tries again: requests fail at once instead of
queueing for timeouts."""

MAX_RUNS = 6
"""How often a transaction is run that loses to others."""

MIGRATION_TIMEOUT = 3600.0
"""Seconds to wait for one step of a migration, or for another server that is migrating."""


class UnknownSchema(ArchiveError):
    """The database was migrated by a newer version of this software."""

    text_en = "The database was made by a newer version of Cardioserver; install that version or newer."
    text_ru = "База данных создана более новой версией Кардиосервера; установите её или более новую."


class Database:
    """Connections to one database; thread-safe.

    Failures of the database itself come out as :class:`~cardioserver.archive.errors.DatabaseUnavailable`
    (:class:`~cardioserver.archive.errors.StorageFull` if its disk is full); failures of a statement as
    SQLAlchemy's errors.

    Parameters
    ----------
    url
        ``sqlite:///PATH`` or ``mysql+pymysql://user:password@host:port/name``.
    pool_size
        Most connections open at once.
    answer_timeout
        Seconds without an answer after which a database server counts as gone.

    Raises
    ------
    ValueError
        The URL names another kind of database. Nothing is connected yet.
    """

    def __init__(self, url: str, pool_size: int = 8, answer_timeout: float = ANSWER_TIMEOUT) -> None:
        self._url = url
        self._engine: Engine = make_engine(url, pool_size, answer_timeout)
        self._writer = self._engine.execution_options(**{WRITES: True})
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        # SQLite has one writer at a time; waiting here is fair and immediate, its own waiting is a poll.
        self._write_lock = threading.Lock() if self.is_sqlite else None
        self._refuse_until = 0.0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in a transaction that is rolled back at the end.

        Raises
        ------
        DatabaseUnavailable
            The database does not answer.
        """
        with self._connect(self._engine) as connection, _translated():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back on an exception.

        A deadlock comes out as an error; :meth:`transact` runs the transaction again instead.

        Raises
        ------
        DatabaseUnavailable
            The database does not answer. If it went away during the commit, nobody knows whether the
            transaction happened: do it again, idempotently.
        """
        with self._writing(), self._connect(self._writer) as connection, _translated(), connection.begin():
            yield connection

    def transact(self, function: Callable[[Connection], T]) -> T:
        """Run *function* in a write transaction, again if it loses to another transaction.

        *function* must have no effect but through its connection, or be harmless to repeat.

        Raises
        ------
        DatabaseUnavailable
            As :meth:`write`, or it lost every time.
        """
        for run in range(1, MAX_RUNS):
            try:
                with self.write() as connection:
                    return function(connection)
            except Contention:
                time.sleep(random.uniform(0, 0.01 * 2**run))  # noqa: S311  spreads the runs, no secret
        with self.write() as connection:
            return function(connection)

    def unhurried(self) -> Database:
        """The same database, for statements that take minutes. The caller closes it."""
        return Database(self._url, pool_size=1, answer_timeout=MIGRATION_TIMEOUT)

    def is_available(self) -> bool:
        """Whether the database answers now; known within seconds, or at once during an outage's pause."""
        try:
            with self.read() as connection:
                connection.execute(select(1))
        except DatabaseUnavailable:
            return False
        return True

    def close(self) -> None:
        """Close the idle connections; those in use close when they are given back."""
        self._engine.dispose()

    @contextmanager
    def _connect(self, engine: Engine) -> Iterator[Connection]:
        now = time.monotonic()
        if now < self._refuse_until:
            raise DatabaseUnavailable("the last connection failed")
        if self._refuse_until:
            self._refuse_until = now + OUTAGE_PAUSE  # one thread probes, the others go on failing at once
        try:
            with _translated():
                connection = engine.connect()
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, PoolTimeout):
                self._refuse_until = time.monotonic() + OUTAGE_PAUSE
            raise
        self._refuse_until = 0.0
        with connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._write_lock is None:
            yield
            return
        if not self._write_lock.acquire(timeout=LOCK_TIMEOUT):
            raise DatabaseUnavailable("another transaction is writing")
        try:
            yield
        finally:
            self._write_lock.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        translated = translate(error)
        if translated is None:
            raise
        raise translated from error


def insert_or_keep(connection: Connection, table: Table) -> Insert:
    """An INSERT that leaves alone a row whose id or unique key is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    # Not INSERT IGNORE: that would also swallow values that do not fit.
    key = next(iter(table.primary_key))
    return mysql.insert(table).on_duplicate_key_update({key.name: key})


def migrate(database: Database) -> None:
    """Bring the tables to this version's state. Servers that start at once do it one after another.

    Raises
    ------
    UnknownSchema
        A newer version of this software has migrated the database.
    DatabaseUnavailable
        The database does not answer, or another server has been migrating for too long.
    """
    with (
        _migration_lock,
        closing(database.unhurried()) as unhurried,
        unhurried.write() as connection,
        _only_migration(connection),
    ):
        config = Config()
        config.set_main_option("script_location", "cardioserver.archive:migrations")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise UnknownSchema(str(error)) from error


_migration_lock = threading.Lock()
"""Alembic keeps its context in module variables: one thread at a time."""


@contextmanager
def _only_migration(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "sqlite":  # the transaction is the lock
        yield
        return
    # DDL commits on its own here, so the lock must be the session's, not the transaction's.
    name = func.concat("cardioserver.", func.md5(func.database()))
    if connection.scalar(select(func.get_lock(name, MIGRATION_TIMEOUT))) != 1:
        raise DatabaseUnavailable("another server is migrating it")
    try:
        yield
    finally:
        connection.scalar(select(func.release_lock(name)))
