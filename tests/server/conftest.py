"""A server in the test's own event loop, with stand-ins behind it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from cardioserver.archive.database import Database
from cardioserver.server.server import Server
from cardioserver.server.tls import Certificates
from cardioserver.settings import Config
from tests.server.fakes import FakeServices
from tests.server.peer import Peer


class Served:
    """A running server and the way to it."""

    def __init__(self, server: Server, fakes: FakeServices, port: int, monitoring_port: int) -> None:
        self.server = server
        self.fakes = fakes
        self.port = port
        self.monitoring_port = monitoring_port

    def peer(self, **options: Any) -> Peer:
        """A new peer; use it with ``async with``."""
        return Peer(self.port, **options)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The server runs on either loop, so its tests run on both; as a process it has its own."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name != "test_process.py":
        loops["uvloop"] = uvloop.new_event_loop
    return loops


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
def sqlite_database(tmp_path: Path, _sqlite_template: Path) -> Iterator[Database]:
    """A migrated SQLite database."""
    path = tmp_path / "cardioserver.sqlite"
    shutil.copyfile(_sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
async def serve(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a server: ``await serve(limits={…})``; it is stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(certificates: Certificates | None = None, **groups: dict[str, Any]) -> Served:
            groups.setdefault("monitoring", {"enabled": False})
            groups["server"] = {"host": "127.0.0.1", "port": 0} | groups.get("server", {})
            config = Config.model_validate({"data": tmp_path, **groups})
            fakes = FakeServices(sqlite_database, tmp_path / "bank")
            server = Server(config, fakes.services, 7, certificates)
            port, monitoring_port = await server.start()
            stack.push_async_callback(server.stop, 0.2)
            stack.callback(fakes.ingest.let_go)
            stack.callback(fakes.ingest.open.set)
            stack.callback(fakes.authenticator.held.set)
            return Served(server, fakes, port, monitoring_port)

        yield start
