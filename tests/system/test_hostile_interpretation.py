"""The interpretation service as a process among clients that mean harm: it stays, in bounded memory."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.interpretation import wire
from cardioserver.interpretation.document import decode
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.service import ServiceLimits
from tests.interpretation.signals import made
from tests.servers import wait_until

MIB = 1 << 20
BODY_MIB, WAITING = 8, 6
BODY = b"".join(wire.write_request(made(TWELVE_LEADS), Person())[1])
BOMB = gzip.compress(bytes(40 * MIB))
HEAD = f"POST {wire.PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.CONTENT_TYPE}\r\n"


@pytest.fixture
def service() -> Iterator[tuple[int, int]]:
    """Process and port."""
    options = ["--port", "0", "--workers", "1", "--body", str(BODY_MIB), "--waiting", str(WAITING)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cardioserver", "interpretation-service", *options, "--idle", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"LANG": "C.UTF-8"},
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        yield process.pid, int(said.partition(",")[0].rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=60)


def peak(pid: int) -> int:
    """Most resident memory so far, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def interpreted(port: int) -> int:
    """Beats that it finds in an honest client's ECG; it may be busy for a while."""
    beats = 0

    def is_answered() -> bool:
        nonlocal beats
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{port}{wire.PATH}",
                content=BODY,
                headers={"Content-Type": wire.CONTENT_TYPE},
                timeout=120,
            )
        except httpx.TransportError:  # no room for another connection
            return False
        if answer.status_code == 503:
            return False
        assert answer.status_code == 200
        beats = len(decode(answer.content).beats)
        return True

    wait_until(is_answered, "it answers", deadline=120)
    return beats


def test_large_slow_packed_and_countless_requests_cost_bounded_memory(service: tuple[int, int]) -> None:
    pid, port = service
    assert interpreted(port) == 12
    before = peak(pid)
    with ExitStack() as stack:
        for number in range(300):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            client.setblocking(False)
            size = (BODY_MIB * MIB, 10**12, len(BODY))[number % 3]
            packed = number % 4 == 3
            more = "Content-Encoding: gzip\r\n" if packed else ""
            data = BOMB if packed else bytes(MIB // 4)
            with suppress(OSError):  # it may not take any more of that
                client.send(f"{HEAD}{more}Content-Length: {size}\r\n\r\n".encode() + data)
        assert interpreted(port) == 12
    assert interpreted(port) == 12
    # Two of the largest bodies may be held, and a megabyte of each connection.
    assert peak(pid) - before < (2 * BODY_MIB + ServiceLimits().connections) * MIB
