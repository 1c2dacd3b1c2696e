"""Recorders that never give up, and a ledger of what they were told."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from cardioserver import settings
from cardioserver.archive import bankfile, schema
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.verify import verify
from cardioserver.client import upload as client_upload
from cardioserver.client.client import Client
from cardioserver.client.retry import Retry
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import Recording
from cardioserver.protocol.messages import ExamStored
from tests.archive import examples
from tests.processes import PASSWORD, ServerProcess

PATIENCE = Retry(attempts=1_000_000, first=0.01, longest=0.05)
SINGLE_FRAME = 16_000  # bytes of samples; larger exams go in chunks
CHUNK = 12_000
SMALL, LARGE = 500, 4_000  # samples a lead: 12 KB in one frame, 96 KB in eight chunks


@dataclass(slots=True)
class Ledger:
    """What was begun and what was acknowledged; exams by UUID."""

    begun: dict[UUID, tuple[Exam, bytes]] = field(default_factory=dict)
    acknowledged: dict[UUID, int] = field(default_factory=dict)
    order: list[UUID] = field(default_factory=list)  # of acknowledgements
    resumed: int = 0  # uploads that went on from a later byte than the first
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _checked_files: set[UUID] = field(default_factory=set)
    _checked_rows: int = 0  # the newest exam id looked at

    def acknowledge(self, answer: ExamStored) -> None:
        """A recorder was told that its exam is stored."""
        self.acknowledged[answer.exam_uuid] = answer.exam_id
        self.order.append(answer.exam_uuid)
        self._news.set()

    async def wait_for(self, more: int) -> None:
        """Return once so many more exams are acknowledged."""
        enough = len(self.acknowledged) + more
        while len(self.acknowledged) < enough:
            self._news.clear()
            await self._news.wait()

    def check(self, bank: Bank, database: Database) -> None:
        """Every acknowledged exam is intact in the bank; every row has an intact file."""
        for exam_uuid in self.acknowledged.keys() - self._checked_files:
            exam, digest = self.begun[exam_uuid]
            record = bankfile.check(bank.exam_path(exam_uuid, exam.started_at))
            assert (record.digest, record.exam_id) == (digest, self.acknowledged[exam_uuid])
            self._checked_files.add(exam_uuid)
        table = schema.exam.c
        query = select(table.exam_id, table.exam_uuid, table.started_at, table.digest)
        with database.read() as connection:
            rows = connection.execute(query.where(table.exam_id > self._checked_rows)).all()
        for row in rows:
            if row.exam_uuid not in self._checked_files:
                assert bankfile.check(bank.exam_path(row.exam_uuid, row.started_at)).digest == row.digest

    def check_end(self, bank: Bank, database: Database) -> None:
        """Everything begun was acknowledged, is there once and whole, and nothing else is."""
        assert set(self.acknowledged) == set(self.begun)
        self._checked_files.clear()
        self._checked_rows = 0
        self.check(bank, database)
        with database.read() as connection:
            stored = {row.exam_uuid: row.exam_id for row in connection.execute(select(schema.exam))}
            events = connection.scalar(select(func.count()).select_from(schema.event))
        assert stored == self.acknowledged
        self._check_order(database)
        assert events == len(stored)
        report = verify(bank, database)
        assert report.findings == []
        assert report.exams == len(stored)
        assert list(bank.staging.glob("*/*.ecg")) == []
        assert list(bank.incoming.glob("*.part")) == []

    def _check_order(self, database: Database) -> None:
        """The events of exams that one lane sent after each other come in that order."""
        told = {exam_uuid: place for place, exam_uuid in enumerate(self.order)}
        columns = (schema.exam.c.exam_uuid, schema.exam.c.device_number)
        query = select(*columns).join(schema.event, schema.event.c.exam_id == schema.exam.c.exam_id)
        places: dict[str, list[int]] = {}
        with database.read() as connection:
            for row in connection.execute(query.order_by(schema.event.c.event_id)):
                places.setdefault(row.device_number, []).append(told[row.exam_uuid])
        for device, order in places.items():
            assert order == sorted(order), device


class Recorders:
    """Upload until told to stop; every second exam in chunks.

    Parameters
    ----------
    lanes
        Exams that each recorder has under way at once, over its one connection.
    """

    def __init__(self, ledger: Ledger, ports: list[int], count: int, lanes: int = 1) -> None:
        self._lanes = lanes
        self._ledger = ledger
        self._ports = ports
        self._count = count
        self._numbers = itertools.count()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def at_work(self) -> Any:
        """Recorders upload meanwhile; at the end each finishes the exam it is at."""
        self._tasks = [asyncio.create_task(self._record(number)) for number in range(self._count)]
        try:
            yield self
            self._stopping = True
            async with asyncio.timeout(60):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what a recorder has failed with."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _record(self, recorder: int) -> None:
        port = self._ports[recorder % len(self._ports)]
        client = Client("127.0.0.1", port, login="recorder", password=PASSWORD, retry=PATIENCE)
        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in range(self._lanes):
                    lanes.create_task(self._upload(client, f"recorder-{recorder}-{lane}"))
        finally:
            await client.close()

    async def _upload(self, client: Client, device: str) -> None:
        while not self._stopping:
            exam, recording = self._new(device)
            self._ledger.begun[exam.uuid] = exam, examples.digest(recording)
            self._ledger.acknowledge(await client.upload(exam, recording))

    def _new(self, device: str) -> tuple[Exam, Recording]:
        number = next(self._numbers)
        samples = LARGE if number % 2 else SMALL
        exam = examples.exam(number=str(number % 20), device_number=device)
        return exam, examples.recording(number % 7, samples)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """An empty ledger; recorders send large exams in small chunks."""
    kept = Ledger()
    chunks = client_upload.ChunkedUpload._chunks

    def counted(upload: Any, link: Any, start: int) -> Any:
        kept.resumed += start > 0
        return chunks(upload, link, start)

    monkeypatch.setattr(client_upload, "SINGLE_FRAME_BYTES", SINGLE_FRAME)
    monkeypatch.setattr(client_upload, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(client_upload.ChunkedUpload, "_chunks", counted)
    return kept


def open_archive(server: ServerProcess) -> tuple[Bank, Database]:
    """The bank and the database of a server."""
    config = settings.load(server.config)
    return Bank(config.bank_path), Database(config.database_url)
