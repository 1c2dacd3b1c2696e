"""Slowing down whoever guesses passwords, without letting them lock out whoever knows one.

Failed logins are counted three times: for the login at the address, for the address, and for the login at
all addresses. Each count makes the next attempt wait, twice as long for every failure beyond a free number,
up to a cap; counts shrink with time. A login that has succeeded from an address before is an acquaintance
there: what others do, at that address or to that login, does not slow it down, and its own mistakes little
(the idea of OWASP's "Slow Down Online Guessing Attacks with Device Cookies", with the address for a cookie,
since recorders keep none). So an attacker elsewhere cannot keep a recorder out, however long they go on.

Attempts that come too early are refused before the password is looked at, and are not counted.
NIST SP 800-63B, section 5.2.2, asks for at most 100 consecutive failures or growing waits.

The counts are rows of the database, which all servers share; while it is down each server counts in memory.
Logins are kept as digests: people type passwords into the wrong field.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, or_, select, update

from cardioserver.archive.schema import login_attempt

IPV6_SITE = 64  # bits; one subscriber has at least a /64 (RFC 6177)
ACQUAINTANCE = timedelta(days=90)
"""How long an address stays known after the last success from it."""

REFRESH = timedelta(days=1)
"""Least age of a success before another one is written: recorders log in often."""

FORGET_STRANGERS = timedelta(days=2)
"""Age of counts without a success that nothing remains of."""

MEMORY_ENTRIES = 100_000
MAX_DOUBLINGS = 30  # beyond any cap; a timedelta ends at 2**46 seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """How failures make the next attempt wait."""

    free: int  # failures without a wait
    cap: timedelta
    leak: timedelta  # the count shrinks by one in this time
    first: timedelta = timedelta(seconds=1)

    def remaining(self, attempts: Attempts, now: datetime) -> float:
        """Failures that still count."""
        if attempts.failed_at is None:
            return 0.0
        return max(0.0, attempts.failures - max(timedelta(), now - attempts.failed_at) / self.leak)

    def wait(self, attempts: Attempts, now: datetime) -> timedelta:
        """Time from now to the next attempt."""
        excess = attempts.failures - self.free
        if excess <= 0 or attempts.failed_at is None:
            return timedelta()
        pause = min(self.cap, self.first * 2.0 ** min(excess - 1, MAX_DOUBLINGS))
        return max(timedelta(), min(attempts.failed_at + pause - now, pause))


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failures as they stood at the last one, and the last success."""

    failures: int = 0
    failed_at: datetime | None = None
    succeeded_at: datetime | None = None


STRANGER = Limit(free=5, cap=timedelta(minutes=15), leak=timedelta(hours=1))
"""A login at an address from which it has never succeeded."""

KNOWN = Limit(free=10, cap=timedelta(minutes=1), leak=timedelta(minutes=10))
"""A login at an address from which it has succeeded: a recorder with an old password, a forgetful doctor."""

ADDRESS = Limit(free=50, cap=timedelta(minutes=5), leak=timedelta(minutes=1))
"""An address, which may be that of a whole hospital."""

ANYWHERE = Limit(free=100, cap=timedelta(minutes=1), leak=timedelta(minutes=10))
"""A login at all addresses: many machines guessing at one account."""

Key = tuple[str, str]  # digest of the login or "", address or ""
Counts = dict[Key, Attempts]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries to log in, and from where."""

    login_digest: str
    address: str

    @classmethod
    def of(cls, login: str, address: str) -> Attempt:
        """The attempt of a folded login from a peer's address."""
        return cls(hashlib.sha256(login.encode()).hexdigest()[:32], site_of(address))

    @property
    def pair(self) -> Key:
        """Key of the count of this login at this address."""
        return self.login_digest, self.address

    @property
    def keys(self) -> tuple[Key, Key, Key]:
        """Keys of the three counts."""
        return self.pair, ("", self.address), (self.login_digest, "")

    def wait(self, counts: Counts, now: datetime) -> timedelta:
        """How long it has to wait; zero: it may try now."""
        here, at_address, anywhere = (counts.get(key, Attempts()) for key in self.keys)
        if _is_known(here, now):
            return KNOWN.wait(here, now)
        return max(STRANGER.wait(here, now), ADDRESS.wait(at_address, now), ANYWHERE.wait(anywhere, now))

    def after_failure(self, counts: Counts, now: datetime) -> Counts:
        """The counts with one failure more."""
        here = counts.get(self.pair, Attempts())
        limits = (KNOWN if _is_known(here, now) else STRANGER, ADDRESS, ANYWHERE)
        changed: Counts = {}
        for key, limit in zip(self.keys, limits, strict=True):
            old = counts.get(key, Attempts())
            failures = math.ceil(limit.remaining(old, now)) + 1
            changed[key] = replace(old, failures=failures, failed_at=now)
        return changed

    def after_success(self, counts: Counts, now: datetime) -> Counts:
        """The counts that change with a success: only that of the login here, and it not every time."""
        here = counts.get(self.pair, Attempts())
        if here.failures == 0 and here.succeeded_at is not None and now - here.succeeded_at < REFRESH:
            return {}
        return {self.pair: Attempts(succeeded_at=now)}


