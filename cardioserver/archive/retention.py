"""Forgetting what nobody needs any more: ended deliveries, old events, counts of failed logins.

Exams, conclusions and the audit journal are kept for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import FORGET_AT_ONCE, forget_deliveries
from cardioserver.archive.events import forget_events
from cardioserver.archive.throttle import forget_attempts

DELIVERIES = timedelta(days=30)
"""How long people can look up what became of a delivery."""

EVENTS = timedelta(days=90)
"""How long a subscriber may be away and still get all it missed."""


def forget_old(database: Database, clock: Clock = database_time) -> int:
    """Delete what is too old; returns how many rows. Harmless on several servers at once.

    Raises
    ------
    DatabaseUnavailable
    """
    with database.read() as connection:
        now = clock(connection)
    return (
        _in_steps(database, lambda connection: forget_deliveries(connection, now - DELIVERIES))
        + _in_steps(database, lambda connection: forget_events(connection, now - EVENTS))
        + database.transact(lambda connection: forget_attempts(connection, now))
    )


def _in_steps(database: Database, forget: Callable[[Connection], int]) -> int:
    """Short transactions, so that nobody waits for them."""
    total, step = 0, FORGET_AT_ONCE
    while step >= FORGET_AT_ONCE:
        step = database.transact(forget)
        total += step
    return total
