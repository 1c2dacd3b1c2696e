"""start, stop and status: a server in the background."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardioserver.cli.background import Background
from cardioserver.cli.exits import ExitCode
from tests.servers import wait_until

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "installation"


@pytest.fixture
def run(place: Path) -> Iterator[Run]:
    """Run the command as a process, with its home in *place*; a server that was left is stopped."""
    environment = os.environ | {"CARDIOSERVER_HOME": str(place), "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
    environment.pop("LC_ALL", None)

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cardioserver", *arguments],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    yield call
    call("stop")


def start(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("start", "--embedded", "--host", "127.0.0.1", "--port", "0", *arguments)


def status(run: Run) -> dict[str, object]:
    told: dict[str, object] = json.loads(run("status", "--json").stdout)
    return told


def test_a_server_is_started_seen_and_stopped(run: Run, place: Path) -> None:
    assert run("status").returncode == ExitCode.NOT_RUNNING
    started = start(run)
    assert started.returncode == 0, started.stderr
    seen = status(run)
    assert seen["running"] is True
    assert f"127.0.0.1:{seen['port']}" in started.stdout
    with socket.create_connection(("127.0.0.1", int(str(seen["port"]))), timeout=30):
        pass
    assert (place / "storage" / "cardioserver.sqlite").exists()
    log = place / "logs" / "cardioserver.log"
    wait_until(lambda: "Ready." in log.read_text(encoding="utf-8"), "it says so")  # just after it listens

    again = start(run)
    assert again.returncode == ExitCode.FAILED
    assert f"process {seen['pid']}" in again.stderr

    assert run("stop").returncode == 0
    assert run("status").returncode == ExitCode.NOT_RUNNING
    assert "Stopped." in log.read_text(encoding="utf-8")
    assert run("stop").returncode == ExitCode.NOT_RUNNING


def test_a_killed_server_is_noticed_and_started_again(run: Run) -> None:
    start(run)
    pid = int(str(status(run)["pid"]))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: run("status").returncode == ExitCode.NOT_RUNNING, "it is seen to be gone")
    assert start(run).returncode == 0
    assert status(run)["pid"] != pid


def test_a_pid_file_of_another_process_is_not_believed(run: Run, place: Path) -> None:
    """Numbers of processes are used again: the file names one that lives, but was born at another time."""
    (place / "storage").mkdir(parents=True)
    mark = {"pid": os.getpid(), "born": "1", "log": "x"}
    (place / "storage" / "cardioserver.pid").write_text(json.dumps(mark), encoding="utf-8")
    assert run("status").returncode == ExitCode.NOT_RUNNING
    assert run("stop").returncode == ExitCode.NOT_RUNNING  # and this process still lives
    (place / "storage" / "cardioserver.pid").write_text("torn", encoding="utf-8")
    assert run("status").returncode == ExitCode.NOT_RUNNING
    assert start(run).returncode == 0


def test_two_starts_at_once_make_one_server(place: Path, run: Run) -> None:
    environment = os.environ | {"CARDIOSERVER_HOME": str(place), "LANG": "C.UTF-8"}
    command = [
        sys.executable,
        "-m",
        "cardioserver",
        "start",
        "--embedded",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert sorted(process.wait(100) for process in both) == [0, ExitCode.FAILED]
    assert status(run)["running"] is True


def test_a_start_that_fails_shows_the_end_of_the_log(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("start", "--embedded", "--host", "127.0.0.1", "--port", str(port))
        russian = run(
            "--language",
            "ru",
            "start",
            "--embedded",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            LANG="ru_RU.UTF-8",
        )
    assert failed.returncode == ExitCode.CONFIGURATION
    assert "cardioserver.log" in failed.stderr
    assert str(port) in failed.stderr.partition("cardioserver.log")[2]
    assert "Сервер сразу завершился" in russian.stderr
    assert run("status").returncode == ExitCode.NOT_RUNNING


def test_wrong_configuration_is_told_before_anything_starts(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"limits": {"connections": 0}}', encoding="utf-8")
    failed = run("start", "--embedded", "--config", str(config))
    assert failed.returncode == ExitCode.CONFIGURATION
    assert "limits.connections" in failed.stderr


def test_configuration_names_the_data_directory(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"data": "elsewhere", "server": {"host": "127.0.0.1", "port": 0}}', encoding="utf-8")
    assert run("start", "--embedded", "--config", str(config)).returncode == 0
    assert Background(tmp_path / "elsewhere", tmp_path).status() is not None
    assert run("stop", "--config", str(config)).returncode == 0