def site_of(address: str) -> str:
    """What of a peer's address identifies its owner: all of IPv4, the first 64 bits of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:45]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_SITE), strict=False))
    return str(parsed)


def _is_known(attempts: Attempts, now: datetime) -> bool:
    return attempts.succeeded_at is not None and now - attempts.succeeded_at < ACQUAINTANCE


# ---------------------------------------------------------------- in the database


def load(connection: Connection, attempt: Attempt) -> Counts:
    """The counts of an attempt."""
    return _read(connection, _select(attempt))


def lock(connection: Connection, attempt: Attempt, now: datetime) -> Counts:
    """The counts of an attempt, which nobody else changes until the transaction ends."""
    blank = {"failures": 0, "failed_at": None, "succeeded_at": None, "seen_at": now}
    rows = [{"login_digest": login, "address": address} | blank for login, address in attempt.keys]
    missing = insert(login_attempt).prefix_with("OR IGNORE", dialect="sqlite")
    connection.execute(missing.prefix_with("IGNORE", dialect="mysql"), rows)
    return _read(connection, _select(attempt).with_for_update())


def _select(attempt: Attempt) -> Select[Any]:
    return select(login_attempt).where(or_(*(_is(key) for key in attempt.keys)))


def _is(key: Key) -> ColumnElement[bool]:
    login_digest, address = key
    return and_(login_attempt.c.login_digest == login_digest, login_attempt.c.address == address)


def _read(connection: Connection, query: Select[Any]) -> Counts:
    return {
        (row.login_digest, row.address): Attempts(row.failures, row.failed_at, row.succeeded_at)
        for row in connection.execute(query)
    }


def save(connection: Connection, counts: Counts, now: datetime) -> None:
    """Write counts that :func:`lock` returned."""
    for key, attempts in counts.items():
        connection.execute(
            update(login_attempt)
            .where(_is(key))
            .values(
                failures=attempts.failures,
                failed_at=attempts.failed_at,
                succeeded_at=attempts.succeeded_at,
                seen_at=now,
            )
        )


def unlock(connection: Connection, login: str) -> int:
    """Forget the failures of a folded login, at every address; returns how many counts."""
    digest = Attempt.of(login, "").login_digest
    counted = and_(login_attempt.c.login_digest == digest, login_attempt.c.failures > 0)
    return connection.execute(update(login_attempt).where(counted).values(failures=0)).rowcount


def forget_attempts(connection: Connection, now: datetime) -> int:
    """Delete counts that mean nothing any more; returns how many."""
    seen = login_attempt.c.seen_at
    stranger = and_(login_attempt.c.succeeded_at.is_(None), seen < now - FORGET_STRANGERS)
    return connection.execute(delete(login_attempt).where(or_(stranger, seen < now - ACQUAINTANCE))).rowcount


# ---------------------------------------------------------------- while the database is down


class MemoryCounts:
    """The counts of this server alone; the least recently used are dropped beyond :data:`MEMORY_ENTRIES`."""

    def __init__(self, capacity: int = MEMORY_ENTRIES) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[Key, Attempts] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, attempt: Attempt) -> Counts:
        """As :func:`load`."""
        with self._lock:
            return {key: self._counts[key] for key in attempt.keys if key in self._counts}

    def save(self, counts: Counts) -> None:
        """As :func:`save`."""
        with self._lock:
            for key, attempts in counts.items():
                self._counts[key] = attempts
                self._counts.move_to_end(key)
            while len(self._counts) > self._capacity:
                self._counts.popitem(last=False)
