"""Printed pages, from an upload to a hospital's folder, through a server that is harmed and killed."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pydicom.data
import pytest

from cardioserver import settings
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import DeliveryFilter, DeliveryStatus, list_deliveries
from cardioserver.client import Client
from cardioserver.ecg.formats.reader import read
from cardioserver.ecg.recording import Recording
from cardioserver.protocol.messages import EventKind
from tests.archive import examples
from tests.integration import hostilepages
from tests.interpretation.hostile import hostile
from tests.processes import PASSWORD, ServerProcess
from tests.reports.paperwork import text_of
from tests.servers import wait_until

TESTS = Path(__file__).resolve().parents[1]
HARM = os.pathsep.join(str(TESTS / folder) for folder in ("system/harm", "interpretation", "integration"))
ECG = read(Path(str(pydicom.data.get_testdata_file("waveform_ecg.dcm")))).recording
DEADLINE = 120.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that interprets and owes a folder each report's page; its printers can be harmed."""
    options = {
        "folder": str(tmp_path / "drop"), "when": "report+conclusion", "documents": ["pdf", "json"],
        "first_wait": 0.2, "longest_wait": 0.5, "attempts": 2, "threads": 2,
    }  # fmt: skip
    (tmp_path / "drop").mkdir()
    groups = {
        "exporters": [{"name": "hospital", "type": "folder", "options": options}],
        "service_interpretation": {"mode": "embedded", "workers": 1},
    }
    path = os.environ.get("PYTHONPATH", "")
    process = ServerProcess(tmp_path / "server", groups, {"PYTHONPATH": f"{HARM}:{path}"})
    process.furnish()
    process.start()
    yield process
    process.kill()


async def upload(server: ServerProcess, number: str, recording: Recording) -> int:
    async with Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as recorder:
        return (await recorder.upload(examples.exam(number=number), recording)).exam_id


async def conclude(server: ServerProcess, exam_id: int, text: str) -> None:
    """As soon as there is an automatic report."""
    async with (
        asyncio.timeout(DEADLINE),
        Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor,
        doctor.events(EventKind.AUTO_REPORT) as events,
    ):
        while not (await doctor.get_auto_report(exam_id)).version:
            await anext(events)
        await doctor.save_conclusion(exam_id, text, uuid.uuid4())


async def test_a_page_that_crashes_costs_its_own_delivery_and_what_is_printed_survives_a_kill(
    server: ServerProcess, tmp_path: Path
) -> None:
    victim = await upload(server, "V-1", hostile(ECG, hostilepages.ABORT))
    exam = await upload(server, "P-1", ECG)
    await conclude(server, exam, "Ритм синусовый, вариант нормы.")
    database = Database(settings.load(server.config).database_url)

    def states() -> dict[int, list[DeliveryStatus]]:
        found: dict[int, list[DeliveryStatus]] = {}
        with database.read() as connection:
            for state in list_deliveries(connection, DeliveryFilter(exporter="hospital")):
                found.setdefault(state.delivery.exam_id, []).append(state.status)
        return found

    wait_until(
        lambda: states() == {victim: [DeliveryStatus.DEAD], exam: [DeliveryStatus.DONE] * 2},
        "the one is dead, the other's are delivered",
        deadline=DEADLINE,
    )
    with database.read() as connection:
        (dead,) = list_deliveries(connection, DeliveryFilter(exam_id=victim, exporter="hospital"))
    assert dead.last_error == "printing has failed: its process ended"
    (first,) = (tmp_path / "drop").glob("[!.]*/ecg.pdf")
    page = first.read_bytes()
    said = text_of(page)
    assert "Ритм синусовый, вариант нормы." in said
    assert "Автоматический анализ" in said
    assert "ЧСС" in said

    server.kill()  # as if the outbox had not got to know that it arrived
    _forget_end(database, exam)
    first.unlink()
    server.start()
    wait_until(lambda: states()[exam] == [DeliveryStatus.DONE] * 2, "delivered again", deadline=DEADLINE)
    (again,) = (tmp_path / "drop").glob("[!.]*/ecg.pdf")
    assert again.read_bytes() == page
    assert server.stop() == 0
    database.close()


def _forget_end(database: Database, exam_id: int) -> None:
    from sqlalchemy import update

    from cardioserver.archive.schema import delivery

    undone = {"status": int(DeliveryStatus.WAITING), "finished_at": None}
    with database.write() as connection:
        connection.execute(update(delivery).where(delivery.c.exam_id == exam_id).values(undone))
