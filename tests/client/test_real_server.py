"""The client and a real server, as processes meet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from cardioserver.client import Client, Retry
from cardioserver.client.errors import Conflict, NotAllowed, NotFound, RequestRejected
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient
from cardioserver.protocol import messages as m
from tests.client.peer import exam as first_exam
from tests.client.peer import recording
from tests.processes import PASSWORD, ServerProcess
from tests.servers import free_port, wait_until

PATIENT = Retry(attempts=60, first=0.05, longest=0.5)
LARGE = recording(100_000)  # 2.4 MB: chunks there, parts back


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for tests that leave it as it is; it keeps its port when it is started again."""
    yield from running(tmp_path_factory.mktemp("server"))


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of one test, to be killed."""
    yield from running(tmp_path / "server")


def running(folder: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(folder, {"server": {"port": free_port()}})
    process.furnish()
    process.start()
    yield process
    process.kill()


def exam() -> Exam:
    """A new exam each time."""
    return replace(first_exam(), uuid=uuid4())


def client(server: ServerProcess, login: str = "recorder", retry: Retry | None = None) -> Client:
    return Client("127.0.0.1", server.port, login=login, password=PASSWORD, retry=retry)


async def test_exams_of_all_sizes_come_back_bit_for_bit(server: ServerProcess) -> None:
    sent = [(exam(), recording(size)) for size in (1, 7, 5_000, 100_000)]
    async with client(server) as recorder, client(server, "doctor") as doctor:
        for one, ecg in sent:
            stored = await recorder.upload(one, ecg)
            assert not stored.already_stored
            assert (await recorder.upload(one, ecg)) == replace(stored, already_stored=True)
            back = await doctor.get_signal(stored.exam_id)
            assert back.format == ecg.format
            assert np.array_equal(back.samples, ecg.samples)
            assert (await doctor.get_exam(one.uuid)).exam == one


async def test_parts_of_a_signal(server: ServerProcess) -> None:
    async with client(server) as recorder, client(server, "doctor") as doctor:
        stored = await recorder.upload(exam(), LARGE)
        part = await doctor.get_signal(stored.exam_id, 70_000, 12_345, (Lead.V2, Lead.I))
        assert part.format.leads == (Lead.V2, Lead.I)
        assert np.array_equal(part.samples, LARGE.samples[[7, 0], 70_000:82_345])


async def test_server_killed_during_an_upload(fragile: ServerProcess) -> None:
    """Killed once while the chunks go, and started again: the client finishes by itself."""
    async with client(fragile, retry=PATIENT) as recorder:
        upload = asyncio.create_task(recorder.upload(exam(), LARGE))
        incoming = fragile.data / "cardiobank" / "incoming"
        await asyncio.to_thread(wait_until, lambda: any(incoming.rglob("*")), "the upload has begun")
        fragile.kill()
        fragile.start()
        async with asyncio.timeout(60):
            stored = await upload
    async with client(fragile, "doctor") as doctor:
        assert np.array_equal((await doctor.get_signal(stored.exam_id)).samples, LARGE.samples)


async def test_events_survive_a_restart_of_the_server(fragile: ServerProcess) -> None:
    recorder, doctor = client(fragile, retry=PATIENT), client(fragile, "doctor", PATIENT)
    async with recorder, doctor, doctor.events(m.EventKind.EXAM_STORED) as events:
        stored = [await recorder.upload(exam(), recording(500))]
        assert (await anext(events)).exam_id == stored[0].exam_id
        fragile.kill()
        fragile.start()
        stored += [await recorder.upload(exam(), recording(500)) for _ in range(2)]
        async with asyncio.timeout(30):
            heard = [(await anext(events)).exam_id for _ in range(2)]
    assert heard == [one.exam_id for one in stored[1:]]


async def test_orders_conclusions_and_lists(server: ServerProcess) -> None:
    patient = Patient("17", family_name="Иванова")
    async with client(server) as recorder, client(server, "doctor") as doctor:
        order = await doctor.create_order(m.CreateOrder(patient, accession_number="A-1"))
        assert (await recorder.take_order(order.order_id)).status is m.OrderStatus.TAKEN
        stored = await recorder.upload(
            replace(exam(), patient=patient, accession_number="A-1"), recording(500)
        )
        done = [o async for o in doctor.find_orders(m.FindOrders(accession_number="A-1"))]
        assert (done[0].status, done[0].exam_id) == (m.OrderStatus.DONE, stored.exam_id)

        uuid = uuid4()
        saved = await doctor.save_conclusion(stored.exam_id, "Синусовый ритм.", uuid)
        assert await doctor.save_conclusion(stored.exam_id, "Синусовый ритм.", uuid) == saved
        assert await doctor.list_conclusions(stored.exam_id) == (saved,)
        found = [e async for e in doctor.find_exams(m.FindExams(family_name="ивано"))]
        assert [(e.exam_id, e.conclusion_count) for e in found] == [(stored.exam_id, 1)]
        [record] = [p async for p in doctor.find_patients(m.FindPatients(number="17"))]
        assert record.patient == patient
        assert len(await doctor.list_archives()) == len(await doctor.list_hcfs()) == 1


async def test_pages_join_without_gaps(server: ServerProcess) -> None:
    async with client(server) as recorder, client(server, "doctor") as doctor:
        exams = [replace(exam(), device_number="PAGES") for _ in range(23)]
        stored = await asyncio.gather(*(recorder.upload(one, recording(200)) for one in exams))
        query = m.FindExams(device_number="PAGES", limit=5)
        found = [e.exam_id async for e in doctor.find_exams(query)]
    assert sorted(found) == sorted(one.exam_id for one in stored)


async def test_refusals_are_typed(server: ServerProcess) -> None:
    async with client(server) as recorder, client(server, "doctor") as doctor:
        with pytest.raises(NotFound):
            await doctor.get_exam(12345)
        with pytest.raises(NotAllowed):
            await doctor.upload(exam(), recording(100))
        one = exam()
        stored = await recorder.upload(one, recording(100))
        with pytest.raises(Conflict) as caught:
            await recorder.upload(one, recording(101))
        assert caught.value.code is m.ErrorCode.UUID_REUSED
        with pytest.raises(RequestRejected) as rejected:
            await doctor.get_signal(stored.exam_id, start=100)
        assert rejected.value.field == "signal.start"


async def test_password_is_changed_and_used_after_a_restart(fragile: ServerProcess) -> None:
    async with client(fragile, "doctor", PATIENT) as doctor:
        await doctor.change_password(PASSWORD, "another horse 8")
        fragile.kill()
        fragile.start()
        await doctor.list_hcfs()
