"""From a recorder's upload to the drop folder of a hospital, through a server that is killed on the way."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardioserver import settings
from cardioserver.archive.accounts import Accounts
from cardioserver.archive.audit import Action, AuditQuery, search
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import DeliveryFilter, DeliveryStatus, list_deliveries
from cardioserver.archive.ids import IdGenerator
from cardioserver.client.client import Client
from cardioserver.client.errors import ClientError
from tests.archive import examples
from tests.processes import PASSWORD, ServerProcess
from tests.servers import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that owes a folder each exam and each conclusion; the folder is not there yet."""
    options = {"folder": str(tmp_path / "drop"), "when": "both", "first_wait": 0.2, "longest_wait": 0.5}
    hospital = {"name": "hospital", "type": "folder", "options": options}
    process = ServerProcess(tmp_path / "server", {"exporters": [hospital]})
    process.furnish()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def database(server: ServerProcess) -> Iterator[Database]:
    """The server's."""
    opened = Database(settings.load(server.config).database_url)
    yield opened
    opened.close()


async def upload(server: ServerProcess, number: str) -> int:
    async with Client("127.0.0.1", server.port) as client:
        await client.login("recorder", PASSWORD)
        return (await client.upload(examples.exam(number=number), examples.recording())).exam_id


async def conclude(server: ServerProcess, exam_id: int) -> None:
    async with Client("127.0.0.1", server.port) as client:
        await client.login("doctor", PASSWORD)
        await client.save_conclusion(exam_id, "Ритм синусовый.", uuid.uuid4())


def delivered(database: Database) -> list[DeliveryStatus]:
    with database.read() as connection:
        return [state.status for state in list_deliveries(connection, DeliveryFilter(), limit=1000)]


async def test_what_is_owed_at_a_crash_is_delivered_after_the_restart(
    server: ServerProcess, database: Database, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    exams = [await upload(server, f"P-{number}") for number in range(5)]
    await conclude(server, exams[0])
    assert DeliveryStatus.DONE not in delivered(database)
    server.kill()
    drop.mkdir()
    server.start()
    await conclude(server, exams[1])
    wait_until(
        lambda: delivered(database) == [DeliveryStatus.DONE] * 7, "everything is delivered", deadline=120
    )
    documents = [json.loads(path.read_text()) for path in drop.glob("[!.]*/exam.json")]
    assert sorted(document["patient_exam"]["id"] for document in documents) == sorted(exams)
    concluded = {d["patient_exam"]["id"] for d in documents if d["conclusion"]}
    assert concluded == set(exams[:2])
    assert server.stop() == 0
    assert not [path for path in drop.iterdir() if path.name.startswith(".")]


async def test_a_disabled_account_loses_its_open_session(server: ServerProcess, database: Database) -> None:
    async def ask_again_and_again() -> None:
        for _ in range(200):  # the session ends within five seconds
            await client.list_hcfs()
            await asyncio.sleep(0.1)

    async with Client("127.0.0.1", server.port) as client:
        await client.login("viewer", PASSWORD)
        assert await client.list_hcfs()
        Accounts(database, IdGenerator(9)).disable("viewer")
        with pytest.raises(ClientError):
            await ask_again_and_again()
    with database.read() as connection:
        (entry,) = search(connection, AuditQuery(action=Action.DISABLE_ACCOUNT)).entries
    assert entry.address == "local"
