"""Exporters for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from cardioserver.archive.database import Database
from cardioserver.archive.events import Subscription, record_events
from cardioserver.archive.leases import Backoff
from cardioserver.integration.exporter import Delivery, Source, Terms
from cardioserver.protocol.messages import Event, EventKind
from tests.archive.rows import NOW

ALL_KINDS = ~EventKind(0)
QUICK = Backoff(base=timedelta(milliseconds=20), cap=timedelta(milliseconds=40), max_attempts=4)


class Recording:
    """Notes what it was given; does what a test tells it to."""

    def __init__(
        self,
        name: str = "recording",
        options: Mapping[str, Any] | None = None,
        *,
        threads: int = 1,
        patience: float = 60.0,
        backoff: Backoff = QUICK,
        act: Callable[[Delivery], None] = lambda _: None,
    ) -> None:
        subscription = Subscription(name, ALL_KINDS)
        self.terms = Terms(subscription, backoff, threads, patience)
        self.act = act
        self.given: list[Delivery] = []
        self.closed = False
        self._lock = threading.Lock()

    def deliver(self, delivery: Delivery, source: Source) -> None:
        with self._lock:
            self.given.append(delivery)
        self.act(delivery)

    def close(self) -> None:
        self.closed = True

    @property
    def exams(self) -> list[int]:
        """Exams it was given, in order."""
        return [delivery.exam_id for delivery in self.given]


class NoSource:
    """For exporters that read nothing."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should ask for {name}")


def owe(database: Database, *exam_ids: int, exporters: tuple[str, ...] = ("recording",)) -> None:
    """One delivery for each exam and exporter, in this order."""
    events = [Event(0, EventKind.EXAM_STORED, NOW, exam_id, 0, 1) for exam_id in exam_ids]
    database.transact(
        lambda connection: record_events(
            connection, events, [Subscription(name, ALL_KINDS) for name in exporters]
        )
    )
