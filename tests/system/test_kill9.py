"""``kill -9`` at random instants while recorders upload: nothing acknowledged is lost, nothing half there."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from tests.servers import wait_until
from tests.system.conftest import Start
from tests.system.recorders import Ledger, Recorders, open_archive

RECORDERS, LANES = 4, 4  # enough for helpers to be started
ACKNOWLEDGED = (0, 0, 1, 2, 4, 8, 16)  # exams of a server's life, at random
LONGEST_WAIT = 1.0  # seconds for those
LAST_MOMENT = 0.06  # seconds more, at most


async def _rounds(start_server: Start, ledger: Ledger, rounds: int, url: str | None) -> None:
    server = start_server({"database": {"url": url}} if url else None)
    bank, database = open_archive(server)
    try:
        async with Recorders(ledger, [server.port], RECORDERS, LANES).at_work() as recorders:
            for _ in range(rounds):
                await _some_time(ledger)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(ledger.check, bank, database)
                await asyncio.to_thread(server.start)
                recorders.check()
        # A helper may have outlived its server by a moment; what it wrote is found within seconds.
        await asyncio.to_thread(wait_until, lambda: not list(bank.staging.glob("*/*.ecg")), "nothing is left")
        assert server.stop() == 0
        ledger.check_end(bank, database)
    finally:
        database.close()
    assert len(ledger.acknowledged) > rounds, "too little was going on"
    assert ledger.resumed > 0, "no upload was resumed"


async def _some_time(ledger: Ledger) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_WAIT):
            await ledger.wait_for(random.choice(ACKNOWLEDGED))
    await asyncio.sleep(random.uniform(0, LAST_MOMENT))


async def test_a_hundred_kills_on_sqlite(start_server: Start, ledger: Ledger) -> None:
    await _rounds(start_server, ledger, rounds=100, url=None)


@pytest.mark.mariadb
async def test_thirty_kills_on_mariadb(start_server: Start, ledger: Ledger, mariadb_url: str) -> None:
    await _rounds(start_server, ledger, rounds=30, url=mariadb_url)
