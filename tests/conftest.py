"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardioserver.archive.database import Database, migrate
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
def mariadb_url(mariadb: MariaDb) -> str:
    """URL of an empty MariaDB database."""
    return mariadb.new_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'database' / 'cardioserver.db'}"


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh database without tables: the test runs once on SQLite and once on MariaDB."""
    return str(request.getfixturevalue(f"{request.param}_url"))


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
    else:
        migrate(opened)
    yield opened
    opened.close()
