"""Connections: memory of idle recorders, and how soon a ping is answered while others upload.

    .venv/bin/python -m benchmarks.connections [--recorders 10000] [--accounts 100] [--seconds 20] [--json]

Recorders connect, log in (several connections share an account: creating 10,000 accounts would only
measure argon2) and stay idle. Then some of them are pinged at random, first alone, then while 32 more
upload 24 s × 12 leads × 500 Hz of real ECGs as fast as they are answered. Server, recorders and
uploaders share two processor cores. Memory is the resident set of the server's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import uvloop

from benchmarks.ecgs import twelve_lead_ecgs
from cardioserver import app, settings
from cardioserver.archive.accounts import Accounts, NewAccount
from cardioserver.client.client import Client
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient
from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import ClientConnection, Failure
from tests.processes import PASSWORD, ServerProcess

CORES = 2
UPLOADERS = 32
PINGS_PER_SECOND = 500
CONNECTIONS_PER_SOURCE = 500
CONNECTING_AT_ONCE = 200
SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Result:
    """The table."""

    recorders: int
    accounts: int
    logins_per_second: float
    idle_rss_mb: float
    rss_mb: float
    kilobytes_per_connection: float
    ping_p50_ms: float
    ping_p99_ms: float
    busy_ping_p50_ms: float
    busy_ping_p99_ms: float
    busy_exams_per_second: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recorders", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=100, help="that they share (default 100)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of pings, idle and busy (default 20)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--upload-to", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    if options.upload_to:
        print(uvloop.run(_upload_all(options.upload_to, options.seconds)))
        return
    wanted = options.recorders + 1000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    result = _measure(options)
    if options.json:
        json.dump(asdict(result), sys.stdout, indent=1)
        print()
    else:
        _print(result)


def _measure(options: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        limits = {"connections": options.recorders + 200, "connections_per_address": 1000}
        server = ServerProcess(Path(folder), {"limits": limits})
        hcf_id = server.furnish()
        _add_accounts(server, hcf_id, options.accounts)
        server.start()
        try:
            return uvloop.run(_load(server, options))
        finally:
            server.kill()


def _add_accounts(server: ServerProcess, hcf_id: int, count: int) -> None:
    store = app.open_store(settings.load(server.config))
    accounts = Accounts(store.database, store.ids)
    for number in range(count):
        accounts.add(NewAccount(f"recorder-{number}", m.Role.RECORDER, hcf_id), PASSWORD)
    store.close()


async def _load(server: ServerProcess, options: argparse.Namespace) -> Result:
    port = server.port
    # What the first connections load once (the database's pool, argon2) is not a connection's cost.
    async with Client("127.0.0.1", port, login="recorder", password=PASSWORD):
        pass
    await asyncio.sleep(SETTLE_SECONDS)
    idle_rss = server.rss()
    recorders, login_seconds = await _connect_all(port, options.recorders, options.accounts)
    await asyncio.sleep(SETTLE_SECONDS)
    rss = server.rss()
    alone = await _ping(recorders, options.seconds)
    uploading = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.connections",
        f"--upload-to={port}",
        f"--seconds={options.seconds + 4}",
        stdout=subprocess.PIPE,
    )
    await asyncio.sleep(SETTLE_SECONDS)  # until they upload
    busy = await _ping(recorders, options.seconds)
    output, _ = await uploading.communicate()
    return Result(
        recorders=options.recorders,
        accounts=options.accounts,
        logins_per_second=options.recorders / login_seconds,
        idle_rss_mb=idle_rss / 1e6,
        rss_mb=rss / 1e6,
        kilobytes_per_connection=(rss - idle_rss) / options.recorders / 1024,
        ping_p50_ms=_quantile(alone, 0.5) * 1e3,
        ping_p99_ms=_quantile(alone, 0.99) * 1e3,
        busy_ping_p50_ms=_quantile(busy, 0.5) * 1e3,
        busy_ping_p99_ms=_quantile(busy, 0.99) * 1e3,
        busy_exams_per_second=float(output),
    )


class _Recorder(asyncio.Protocol):
    """A connection that says hello, logs in, and answers for its pings."""

    def __init__(self, login: str) -> None:
        self._login = login
        self._connection = ClientConnection()
        self._pinged = 0.0
        self._waiting: asyncio.Future[float] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send(m.Hello(1, 1, m.Capability.ALL, "benchmark"))

    def data_received(self, data: bytes) -> None:
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, Failure):
                self.ready.set_exception(RuntimeError(event.error.text_en))
            elif isinstance(event.message, m.ServerInfo):
                self._send(m.Login(self._login, PASSWORD))
            elif isinstance(event.message, m.LoggedIn):
                self.ready.set_result(None)
            elif self._waiting is not None:
                self._waiting.set_result(time.perf_counter() - self._pinged)
                self._waiting = None

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.ready, self._waiting):
            if future is not None and not future.done():
                future.set_exception(ConnectionError("the server closed the connection"))

    def ping(self) -> asyncio.Future[float] | None:
        """Seconds until the pong; ``None`` if one is on its way."""
        if self._waiting is not None:
            return None
        self._waiting = asyncio.get_running_loop().create_future()
        self._pinged = time.perf_counter()
        self._send(m.Ping())
        return self._waiting

    def _send(self, message: object) -> None:
        self._transport.writelines(self._connection.send_request(message)[1])


async def _connect_all(port: int, count: int, accounts: int) -> tuple[list[_Recorder], float]:
    """All recorders logged in, and how long it took. Several source addresses: each has 28,000 ports only."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(number: int) -> _Recorder:
        source = f"127.0.1.{number // CONNECTIONS_PER_SOURCE + 1}"
        async with gate:
            _, recorder = await loop.create_connection(
                lambda: _Recorder(f"recorder-{number % accounts}"), "127.0.0.1", port, local_addr=(source, 0)
            )
            await recorder.ready
        return recorder

    began = time.perf_counter()
    recorders = await asyncio.gather(*(connect(number) for number in range(count)))
    return list(recorders), time.perf_counter() - began


