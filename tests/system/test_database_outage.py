"""MariaDB goes away and comes back: no upload notices, and the database misses nothing."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from cardioserver.archive import schema
from cardioserver.archive.database import Database
from cardioserver.client.client import Client
from cardioserver.client.errors import Unavailable
from cardioserver.client.retry import ONCE
from cardioserver.protocol import messages as m
from tests.processes import PASSWORD, ServerProcess
from tests.servers import MariaDb, wait_until
from tests.system.conftest import Start
from tests.system.recorders import Ledger, Recorders, open_archive

pytestmark = pytest.mark.mariadb

RECORDERS = 4
PATIENCE = 60.0  # seconds for the database to start or the backlog to be worked off


async def _more(ledger: Ledger, recorders: Recorders, exams: int) -> None:
    async with asyncio.timeout(PATIENCE):
        await ledger.wait_for(exams)
    recorders.check()


def _count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.exam)) or 0


def _wait_indexed(server: ServerProcess, ledger: Ledger, database: Database) -> None:
    wait_until(lambda: _count(database) == len(ledger.begun), "all exams are indexed", PATIENCE)


async def test_recorders_upload_while_the_database_is_down_and_its_users_are_told(
    start_server: Start, ledger: Ledger, mariadb: MariaDb
) -> None:
    server = start_server({"database": {"url": mariadb.new_database()}})
    bank, database = open_archive(server)
    doctor = Client("127.0.0.1", server.port, login="doctor", password=PASSWORD, retry=ONCE)
    await doctor.connect()
    async with Recorders(ledger, [server.port], RECORDERS).at_work() as recorders:
        for _ in range(2):
            await _more(ledger, recorders, 5)
            await asyncio.to_thread(mariadb.stop)
            await _more(ledger, recorders, 20)
            with pytest.raises(Unavailable) as raised:
                await doctor.request(m.FindExams())
            assert raised.value.code is m.ErrorCode.DATABASE_UNAVAILABLE
            await asyncio.to_thread(mariadb.start)
            await _more(ledger, recorders, 5)
    await doctor.close()
    await asyncio.to_thread(_wait_indexed, server, ledger, database)
    assert server.stop() == 0
    ledger.check_end(bank, database)
    database.close()


async def test_a_server_killed_and_started_during_the_outage_keeps_what_it_promised(
    start_server: Start, ledger: Ledger, mariadb: MariaDb
) -> None:
    server = start_server({"database": {"url": mariadb.new_database()}})
    bank, database = open_archive(server)
    async with Recorders(ledger, [server.port], RECORDERS).at_work() as recorders:
        await _more(ledger, recorders, 5)
        await asyncio.to_thread(mariadb.kill)
        for _ in range(3):
            await _more(ledger, recorders, 8)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await _more(ledger, recorders, 8)
        await asyncio.to_thread(mariadb.start)
        await _more(ledger, recorders, 5)
    await asyncio.to_thread(_wait_indexed, server, ledger, database)
    assert server.stop() == 0
    ledger.check_end(bank, database)
    database.close()
