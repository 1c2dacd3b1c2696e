"""Interpretation of stored exams: how soon it is there, how many a second, and what uploads feel of it.

    .venv/bin/python -m benchmarks.interpretation [--exams 300] [--recorders 8] [--json]

A server stores 24 s × 12 leads × 500 Hz of real ECGs, once without interpretation and once with two workers
that interpret at the same time. Recorders, server and workers share two processor cores. Then one exam after
another is uploaded, and the time from "stored" to the event that its report is there is taken.
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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil

from benchmarks.ecgs import twelve_lead_ecgs
from cardioserver.client import Client
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import Recording
from cardioserver.protocol.messages import EventKind
from tests.processes import PASSWORD, ServerProcess

CORES = 2
DIFFERENT_ECGS = 40
SINGLE = 20  # exams uploaded one at a time


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    mode: str
    exams: int
    upload_p50_ms: float
    upload_p99_ms: float
    exams_per_second: float
    reports_per_second: float | None = None  # from the first upload to the last report
    report_p50_ms: float | None = None  # from "stored" to the event, one exam at a time
    report_p99_ms: float | None = None
    server_cpu_ms: float | None = None  # for each exam, uploads included
    worker_cpu_ms: float | None = None  # for each exam
    worker_megabytes: float | None = None  # resident, the largest


def main() -> None:
    """Run both modes and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exams", type=int, default=300)
    parser.add_argument("--recorders", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    ecgs = twelve_lead_ecgs(DIFFERENT_ECGS)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for mode in ("off", "embedded"):
            server = ServerProcess(Path(folder) / mode, {"service_interpretation": {"mode": mode}})
            server.furnish()
            server.start()
            try:
                results.append(asyncio.run(_measure(server, mode, ecgs, options)))
            finally:
                server.stop()
    if options.json:
        json.dump([asdict(result) for result in results], sys.stdout, indent=1)
        print()
    else:
        _print(results)


async def _measure(
    server: ServerProcess, mode: str, ecgs: Sequence[Recording], options: argparse.Namespace
) -> Result:
    clients = [_client(server, "recorder") for _ in range(options.recorders)]
    async with _client(server, "doctor") as doctor, doctor.events(EventKind.AUTO_REPORT) as events:
        if mode != "off":
            for _ in range(2 * CORES):  # starts the workers
                await _upload(clients[0], ecgs[0])
            for _ in range(2 * CORES):
                await anext(events)
        latencies: list[float] = []
        cpu = _cpu_seconds(server.pid)
        left = iter(range(options.exams))
        began = time.perf_counter()
        await asyncio.gather(*(_upload_while(client, left, ecgs, latencies) for client in clients))
        uploaded = time.perf_counter() - began
        result = Result(
            mode,
            options.exams,
            *_quantiles(latencies),
            options.exams / uploaded,
            server_cpu_ms=(_cpu_seconds(server.pid)[0] - cpu[0]) / options.exams * 1e3,
        )
        if mode != "off":
            for _ in range(options.exams):
                await anext(events)
            reported = time.perf_counter() - began
            spent = [after - before for before, after in zip(cpu, _cpu_seconds(server.pid), strict=True)]
            waits = []
            for number in range(SINGLE):
                await _upload(clients[0], ecgs[number])
                stored = time.perf_counter()
                await anext(events)
                waits.append(time.perf_counter() - stored)
            rate, waited = options.exams / reported, _quantiles(waits)
            result = Result(
                mode,
                options.exams,
                result.upload_p50_ms,
                result.upload_p99_ms,
                result.exams_per_second,
                rate,
                *waited,
                *(seconds / options.exams * 1e3 for seconds in spent),
                _worker_megabytes(server.pid),
            )
    for client in clients:
        await client.close()
    return result


def _client(server: ServerProcess, login: str) -> Client:
    return Client("127.0.0.1", server.port, login=login, password=PASSWORD)


async def _upload_while(
    client: Client, left: Iterator[int], ecgs: Sequence[Recording], latencies: list[float]
) -> None:
    for number in left:
        began = time.perf_counter()
        await _upload(client, ecgs[number % len(ecgs)])
        latencies.append(time.perf_counter() - began)


async def _upload(client: Client, ecg: Recording) -> None:
    started_at = datetime.now(UTC)
    patient = Patient(str(uuid4()), family_name="Иванова")
    await client.upload(Exam(uuid4(), patient, started_at, started_at + timedelta(seconds=24)), ecg)


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(seconds)
    return statistics.median(ordered) * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3


def _cpu_seconds(pid: int) -> tuple[float, float]:
    """Processor time of the server and of its living workers."""
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *_workers(server))]
    own, *others = (time.user + time.system for time in times)
    return own, sum(others)


def _workers(server: psutil.Process) -> list[psutil.Process]:
    """Not the helpers that stage uploads."""
    return [child for child in server.children() if "interpretation" in " ".join(child.cmdline())]


def _worker_megabytes(pid: int) -> float:
    return max(worker.memory_info().rss for worker in _workers(psutil.Process(pid))) / 1e6


HEADS = (
    "mode, exams, upload p50 ms, p99 ms, exams/s, reports/s, report p50 ms, p99 ms, "
    "server CPU ms, workers CPU ms, worker MB"
)


def _print(results: Sequence[Result]) -> None:
    print("| " + HEADS.replace(", ", " | ") + " |")
    print("|" + "---|" * len(HEADS.split(", ")))
    for result in results:
        mode, *numbers = asdict(result).values()
        cells = ("" if number is None else f"{number:.0f}" for number in numbers)
        print(f"| {mode} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
