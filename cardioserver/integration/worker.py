"""The delivery worker: takes deliveries from the outbox and has exporters carry them out."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from cardioserver.archive import audit
from cardioserver.archive.audit import Action
from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import Delivery, DeliveryStatus
from cardioserver.archive.errors import DamagedExam, DatabaseUnavailable, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.leases import MAX_DOUBLINGS, Leases
from cardioserver.integration.exporter import Exporter, Permanent, Retryable, Source
from cardioserver.trace import place_of

log = logging.getLogger(__name__)

RENEWALS = 3
"""How often a lease is renewed in the time it lasts: two of them may fail."""

FAILURES_IN_A_ROW = 3
"""After so many an exporter is left alone for a while: its other deliveries would fail as well."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker spends its time.

    Attributes
    ----------
    lease
        How long a lease lasts without being renewed: after a crash nobody delivers for so long.
    poll
        Seconds between looks for work of which nobody tells: of other servers, or whose wait is over.
    outage
        Seconds between attempts while the database is down.
    rest
        Most seconds that an exporter is left alone after failures in a row.
    """

    lease: timedelta = timedelta(seconds=60)
    poll: float = 5.0
    outage: float = 2.0
    rest: float = 60.0


@dataclass(slots=True)
class Tally:
    """What became of an exporter's deliveries in this process, for metrics."""

    delivered: int = 0
    failed: int = 0  # attempts that will be repeated
    died: int = 0
    lapsed: int = 0  # ended after their lease: another worker has done them again


