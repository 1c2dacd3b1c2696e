"""Servers that interpret: crashes, hangs, kills, restarts, and two of them on one database."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from cardioserver import settings
from cardioserver.archive import schema
from cardioserver.archive.audit import Action, AuditQuery, search
from cardioserver.archive.clock import database_time
from cardioserver.archive.database import Database
from cardioserver.client import Client
from cardioserver.client.errors import ServerError
from cardioserver.client.retry import Retry
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import EventKind
from tests.archive import examples
from tests.interpretation import hostile
from tests.interpretation.signals import made
from tests.processes import PASSWORD, ServerProcess
from tests.servers import wait_until

HERE = Path(__file__).parent
HARM = f"{HERE / 'harm'}:{HERE.parent / 'interpretation'}:{HERE.parent / 'integration'}"
ECG = made(TWELVE_LEADS)
DEADLINE = 120.0  # seconds; what takes so long does not come
PATIENT = Retry(attempts=1000, longest=0.2)

Start = Callable[..., ServerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a furnished server that interprets; with *harm*, its workers do what recordings tell them."""
    servers: list[ServerProcess] = []

    def run(*, harm: bool = False, furnish: bool = True, **groups: Any) -> ServerProcess:
        path = os.environ.get("PYTHONPATH", "")
        environment = {"PYTHONPATH": f"{HARM}:{path}"} if harm else {}
        groups = {"service_interpretation": {"mode": "embedded", "workers": 1}} | groups
        server = ServerProcess(tmp_path / f"server-{len(servers)}", groups, environment)
        servers.append(server)
        if furnish:
            server.furnish()
        server.start()
        return server

    yield run
    for server in servers:
        server.kill()


def connected(server: ServerProcess, login: str) -> Client:
    return Client("127.0.0.1", server.port, login=login, password=PASSWORD, retry=PATIENT)


async def upload(server: ServerProcess, *recordings: Recording) -> list[int]:
    async with connected(server, "recorder") as recorder:
        return [
            (await recorder.upload(examples.exam(number=str(number)), recording)).exam_id
            for number, recording in enumerate(recordings)
        ]


async def reports(server: ServerProcess, exams: list[int]) -> dict[int, m.AutoReport]:
    """The reports of exams, as soon as all have one."""
    found: dict[int, m.AutoReport] = {}
    async with (
        asyncio.timeout(DEADLINE),
        connected(server, "doctor") as doctor,
        doctor.events(EventKind.AUTO_REPORT) as events,
    ):
        while True:
            for exam_id in set(exams) - set(found):
                report = await doctor.get_auto_report(exam_id)
                if report.version:
                    found[exam_id] = report
            if len(found) == len(exams):
                return found
            await anext(events)


def opened(server: ServerProcess) -> Database:
    return Database(settings.load(server.config).database_url)


