"""Connections, transactions, outages and migration, on both databases."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, inspect, select, update
from sqlalchemy.exc import DataError, IntegrityError

from cardioserver.archive import database as database_module
from cardioserver.archive.database import Database, UnknownSchema, migrate
from cardioserver.archive.engines import Contention
from cardioserver.archive.errors import DatabaseUnavailable
from cardioserver.archive.schema import counter, hcf, metadata
from tests.servers import MariaDb, wait_until

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def on_mariadb(mariadb_url: str) -> Iterator[Database]:
    """For what SQLite does not have: lengths of texts, several writers at once."""
    database = Database(mariadb_url)
    yield database
    database.close()


def add_counter(connection: Connection, name: str = "test") -> None:
    connection.execute(insert(counter).values(name=name, value=0))


def count_up(connection: Connection, name: str = "test") -> None:
    value = connection.scalar(select(counter.c.value).where(counter.c.name == name).with_for_update())
    connection.execute(update(counter).where(counter.c.name == name).values(value=value + 1))


def value_of(database: Database, name: str = "test") -> int | None:
    with database.read() as connection:
        return connection.scalar(select(counter.c.value).where(counter.c.name == name))


def in_threads(*functions: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(60) for future in [pool.submit(function) for function in functions]]


# ---------------------------------------------------------------- migration


def test_servers_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(4)]
    in_threads(*(lambda d=d: migrate(d) for d in databases))
    with databases[0].read() as connection:
        assert set(metadata.tables) < set(inspect(connection).get_table_names())
    for database in databases:
        database.close()


def test_migrations_lead_to_the_tables_of_this_version(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_migrating_again_keeps_the_rows(database: Database) -> None:
    with database.write() as connection:
        add_counter(connection)
    migrate(database)
    assert value_of(database) == 0


def test_a_database_of_a_newer_version_is_left_alone(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UnknownSchema, match="newer version"):
        migrate(database)
    database.close()


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("url", ["postgresql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database"):
        Database(url)


def test_a_sqlite_file_is_for_its_owner_only(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    migrate(database)
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    database.transact(add_counter)
    with database.read():
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(modes, 0o600)
    assert len(modes) == 3  # with the write-ahead log and its index
    database.close()


def test_sqlite_syncs_every_commit_and_checks_references(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


def test_values_that_do_not_fit_are_refused_not_cut(on_mariadb: Database) -> None:
    with pytest.raises(DataError, match="too long"):
        on_mariadb.transact(lambda connection: add_counter(connection, "x" * 33))


def test_every_character_comes_back(database: Database) -> None:
    text = "Әбдірахманқызы Ё é \U0001f493 \U00020000 %_'\"\\;--"
    with database.write() as connection:
        connection.execute(insert(hcf).values(hcf_id=1, name=text, oktmo="", created_at=NOW))
    with database.read() as connection:
        assert connection.scalar(select(hcf.c.name).where(hcf.c.name == text)) == text
        assert connection.scalar(select(func.count()).where(hcf.c.name == text.upper())) == 0


def test_microseconds_come_back(database: Database) -> None:
    moments = [
        datetime(1912, 6, 23, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC),
    ]
    with database.write() as connection:
        for number, moment in enumerate(moments):
            row = {"hcf_id": number, "name": str(number), "oktmo": "", "created_at": moment}
            connection.execute(insert(hcf), row)
    with database.read() as connection:
        assert connection.scalars(select(hcf.c.created_at).order_by(hcf.c.created_at)).all() == moments


# ---------------------------------------------------------------- transactions


def test_an_exception_rolls_back(database: Database) -> None:
    def fail(connection: Connection) -> None:
        add_counter(connection)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        database.transact(fail)
    assert value_of(database) is None


def test_reading_writes_nothing(database: Database) -> None:
    with database.read() as connection:
        add_counter(connection)
    assert value_of(database) is None


def test_many_writers_over_two_databases_lose_no_update(database: Database, database_url: str) -> None:
    other = Database(database_url)
    with database.write() as connection:
        add_counter(connection)

    def work(where: Database) -> None:
        for _ in range(25):
            where.transact(count_up)

    in_threads(*(lambda d=d: work(d) for d in (database, other) * 4))
    assert value_of(database) == 8 * 25
    other.close()


def test_a_transaction_that_loses_a_deadlock_is_run_again(on_mariadb: Database) -> None:
    with on_mariadb.write() as connection:
        add_counter(connection, "a")
        add_counter(connection, "b")
    meeting = threading.Barrier(2)
    runs = []

    def both(first: str, second: str) -> Callable[[Connection], None]:
        def run(connection: Connection) -> None:
            runs.append(first)
            count_up(connection, first)
            if runs.count(first) == 1:
                meeting.wait(30)
            count_up(connection, second)

        return run

    in_threads(lambda: on_mariadb.transact(both("a", "b")), lambda: on_mariadb.transact(both("b", "a")))
    assert len(runs) > 2
    assert (value_of(on_mariadb, "a"), value_of(on_mariadb, "b")) == (2, 2)


def test_outside_transact_a_deadlock_is_an_outage_to_be_retried(on_mariadb: Database) -> None:
    with on_mariadb.write() as connection:
        add_counter(connection, "a")
        add_counter(connection, "b")
    meeting = threading.Barrier(2)

    def both(first: str, second: str) -> bool:
        try:
            with on_mariadb.write() as connection:
                count_up(connection, first)
                meeting.wait(30)
                count_up(connection, second)
        except Contention:
            return False
        return True

    assert sorted(in_threads(lambda: both("a", "b"), lambda: both("b", "a"))) == [False, True]


def test_a_statement_that_fails_is_no_outage(database: Database) -> None:
    with database.write() as connection:
        add_counter(connection)
    with pytest.raises(IntegrityError), database.write() as connection:
        add_counter(connection)
    assert database.is_available()


def test_a_writer_that_waits_too_long_gets_an_outage(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT", 0.05)
    database = Database(sqlite_url)
    migrate(database)
    with database.write(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: database.transact(add_counter))
        assert isinstance(waiting.exception(10), DatabaseUnavailable)
    database.transact(add_counter)
    database.close()


# ---------------------------------------------------------------- outages


def seconds(function: Callable[[], object]) -> float:
    start = time.monotonic()
    function()
    return time.monotonic() - start


def is_down(database: Database) -> bool:
    try:
        with database.read() as connection:
            connection.execute(select(1))
    except DatabaseUnavailable:
        return True
    return False


def test_a_stopped_server_is_noticed_at_once_and_found_again(mariadb: MariaDb, mariadb_url: str) -> None:
    database = Database(mariadb_url)
    with database.write() as connection:
        add_counter(connection)
    mariadb.stop()
    assert seconds(lambda: is_down(database)) < 5
    assert seconds(lambda: [is_down(database) for _ in range(1000)]) < 1
    assert not database.is_available()
    mariadb.start()
    wait_until(database.is_available, "the database is found again", 10)
    database.transact(count_up)
    assert value_of(database) == 1
    database.close()


def test_a_server_killed_within_a_transaction_is_an_outage(mariadb: MariaDb, mariadb_url: str) -> None:
    database = Database(mariadb_url)

    def kill(connection: Connection) -> None:
        add_counter(connection)
        mariadb.kill()
        connection.execute(select(1))

    with pytest.raises(DatabaseUnavailable):
        database.transact(kill)
    mariadb.start()
    wait_until(database.is_available, "the database is found again", 10)
    assert value_of(database) is None
    database.close()


def test_connections_that_a_restart_broke_are_replaced_unseen(mariadb: MariaDb, mariadb_url: str) -> None:
    database = Database(mariadb_url)
    with database.write() as connection:
        add_counter(connection)
    mariadb.stop()
    mariadb.start()
    assert value_of(database) == 0
    database.close()


def test_a_server_that_hangs_stops_no_new_connection_for_long(mariadb: MariaDb, mariadb_url: str) -> None:
    database = Database(mariadb_url)
    os.kill(mariadb.pid, signal.SIGSTOP)
    try:
        assert seconds(lambda: is_down(database)) < 15
        assert seconds(lambda: [is_down(database) for _ in range(100)]) < 1
    finally:
        os.kill(mariadb.pid, signal.SIGCONT)
    wait_until(database.is_available, "the database is found again", 15)
    database.close()


def test_nobody_listening_is_an_outage(free_port: int) -> None:
    database = Database(f"mysql+pymysql://root@127.0.0.1:{free_port}/test")
    assert not database.is_available()
    with pytest.raises(DatabaseUnavailable):
        migrate(database)
    database.close()


def test_an_outage_tells_no_secret(free_port: int) -> None:
    database = Database(f"mysql+pymysql://root:geheim@127.0.0.1:{free_port}/test")
    with pytest.raises(DatabaseUnavailable) as caught, database.read():
        pass
    assert "geheim" not in f"{caught.value!s} {caught.value!r}"
    database.close()


def test_a_pool_in_use_is_an_outage_for_whoever_needs_one_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardioserver.archive.engines.POOL_TIMEOUT", 0.05)
    database = Database(database_url, pool_size=1)
    with database.read(), pytest.raises(DatabaseUnavailable, match="in use"), database.read():
        pass
    assert database.is_available()
    database.close()


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "cardioserver.db"
    path.write_bytes(b"no database at all, " * 300)
    database = Database(f"sqlite:///{path}")
    assert not database.is_available()
    database.close()


_VISITOR = """
import sys
from cardioserver.archive.database import Database
from tests.archive.test_database import value_of
database = Database(sys.argv[1])
print(value_of(database))
database.close()
"""


def test_a_process_that_comes_and_goes_takes_no_commit_away(sqlite_url: str) -> None:
    """The command line beside a running server: the last one out removes SQLite's log of commits."""

    def visit() -> str:
        command = [sys.executable, "-c", _VISITOR, sqlite_url]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    database = Database(sqlite_url)
    migrate(database)
    with database.write() as connection:
        add_counter(connection)
    in_threads(*[lambda: value_of(database)] * 4)  # some connections, opened while others are
    with database.read():
        value_of(database)  # two at once, so that the second is opened beside the first
    for count in range(1, 4):
        assert visit() == str(count - 1)
        with database.write() as connection:
            count_up(connection)
    assert visit() == "3"
    database.close()
