"""An archive that takes uploads, and eyes for what it holds."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from cardioserver.archive import bankfile, schema
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest
from cardioserver.protocol.messages import Event, ExamStored, Upload, UploadChunk, UploadCommit
from tests.archive import examples
from tests.servers import wait_until

DEADLINE = 30.0


class Uploading:
    """A database, a bank and an ingest on them, with eyes for what is stored."""

    def __init__(self, database: Database, folder: Path, ids: IdGenerator) -> None:
        self.database = database
        self.folder = folder
        self.ids = ids
        self.bank = Bank(folder / "bank")
        self.events: list[Event] = []
        self._opened: list[Ingest] = []
        self.ingest = self.open()

    def open(self, *, server_id: int = 0, **options: object) -> Ingest:
        """Another server on the same database and bank."""
        directory = DirectorySnapshot(self.folder / "directory.json")
        directory.refresh(self.database)
        ids = IdGenerator(server_id) if server_id else self.ids
        opened = Ingest(
            self.database,
            self.bank,
            directory,
            ids,
            on_events=self.events.extend,
            **options,  # type: ignore[arg-type]
        )
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all servers."""
        for ingest in self._opened:
            ingest.close()
        self._opened.clear()

    def store(self, actor: Actor, message: Upload) -> ExamStored:
        """Upload and wait."""
        return self.ingest.store(actor, message).result(DEADLINE)

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(schema.metadata.tables[table])) or 0

    def exam_order(self) -> list[UUID]:
        """UUIDs of the exams in the order of their events."""
        query = select(schema.exam.c.exam_uuid).join(
            schema.event, schema.event.c.exam_id == schema.exam.c.exam_id
        )
        with self.database.read() as connection:
            return list(connection.scalars(query.order_by(schema.event.c.event_id)))

    def settle(self) -> None:
        """Wait until nothing is left to be indexed."""
        wait_until(lambda: not self.ingest.queued and not self.staged(), "the backlog is worked off")

    def staged(self) -> list[Path]:
        """Files on their way in."""
        return list(self.bank.staging.glob("*/*.ecg"))

    def assert_holds(self, *messages: Upload) -> None:
        """Exactly these exams are stored: a row, an event and a file of each, and nothing is left."""
        assert self.count("exam") == len(messages)
        assert self.count("event") == len(messages)
        assert len(list(self.bank.exam_files())) == len(messages)
        for message in messages:
            exam = message.exam
            assert bankfile.check(self.bank.exam_path(exam.uuid, exam.started_at)).digest == message.digest
            samples = self.bank.read_signal(exam.uuid, exam.started_at).samples
            assert samples.tobytes() == bytes(message.data)
        assert self.staged() == []
        assert list(self.bank.rejected.iterdir()) == []


def send(ingest: Ingest, actor: Actor, message: Upload, step: int = 5000) -> Future[ExamStored]:
    """Upload in chunks."""
    state = ingest.begin(actor, examples.begin(message))
    while state.received < len(message.data):
        data = message.data[state.received : state.received + step]
        state = ingest.chunk(actor, UploadChunk(message.exam.uuid, state.received, data))
    return ingest.commit(actor, UploadCommit(message.exam.uuid))
