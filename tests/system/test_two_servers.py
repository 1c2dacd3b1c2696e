"""Two servers on one database and one bank: they may be used, and may die, as one pleases."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from cardioserver.archive import schema
from cardioserver.client.client import Client
from cardioserver.protocol import messages as m
from tests.archive import examples
from tests.processes import PASSWORD, ServerProcess
from tests.servers import MariaDb, wait_until
from tests.system.conftest import Start
from tests.system.recorders import Ledger, Recorders, open_archive

RECORDERS = 4
KILLS = 12
PATIENCE = 60.0


def _pair(start_server: Start, folder: Path, url: str) -> tuple[ServerProcess, ServerProcess]:
    shared: dict[str, Any] = {"cardiobank": {"path": str(folder / "bank")}, "database": {"url": url}}
    first = start_server(shared | {"server": {"server_id": 1}})
    return first, start_server(shared | {"server": {"server_id": 2}}, furnish=False)


def _client(server: ServerProcess) -> Client:
    return Client("127.0.0.1", server.port, login="recorder", password=PASSWORD)


async def test_either_may_die_at_any_moment(
    start_server: Start, ledger: Ledger, tmp_path: Path, database_url: str
) -> None:
    servers = _pair(start_server, tmp_path, database_url)
    bank, database = open_archive(servers[0])
    async with Recorders(ledger, [server.port for server in servers], RECORDERS).at_work() as recorders:
        for _ in range(KILLS):
            async with asyncio.timeout(PATIENCE):
                await ledger.wait_for(random.randrange(4))
            victim = random.choice(servers)
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(ledger.check, bank, database)
            await asyncio.to_thread(victim.start)
            recorders.check()
    for server in servers:
        assert server.stop() == 0
    ledger.check_end(bank, database)
    database.close()


async def test_the_same_exam_sent_to_both_at_once_is_stored_once(
    start_server: Start, tmp_path: Path, database_url: str
) -> None:
    servers = _pair(start_server, tmp_path, database_url)
    bank, database = open_archive(servers[0])
    clients = [_client(server) for server in servers for _ in range(2)]
    for client in clients:
        await client.connect()
    exams = [examples.exam(uuid4(), number=str(number)) for number in range(15)]
    for number, exam in enumerate(exams):
        recording = examples.recording(number)
        answers = await asyncio.gather(*(client.upload(exam, recording) for client in clients))
        assert len({answer.exam_id for answer in answers}) == 1
        assert sum(not answer.already_stored for answer in answers) <= 1
    for client in clients:
        await client.close()
    for server in servers:
        assert server.stop() == 0
    with database.read() as connection:
        for table in (schema.exam, schema.event):
            assert connection.scalar(select(func.count()).select_from(table)) == len(exams)
    assert len(list(bank.exam_files())) == len(exams)
    database.close()


async def test_an_upload_begun_with_one_goes_on_with_the_other(
    start_server: Start, tmp_path: Path, sqlite_url: str
) -> None:
    first, second = _pair(start_server, tmp_path, sqlite_url)
    message = examples.upload(samples=2000)
    half = len(message.data) // 2
    async with _client(first) as client:
        await client.request(examples.begin(message))
        await client.request(m.UploadChunk(message.exam.uuid, 0, message.data[:half]))
        first.kill()
    async with _client(second) as client:
        state: Any = await client.request(examples.begin(message))
        assert state.received == half
        await client.request(m.UploadChunk(message.exam.uuid, half, message.data[half:]))
        stored: Any = await client.request(m.UploadCommit(message.exam.uuid))
    assert not stored.already_stored
    bank, database = open_archive(second)
    samples = bank.read_signal(message.exam.uuid, message.exam.started_at).samples
    assert samples.tobytes() == message.data
    database.close()


@pytest.mark.mariadb
async def test_what_a_dead_server_promised_during_an_outage_the_other_one_keeps(
    start_server: Start, ledger: Ledger, tmp_path: Path, mariadb: MariaDb
) -> None:
    first, second = _pair(start_server, tmp_path, mariadb.new_database())
    bank, database = open_archive(first)
    async with Recorders(ledger, [first.port], RECORDERS).at_work():
        async with asyncio.timeout(PATIENCE):
            await ledger.wait_for(3)
            await asyncio.to_thread(mariadb.kill)
            await ledger.wait_for(10)
    first.kill()
    assert list(bank.staging.glob("1-*/*.ecg")), "nothing was left to do"
    mariadb.start()

    wait_until(lambda: not list(bank.staging.glob("*/*.ecg")), "the other server has taken over", PATIENCE)

    assert second.stop() == 0
    ledger.check_end(bank, database)
    database.close()
