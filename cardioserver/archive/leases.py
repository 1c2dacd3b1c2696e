"""Leases: how workers take deliveries from the outbox and tell what became of them."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select, update

from cardioserver.archive import audit
from cardioserver.archive.audit import AuditEntry
from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import UNFINISHED, Delivery, DeliveryStatus, from_row, shortened
from cardioserver.archive.schema import delivery

SPARE = 32
"""Candidates beyond those wanted: other workers look at the same moment and take the first."""

MAX_DOUBLINGS = 30  # beyond any cap; a timedelta ends at 2**46 seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt.

    The wait is random between zero and a ceiling that doubles with every attempt ("full jitter" of the AWS
    Architecture Blog, "Exponential Backoff And Jitter", 2015): a system that comes back is not met by
    everything at once.

    The defaults make up on average 85 hours, longer than a weekend without a person at either end.
    """

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(hours=1)
    max_attempts: int = 180

    def wait(self, attempts: int, rng: random.Random) -> timedelta:
        """Time from the failure of attempt number *attempts* (from 1) to the next one."""
        doublings = min(attempts - 1, MAX_DOUBLINGS)
        return min(self.cap, self.base * 2.0**doublings) * rng.random()


@dataclass(frozen=True, slots=True)
class Leases:
    """Takes and gives back deliveries for one worker; thread-safe.

    Parameters
    ----------
    owner
        A name that no other worker, and no earlier run of this one, has.
    duration
        How long a lease lasts without being renewed.
    clock
        The database's, on which all workers agree.
    """

    database: Database
    owner: str
    duration: timedelta = timedelta(seconds=60)
    clock: Clock = database_time

    def take(self, exporter: str, limit: int, backoff: Backoff) -> tuple[Delivery, ...]:
        """Lease up to *limit* deliveries that are due, the longest due first.

        A delivery whose lease lapsed on its last attempt dies here: whatever it does to its workers, it
        has done it often enough.

        Raises
        ------
        DatabaseUnavailable
        """
        with self.database.read() as connection:
            # Once a delivery has no unfinished one before it, it never has one again: ids of one exam's
            # deliveries ascend with their commits. So this needs no lock.
            candidates = _due(connection, exporter, limit + SPARE, self.clock(connection))
        if not candidates:
            return ()
        return self.database.transact(lambda connection: self._lease(connection, candidates, limit, backoff))

    def _lease(
        self, connection: Connection, candidates: Collection[int], limit: int, backoff: Backoff
    ) -> tuple[Delivery, ...]:
        now = self.clock(connection)
        query = (
            select(delivery)
            .where(delivery.c.delivery_id.in_(candidates), delivery.c.next_attempt_at <= now)
            .where(delivery.c.status.in_((int(DeliveryStatus.WAITING), int(DeliveryStatus.LEASED))))
            .order_by(delivery.c.delivery_id)  # the key's own order: a sort would lock all of them
            .limit(limit)
            .with_for_update(skip_locked=True)  # nothing on SQLite, where the transaction is the lock
        )
        rows = connection.execute(query).all()
        spent = [row.delivery_id for row in rows if row.attempts >= backoff.max_attempts]
        mine = [row for row in rows if row.attempts < backoff.max_attempts]
        _end(connection, spent, DeliveryStatus.DEAD, now, "the last attempt ended without an answer")
        until = now + self.duration
        connection.execute(
            update(delivery)
            .where(delivery.c.delivery_id.in_(row.delivery_id for row in mine))
            .values(
                status=int(DeliveryStatus.LEASED),
                lease_owner=self.owner,
                lease_until=until,
                next_attempt_at=until,
                attempts=delivery.c.attempts + 1,
            )
        )
        return tuple(from_row(row, row.attempts + 1) for row in mine)

    def renew(self, delivery_ids: Collection[int]) -> frozenset[int]:
        """Begin the leases anew; returns those that are still this worker's.

        Raises
        ------
        DatabaseUnavailable
            The leases run on; there may be time to try again.
        """
        return self.database.transact(lambda connection: self._renew(connection, delivery_ids))

    def _renew(self, connection: Connection, delivery_ids: Collection[int]) -> frozenset[int]:
        until = self.clock(connection) + self.duration
        mine = and_(delivery.c.delivery_id.in_(delivery_ids), *self._is_mine())
        connection.execute(update(delivery).where(mine).values(lease_until=until, next_attempt_at=until))
        return frozenset(connection.scalars(select(delivery.c.delivery_id).where(mine)))

    def done(self, delivered: Delivery, entry: AuditEntry | None = None) -> DeliveryStatus | None:
        """The document has arrived. ``None``: the lease had lapsed and another worker has it now.

        Parameters
        ----------
        entry
            For the audit journal, written in any case: the data have left.
        """

        def finish(connection: Connection) -> DeliveryStatus | None:
            audit.record(connection, [] if entry is None else [entry])
            if not self._lock(connection, delivered):
                return None
            _end(connection, (delivered.delivery_id,), DeliveryStatus.DONE, self.clock(connection), "")
            return DeliveryStatus.DONE

        return self.database.transact(finish)

    def fail(
        self, failed: Delivery, error: str, backoff: Backoff, rng: random.Random, retry_after: float = 0.0
    ) -> DeliveryStatus | None:
        """The attempt failed: wait for the next one, or die after the last.

        Parameters
        ----------
        error
            What went wrong, without personal data.
        retry_after
            Seconds that the other side asked to wait at least.

        Returns
        -------
        DeliveryStatus or None
            WAITING or DEAD; ``None``: the lease had lapsed and another worker has it now.
        """
        if failed.attempts >= backoff.max_attempts:
            return self.bury(failed, error)
        wait = max(backoff.wait(failed.attempts, rng), timedelta(seconds=retry_after))

        def postpone(connection: Connection) -> DeliveryStatus | None:
            if not self._lock(connection, failed):
                return None
            connection.execute(
                update(delivery)
                .where(delivery.c.delivery_id == failed.delivery_id)
                .values(
                    status=int(DeliveryStatus.WAITING),
                    next_attempt_at=self.clock(connection) + wait,
                    lease_owner="",
                    lease_until=None,
                    last_error=shortened(error),
                )
            )
            return DeliveryStatus.WAITING

        return self.database.transact(postpone)

    def bury(self, failed: Delivery, error: str) -> DeliveryStatus | None:
        """The attempt failed for good: a person has to retry or drop it. ``None`` as in :meth:`fail`."""

        def finish(connection: Connection) -> DeliveryStatus | None:
            if not self._lock(connection, failed):
                return None
            _end(connection, (failed.delivery_id,), DeliveryStatus.DEAD, self.clock(connection), error)
            return DeliveryStatus.DEAD

        return self.database.transact(finish)

    def give_back(self, untouched: Collection[Delivery]) -> None:
        """End leases whose delivery was not begun; they do not count as attempts."""
        ids = [one.delivery_id for one in untouched]
        self.database.transact(
            lambda connection: connection.execute(
                update(delivery)
                .where(delivery.c.delivery_id.in_(ids), *self._is_mine())
                .values(
                    status=int(DeliveryStatus.WAITING),
                    attempts=delivery.c.attempts - 1,
                    next_attempt_at=self.clock(connection),
                    lease_owner="",
                    lease_until=None,
                )
            )
        )

    def _lock(self, connection: Connection, held: Delivery) -> bool:
        """Whether a delivery is still this worker's, from now on to the end of the transaction."""
        query = select(delivery.c.delivery_id).where(
            delivery.c.delivery_id == held.delivery_id, delivery.c.attempts == held.attempts, *self._is_mine()
        )
        return connection.scalar(query.with_for_update()) is not None

    def _is_mine(self) -> tuple[ColumnElement[bool], ...]:
        return delivery.c.status == int(DeliveryStatus.LEASED), delivery.c.lease_owner == self.owner