class DeliveryWorker:
    """Threads that carry out deliveries; any number of workers may share a database.

    Parameters
    ----------
    exporters
        Each has threads of its own: one that hangs or fails stops no other.
    server
        What people know this server by, for the list of deliveries.
    """

    def __init__(
        self,
        database: Database,
        exporters: Iterable[Exporter],
        source: Source,
        ids: IdGenerator,
        *,
        server: str = "",
        pace: Pace | None = None,
        clock: Clock = database_time,
        rng: random.Random | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._exporters = tuple(exporters)
        self._source = source
        self._ids = ids
        self._rng = rng or random.Random()  # noqa: S311  spreads attempts, no secret
        self._leases = Leases(database, f"{server}/{uuid4().hex[:12]}", self._pace.lease, clock)
        self._bell = _Bell()
        self._held: list[_Held] = []
        self._is_troubled = False
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.tallies = {exporter.terms.name: Tally() for exporter in self._exporters}

    def start(self) -> None:
        """Begin to work."""
        for exporter in self._exporters:
            for number in range(exporter.terms.threads):
                self._spawn(f"deliver-{exporter.terms.name}-{number}", self._work, exporter)
        if self._exporters:
            self._spawn("deliver-leases", self._keep_leases)

    def wake(self) -> None:
        """There may be something to deliver: look now. Costs nothing and may be called from any thread."""
        self._bell.ring()

    def stop(self, timeout: float = 30.0) -> bool:
        """Begin no more deliveries and wait for those that have begun.

        Returns
        -------
        bool
            ``False``: some did not end within *timeout* seconds. They end with the process, and another
            worker delivers again when their leases lapse.
        """
        self._bell.stop()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended:
            for exporter in self._exporters:
                exporter.close()
        return ended

    def _spawn(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # ---------------------------------------------------------------- one thread of an exporter

    def _work(self, exporter: Exporter) -> None:
        terms, failures = exporter.terms, 0
        while not self._bell.is_stopped:
            heard = self._bell.count
            try:
                taken = self._leases.take(terms.name, 1, terms.backoff)
            except Exception as error:  # whatever it is, it must not end the thread
                self._trouble(error)
                self._bell.wait_for_stop(self._pace.outage)
                continue
            self._is_troubled = False
            for delivery in taken:
                status = self._carry_out(exporter, delivery)
                failures = failures + 1 if status is DeliveryStatus.WAITING else 0
            if not taken:
                self._bell.wait(heard, self._pace.poll * self._rng.uniform(0.8, 1.2))
            elif failures >= FAILURES_IN_A_ROW:
                rest = min(self._pace.rest, 2.0 ** min(failures - FAILURES_IN_A_ROW, MAX_DOUBLINGS))
                self._bell.wait_for_stop(rest * self._rng.random())

    def _carry_out(self, exporter: Exporter, delivery: Delivery) -> DeliveryStatus | None:
        held = _Held(delivery, time.monotonic() + exporter.terms.patience)
        with self._lock:
            self._held.append(held)
        try:
            status = self._report(self._attempt(exporter, delivery))
        finally:
            with self._lock:
                self._held.remove(held)
        self._count(self.tallies[delivery.exporter], status)
        return status

    def _attempt(self, exporter: Exporter, delivery: Delivery) -> Callable[[], DeliveryStatus | None]:
        """Deliver; returns what tells the outbox how it went."""

        def fail(text: str, retry_after: float = 0.0) -> Callable[[], DeliveryStatus | None]:
            backoff = exporter.terms.backoff
            return lambda: self._leases.fail(delivery, text, backoff, self._rng, retry_after)

        try:
            exporter.deliver(delivery, self._source)
        except Retryable as error:
            return fail(str(error), error.retry_after)
        except DatabaseUnavailable as error:
            return fail(str(error))
        except (Permanent, NotFound, DamagedExam) as error:
            text = str(error)
            return lambda: self._leases.bury(delivery, text)
        except Exception as error:  # of an exporter that anybody may have written
            text = f"unexpected {type(error).__name__} at {place_of(error)}"
            log.error("delivery %d to %s: %s", delivery.delivery_id, delivery.exporter, text)
            return fail(text)
        if not exporter.terms.is_journalled:
            return lambda: self._leases.done(delivery)
        entry = audit.entry(
            self._ids,
            None,
            "",
            Action.EXPORT,
            exam_id=delivery.exam_id,
            subject_id=delivery.delivery_id,
            detail=delivery.exporter,
        )
        return lambda: self._leases.done(delivery, entry)

    def _report(self, report: Callable[[], DeliveryStatus | None]) -> DeliveryStatus | None:
        """Tell the outbox, however long the database is away: what it does not know is done again."""
        while True:
            try:
                return report()
            except Exception as error:  # as above
                self._trouble(error)
                if self._bell.wait_for_stop(self._pace.outage):
                    return None

    def _count(self, tally: Tally, status: DeliveryStatus | None) -> None:
        with self._lock:
            match status:
                case DeliveryStatus.DONE:
                    tally.delivered += 1
                case DeliveryStatus.WAITING:
                    tally.failed += 1
                case DeliveryStatus.DEAD:
                    tally.died += 1
                case _:
                    tally.lapsed += 1

    def _trouble(self, error: Exception) -> None:
        """Log that the outbox cannot be worked on: an outage once, the rest every time."""
        if not isinstance(error, DatabaseUnavailable):
            log.error("the outbox cannot be read: %s at %s", type(error).__name__, place_of(error))
        elif not self._is_troubled:
            log.warning("deliveries wait for the database: %s", error.note)
        self._is_troubled = True

    # ---------------------------------------------------------------- leases

    def _keep_leases(self) -> None:
        while not self._bell.wait_for_stop(self._pace.lease.total_seconds() / RENEWALS):
            with self._lock:
                held = [one for one in self._held if not one.is_given_up]
            for one in held:
                one.is_given_up = time.monotonic() >= one.patient_until
                if one.is_given_up:
                    delivery = one.delivery
                    log.error("delivery %d to %s does not end", delivery.delivery_id, delivery.exporter)
            ids = [one.delivery.delivery_id for one in held if not one.is_given_up]
            try:
                if ids:
                    self._leases.renew(ids)
            except Exception as error:  # as above
                self._trouble(error)


@dataclass(slots=True, eq=False)
class _Held:
    """A delivery on its way."""

    delivery: Delivery
    patient_until: float  # monotonic
    is_given_up: bool = False


class _Bell:
    """Wakes threads that wait for work, and tells them when to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.is_stopped = False
        self._changed = threading.Condition()

    def ring(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()

    def wait(self, heard: int, timeout: float) -> None:
        """Until it has rung since *heard*, stopped, or *timeout* is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_stopped or self.count != heard, timeout)

    def wait_for_stop(self, timeout: float) -> bool:
        """Whether it is stopped within *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_stopped, timeout)
