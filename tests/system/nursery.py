"""Servers that start fast: forked from a process that has everything imported.

A test that kills a server a hundred times would else spend its time on imports. What is forked is the
whole server, as ``cardioserver serve`` runs it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

from tests.processes import ServerProcess
from tests.servers import wait_until

_NURSERY = """
import os, signal, sys, traceback
from pathlib import Path
import alembic.command, pymysql, sqlalchemy.dialects.mysql.pymysql, sqlalchemy.dialects.sqlite, uvloop
from cardioserver import app, settings

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    config, output = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said), (2, said)):
            os.dup2(target, number)
        status = 1
        try:
            status = app.serve(settings.load(Path(config)))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    print(pid, flush=True)
"""


class Nursery:
    """Forks servers on request."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},  # no threads before the fork
        )

    def fork(self, config: Path, output: Path) -> _Child:
        """Start a server."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(config, output, sep="\t", file=self._process.stdin, flush=True)
        return _Child(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End the nursery, not the servers."""
        self._process.communicate()


class _Child:
    """What :class:`tests.processes.ServerProcess` needs of a process that is not its child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        wait_until(lambda: self.poll() is not None, "the server ends", timeout)
        return 0


class NurseryServer(ServerProcess):
    """A server process that starts in a fraction of a second."""

    def __init__(self, nursery: Nursery, folder: Path, settings: dict[str, Any] | None = None) -> None:
        super().__init__(folder, settings)
        self._nursery = nursery

    def start(self, *, wait: bool = True) -> None:
        """Start the process; with *wait*, return once it listens."""
        self._process = cast(Any, self._nursery.fork(self.config, self.output))
        if wait:
            self.wait_ready()

    def start_again(self) -> float:
        """Start after a kill; seconds until it listens."""
        began = time.monotonic()
        self.start()
        return time.monotonic() - began
