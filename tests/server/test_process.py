"""The server as a process: start, signals, what it prints and logs."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cardioserver.ecg.patient import Patient
from cardioserver.protocol import messages as m
from tests.processes import PASSWORD, ServerProcess
from tests.server.certificates import Authority, client_context
from tests.server.peer import Peer
from tests.server.samples import upload
from tests.servers import MariaDb, wait_until

Start = Callable[..., ServerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a furnished server."""
    servers: list[ServerProcess] = []

    def begin(settings: dict[str, Any] | None = None, **options: Any) -> ServerProcess:
        server = ServerProcess(tmp_path / f"server-{len(servers)}", settings, **options)
        servers.append(server)
        server.furnish()
        server.start()
        return server

    yield begin
    for server in servers:
        server.kill()


async def test_an_exam_is_stored_and_found_again_after_a_restart(start: Start) -> None:
    server = start()
    sent = upload(6000)
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        stored = await peer.ask(sent)
        assert isinstance(stored, m.ExamStored), stored
    assert server.stop() == 0
    server.start()
    async with Peer(server.port) as peer:
        await peer.login("doctor", PASSWORD)
        details = await peer.ask(m.GetExam(exam_uuid=sent.exam.uuid))
        assert (details.exam_id, details.exam.patient) == (stored.exam_id, sent.exam.patient)
        parts = await peer.parts(peer.send(m.GetSignal(stored.exam_id)))
        assert b"".join(bytes(part.data) for part in parts) == bytes(sent.data)


async def test_the_archives_error_reaches_the_peer(start: Start) -> None:
    server = start()
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        sent = upload()
        error = await peer.ask(replace(sent, digest=b"\0" * 32))
        assert error.code is m.ErrorCode.DIGEST_MISMATCH
        assert isinstance(await peer.ask(sent), m.ExamStored)


async def test_events_are_pushed_at_once(start: Start) -> None:
    server = start()
    async with Peer(server.port) as doctor, Peer(server.port) as recorder:
        await doctor.login("doctor", PASSWORD)
        await recorder.login("recorder", PASSWORD)
        await doctor.ask(m.Subscribe(m.EventKind.EXAM_STORED))
        stored = await recorder.ask(upload())
        assert (await doctor.push()).exam_id == stored.exam_id


def _announced(server: ServerProcess, last: str) -> list[str]:
    """The lines the server has printed, once *last* is the last: it listens just before it says so."""

    def lines() -> list[str]:
        return server.output.read_text(encoding="utf-8").splitlines()

    wait_until(lambda: lines()[-1:] == [last], f"the server says {last!r}")
    return lines()


def test_the_start_is_announced(start: Start) -> None:
    server = start({"server": {"server_id": 7, "postfix": 9, "cluster_ids": [7, 8], "server_type": "branch"}})
    said = _announced(server, "Ready.")
    assert f"Listen address: 127.0.0.1:{server.port}" in said
    assert f"Cardiobank path: {server.data}/cardiobank" in said
    assert {"Server id: 7", "Postfix: 9", "Cluster ids: 7, 8", "Server type: branch"} <= set(said)
    assert any(line.startswith("Server version: ") for line in said)
    assert any(line.startswith("Database pool size: ") for line in said)


def test_the_start_is_announced_in_russian(start: Start) -> None:
    server = start(environment={"LANG": "ru_RU.UTF-8", "PYTHONUTF8": "1"})
    said = _announced(server, "Готов к работе.")
    assert f"Адрес приёма подключений: 127.0.0.1:{server.port}" in said


def test_monitoring_of_a_real_server(start: Start) -> None:
    server = start()
    assert json.loads(server.fetch("/healthz"))["status"] == "ok"
    assert "cardioserver_connections 0.0" in server.fetch("/metrics")


async def test_sigterm_drains(start: Start) -> None:
    server = start()
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        server.signal(signal.SIGTERM)
        words = await peer.last_words()
        assert words is not None
        assert words.code is m.ErrorCode.SHUTTING_DOWN
    assert server.wait() == 0
    assert not (server.data / "server.json").exists()
    assert "Stopped." in server.said()


async def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    server = start({"limits": {"drain_seconds": 60}})
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        peer.writer.transport.pause_reading()
        server.signal(signal.SIGTERM)
        wait_until(lambda: "Stopping" in server.said(), "it drains")
        server.signal(signal.SIGTERM)
        assert server.wait() != 0


async def test_sighup_reads_the_certificate_again(start: Start, tmp_path: Path) -> None:
    authority = Authority("Test")
    trusted = authority.write(tmp_path / "authority.pem")
    certificate = authority.issue(tmp_path / "server.pem", "first")
    server = start({"tls": {"certificate": str(certificate)}})
    tls = client_context(trusted)
    async with Peer(server.port, tls=tls) as peer:
        await peer.hello()
    authority.issue(certificate, "second")
    server.signal(signal.SIGHUP)
    wait_until(lambda: "certificate reloaded" in server.said(), "it reads the certificate")
    async with Peer(server.port, tls=tls) as peer:
        await peer.hello()
        subject = peer.writer.get_extra_info("peercert")["subject"]
        assert subject == ((("commonName", "second"),),)


def refused(server: ServerProcess) -> str:
    """What a server says that does not start."""
    server.start(wait=False)
    assert server.wait() != 0
    return server.said()


