"""Fixtures of the system tests: real servers as processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ServerProcess
from tests.servers import free_port
from tests.system.nursery import Nursery, NurseryServer
from tests.system.recorders import ledger  # noqa: F401  a fixture

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where fast servers come from."""
    opened = Nursery()
    yield opened
    opened.close()


@pytest.fixture
def start_server(nursery: Nursery, tmp_path: Path) -> Iterator[Start]:
    """Start a furnished server on a port that stays the same when it is started again."""
    servers: list[ServerProcess] = []

    def start(
        settings: dict[str, Any] | None = None, *, furnish: bool = True, wait: bool = True
    ) -> ServerProcess:
        settings = settings or {}
        server_settings = settings.get("server", {}) | {"port": free_port()}
        server = NurseryServer(
            nursery, tmp_path / f"server-{len(servers)}", settings | {"server": server_settings}
        )
        server.data = Path(settings.get("data", server.data))
        servers.append(server)
        if furnish:
            server.furnish()
        server.start(wait=wait)
        return server

    yield start
    for server in servers:
        server.kill()
