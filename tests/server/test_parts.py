"""The small parts of the server."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cardioserver.server.banner import Banner
from cardioserver.server.folder import DataFolder, FolderInUse, Listening, server_id
from cardioserver.server.lane import Lane
from cardioserver.server.limits import Admission, ByteBudget
from cardioserver.server.upkeep import Chore, Upkeep
from cardioserver.server.wheel import NEVER, Wheel
from tests.server.samples import eventually


def test_admission_counts_by_address() -> None:
    admission = Admission(3, 2)
    assert [admission.enter("a") for _ in range(3)] == [True, True, False]
    assert [admission.enter("b") for _ in range(2)] == [True, False]
    admission.leave("a")
    assert admission.enter("b")
    assert admission.count == 3


def test_a_budget_serves_in_the_order_of_the_line() -> None:
    budget = ByteBudget(100)
    served: list[str] = []
    assert budget.take(80, lambda: served.append("never"))
    assert not budget.take(50, lambda: served.append("first"))
    assert not budget.take(10, lambda: served.append("second"))  # would fit, but is behind
    budget.give(80)
    assert served == ["first", "second"]
    assert budget.used == 60


def test_what_is_larger_than_the_budget_comes_alone() -> None:
    budget = ByteBudget(100)
    served: list[str] = []
    assert budget.take(1, lambda: None)
    assert not budget.take(500, lambda: served.append("large"))
    budget.give(1)
    assert served == ["large"]
    assert budget.exhausted


def test_leaving_the_line_lets_the_next_through() -> None:
    budget = ByteBudget(100)
    served: list[str] = []
    budget.take(60, lambda: None)

    def large() -> None:
        served.append("large")

    budget.take(90, large)
    budget.take(30, lambda: served.append("small"))
    budget.cancel(large)
    assert served == ["small"]


def test_a_lane_does_one_thing_at_a_time() -> None:
    lane = Lane()
    begun: list[int] = []
    dones: list[Callable[[], None]] = []

    def job(number: int) -> Callable[[Callable[[], None]], None]:
        def begin(done: Callable[[], None]) -> None:
            begun.append(number)
            dones.append(done)

        return begin

    for number in range(3):
        lane.put(job(number))
    assert begun == [0]
    dones[0]()
    assert begun == [0, 1]
    dones[1]()
    dones[2]()
    lane.put(job(3))
    assert begun == [0, 1, 2, 3]


def test_a_lane_of_quick_jobs_does_not_pile_up() -> None:
    lane = Lane()
    count = 0
    hold: list[Callable[[], None]] = []
    lane.put(hold.append)

    def quick(done: Callable[[], None]) -> None:
        nonlocal count
        count += 1
        done()

    for _ in range(10_000):
        lane.put(quick)
    hold[0]()
    assert count == 10_000


class Item:
    def __init__(self, *deadlines: float) -> None:
        self.wheel_slot = 0
        self.asked: list[float] = []
        self._deadlines = list(deadlines)

    def on_deadline(self, now: float) -> float:
        self.asked.append(now)
        return self._deadlines.pop(0) if self._deadlines else NEVER


async def test_the_wheel_asks_after_the_deadline_and_again() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop)
    wheel.start()
    now = loop.time()
    item = Item(now + 1.2)
    wheel.put(item, now + 0.3)
    await eventually(lambda: len(item.asked) == 2, "it is asked twice")
    wheel.stop()
    assert item.asked[0] >= now + 0.3
    assert item.asked[1] >= now + 1.2
    assert item.asked[1] < now + 2.5


async def test_the_wheel_takes_an_earlier_deadline_and_forgets() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop)
    wheel.start()
    sooner, dropped = Item(), Item()
    wheel.put(sooner, loop.time() + 1000)
    wheel.put(sooner, loop.time() + 0.2)
    wheel.put(sooner, loop.time() + 500)
    wheel.put(dropped, loop.time() + 0.1)
    wheel.drop(dropped)
    await eventually(lambda: bool(sooner.asked), "it is asked")
    wheel.stop()
    assert dropped.asked == []


def test_two_servers_cannot_share_a_data_directory(tmp_path: Path) -> None:
    first = DataFolder(tmp_path / "data")
    with pytest.raises(FolderInUse):
        DataFolder(tmp_path / "data")
    first.close()
    DataFolder(tmp_path / "data").close()


def test_the_data_directory_is_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    folder.announce(Listening(os.getpid(), "127.0.0.1", 1, 2, False, "x"))
    assert (tmp_path / "data" / "server.json").exists()
    folder.close()
    assert not (tmp_path / "data" / "server.json").exists()


def test_a_data_directory_keeps_its_number(tmp_path: Path) -> None:
    numbers = {server_id(tmp_path) for _ in range(5)}
    assert len(numbers) == 1
    assert 1 <= numbers.pop() <= 1023


def test_the_banner_in_two_languages() -> None:
    banner = Banner("4.0", "::1", 48004, True, Path("/bank"), 3, "main", 7, 8, (7, 9))
    english, russian = banner.lines("en"), banner.lines("ru")
    assert len(english) == len(russian) == 8
    assert "Listen address: [::1]:48004 TLS" in english
    assert "Cluster ids: 7, 9" in english
    assert "Версия сервера: 4.0" in russian


def test_a_failing_chore_stops_neither_itself_nor_others(caplog: pytest.LogCaptureFixture) -> None:
    runs = {"bad": 0, "good": 0}
    enough = threading.Event()

    def bad() -> None:
        runs["bad"] += 1
        raise RuntimeError

    def good() -> None:
        runs["good"] += 1
        if runs["good"] == 3:
            enough.set()

    upkeep = Upkeep([Chore("bad", 0.01, bad), Chore("good", 0.01, good)])
    upkeep.start()
    assert enough.wait(10)
    upkeep.close()
    assert runs["bad"] >= 2
    assert [record.getMessage() for record in caplog.records].count("chore failed") == 1
