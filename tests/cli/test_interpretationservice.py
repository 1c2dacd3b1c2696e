"""`cardioserver interpretation-service` as a process: it says where it listens, answers, stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from cardioserver.cli.exits import ExitCode
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.interpretation import wire
from cardioserver.interpretation.document import decode
from cardioserver.interpretation.person import Person
from tests.cli.conftest import Command
from tests.interpretation.signals import made


def test_it_interprets_and_stops(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cardioserver", "interpretation-service", "--port", "0", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LANG": "ru_RU.UTF-8", "PYTHONUTF8": "1"},
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert "Готова к работе" in said
        url = said.partition(",")[0].partition(": ")[2]
        _, pieces = wire.write_request(made(TWELVE_LEADS), Person())
        answer = httpx.post(
            url + wire.PATH,
            content=b"".join(pieces),
            headers={"Content-Type": wire.CONTENT_TYPE},
            timeout=120,
        )
        assert answer.status_code == 200
        assert len(decode(answer.content).beats) == 12
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def test_it_says_what_keeps_it_from_starting(command: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "cardioserver", "interpretation-service", "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == ExitCode.CONFIGURATION
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr

    refused = command("interpretation-service", "--tls-key", tmp_path / "key.pem")
    assert refused.status == ExitCode.USAGE
    assert "--tls-certificate" in refused.err

    (tmp_path / "wrong.pem").write_text("no certificate")
    refused = command("interpretation-service", "--tls-certificate", tmp_path / "wrong.pem")
    assert refused.status == ExitCode.CONFIGURATION
    assert "wrong.pem" in refused.err