def metrics(server: ServerProcess) -> dict[str, float]:
    lines = [line for line in server.fetch("/metrics").splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_crashes_cost_their_own_result_and_nothing_else(start: Start) -> None:
    server = start(harm=True)
    harm = (hostile.ABORT, hostile.REFUSE, hostile.FAIL)
    victims = await upload(server, *(hostile.hostile(ECG, kind) for kind in harm))
    others = await upload(server, ECG, ECG, ECG)
    assert {report.version for report in (await reports(server, others)).values()} == {1}
    database, table = opened(server), schema.delivery

    def have_failed() -> bool:
        with database.read() as connection:
            failed = select(func.count()).where(table.c.exam_id.in_(victims), table.c.last_error != "")
            return connection.scalar(failed) == len(victims)

    wait_until(have_failed, "all victims have failed")
    with database.read() as connection:
        found = select(schema.auto_report.c.version).where(schema.auto_report.c.exam_id.in_(victims))
        assert connection.scalars(found).all() == []
    database.close()
    assert "nobody may see" not in server.said()
    assert server.stop() == 0


async def test_while_all_workers_hang_uploads_are_acknowledged(start: Start) -> None:
    server = start(
        harm=True,
        service_interpretation={"mode": "embedded", "workers": 1, "seconds": 600.0},
        limits={"drain_seconds": 1.0},
    )
    (victim,) = await upload(server, hostile.hostile(ECG, hostile.HANG))
    leased = select(func.count()).where(schema.delivery.c.exam_id == victim, schema.delivery.c.status == 2)
    database = opened(server)

    def is_at_work() -> bool:
        with database.read() as connection:
            return connection.scalar(leased) == 1

    wait_until(is_at_work, "it is being interpreted")
    async with asyncio.timeout(DEADLINE):
        await upload(server, *[ECG] * 10)
    assert is_at_work()
    assert json.loads(server.fetch("/healthz"))["status"] == "ok"
    assert metrics(server)['cardioserver_delivery_delay_seconds{exporter="interpretation"}'] >= 0
    assert server.stop() == 0, "a hang keeps no server from stopping"
    database.close()


async def test_what_a_killed_server_was_interpreting_is_interpreted_by_the_next(start: Start) -> None:
    server = start(harm=True)
    (exam_id,) = await upload(server, hostile.hostile(ECG, hostile.HANG))
    database, table = opened(server), schema.delivery
    leased = select(func.count()).where(table.c.exam_id == exam_id, table.c.status == 2)

    def is_at_work() -> bool:
        with database.read() as connection:
            return connection.scalar(leased) == 1

    wait_until(is_at_work, "it is being interpreted")
    server.kill()
    with database.write() as connection:  # as if the lease's minute were over
        connection.execute(update(table).values(next_attempt_at=database_time(connection)))
    server._environment = {}
    server.start()
    report = (await reports(server, [exam_id]))[exam_id]
    assert report.version == 1
    assert server.stop() == 0
    database.close()


async def test_two_servers_interpret_each_exam_once(start: Start, tmp_path: Path, mariadb_url: str) -> None:
    shared: dict[str, Any] = {
        "cardiobank": {"path": str(tmp_path / "bank")},
        "database": {"url": mariadb_url},
    }
    servers = [
        start(**shared, server={"server_id": 1}),
        start(**shared, server={"server_id": 2}, furnish=False),
    ]
    uploaded = await asyncio.gather(*(upload(server, *[ECG] * 8) for server in servers))
    exams = [exam_id for of_server in uploaded for exam_id in of_server]
    found = await reports(servers[0], exams)
    assert {report.version for report in found.values()} == {1}
    for server in servers:
        assert server.stop() == 0
    database = opened(servers[0])
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.auto_report)) == len(exams)
    database.close()


async def test_a_server_that_interprets_nothing_owes_nothing_and_does_it_later_on_request(
    start: Start,
) -> None:
    server = start(service_interpretation={"mode": "off"})
    (exam_id,) = await upload(server, ECG)
    async with connected(server, "doctor") as doctor:
        with pytest.raises(ServerError) as raised:
            await doctor.request_interpretation(exam_id)
        assert raised.value.code is m.ErrorCode.NOT_OFFERED
        assert (await doctor.get_auto_report(exam_id)).version == 0
    database = opened(server)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.delivery)) == 0
    database.close()
    assert server.stop() == 0
    server.config.write_text(server.config.read_text().replace('"off"', '"embedded", "workers": 1'))
    server.start()
    async with connected(server, "doctor") as doctor, doctor.events(EventKind.AUTO_REPORT) as events:
        for version in (1, 2):
            assert (await doctor.request_interpretation(exam_id)).newest_version == version - 1
            async with asyncio.timeout(DEADLINE):
                event = await anext(events)
            assert (event.exam_id, event.subject_id) == (exam_id, version)
    report = (await reports(server, [exam_id]))[exam_id]
    assert report.version == 2
    assert "уд/мин" in report.text_ru
    assert "bpm" in report.text_en
    document = json.loads(report.document)
    assert document["measurements"]["rate"] == pytest.approx(75, abs=1)
    assert len(document["beats"]) == len(document["fiducials"]) == 12
    counted = metrics(server)
    assert counted['cardioserver_interpretation_seconds_count{outcome="done"}'] == 2
    assert counted['cardioserver_interpretation_seconds_sum{outcome="done"}'] > 0


# ---------------------------------------------------------------- services on other machines


@dataclass
class Tapped:
    """A service whose wire is tapped: a server speaks to ``port``."""

    process: subprocess.Popen[bytes]
    port: int
    sent: bytearray  # to the service


