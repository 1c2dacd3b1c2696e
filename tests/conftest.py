"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from cardioserver.archive.database import Database, migrate
from cardioserver.archive.errors import ArchiveError
from cardioserver.archive.schema import metadata
from tests import servers
from tests.servers import MariaDb

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_ecg() -> Path:
    """Folder of real ECGs beside the repository; without it the test is skipped."""
    folder = ROOT.parent / "shared" / "ecg"
    if not folder.is_dir():
        pytest.skip("no folder ../shared/ecg with real ECGs")
    return folder


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port on which nobody listens."""
    return servers.free_port()


@pytest.fixture(scope="session")
def _mariadb_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    reason = servers.mariadb_missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"CI needs MariaDB: {reason}")
    if reason:
        pytest.skip(f"MariaDB {reason}")
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mariadb(_mariadb_session: MariaDb) -> Iterator[MariaDb]:
    """The private MariaDB server of this test process; a test may stop it, it runs again for the next."""
    _mariadb_session.start()
    yield _mariadb_session
    _mariadb_session.start()


@pytest.fixture
def empty_mariadb_url(mariadb: MariaDb) -> str:
    """URL of a MariaDB database without tables."""
    return mariadb.new_database()


@pytest.fixture(scope="session")
def _clean_mariadb_urls() -> list[str]:
    return []


@pytest.fixture
def mariadb_url(mariadb: MariaDb, _clean_mariadb_urls: list[str]) -> Iterator[str]:
    """URL of a MariaDB database with all tables and no rows.

    Creating the tables takes longer than most tests: databases are emptied and used again.
    """
    url = _clean_mariadb_urls.pop() if _clean_mariadb_urls else mariadb.new_database()
    database = Database(url)
    migrate(database)
    yield url
    mariadb.start()
    with suppress(SQLAlchemyError, ArchiveError):  # a test's transaction may hang on: then not this one again
        _empty(database)
        _clean_mariadb_urls.append(url)
    database.close()


def _empty(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout=1, foreign_key_checks=0")
        for table in metadata.tables:
            connection.exec_driver_sql(f"DELETE FROM {table}")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'database' / 'cardioserver.db'}"


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database for a server of one's own, which migrates it; once SQLite, once MariaDB."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite_url", pytest.param("empty_mariadb_url", marks=pytest.mark.mariadb)])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """URL of a database without tables; once SQLite, once MariaDB."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "cardioserver.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    """A migrated database: the test runs once on SQLite and once on MariaDB."""
    opened = Database(database_url)
    if opened.is_sqlite:
        path = Path(database_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), path)
    yield opened
    opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Repeat just above the last line which of the checks before the tests failed (``tests/run``)."""
    failed = os.environ.get("CARDIOSERVER_FAILED_CHECKS")
    if failed:
        terminalreporter.section("checks")
        terminalreporter.line(f"failed before the tests: {failed}")