def _due(connection: Connection, exporter: str, limit: int, now: datetime) -> list[int]:
    """Deliveries to lease: lapsed ones first, then those longest due."""
    found: list[int] = []
    for status in (DeliveryStatus.LEASED, DeliveryStatus.WAITING):
        # One status at a time: so the index gives the order, and the search ends with the limit.
        query = (
            select(delivery.c.delivery_id)
            .where(delivery.c.exporter == exporter, delivery.c.status == int(status))
            .where(delivery.c.next_attempt_at <= now, not_(_IS_HELD_BACK))
            .order_by(delivery.c.next_attempt_at, delivery.c.delivery_id)
            .limit(limit - len(found))
        )
        found += connection.scalars(query)
    return found


def _held_back() -> ColumnElement[bool]:
    """Whether an earlier delivery of the same exam to the same exporter is not finished."""
    earlier = delivery.alias("earlier")
    same_order = and_(earlier.c.kind == delivery.c.kind, earlier.c.subject_id == delivery.c.subject_id)
    return exists().where(
        earlier.c.exam_id == delivery.c.exam_id,
        earlier.c.exporter == delivery.c.exporter,
        earlier.c.status.in_(int(status) for status in UNFINISHED),
        earlier.c.delivery_id < delivery.c.delivery_id,
        or_(delivery.c.exam_id != 0, same_order),  # orders without an exam have nothing else in common
    )


def _end(
    connection: Connection, ids: Collection[int], status: DeliveryStatus, now: datetime, error: str
) -> None:
    if not ids:
        return
    connection.execute(
        update(delivery)
        .where(delivery.c.delivery_id.in_(ids))
        .values(
            status=int(status),
            finished_at=now,
            lease_owner="",
            lease_until=None,
            last_error=shortened(error),
        )
    )


_IS_HELD_BACK = _held_back()