@pytest.fixture
def tapped_service(tmp_path: Path) -> Iterator[Tapped]:
    log = tmp_path / "service.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "cardioserver", "interpretation-service", "--port", "0", "--log", str(log)],
        stdout=subprocess.PIPE,
        env=os.environ | {"LANG": "C.UTF-8"},
    )
    assert process.stdout is not None
    said = process.stdout.readline().decode()
    behind = int(said.partition(",")[0].rpartition(":")[2])
    listener = socket.create_server(("127.0.0.1", 0))
    tapped = Tapped(process, listener.getsockname()[1], bytearray())

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", behind))
                for source, sink, tap in ((near, far, tapped.sent), (far, near, bytearray())):
                    threading.Thread(target=pump, args=(source, sink, tap), daemon=True).start()

    def pump(source: socket.socket, sink: socket.socket, tap: bytearray) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65536):
                tap.extend(data)
                sink.sendall(data)

    threading.Thread(target=accept, daemon=True).start()
    yield tapped
    listener.close()
    process.terminate()
    assert process.wait(60) == 0
    process.stdout.close()
    assert "127.0.0.1" not in log.read_text(encoding="utf-8")


PERSONAL = Patient(
    number="A-17/2042",
    sex=Sex.FEMALE,
    birthday=date(1961, 4, 12),
    family_name="Ёлкина-Полева",
    personal_name="Анастасия",
    patronymic="Петровна",
    passport="4510 123456",
    insurance="7700001234567890",
    snils="112-233-445 95",
    address="Москва, Тверская 7-42",
    phone="+7 900 765-43-21",
)


async def test_only_anonymous_data_leave(start: Start, tapped_service: Tapped) -> None:
    place = {"mode": "remote", "hosts": [f"127.0.0.1:{tapped_service.port}"]}
    server = start(service_interpretation=place)
    started = datetime(2026, 11, 20, 9, 31, 17, tzinfo=timezone(timedelta(hours=5)))
    exams = [
        replace(
            examples.exam(started_at=started + timedelta(days=days), ended_at=started + timedelta(days=days)),
            patient=PERSONAL,
            height_cm=171.5,
            weight_kg=64.25,
            age_years=65,
            comment="Жалобы на сердцебиение",
            device_number="K3-000123",
            latitude=55.7558,
            longitude=37.6173,
            oktmo="45382000",
            accession_number="ACC-2026-0099",
        )
        for days in (0, 1)
    ]
    found: list[m.AutoReport] = []
    stored: list[int] = []
    for exam, rr in zip(exams, (0.8, 0.4), strict=True):
        async with connected(server, "recorder") as recorder:
            stored.append((await recorder.upload(exam, made(TWELVE_LEADS, rr=rr))).exam_id)
        found += (await reports(server, stored[-1:])).values()
    assert "75" in found[0].text_en
    assert "75 → 150" in found[1].text_en, "compared here"
    wire = bytes(tapped_service.sent)
    assert wire.count(b"POST /v1/interpretation") == 2
    assert wire.count(b'"age":65.0') == 2
    assert b"171.5" in wire
    assert b"64.25" in wire
    names = [value for value in asdict(PERSONAL).values() if isinstance(value, str)]
    texts = [
        *names,
        "1961",
        "12.04",
        "04-12",
        "2026-11",
        "20.11",
        "09:31",
        "сердцебиение",
        "K3-000123",
        "55.75",
    ]
    texts += ["37.61", "45382000", "ACC-2026", "Clinic", "recorder", *map(str, stored)]
    texts += [str(exam.uuid) for exam in exams]
    for text in texts:
        for encoding in ("utf-8", "utf-16-le", "cp1251"):
            secret = text.encode(encoding)
            assert secret not in wire, text
            assert base64.b64encode(secret).rstrip(b"=")[:-1] not in wire, text
        assert json.dumps(text).encode() not in wire, text
    for secret in (exams[0].uuid.bytes, *(number.to_bytes(8, "little") for number in stored)):
        assert secret not in wire
    logged = server.said()
    assert not [text for text in (*names, "сердцебиение", "K3-000123") if text in logged]
    database = opened(server)
    with database.read() as connection:
        entries = search(connection, AuditQuery(action=Action.EXPORT)).entries
    assert [entry.detail for entry in entries] == ["interpretation"] * 2
    database.close()
    assert server.stop() == 0
