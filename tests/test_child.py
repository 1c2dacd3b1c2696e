"""Processes beside this one: jobs there and back, memory given back, and none that is waited for in vain."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardioserver.child import Child, ChildLate, ChildLost, Kind
from cardioserver.children import Children

ROOM = 4096


@pytest.fixture(scope="module")
def kind() -> Iterator[Kind]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        yield Kind("childwork", ROOM, niceness=3)


@pytest.fixture
def child(kind: Kind) -> Iterator[Child]:
    started = Child(kind)
    yield started
    started.close()


def shared_bytes(child: Child) -> int:
    return os.fstat(child._shared).st_size


def test_jobs_and_data_of_all_sizes(child: Child) -> None:
    niceness = os.nice(0) + 3
    for size in (0, 3, ROOM, ROOM + 1, 1_000_000, 10):
        data = os.urandom(size)
        assert child.ask(("job", size), data, 60) == (("job", size), size, data[-4:], niceness)
        assert shared_bytes(child) == ROOM, "the rest is given back"
    assert child.jobs == 6


def test_a_failure_comes_back_and_the_child_stays(child: Child) -> None:
    with pytest.raises(ValueError, match="as asked"):
        child.ask("fail", b"")
    assert child.ask("job", b"")[0] == "job"


def test_one_that_ends_is_lost(child: Child) -> None:
    with pytest.raises(ChildLost):
        child.ask("end", b"")
    with pytest.raises(ChildLost):
        child.ask("job", b"")


def test_one_that_stands_still_is_killed(child: Child) -> None:
    child.ask("job", b"")
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildLate):
        child.ask("job" * 1_000_000, b"x", 0.3)  # more than it takes without reading


def test_one_that_cannot_work_is_lost() -> None:
    child = Child(Kind("there_is_no_such_module", ROOM))
    with pytest.raises(ChildLost):
        child.ask("job", b"")
    child.close()


def test_no_process_to_be_had_leaves_nothing_open(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    children = Children(kind, 1, 60.0)
    for _ in range(3):
        with pytest.raises(OSError, match="nowhere"):
            children.start()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_no_more_than_so_many(kind: Kind) -> None:
    children = Children(kind, 2, 60.0)
    assert children.take() is None
    taken = [children.start(), children.start()]
    assert children.start() is None
    for child in taken:
        assert child is not None
        child.ask("job", b"")
        children.give_back(child)
    assert children.take() is taken[1], "the one used last"
    children.kill()
    assert taken[1] is not None
    with pytest.raises(ChildLost):
        taken[1].ask("job", b"")
    children.end(taken[1])
    children.close()
    assert children.free == ()