async def _ping(recorders: Sequence[_Recorder], seconds: float) -> list[float]:
    """Latencies of pings on random connections, at an even rate whatever the answers take."""
    loop = asyncio.get_running_loop()
    chooser = random.Random(1)
    pings = []
    began = loop.time()
    for number in range(int(seconds * PINGS_PER_SECOND)):
        await asyncio.sleep(began + number / PINGS_PER_SECOND - loop.time())
        ping = chooser.choice(recorders).ping()
        if ping is not None:
            pings.append(ping)
    return list(await asyncio.gather(*pings))


async def _upload_all(port: int, seconds: float) -> float:
    """Exams a second of all uploaders."""
    ecgs = twelve_lead_ecgs(16)
    clients = [Client("127.0.0.1", port, login="recorder", password=PASSWORD) for _ in range(UPLOADERS)]
    for client in clients:
        await client.connect()
    end = time.monotonic() + seconds
    stored = 0

    async def upload(client: Client) -> None:
        nonlocal stored
        while time.monotonic() < end:
            began = datetime.now(UTC)
            exam = Exam(uuid4(), Patient(str(stored % 100)), began, began + timedelta(seconds=24))
            await client.upload(exam, ecgs[stored % len(ecgs)])
            stored += 1

    await asyncio.gather(*map(upload, clients))
    for client in clients:
        await client.close()
    return stored / seconds


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def _print(r: Result) -> None:
    rows = [
        ("idle recorders, logged in", f"{r.recorders} on {r.accounts} accounts"),
        ("logins/s", f"{r.logins_per_second:.0f}"),
        ("server's memory before, MB", f"{r.idle_rss_mb:.0f}"),
        ("server's memory with them, MB", f"{r.rss_mb:.0f}"),
        ("memory of one, KB", f"{r.kilobytes_per_connection:.1f}"),
        ("ping p50, p99, ms", f"{r.ping_p50_ms:.1f}, {r.ping_p99_ms:.1f}"),
        (
            f"while {UPLOADERS} upload: ping p50, p99, ms",
            f"{r.busy_ping_p50_ms:.1f}, {r.busy_ping_p99_ms:.1f}",
        ),
        ("their exams/s", f"{r.busy_exams_per_second:.0f}"),
    ]
    print("| | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
