"""A server as a background process: start, stop, status.

Whether the process of the pid file is still the server is known from its start time as well as its number:
numbers are used again.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.language import Phrase

START_SECONDS = 60.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """Content of the pid file."""

    pid: int
    born: str
    log: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    pid: int
    host: str
    port: int
    tls: bool
    log: str
    version: str


class Background:
    """The server of one data directory.

    Parameters
    ----------
    data
        Data directory; holds the pid file.
    logs
        Where the server's output goes.
    """

    def __init__(self, data: Path, logs: Path) -> None:
        self.data = data.absolute()
        self.log = logs.absolute() / "cardioserver.log"
        self._file = self.data / "cardioserver.pid"

    # ------------------------------------------------------------ status

    def status(self) -> Running | None:
        """The running server; ``None``: there is none."""
        mark = self._mark()
        if mark is None:
            return None
        listening = self._listening(mark.pid)
        return Running(
            pid=mark.pid,
            host=str(listening.get("host", "")),
            port=int(listening.get("port", 0)),
            tls=bool(listening.get("tls", False)),
            log=mark.log,
            version=str(listening.get("version", "")),
        )

    def _mark(self) -> Mark | None:
        """The pid file, if its process still is the one that it was written for."""
        try:
            mark = Mark(**json.loads(self._file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return mark if mark.born == _born(mark.pid) else None

    def _listening(self, pid: int) -> dict[str, Any]:
        """What the server says in its `server.json`; empty while it does not listen."""
        try:
            listening = json.loads((self.data / "server.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return listening if isinstance(listening, dict) and listening.get("pid") == pid else {}

    # ------------------------------------------------------------ start

    def start(self, arguments: list[str]) -> Running:
        """Start `cardioserver serve` with *arguments* and wait until it listens.

        Raises
        ------
        Failure
            It ended instead, or does not listen in time; the log's last lines are in the message.
        """
        with self._alone():
            running = self.status()
            if running is not None:
                raise Failure(
                    Phrase(f"It runs already, process {running.pid}.", f"Уже запущен, процесс {running.pid}.")
                )
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                begun = log.tell()
                process = subprocess.Popen(
                    [sys.executable, "-m", "cardioserver", "serve", "--data", str(self.data), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            mark = Mark(process.pid, _born(process.pid), str(self.log))
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps(asdict(mark)), encoding="utf-8")
            draft.replace(self._file)
            try:
                return self._until_it_listens(process, begun)
            except BaseException:
                process.terminate()
                raise

    def _until_it_listens(self, process: subprocess.Popen[bytes], begun: int) -> Running:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._file.unlink(missing_ok=True)
                raise self._failure(Phrase("The server ended at once.", "Сервер сразу завершился."), begun)
            running = self.status()
            if running is not None and running.port and _answers(running):
                return running
            time.sleep(POLL_SECONDS)
        raise self._failure(
            Phrase(
                f"The server does not listen after {START_SECONDS:g} s.",
                f"Сервер не принимает подключения спустя {START_SECONDS:g} с.",
            ),
            begun,
        )

    def _failure(self, what: Phrase, begun: int) -> Failure:
        """What happened, with the last lines that this start has written."""
        with self.log.open("rb") as log:
            log.seek(begun)
            lines = log.read().decode("utf-8", "replace").splitlines()[-LOG_LINES:]
        shown = "".join(f"\n    {line}" for line in lines)
        return Failure(
            Phrase(
                f"{what.en} The last lines of {self.log}:{shown}",
                f"{what.ru} Последние строки {self.log}:{shown}",
            ),
            ExitCode.CONFIGURATION,
        )

    # ------------------------------------------------------------ stop

    def stop(self) -> int:
        """Let the server finish its requests and end; returns its process number.

        Raises
        ------
        Failure
            None runs, or it does not end in time.
        """
        mark = self._mark()
        if mark is None:
            self._file.unlink(missing_ok=True)
            raise Failure(Phrase("No server is running.", "Сервер не запущен."), ExitCode.NOT_RUNNING)
        with suppress(ProcessLookupError):
            os.kill(mark.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _born(mark.pid) == mark.born:
            if time.monotonic() > deadline:
                raise Failure(
                    Phrase(
                        f"Process {mark.pid} still finishes its requests after {STOP_SECONDS:g} s. "
                        f"Wait, or end it: kill -9 {mark.pid} (nothing acknowledged is lost).",
                        f"Процесс {mark.pid} спустя {STOP_SECONDS:g} с всё ещё завершает запросы. "
                        f"Подождите или завершите его: kill -9 {mark.pid} (подтверждённое не пропадёт).",
                    )
                )
            time.sleep(POLL_SECONDS)
        self._file.unlink(missing_ok=True)
        return mark.pid

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two starts at the same time: the second waits and then finds the first one's server."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _born(pid: int) -> str:
    """When a process began, in the system's own terms; empty if it is gone or a zombie."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _born_by_ps(pid)
    state, started = fields[0], fields[19]  # proc(5): fields 3 and 22
    return "" if state in "ZX" else started


def _born_by_ps(pid: int) -> str:
    """As :func:`_born`, on systems without /proc (macOS)."""
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def _answers(running: Running) -> bool:
    """Whether somebody accepts connections there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(running.host, running.host)  # noqa: S104
    try:
        with socket.create_connection((host, running.port), timeout=1):
            return True
    except OSError:
        return False
