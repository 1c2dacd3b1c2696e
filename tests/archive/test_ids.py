"""Identifiers: unique, ascending, with their server inside."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cardioserver.archive.ids import MAX_SERVER_ID, IdGenerator

NOW = 1_795_000_000_000  # ms since 1970, in November 2026


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def server_of(identifier: int) -> int:
    return identifier >> 12 & 1023


def take(ids: IdGenerator, count: int) -> list[int]:
    return [ids.next() for _ in range(count)]


def ascends(identifiers: list[int]) -> bool:
    return all(a < b for a, b in itertools.pairwise(identifiers))


@pytest.mark.parametrize("server_id", [0, 1, 700, MAX_SERVER_ID])
def test_an_identifier_is_positive_fits_63_bits_and_names_its_server(server_id: int) -> None:
    identifier = IdGenerator(server_id).next()
    assert 0 < identifier < 2**63
    assert server_of(identifier) == server_id


@pytest.mark.parametrize("server_id", [-1, MAX_SERVER_ID + 1])
def test_a_server_id_out_of_range_is_refused(server_id: int) -> None:
    with pytest.raises(ValueError, match="0 to 1023"):
        IdGenerator(server_id)


def test_identifiers_are_in_order_of_time() -> None:
    clock = Clock()
    one, two = IdGenerator(1000, clock=clock), IdGenerator(1, clock=clock)
    first = one.next()
    clock.now += 1
    assert first < two.next()


def test_more_than_a_millisecond_holds_ascend_all_the_same() -> None:
    identifiers = take(IdGenerator(5, clock=Clock()), 3 * 4096)
    assert ascends(identifiers)
    assert {server_of(i) for i in identifiers} == {5}


def test_threads_never_get_the_same() -> None:
    ids = IdGenerator(1)
    start = threading.Barrier(8)

    def work() -> list[int]:
        start.wait(10)
        return take(ids, 5000)

    with ThreadPoolExecutor(8) as pool:
        runs = [future.result(60) for future in [pool.submit(work) for _ in range(8)]]
    assert all(ascends(run) for run in runs)
    assert len({i for run in runs for i in run}) == 8 * 5000


def test_servers_never_get_the_same_in_the_same_instant() -> None:
    clock = Clock()
    identifiers = [i for server in range(20) for i in take(IdGenerator(server, clock=clock), 500)]
    assert len(set(identifiers)) == len(identifiers)


def test_a_clock_set_back_does_not_take_identifiers_back() -> None:
    clock = Clock()
    ids = IdGenerator(1, clock=clock)
    before = take(ids, 10)
    clock.now -= 3_600_000
    assert ascends(before + take(ids, 5000))


def test_a_restart_goes_on_where_it_ended(tmp_path: Path) -> None:
    clock = Clock()
    before = take(IdGenerator(1, tmp_path / "ids", clock), 10_000)
    assert ascends(before + take(IdGenerator(1, tmp_path / "ids", clock), 10))


def test_a_restart_after_the_clock_was_set_back_goes_on_too(tmp_path: Path) -> None:
    clock = Clock()
    ids = IdGenerator(1, tmp_path / "ids", clock)
    before = take(ids, 10)
    clock.now += 10_000
    before += take(ids, 10)
    clock.now -= 86_400_000
    assert ascends(before + take(IdGenerator(1, tmp_path / "ids", clock), 10))


def test_two_processes_of_one_server_never_get_the_same(tmp_path: Path) -> None:
    clock = Clock()
    server, command_line = (IdGenerator(1, tmp_path / "ids", clock) for _ in range(2))
    taken: list[int] = []
    for _ in range(50):
        taken += take(server, 300) + take(command_line, 300)
        clock.now += 100
    assert len(set(taken)) == len(taken)


def test_a_restart_does_not_run_ahead_of_the_clock_for_long(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(20):  # a server that crashes and starts every two seconds
        identifier = IdGenerator(1, tmp_path / "ids", clock).next()
        clock.now += 2000
    assert identifier >> 22 <= IdGenerator(2, clock=clock).next() >> 22


def test_the_state_file_is_written_once_a_second_not_for_each(tmp_path: Path) -> None:
    ids = IdGenerator(1, tmp_path / "ids", Clock())
    before = (tmp_path / "ids").stat().st_mtime_ns
    take(ids, 4000)
    assert (tmp_path / "ids").stat().st_mtime_ns == before


def test_a_state_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("not a time")
    with pytest.raises(ValueError, match="ids"):
        IdGenerator(1, tmp_path / "ids")


def test_a_clock_beyond_the_last_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="clock"):
        IdGenerator(1, tmp_path / "ids", Clock(NOW + 2**41)).next()
    assert IdGenerator(1, tmp_path / "ids", Clock()).next() > 0
