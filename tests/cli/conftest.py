"""Running the command in this process, and an installation for it to work on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cardioserver.cli.main import run
from tests.processes import PASSWORD, ServerProcess


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``cardioserver`` with arguments, in English."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("CARDIOSERVER_PASSWORD", PASSWORD)

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return call


@pytest.fixture
def admin(command: Command, tmp_path: Path) -> Command:
    """Run an administration command on an own data directory."""

    def call(*arguments: object) -> Ended:
        return command(*arguments, "--data", tmp_path / "data")

    return call


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with the accounts of :meth:`ServerProcess.furnish`, shared by a module's tests."""
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.furnish()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def wire(command: Command, server: ServerProcess) -> Command:
    """Run a command that speaks to the server: the first argument is the login."""

    def call(login: str, *arguments: object) -> Ended:
        return command(*arguments, "--port", server.port, "--login", login)

    return call
