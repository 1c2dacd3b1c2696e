"""What the wire costs: reading and writing an Upload of 24 s × 12 leads × 500 Hz, without a network.

    .venv/bin/python -m benchmarks.protocol [--json]

Times are the best of several runs, in µs a message, on one core; they are part of what a server or a
client spends on one exam.
"""

from __future__ import annotations

import argparse
import json
import timeit
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import Request, ServerConnection
from cardioserver.protocol.frames import Flags, crc32c, frame
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.rules import TYPE_NUMBERS

REPEATS, CALLS = 7, 300
READS = (16 * 1024, 256 * 1024)
"""Bytes that the server reads of an exam: a little until it knows what comes, then all there is."""

START = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
LIMITS = m.Limits(32 << 20, 64, 256 << 20, 900, 200)
UPLOAD = m.Upload(
    Exam(
        uuid=UUID(int=1),
        patient=Patient(
            "1024-77", Sex.FEMALE, date(1957, 3, 8), "Иванова", "Анна", "Сергеевна", "4509 123456",
            "7700000000000000", "112-233-445 95", "Москва, ул. Ленина, д. 1, кв. 2", "+7 900 000-00-00",
        ),
        started_at=START,
        ended_at=START + timedelta(seconds=24),
        height_cm=164.0,
        weight_kg=64.5,
        comment="На фоне терапии",
        device_number="K3-000123",
        accession_number="A-77",
    ),
    SignalFormat(500.0, TWELVE_LEADS, (2.5,) * 12, 16, 12_000),
    bytes(32),
    bytes(288_000),
)  # fmt: skip


def login() -> ServerConnection:
    """A server's end on which somebody has logged in."""
    connection = ServerConnection(LIMITS)
    account = m.Account(1, "k3", m.Role.RECORDER, 1, "K3")
    for number, request in enumerate((m.Hello(1, 1, m.Capability.ALL, "benchmark"), m.Login("k3", "")), 1):
        connection.receive_data(
            b"".join(frame(TYPE_NUMBERS[type(request)], Flags.NONE, number, serialise(request)))
        )
        connection.next_event()
    connection.send_reply(2, m.LoggedIn(account, "", 0))
    return connection


def steps() -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    payload = serialise(UPLOAD)
    whole = b"".join(payload)
    wire = memoryview(b"".join(frame(TYPE_NUMBERS[m.Upload], Flags.NONE, 9, payload)))
    stored = m.ExamStored(1, UPLOAD.exam.uuid, already_stored=False)
    connection = login()

    def serve() -> None:
        event, at = None, 0
        for size in (READS[0], READS[1], READS[1]):
            connection.receive_data(wire[at : at + size])
            event = event or connection.next_event()
            at += size
        assert isinstance(event, Request)
        connection.send_reply(event.request_id, stored)

    return {
        "server: receive, check, read, answer": serve,
        "client: write and checksum": lambda: frame(TYPE_NUMBERS[m.Upload], Flags.NONE, 9, serialise(UPLOAD)),
        "of it: CRC-32C of the payload": lambda: crc32c(whole),
        "of it: read the message": lambda: parse(m.Upload, whole),
        "of it: write the message": lambda: serialise(UPLOAD),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    arguments = parser.parse_args()
    micros = {
        name: min(timeit.repeat(step, number=CALLS, repeat=REPEATS)) / CALLS * 1e6
        for name, step in steps().items()
    }
    if arguments.json:
        print(json.dumps({name: round(value, 1) for name, value in micros.items()}))
        return
    for name, value in micros.items():
        print(f"{name:40} {value:8.1f} µs")


if __name__ == "__main__":
    main()
