"""Stand-ins for the archive behind a server, which a test can hold up and ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cardioserver.archive.access import Actor
from cardioserver.archive.database import Database
from cardioserver.archive.errors import LoginFailed, NotFound
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import Role
from cardioserver.server.server import Services

HCF_ID = 5


class FakeArchive:
    """Answers requests with what a test has put into :attr:`answers`, in threads of the server."""

    def __init__(self) -> None:
        self.answers: dict[type, Callable[[Actor, Any], Any]] = {}
        self.calls: list[Any] = []

    def handle(self, actor: Actor, request: Any, address: str) -> Any:
        self.calls.append(request)
        if type(request) not in self.answers:
            raise NotFound("fake")
        return self.answers[type(request)](actor, request)


class FakeIngest:
    """Takes uploads and lets them wait until :meth:`let_go`, or answers at once if *open*."""

    def __init__(self) -> None:
        self.stored: list[m.Upload] = []
        self.steps: list[Any] = []
        self.waiting: list[tuple[Future[m.ExamStored], m.ExamStored]] = []
        self.open = threading.Event()
        self.open.set()
        self.queued = 0

    def store(self, actor: Actor, request: m.Upload) -> Future[m.ExamStored]:
        self.stored.append(request)
        future: Future[m.ExamStored] = Future()
        answer = m.ExamStored(len(self.stored), request.exam.uuid, already_stored=False)
        if self.open.is_set():
            future.set_result(answer)
        else:
            self.waiting.append((future, answer))
        return future

    def let_go(self) -> None:
        """Answer the uploads that wait."""
        while self.waiting:
            future, answer = self.waiting.pop(0)
            future.set_result(answer)

    def begin(self, actor: Actor, request: m.UploadBegin) -> m.UploadState:
        self.steps.append(request)
        return m.UploadState(m.UploadStatus.RECEIVING, 0, 0)

    def chunk(self, actor: Actor, request: m.UploadChunk) -> m.UploadState:
        self.open.wait()
        self.steps.append(request)
        return m.UploadState(m.UploadStatus.RECEIVING, request.offset + len(request.data), 0)

    def commit(self, actor: Actor, request: m.UploadCommit) -> Future[m.ExamStored]:
        self.steps.append(request)
        future: Future[m.ExamStored] = Future()
        future.set_result(m.ExamStored(1, request.exam_uuid, already_stored=False))
        return future

    def abort(self, actor: Actor, request: m.UploadAbort) -> None:
        self.steps.append(request)


class FakeAuthenticator:
    """Knows logins by their role's name, and the password ``secret``."""

    def __init__(self) -> None:
        self.disabled: set[int] = set()
        self.held = threading.Event()
        self.held.set()

    def login(self, login: str, password: str, address: str) -> tuple[m.LoggedIn, Actor]:
        self.held.wait()
        try:
            role = Role[login.upper()]
        except KeyError:
            raise LoginFailed from None
        if password != "secret":
            raise LoginFailed
        account = m.Account(int(role), login, role, HCF_ID, "")
        return m.LoggedIn(account, "Clinic", 1), Actor(int(role), login, role, HCF_ID, datetime.now(UTC))

    def change_password(self, actor: Actor, request: m.ChangePassword, address: str) -> None:
        if request.old_password != "secret":
            raise LoginFailed

    def still_valid(self, actor: Actor) -> bool:
        return actor.account_id not in self.disabled


class FakeWorker:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class FakeServices:
    """All of them, around a real database."""

    def __init__(self, database: Database, bank_path: Path) -> None:
        self.archive = FakeArchive()
        self.ingest = FakeIngest()
        self.authenticator = FakeAuthenticator()
        self.database = database
        self.worker = FakeWorker()
        self._bank_path = bank_path
        bank_path.mkdir()
        self.services = Services(
            archive=self.archive,  # type: ignore[arg-type]
            ingest=self.ingest,  # type: ignore[arg-type]
            authenticator=self.authenticator,  # type: ignore[arg-type]
            worker=self.worker,  # type: ignore[arg-type]
            interpreter=None,
            database=database,
            bank_path=bank_path,
        )

    def lose_bank(self) -> None:
        """As if its disk were gone."""
        self._bank_path.rmdir()
