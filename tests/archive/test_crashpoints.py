"""The write path, cut off before each of its steps.

A forked process uploads an exam and ends itself, as ``kill -9`` would, right before its first, second, …
change of the disk. Whatever it left behind, the next server finds either the whole exam or none, takes it
again, and has it once.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.index import Index
from cardioserver.protocol.messages import Upload
from tests.archive import examples
from tests.archive.samples import Facility
from tests.archive.uploading import DEADLINE, Uploading, send

CALLS = ("open", "pwrite", "ftruncate", "fsync", "link", "unlink", "replace", "rename", "mkdir", "rmdir")
FINISHED, CUT_OFF = 0, 9
MOST_STEPS = 200

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Steps:
    """Counts changes of the disk, and ends the process before one of them."""

    def __init__(self, last: int) -> None:
        self._left = last
        self._armed = False
        self._lock = threading.Lock()
        self.names: list[str] = []

    def install(self, database: Database) -> None:
        """Stand in front of every call that changes the disk."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        event.listen(database._engine, "commit", lambda _: self._step("commit"))
        add = Index.add

        def indexed(index: Index, records: Any) -> Any:
            outcome = add(index, records)
            self._step("committed")
            return outcome

        Index.add = indexed  # type: ignore[method-assign]

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            if name != "open" or (len(args) > 1 and args[1] & (os.O_WRONLY | os.O_RDWR)):
                self._step(name)
            if name == "pwrite" and self._armed and self._left == 1:
                call(args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])  # and it dies within the write
                os._exit(CUT_OFF)
            return call(*args, **options)

        return counted

    def arm(self) -> None:
        """Begin to count."""
        self._armed = True

    def _step(self, name: str) -> None:
        if not self._armed:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os._exit(CUT_OFF)


def _upload_until(
    step: int, database_url: str, folder: Path, clinic: Facility, message: Upload, *, chunked: bool
) -> bool:
    """Upload in a process that dies at a step; False: it had fewer steps and has finished."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads; there are none here
        pid = os.fork()
    if pid == 0:
        try:
            database = Database(database_url)
            steps = Steps(step)
            steps.install(database)
            archive = Uploading(database, folder, IdGenerator(1, folder / "ids"))
            steps.arm()
            if chunked:
                send(archive.ingest, clinic.recorder, message).result(DEADLINE)
            else:
                archive.store(clinic.recorder, message)
            os._exit(FINISHED)
        finally:
            os._exit(77)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (FINISHED, CUT_OFF)
    return os.waitstatus_to_exitcode(status) == CUT_OFF


@sqlite_only
@pytest.mark.parametrize("chunked", [False, True])
def test_whatever_step_it_dies_at_the_exam_is_stored_whole_once_or_not_at_all(
    database: Database, database_url: str, clinic: Facility, tmp_path: Path, chunked: bool
) -> None:
    stored: list[Upload] = []
    outcomes: set[bool] = set()
    for step in range(1, MOST_STEPS):
        message = examples.upload(examples.exam(number=str(step)), seed=step)
        database.close()
        died = _upload_until(step, database_url, tmp_path, clinic, message, chunked=chunked)
        archive = Uploading(database, tmp_path, IdGenerator(1, tmp_path / "ids"))
        try:
            archive.settle()
            survived = archive.count("exam") > len(stored)
            archive.assert_holds(*stored, *([message] if survived else []))
            assert survived or died
            answer = send(archive.ingest, clinic.recorder, message).result(DEADLINE)
            assert answer.already_stored == survived
            stored.append(message)
        finally:
            archive.close()
        archive.assert_holds(*stored)
        assert {path.suffix for path in archive.bank.incoming.iterdir()} <= {".tmp"}  # removed after an hour
        outcomes.add(survived)
        if not died:
            assert step > 10, "the steps were not counted"
            assert outcomes == {True, False}
            return
    pytest.fail("the upload never finished")
