"""What the kernel sees of one upload: everything is synced, in the right order, before the answer."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardioserver.client.client import Client
from tests.archive import examples
from tests.processes import PASSWORD, ServerProcess
from tests.system.conftest import Start
from tests.system.recorders import open_archive

CALLS = "fsync,fdatasync,link,linkat,pwrite64,write,writev,sendto,sendmsg"
BEGAN = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
ENDED = re.compile(r"(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>")


@dataclass(slots=True)
class Call:
    """One system call, with the lines of the trace where it began and ended."""

    name: str
    arguments: str
    began: int
    ended: int


@contextmanager
def _traced(server: ServerProcess, trace: Path) -> Iterator[None]:
    """Write down the server's system calls."""
    command = ["strace", "-f", "-yy", "-s", "0", "-e", f"trace={CALLS}", "-o", str(trace)]
    tracer = subprocess.Popen([*command, "-p", str(server.pid)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        said = tracer.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"strace may not trace: {said.strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=30)


def _calls(trace: Path) -> list[Call]:
    calls: list[Call] = []
    unfinished: dict[str, Call] = {}
    for number, line in enumerate(trace.read_text(encoding="utf-8", errors="replace").splitlines()):
        if (match := BEGAN.match(line)) is not None:
            call = Call(match["name"], match["arguments"], number, number)
            calls.append(call)
            if line.endswith("<unfinished ...>"):
                unfinished[match["thread"]] = call
        elif (match := ENDED.match(line)) is not None:
            unfinished.pop(match["thread"]).ended = number
    return calls


def _one(calls: list[Call], names: str, *words: str) -> Call:
    """The first call with one of these names whose arguments hold all the words."""
    found = [c for c in calls if c.name in names.split() and all(w in c.arguments for w in words)]
    assert found, f"no {names} of {words}"
    return found[0]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_file_name_and_row_are_on_the_disk_before_the_recorder_hears(
    start_server: Start, tmp_path: Path
) -> None:
    server = start_server()
    bank, database = open_archive(server)
    database.close()
    exam = examples.exam()
    target = bank.exam_path(exam.uuid, exam.started_at)
    async with Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as client:
        await client.upload(examples.exam(), examples.recording(1))  # makes the day's folder
        with _traced(server, tmp_path / "trace"):
            await client.upload(exam, examples.recording(2))

    calls = _calls(tmp_path / "trace")
    staged = f"-{exam.uuid}.ecg"
    file_synced = _one(calls, "fsync", "/staging/", staged)
    written = [c for c in calls if c.name == "pwrite64" and staged in c.arguments]
    linked = _one(calls, "link linkat", staged, str(target))
    folder_synced = _one(calls, "fsync", f"{target.parent}>")
    row_written = _one(calls, "pwrite64", "cardioserver.sqlite-wal")
    row_synced = _one(calls, "fsync fdatasync", "cardioserver.sqlite-wal")
    answered = _one(calls, "write writev sendto sendmsg", "TCP:")

    assert written
    assert max(c.ended for c in written) < file_synced.began
    assert file_synced.ended < linked.began
    assert linked.ended < folder_synced.began
    assert folder_synced.ended < row_written.began
    assert row_written.ended < row_synced.began
    assert row_synced.ended < answered.began
