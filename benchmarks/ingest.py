"""Ingest: exams stored a second, and how long a recorder waits for "stored".

    .venv/bin/python -m benchmarks.ingest [--exams 4000] [--recorders 64] [--json]

Recorders upload 24 s × 12 leads × 500 Hz of real ECGs, 288 KB of samples each, one after another over one
connection each, with everything synced to the disk before the answer. Recorders, server and database share
two processor cores. The peer stores the same ECGs in the same run (:mod:`benchmarks.orthanc`).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import uvloop

from benchmarks import orthanc
from benchmarks.ecgs import twelve_lead_ecgs
from cardioserver.client.client import Client
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording
from tests.processes import PASSWORD, ServerProcess
from tests.servers import MariaDb, mariadb_missing

CORES = 2
DIFFERENT_ECGS = 80
WARM_UP = 2  # exams of each recorder before the clock starts


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    system: str
    exams: int
    exams_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    kilobytes_per_exam: float | None = None
    cpu_ms_per_exam: float | None = None  # of the server and its helpers
    client_cpu_ms_per_exam: float | None = None
    database_cpu_ms_per_exam: float | None = None
    times_peer: float | None = None


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exams", type=int, default=4000, help="on each database (default 4000)")
    parser.add_argument("--peer-exams", type=int, default=600, help="sent to the peer (default 600)")
    parser.add_argument("--recorders", type=int, default=64)
    parser.add_argument("--only", choices=("sqlite", "mariadb", "peer"), action="append")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    ecgs = twelve_lead_ecgs(DIFFERENT_ECGS)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        results = list(_run(options, Path(folder), ecgs))
    if options.json:
        json.dump([asdict(result) for result in results], sys.stdout, indent=1)
        print()
    else:
        _print(results)


def _run(options: argparse.Namespace, folder: Path, ecgs: Sequence[Recording]) -> Iterator[Result]:
    wanted = options.only or ["peer", "sqlite", "mariadb"]
    peer_rate = None
    if "peer" in wanted and (reason := orthanc.missing()):
        print(f"no peer: {reason}", file=sys.stderr)
    elif "peer" in wanted:
        peer_rate = orthanc.exams_per_second(folder / "orthanc", ecgs, options.peer_exams)
        yield Result(orthanc.version(), options.peer_exams, peer_rate, times_peer=1.0)
    if "sqlite" in wanted:
        yield _measure("Cardioserver, SQLite", folder / "sqlite", {}, None, options, ecgs, peer_rate)
    if "mariadb" in wanted and (reason := mariadb_missing()):
        print(f"no MariaDB: {reason}", file=sys.stderr)
    elif "mariadb" in wanted:
        options_of_production = ["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M"]
        database = MariaDb(folder / "mariadb-server", durable=True, options=options_of_production)
        database.start()
        try:
            settings = {"database": {"url": database.new_database()}}
            yield _measure(
                "Cardioserver, MariaDB", folder / "mariadb", settings, database.pid, options, ecgs, peer_rate
            )
        finally:
            database.stop()


def _measure(
    system: str,
    folder: Path,
    settings: dict[str, Any],
    database_pid: int | None,
    options: argparse.Namespace,
    ecgs: Sequence[Recording],
    peer_rate: float | None,
) -> Result:
    limits = {"connections_per_address": options.recorders + 10}
    server = ServerProcess(folder, settings | {"limits": limits})
    server.furnish()
    server.start()
    try:
        load = _Load(server, database_pid, ecgs, options.recorders, options.exams)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(load.run())
    except Exception:
        print(server.said()[-5000:], file=sys.stderr)
        raise
    finally:
        server.stop()
    files = list((server.data / "cardiobank").glob("????/??/??/*.ecg"))
    if len(files) != load.count + options.recorders * WARM_UP:
        raise RuntimeError(f"{len(files)} exams are in the bank:\n{server.said()[-2000:]}")
    latencies = sorted(load.latencies)
    rate = load.count / load.seconds
    return Result(
        system=system,
        exams=load.count,
        exams_per_second=rate,
        p50_ms=statistics.median(latencies) * 1e3,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
        kilobytes_per_exam=statistics.mean(file.stat().st_size for file in files) / 1e3,
        cpu_ms_per_exam=load.cpu["server"] / load.count * 1e3,
        client_cpu_ms_per_exam=load.cpu["client"] / load.count * 1e3,
        database_cpu_ms_per_exam=load.cpu["database"] / load.count * 1e3 if database_pid else None,
        times_peer=rate / peer_rate if peer_rate else None,
    )


class _Load:
    """Recorders that upload, each as fast as it is answered."""

    def __init__(
        self,
        server: ServerProcess,
        database_pid: int | None,
        ecgs: Sequence[Recording],
        recorders: int,
        exams: int,
    ) -> None:
        self._port = server.port
        self._pids = {"server": server.pid, "client": os.getpid()}
        if database_pid is not None:
            self._pids["database"] = database_pid
        self._ecgs = ecgs
        self._recorders = recorders
        self._numbers = itertools.count()
        self.count = exams
        self.latencies: list[float] = []
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}

    async def run(self) -> None:
        """Connect all recorders, warm up, measure."""
        clients = [
            Client("127.0.0.1", self._port, login="recorder", password=PASSWORD)
            for _ in range(self._recorders)
        ]
        for client in clients:
            await client.connect()
        await asyncio.gather(*(self._upload(client, WARM_UP) for client in clients))
        self.latencies.clear()
        before = {name: _cpu_seconds(pid) for name, pid in self._pids.items()}
        began = time.perf_counter()
        left = iter(range(self.count))
        await asyncio.gather(*(self._upload_while(client, left) for client in clients))
        self.seconds = time.perf_counter() - began
        self.cpu = {name: _cpu_seconds(pid) - before[name] for name, pid in self._pids.items()}
        for client in clients:
            await client.close()

    async def _upload(self, client: Client, count: int) -> None:
        await self._upload_while(client, iter(range(count)))

    async def _upload_while(self, client: Client, left: Iterator[int]) -> None:
        for _ in left:
            exam, ecg = self._exam()
            began = time.perf_counter()
            answer = await client.upload(exam, ecg)
            self.latencies.append(time.perf_counter() - began)
            if answer.already_stored:
                raise RuntimeError("a new exam was stored before")

    def _exam(self) -> tuple[Exam, Recording]:
        number = next(self._numbers)
        started_at = datetime.now(UTC)
        patient = Patient(
            f"P-{number}", Sex.FEMALE, datetime(1960, 1, 1, tzinfo=UTC).date(), f"Иванова{number}", "Анна"
        )
        exam = Exam(uuid4(), patient, started_at, started_at + timedelta(seconds=24), device_number="bench-1")
        return exam, self._ecgs[number % len(self._ecgs)]


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of its living children, such as the server's helpers."""
    children = psutil.Process(pid).children() if pid != os.getpid() else []
    times = [process.cpu_times() for process in (psutil.Process(pid), *children)]
    return sum(time.user + time.system for time in times)


def _print(results: Sequence[Result]) -> None:
    heads = (
        "system, exams, exams/s, × peer, p50 ms, p99 ms, KB/exam, CPU ms/exam of server + client + database"
    )
    print("| " + heads.replace(", ", " | ") + " |")
    print("|---|---|---|---|---|---|---|---|")
    for r in results:
        cpu = (r.cpu_ms_per_exam, r.client_cpu_ms_per_exam, r.database_cpu_ms_per_exam)
        cells = [
            r.system,
            str(r.exams),
            _number(r.exams_per_second, 0),
            _number(r.times_peer, 1),
            _number(r.p50_ms, 0),
            _number(r.p99_ms, 0),
            _number(r.kilobytes_per_exam, 1),
            " + ".join(_number(value, 1) for value in cpu if value is not None),
        ]
        print("| " + " | ".join(cells) + " |")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
