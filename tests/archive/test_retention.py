"""Forgetting what nobody needs any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from cardioserver.archive import deliveries, retention, schema, throttle
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import DeliveryFilter
from cardioserver.archive.events import Subscription, record_events
from cardioserver.archive.retention import forget_old
from cardioserver.archive.throttle import Attempt
from cardioserver.protocol.messages import Event, EventKind

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        found = connection.scalar(select(func.count()).select_from(schema.metadata.tables[table]))
    return found or 0


def test_old_rows_go_and_young_or_owed_ones_stay(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FORGET_AT_ONCE", 1)
    events = [Event(0, EventKind.EXAM_STORED, NOW, exam_id, 0, 1) for exam_id in range(1, 6)]
    wants = [Subscription("folder", EventKind.EXAM_STORED)]
    with database.write() as connection:
        record_events(connection, events, wants, lambda _: NOW)
        deliveries.drop(connection, DeliveryFilter(exam_id=1), lambda _: NOW)
        deliveries.drop(connection, DeliveryFilter(exam_id=2), lambda _: NOW + timedelta(days=5))
        attempt = Attempt.of("a", "192.0.2.1")
        throttle.save(connection, attempt.after_failure(throttle.lock(connection, attempt, NOW), NOW), NOW)

    def after(days: int) -> int:
        return forget_old(database, lambda _: NOW + timedelta(days=days, seconds=1))

    assert after(1) == 0
    assert after(30) == 4  # the delivery dropped first, and three counts
    assert (count(database, "delivery"), count(database, "event")) == (4, 5)
    assert after(90) == 3  # the delivery dropped later, the events of both
    assert (count(database, "delivery"), count(database, "event")) == (3, 3)
    assert after(10_000) == 0  # the rest is owed
