"""Staging in processes beside the server: the same files, the same failures, and no harm if one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cardioserver.archive import bankfile, spool, staging
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DigestMismatch, StorageFull
from cardioserver.archive.spool import Spool
from cardioserver.archive.staging import Helpers
from tests.archive import examples
from tests.servers import wait_until

RECORDING = examples.recording(1)
DATA = RECORDING.samples.tobytes()
RECORD = examples.record(examples.exam(), RECORDING)

SERVER = """
import sys
from pathlib import Path
from cardioserver.archive import spool
from cardioserver.archive.staging import Helpers
own = spool.create(Path(sys.argv[1]), 1)
helpers = Helpers(1, own.lock)
helpers._start()
while not helpers.children.free[0].is_ready:
    pass
print(helpers.children.free[0].pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Spool]:
    opened = spool.create(tmp_path, 1)
    yield opened
    opened.close()


@pytest.fixture
def helpers(own: Spool) -> Iterator[Helpers]:
    started = Helpers(1, own.lock)
    yield started
    started.close()


def _stage(
    helpers: Helpers, path: Path, record: ExamRecord = RECORD, reserve: int = 0, data: bytes = DATA
) -> int:
    """Stage, and which process did it."""
    before = _jobs(helpers)
    helpers.stage(path, record, data, reserve, busy=True)
    return _jobs(helpers) - before


def _jobs(helpers: Helpers) -> int:
    return sum(helper.jobs for helper in helpers.children.free)


def _wait_for_helper(helpers: Helpers, path: Path) -> None:
    _stage(helpers, path)
    wait_until(
        lambda: bool(helpers.children.free) and helpers.children.free[0].is_ready, "the helper has started"
    )


def test_a_helper_writes_the_same_file(helpers: Helpers, tmp_path: Path) -> None:
    _wait_for_helper(helpers, tmp_path / "by-server")

    assert _stage(helpers, tmp_path / "by-helper") == 1

    assert (tmp_path / "by-helper").read_bytes() == (tmp_path / "by-server").read_bytes()
    assert bankfile.check(tmp_path / "by-helper") == RECORD
    assert (tmp_path / "by-helper").stat().st_mode & 0o777 == 0o440


def test_nobody_is_started_while_few_arrive(helpers: Helpers, tmp_path: Path) -> None:
    helpers.stage(tmp_path / "exam", RECORD, DATA, 0, busy=False)

    assert helpers.children.free == ()
    assert bankfile.check(tmp_path / "exam") == RECORD


def test_failures_come_back_as_they_are(helpers: Helpers, tmp_path: Path) -> None:
    _wait_for_helper(helpers, tmp_path / "first")

    with pytest.raises(DigestMismatch):
        _stage(helpers, tmp_path / "wrong", replace(RECORD, digest=bytes(32)))
    with pytest.raises(StorageFull):
        _stage(helpers, tmp_path / "full", reserve=1 << 60)
    with pytest.raises(FileExistsError):
        _stage(helpers, tmp_path / "first")

    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {".lock", "first"}
    assert _stage(helpers, tmp_path / "after") == 1, "it goes on working"


def test_exams_of_all_sizes_follow_each_other(helpers: Helpers, tmp_path: Path) -> None:
    _wait_for_helper(helpers, tmp_path / "first")
    for number, samples in enumerate((9_000, 3, 4_000)):
        recording = examples.recording(number, samples)
        record = examples.record(examples.exam(), recording)
        _stage(helpers, tmp_path / str(number), record, data=recording.samples.tobytes())
        assert bankfile.check(tmp_path / str(number)) == record


def test_an_exam_too_large_for_a_helper_is_staged_all_the_same(
    helpers: Helpers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_for_helper(helpers, tmp_path / "first")
    monkeypatch.setattr(staging, "LARGEST", len(DATA) - 1)

    assert _stage(helpers, tmp_path / "exam") == 0
    assert bankfile.check(tmp_path / "exam") == RECORD


def test_a_helper_that_was_killed_costs_no_exam(helpers: Helpers, tmp_path: Path) -> None:
    _wait_for_helper(helpers, tmp_path / "first")
    os.kill(helpers.children.free[0].pid, signal.SIGKILL)

    helpers.stage(tmp_path / "second", RECORD, DATA, 0, busy=True)
    assert bankfile.check(tmp_path / "second") == RECORD

    _wait_for_helper(helpers, tmp_path / "third")
    assert _stage(helpers, tmp_path / "fourth") == 1, "another one is started"


def test_an_idle_helper_is_ended(helpers: Helpers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _wait_for_helper(helpers, tmp_path / "first")
    pid = helpers.children.free[0].pid
    helpers.retire()
    os.kill(pid, 0)

    monkeypatch.setattr(helpers.children, "_idle_seconds", 0.0)
    helpers.retire()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert helpers.children.free == ()


def test_a_killed_server_s_helper_ends_and_keeps_the_spool_until_then(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    helper = int(server.stdout.readline())
    os.kill(helper, signal.SIGSTOP)  # as if it were in the middle of writing
    server.kill()
    server.communicate()

    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert spool.adopt_abandoned(tmp_path) == []
    assert folder.exists(), "taken for abandoned while a helper may still write there"

    os.kill(helper, signal.SIGCONT)
    wait_until(lambda: not spool.adopt_abandoned(tmp_path) and not folder.exists(), "the helper has ended")
