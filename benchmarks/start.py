"""Start and memory: from the command to listening, and the idle server's memory.

    .venv/bin/python -m benchmarks.start [--runs 10] [--json]

The server starts on a data directory it has used before, with an SQLite database of the current version; the
first start on an empty directory, which makes the tables, is told apart. Processor time, unlike the time on
the wall, does not depend on what else the machine does. Memory is the resident set of the server's process,
three seconds after it listens, and after a recorder has logged in and uploaded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from benchmarks.ecgs import twelve_lead_ecgs
from cardioserver.client.client import Client
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient
from tests.processes import PASSWORD, ServerProcess

CORES = 2
SETTLE_SECONDS = 3.0
UPLOADS = 20


@dataclass(frozen=True, slots=True)
class Result:
    """The table."""

    runs: int
    first_start_s: float
    median_start_s: float
    slowest_start_s: float
    median_start_cpu_s: float
    idle_rss_mb: float
    rss_after_uploads_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory() as folder:
        result = _measure(Path(folder), options.runs)
    if options.json:
        json.dump(asdict(result), sys.stdout, indent=1)
        print()
    else:
        _print(result)


def _measure(folder: Path, runs: int) -> Result:
    fresh = ServerProcess(folder / "fresh")
    first = _start(fresh)
    fresh.stop()
    server = ServerProcess(folder / "used")
    server.furnish()
    starts, processor = [], []
    for _ in range(runs):
        starts.append(_start(server))
        processor.append(_cpu_seconds(server.pid))
        server.stop()
    _start(server)
    try:
        time.sleep(SETTLE_SECONDS)
        idle = server.rss()
        asyncio.run(_upload(server.port))
        time.sleep(SETTLE_SECONDS)
        used = server.rss()
    finally:
        server.stop()
    return Result(
        runs=runs,
        first_start_s=first,
        median_start_s=statistics.median(starts),
        slowest_start_s=max(starts),
        median_start_cpu_s=statistics.median(processor),
        idle_rss_mb=idle / 1e6,
        rss_after_uploads_mb=used / 1e6,
    )


def _start(server: ServerProcess) -> float:
    began = time.perf_counter()
    server.start()
    return time.perf_counter() - began


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _upload(port: int) -> None:
    ecgs = twelve_lead_ecgs(4)
    async with Client("127.0.0.1", port, login="recorder", password=PASSWORD) as client:
        for number in range(UPLOADS):
            began = datetime.now(UTC)
            exam = Exam(uuid4(), Patient(str(number)), began, began + timedelta(seconds=24))
            await client.upload(exam, ecgs[number % len(ecgs)])


def _print(r: Result) -> None:
    rows = [
        ("start to listening, median, s", f"{r.median_start_s:.2f}"),
        ("processor time of it, median, s", f"{r.median_start_cpu_s:.2f}"),
        (f"slowest of {r.runs}, s", f"{r.slowest_start_s:.2f}"),
        ("first start on an empty directory, s", f"{r.first_start_s:.2f}"),
        ("idle memory, MB", f"{r.idle_rss_mb:.0f}"),
        (f"memory after {UPLOADS} uploads, MB", f"{r.rss_after_uploads_mb:.0f}"),
    ]
    print("| | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
