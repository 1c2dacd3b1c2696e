"""Private servers for tests and benchmarks: started on free loopback ports, in folders of their own."""

from __future__ import annotations

import atexit
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pymysql

START_DEADLINE = 60.0
STOP_DEADLINE = 30.0


_PORTS = range(20_000, 32_000)
"""Below the ports of outgoing connections, one of which could take a server's while it restarts."""


def free_port() -> int:
    """A loopback TCP port on which nobody listens now, nor on the next one, which monitoring takes."""
    while True:
        port = random.choice(_PORTS)
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def wait_until(condition: Callable[[], bool], what: str, deadline: float = 60.0) -> None:
    """Return once *condition* holds; fail if it does not within *deadline* seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain: {what}")
        time.sleep(0.01)


def mariadb_missing() -> str:
    """Why no private MariaDB can be started; empty if one can."""
    missing = [name for name in ("mariadbd", "mariadb-install-db") if _program(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class MariaDb:
    """A MariaDB server of one's own, with user ``root`` and no password.

    Parameters
    ----------
    folder
        For its data and log.
    durable
        Sync every commit to the disk as in production. Without it a crash of the machine, but not of the
        server, may lose commits: good for tests.
    options
        More options of ``mariadbd``.
    """

    def __init__(self, folder: Path, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        self.port = 0
        self._data = folder / "data"
        # A server that starts clears its temporary directory of everybody's temporary tables.
        self._temporary = folder / "temporary"
        self._log = folder / "mariadb.log"
        self._options = [*(() if durable else ("--innodb-flush-method=nosync",)), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it (again, on the same port, with the same data) and wait until it answers."""
        if self.is_running:
            return
        if not self._data.exists():
            self._install()
        atexit.register(self.kill)  # whoever started it may fail before stopping it
        fresh = self.port == 0
        for _ in range(3):  # the free port may be taken by the time it is used
            self.port = self.port if not fresh else free_port()
            self._launch()
            if self._answers():
                return
            if not fresh:
                break
        self.stop()
        raise RuntimeError(f"MariaDB does not start:\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Shut it down as a service manager does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def new_database(self) -> str:
        """Create an empty database; returns its URL."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.url(name)

    def url(self, name: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> None:
        """Run a statement outside any database."""
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def _install(self) -> None:
        self._temporary.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            subprocess.run(
                [
                    _program("mariadb-install-db") or "mariadb-install-db",
                    "--no-defaults",
                    f"--datadir={self._data}",
                    f"--tmpdir={self._temporary}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--innodb-flush-method=nosync",
                    *_as_root(),
                ],
                stdout=log,
                stderr=log,
                check=True,
            )

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    _program("mariadbd") or "mariadbd",
                    "--no-defaults",
                    f"--datadir={self._data}",
                    f"--tmpdir={self._temporary}",
                    "--bind-address=127.0.0.1",
                    f"--port={self.port}",
                    "--socket=private.sock",  # relative to the data: its whole path may be too long
                    "--skip-name-resolve",
                    "--character-set-server=utf8mb4",
                    "--max-connections=300",
                    *_as_root(),
                    *self._options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        end = time.monotonic() + START_DEADLINE
        while self.is_running and time.monotonic() < end:
            try:
                self.execute("SELECT 1")
            except pymysql.err.Error:
                time.sleep(0.02)
            else:
                return True
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # in case a test paused it
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _as_root() -> list[str]:
    # MariaDB refuses to run as root unless told so.
    return ["--user=root"] if os.geteuid() == 0 else []
