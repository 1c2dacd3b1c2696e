"""The circuit breaker, by a clock of its own."""

from __future__ import annotations

import pytest

from cardioserver.interpretation.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(3, 30.0, clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admit()
        breaker.failed()


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.admit()
    breaker.succeeded()
    fail(breaker, 3)
    assert not breaker.admit()
    assert breaker.remaining == 30.0


def test_after_its_rest_one_may_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 29.9
    assert not breaker.admit()
    clock.now += 0.1
    assert breaker.remaining == 0
    assert breaker.admit()
    assert not breaker.admit(), "one is trying"


def test_a_trial_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 30
    assert breaker.admit()
    breaker.succeeded()
    assert all(breaker.admit() for _ in range(5))
    fail(breaker, 2)
    assert breaker.admit(), "the count begins anew"


def test_a_trial_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 30
    fail(breaker, 1)
    assert not breaker.admit()
    assert breaker.remaining == 30.0
    clock.now += 30
    assert breaker.admit()


def test_failures_that_end_after_it_opened_change_nothing(breaker: Breaker, clock: Clock) -> None:
    for _ in range(4):
        assert breaker.admit()
    for _ in range(4):
        breaker.failed()
    assert not breaker.admit()
    clock.now += 30
    assert breaker.admit()
