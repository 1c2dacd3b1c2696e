"""The interpreter: an auto report for each stored exam, and another for whoever asks.

It takes from the outbox as an exporter does, so an interpretation is never forgotten, never delays an upload,
and survives restarts; what it makes stays here.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cardioserver.archive import reports
from cardioserver.archive.database import Database
from cardioserver.archive.events import Subscription
from cardioserver.integration.engines import Engine
from cardioserver.integration.exporter import Delivery, Permanent, Retryable, Source, Terms
from cardioserver.interpretation.errors import Busy, InterpretationError, Refused, Unavailable
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.person import Person
from cardioserver.protocol.messages import EventKind
from cardioserver.settings.config import INTERPRETATION

SUBSCRIPTION = Subscription(INTERPRETATION, EventKind.EXAM_STORED | EventKind.INTERPRETATION_REQUEST)

ATTEMPTS_THAT_FAIL = 3
"""A recording that fails so often has a fault that no further attempt mends."""

PATIENCE = 120.0
"""Seconds beyond the longest interpretation: for reading, writing, and starting a worker."""


@dataclass(slots=True)
class Tally:
    """Interpretations of one outcome: ``done`` or the code of an error."""

    count: int = 0
    seconds: float = 0.0


class Interpreter:
    """The outbox's exporter called ``interpretation``.

    Parameters
    ----------
    subscriptions
        Which exporters are owed a delivery of an auto report.
    threads
        Interpretations at once.
    longest
        Seconds that the longest interpretation may take.
    leaves
        Whether data leave this server for it.

    Attributes
    ----------
    on_report
        Called after each new auto report, in a thread of the outbox's worker.
    """

    def __init__(
        self,
        engine: Engine,
        database: Database,
        subscriptions: Sequence[Subscription],
        *,
        threads: int,
        longest: float,
        leaves: bool,
    ) -> None:
        self.terms = Terms(SUBSCRIPTION, threads=threads, patience=longest + PATIENCE, is_journalled=leaves)
        self.on_report: Callable[[], None] = lambda: None
        self._engine = engine
        self._database = database
        self._subscriptions = tuple(subscriptions)
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self._lock = threading.Lock()

    def deliver(self, delivery: Delivery, source: Source) -> None:
        """Interpret the delivery's exam and add the result as a version. Again after a crash, it adds none.

        Raises
        ------
        Retryable, Permanent
        """
        exam_id = delivery.exam_id
        with self._database.read() as connection:
            if reports.of_event(connection, exam_id, delivery.event_id) is not None:
                return
            earlier = reports.earlier(connection, exam_id)
        details, recording = source.exam(exam_id), source.signal(exam_id)
        made = self._interpret(
            delivery,
            lambda: self._engine.interpret(
                recording, Person.of(details.exam), None if earlier is None else earlier.document.encode()
            ),
        )
        self._database.transact(
            lambda connection: reports.add(
                connection,
                exam_id,
                text_ru=made.text.ru,
                text_en=made.text.en,
                document=made.document.decode(),
                subscriptions=self._subscriptions,
                event_id=delivery.event_id,
            )
        )
        self.on_report()

    def _interpret(self, delivery: Delivery, interpret: Callable[[], Interpretation]) -> Interpretation:
        began = time.monotonic()
        try:
            made = interpret()
        except InterpretationError as error:
            self._count(error.code, time.monotonic() - began)
            if isinstance(error, Busy | Unavailable):
                raise Retryable(str(error), error.retry_after) from error
            if isinstance(error, Refused) or delivery.attempts >= ATTEMPTS_THAT_FAIL:
                raise Permanent(str(error)) from error
            raise Retryable(str(error)) from error
        self._count("done", time.monotonic() - began)
        return made

    def _count(self, outcome: str, seconds: float) -> None:
        with self._lock:
            tally = self._tallies[outcome]
            tally.count += 1
            tally.seconds += seconds

    def tallies(self) -> dict[str, Tally]:
        """What became of the interpretations of this process, by outcome."""
        with self._lock:
            return {outcome: Tally(one.count, one.seconds) for outcome, one in self._tallies.items()}

    def close(self) -> None:
        """No delivery will come any more."""
        self._engine.close()