def test_a_busy_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        said = refused(ServerProcess(tmp_path / "server", {"server": {"port": port}}))
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert "Traceback" not in said


def test_a_data_directory_in_use_is_told(start: Start, tmp_path: Path) -> None:
    server = start()
    second = ServerProcess(tmp_path / "second", {"data": str(server.data)})
    assert "already runs on" in refused(second)


def test_wrong_configurations_are_told(tmp_path: Path) -> None:
    said = refused(ServerProcess(tmp_path / "a", {"exporters": [{"name": "x", "type": "foldr"}]}))
    assert "config.json" in said
    assert "exporters[0].type" in said
    said = refused(ServerProcess(tmp_path / "b", {"database": {"url": "oracle://x"}}))
    assert "config.json" in said
    assert "database.url" in said
    url = "mysql+pymysql://me:hunter2@db:hunter2/x"
    said = refused(ServerProcess(tmp_path / "d", {"database": {"url": url}}))
    assert "database.url" in said
    assert "hunter2" not in said
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "not.pem").write_text("x", encoding="ascii")
    said = refused(ServerProcess(tmp_path / "c", {"tls": {"certificate": str(tmp_path / "c" / "not.pem")}}))
    assert "tls.certificate" in said
    assert "Traceback" not in said


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    said = refused(ServerProcess(tmp_path / "server", {"log": {"file": str(tmp_path / "file" / "log")}}))
    assert str(tmp_path / "file") in said
    assert "Traceback" not in said


def test_without_its_database_a_new_server_does_not_start(tmp_path: Path, free_port: int) -> None:
    url = f"mysql+pymysql://root@127.0.0.1:{free_port}/cardioserver"
    said = refused(ServerProcess(tmp_path / "server", {"database": {"url": url}}))
    assert "Start the database" in said
    assert "Traceback" not in said


@pytest.mark.mariadb
async def test_a_server_that_knows_its_database_starts_without_it(
    start: Start, mariadb: MariaDb, mariadb_url: str
) -> None:
    server = start({"database": {"url": mariadb_url}})
    wait_until((server.data / "directory.json").exists, "the directory is copied")
    server.stop()
    mariadb.stop()
    server.start()
    assert json.loads(server.fetch("/healthz"))["status"] == "degraded"
    sent = upload()
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        stored = await peer.ask(sent)
        assert isinstance(stored, m.ExamStored)
    async with Peer(server.port) as peer:
        await peer.hello()
        refusal = await peer.ask(m.Login("doctor", PASSWORD))
        assert refusal.code is m.ErrorCode.DATABASE_UNAVAILABLE
    mariadb.start()
    wait_until(
        lambda: json.loads(server.fetch("/healthz"))["exams_waiting_for_database"] == 0,
        "the exam is indexed",
        deadline=60,
    )
    async with Peer(server.port) as peer:
        await peer.login("doctor", PASSWORD)
        found = await peer.ask(m.GetExam(exam_uuid=sent.exam.uuid))
        assert found.exam_id == stored.exam_id


DISTINCTIVE = Patient(
    number="NUM-7316",
    birthday=date(1961, 4, 12),
    family_name="Гагаринская",
    personal_name="Аделаида",
    patronymic="Юрьевна",
    passport="PASS-4417",
    insurance="INS-9911",
    snils="112-233-445 95",
    address="Звёздный городок 7",
    phone="+7 900 000-11-22",
)


async def test_the_log_knows_nobody(start: Start) -> None:
    server = start({"log": {"level": "debug", "file": "log"}})
    sent = upload()
    sent = replace(sent, exam=replace(sent.exam, patient=DISTINCTIVE, comment="COMMENT-5512"))
    async with Peer(server.port) as peer:
        await peer.login("recorder", PASSWORD)
        await peer.ask(replace(sent, digest=b"\0" * 32))
        stored = await peer.ask(sent)
        await peer.ask(sent)
        await peer.ask(m.UploadBegin(replace(sent.exam, device_number="other"), sent.signal, b"\1" * 32))
        await peer.ask(m.FindPatients(family_name="Гагаринская"))
    async with Peer(server.port) as peer:
        await peer.hello()
        await peer.ask(m.Login("doctor", "PASSWORD-3391"))
        await peer.ask(m.Login("LOGIN-8824", "PASSWORD-3391"))
        await peer.ask(m.Login("doctor", PASSWORD))
        await peer.ask(m.SaveConclusion(stored.exam_id, sent.exam.uuid, "CONCLUSION-1207"))
        await peer.ask(m.FindExams(family_name="Гагаринская", patient_number="NUM-7316"))
        peer.send_bytes("Гагаринская".encode() * 10)
        await peer.read_to_end()
    server.stop()
    with pytest.raises((urllib.error.URLError, KeyError)):
        server.fetch("/metrics")
    said = server.said()
    logged = [json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines()]
    assert {"listening", "login", "stopped"} <= {entry["event"] for entry in logged}
    personal = [
        "NUM-7316", "1961", "Гагаринская", "Аделаида", "Юрьевна", "PASS-4417", "INS-9911", "112-233-445",
        "городок", "000-11-22", "COMMENT-5512", "PASSWORD-3391", "LOGIN-8824", "CONCLUSION-1207", PASSWORD,
    ]  # fmt: skip
    assert [text for text in personal if text in said] == []
