"""Cardioserver as a process of its own, as a sysadmin runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from cardioserver import app, settings
from cardioserver.archive.accounts import Accounts, NewAccount
from cardioserver.archive.database import migrate
from cardioserver.archive.directory import add_archive, add_hcf
from cardioserver.protocol.messages import Role
from tests.servers import wait_until

PASSWORD = "correct horse 7"
START_DEADLINE = 120.0
STOP_DEADLINE = 60.0

_SERVE = """
import sys
from pathlib import Path
from cardioserver import app, settings
from cardioserver.app import StartError
try:
    sys.exit(app.serve(settings.load(Path(sys.argv[1]))))
except (settings.ConfigError,) as error:
    sys.exit(error.say("en"))
except StartError as error:
    sys.exit(error.phrase.en)
"""


class ServerProcess:
    """A server on a free loopback port, with its data directory *folder*.

    Parameters
    ----------
    folder
        For ``data/``, ``config.json``, ``log`` and ``output``.
    settings
        Groups of ``config.json``; host, port and data directory are set here.
    environment
        More environment variables.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any] | None = None, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.output = folder / "output"
        self.config = folder / "config.json"
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "data": str(self.data),
            "log": {"file": str(self.log)},
            "service_interpretation": {"mode": "off"},  # starting workers takes longer than most tests
        } | (settings or {})
        document["server"] = {"host": "127.0.0.1", "port": 0} | document.get("server", {})
        self.config.write_text(json.dumps(document), encoding="utf-8")

    def start(self, *, wait: bool = True) -> None:
        """Start the process; with *wait*, return once it listens."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error::ResourceWarning", "-c", _SERVE, str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LANG": "C.UTF-8"} | self._environment,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Return once it listens; fail if it ends or takes too long."""
        wait_until(self._is_ready, "the server listens", START_DEADLINE)
        assert self.is_running, f"the server has ended:\n{self.said()}"

    def _is_ready(self) -> bool:
        return not self.is_running or self._listening().get("pid") == self.pid

    def _listening(self) -> dict[str, Any]:
        try:
            listening: dict[str, Any] = json.loads((self.data / "server.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return listening

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """Of the protocol."""
        return int(self._listening()["port"])

    def fetch(self, path: str) -> str:
        """What monitoring answers, e.g. to ``/metrics``."""
        url = f"http://127.0.0.1:{self._listening()['monitoring_port']}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())

    def rss(self) -> int:
        """Resident memory in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def said(self) -> str:
        """Everything it has printed and logged."""
        return "".join(f.read_text(encoding="utf-8") for f in (self.output, self.log) if f.exists())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Let it drain; returns its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; returns its exit status."""
        assert self._process is not None
        return self._process.wait(STOP_DEADLINE)

    def kill(self) -> None:
        """End it as a power failure would, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait(STOP_DEADLINE)

    def furnish(self) -> int:
        """Make an HCF with an archive and accounts ``recorder``, ``doctor``, ``viewer``, ``root``; its id.

        All have :data:`PASSWORD`. The server need not run.
        """
        store = app.open_store(settings.load(self.config))
        try:
            migrate(store.database)
            with store.database.write() as connection:
                hcf_id = add_hcf(connection, store.ids, "Clinic").hcf_id
                add_archive(connection, store.ids, hcf_id, "Main")
            accounts = Accounts(store.database, store.ids)
            roles = {
                "recorder": Role.RECORDER,
                "doctor": Role.DOCTOR,
                "viewer": Role.VIEWER,
                "root": Role.SUPER_ADMINISTRATOR,
            }
            for login, role in roles.items():
                accounts.add(NewAccount(login, role, hcf_id), PASSWORD)
        finally:
            store.close()
        return hcf_id
