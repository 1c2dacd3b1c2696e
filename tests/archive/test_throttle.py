"""Waits after failed logins: guessing gets slow, knowing a password does not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from cardioserver.archive import throttle
from cardioserver.archive.database import Database
from cardioserver.archive.throttle import Attempt, Counts, MemoryCounts, site_of

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
HOME, AWAY = "192.0.2.1", "198.51.100.7"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Guard:
    """Counts in a dictionary, with a clock."""

    def __init__(self) -> None:
        self.counts: Counts = {}
        self.now = NOW

    def wait(self, login: str, address: str) -> float:
        return Attempt.of(login, address).wait(self.counts, self.now).total_seconds()

    def fail(self, login: str, address: str) -> None:
        self.counts |= Attempt.of(login, address).after_failure(self.counts, self.now)

    def succeed(self, login: str, address: str) -> None:
        self.counts |= Attempt.of(login, address).after_success(self.counts, self.now)

    def attack(self, login: str, address: str, time: timedelta) -> int:
        """Guess as fast as allowed for some time; returns how many guesses were made."""
        end, guesses = self.now + time, 0
        while self.now < end:
            self.fail(login, address)
            guesses += 1
            self.now += timedelta(seconds=max(self.wait(login, address), 0.01))
        return guesses


@pytest.fixture
def guard() -> Guard:
    return Guard()


def test_the_first_mistakes_cost_nothing_then_waits_double_to_a_cap(guard: Guard) -> None:
    waits = []
    for _ in range(20):
        guard.fail("ivanova", AWAY)
        waits.append(guard.wait("ivanova", AWAY))
        guard.now += timedelta(seconds=waits[-1])
        assert guard.wait("ivanova", AWAY) == 0
    assert waits[:8] == [0, 0, 0, 0, 0, 1, 2, 4]
    assert waits[14:16] == [512, 900]
    assert max(waits) == 900


def test_another_login_from_another_address_is_not_slowed_down(guard: Guard) -> None:
    guard.attack("ivanova", AWAY, timedelta(hours=1))
    guard.fail("ivanova", AWAY)
    assert guard.wait("ivanova", AWAY) > 0
    assert guard.wait("petrov", HOME) == 0


def test_one_address_gets_few_guesses_at_one_login_a_day(guard: Guard) -> None:
    assert guard.attack("ivanova", AWAY, DAY) < 120


def test_one_address_gets_few_guesses_at_many_logins_a_day(guard: Guard) -> None:
    guesses, end = 0, NOW + DAY
    while guard.now < end:
        guard.fail(f"login-{guesses}", AWAY)
        guesses += 1
        guard.now += timedelta(seconds=max(guard.wait(f"login-{guesses}", AWAY), 0.01))
    assert guesses < 1600


def test_many_addresses_get_few_guesses_at_one_login_a_day(guard: Guard) -> None:
    guesses, end = 0, NOW + DAY
    while guard.now < end:
        guard.fail("ivanova", f"10.{guesses >> 16}.{guesses >> 8 & 255}.{guesses & 255}")
        guesses += 1
        wait = guard.wait("ivanova", "203.0.113.99")
        guard.now += timedelta(seconds=max(wait, 0.01))
    assert guesses < 1700


def test_an_attack_from_elsewhere_does_not_keep_a_recorder_out(guard: Guard) -> None:
    guard.succeed("recorder-17", HOME)
    for number in range(3000):
        guard.fail("recorder-17", f"10.0.{number >> 8}.{number & 255}")
    assert guard.wait("recorder-17", "203.0.113.99") > 0
    assert guard.wait("recorder-17", HOME) == 0


def test_an_attack_from_the_same_hospital_keeps_no_other_recorder_out(guard: Guard) -> None:
    guard.succeed("recorder-17", HOME)
    for number in range(500):
        guard.fail(f"guess-{number}", HOME)
    assert guard.wait("somebody-new", HOME) > 0
    assert guard.wait("recorder-17", HOME) == 0


def test_a_recorder_with_an_old_password_does_not_slow_down_its_hospital(guard: Guard) -> None:
    guard.succeed("recorder-17", HOME)
    guard.attack("recorder-17", HOME, timedelta(hours=8))
    guard.fail("recorder-17", HOME)
    assert 0 < guard.wait("recorder-17", HOME) <= 60
    assert guard.wait("recorder-18", HOME) <= 60  # new at this address


def test_a_success_clears_ones_own_mistakes(guard: Guard) -> None:
    for _ in range(8):
        guard.fail("ivanova", HOME)
    assert guard.wait("ivanova", HOME) == 4
    guard.now += 4 * SECOND
    guard.succeed("ivanova", HOME)
    for _ in range(10):
        guard.fail("ivanova", HOME)
    assert guard.wait("ivanova", HOME) == 0


def test_a_success_of_ones_own_buys_no_guesses_at_others(guard: Guard) -> None:
    for number in range(60):
        guard.fail(f"guess-{number}", AWAY)
    before = guard.wait("another", AWAY)
    guard.succeed("attackers-own", AWAY)
    assert guard.wait("another", AWAY) == before > 0


def test_an_acquaintance_is_forgotten_after_some_months(guard: Guard) -> None:
    guard.succeed("recorder-17", HOME)
    guard.now += 91 * DAY
    for number in range(200):
        guard.fail("recorder-17", f"10.0.0.{number}")
    assert guard.wait("recorder-17", HOME) > 0


def test_counts_shrink_with_time(guard: Guard) -> None:
    for _ in range(7):
        guard.fail("ivanova", AWAY)
    guard.now += 7 * timedelta(hours=1)
    for _ in range(5):
        guard.fail("ivanova", AWAY)
    assert guard.wait("ivanova", AWAY) == 0


def test_a_clock_set_back_prolongs_no_wait(guard: Guard) -> None:
    for _ in range(7):
        guard.fail("ivanova", AWAY)
    guard.now -= DAY
    assert guard.wait("ivanova", AWAY) <= 2


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        (
            "a socket with a name that is far too long for the column",
            "a socket with a name that is far too long for",
        ),
    ],
)
def test_an_address_is_told_by_its_site(address: str, site: str) -> None:
    assert site_of(address) == site


def test_logins_are_not_kept_in_clear() -> None:
    assert "hunter2" not in repr(Attempt.of("hunter2", HOME))


# ---------------------------------------------------------------- where the counts are kept


def fail(database: Database, attempt: Attempt, now: datetime) -> None:
    def write(connection: object) -> None:
        counts = throttle.lock(connection, attempt, now)  # type: ignore[arg-type]
        throttle.save(connection, attempt.after_failure(counts, now), now)  # type: ignore[arg-type]

    database.transact(write)


def test_the_database_keeps_what_memory_keeps(database: Database) -> None:
    memory = MemoryCounts()
    for login, address in [("a", HOME)] * 7 + [("b", HOME)] + [("a", AWAY)]:
        attempt = Attempt.of(login, address)
        fail(database, attempt, NOW)
        memory.save(attempt.after_failure(memory.load(attempt), NOW))
    for login, address in (("a", HOME), ("b", HOME), ("a", AWAY), ("b", AWAY), ("c", "203.0.113.1")):
        attempt = Attempt.of(login, address)
        with database.read() as connection:
            kept = {key: one for key, one in throttle.load(connection, attempt).items() if one.failures}
        assert kept == memory.load(attempt)


def test_failures_at_the_same_moment_are_all_counted(database: Database) -> None:
    attempt = Attempt.of("a", HOME)
    threads = [threading.Thread(target=fail, args=(database, attempt, NOW)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.read() as connection:
        assert [one.failures for one in throttle.load(connection, attempt).values()] == [8, 8, 8]


def test_unlocking_forgets_the_failures_of_one_login(database: Database) -> None:
    for login in ("a", "b"):
        for _ in range(20):
            fail(database, Attempt.of(login, AWAY), NOW)
    with database.write() as connection:
        assert throttle.unlock(connection, "a") == 2
    with database.read() as connection:
        a, b = (throttle.load(connection, Attempt.of(login, AWAY)) for login in "ab")
    assert Attempt.of("a", AWAY).wait(a, NOW) == timedelta()
    assert Attempt.of("b", AWAY).wait(b, NOW) > timedelta()


def test_counts_that_mean_nothing_are_deleted(database: Database) -> None:
    stranger, known = Attempt.of("stranger", AWAY), Attempt.of("known", HOME)
    fail(database, stranger, NOW)
    with database.write() as connection:
        counts = throttle.lock(connection, known, NOW)
        throttle.save(connection, known.after_success(counts, NOW), NOW)
    for later, left in ((DAY, (3, 3)), (3 * DAY, (0, 1)), (91 * DAY, (0, 0))):
        with database.write() as connection:
            throttle.forget_attempts(connection, NOW + later)
        with database.read() as connection:
            assert (len(throttle.load(connection, stranger)), len(throttle.load(connection, known))) == left


def test_memory_is_bounded() -> None:
    memory = MemoryCounts(capacity=30)
    for number in range(1000):
        attempt = Attempt.of(f"login-{number}", HOME)
        memory.save(attempt.after_failure(memory.load(attempt), NOW))
    assert memory.load(Attempt.of("login-0", HOME)).keys() == {("", HOME)}
    assert len(memory.load(Attempt.of("login-999", HOME))) == 3
