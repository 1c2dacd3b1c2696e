"""Logging in: from a login and a password to an actor, and whether it still is one."""

from __future__ import annotations

import math
import threading
import time
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, not_, or_, select, update

from cardioserver.archive import audit, throttle
from cardioserver.archive.access import Actor
from cardioserver.archive.audit import Action
from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import DatabaseUnavailable, LoginFailed, LoginThrottled
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.archive.passwords import Passwords, check_strength
from cardioserver.archive.schema import account, hcf
from cardioserver.archive.throttle import Attempt, Counts, MemoryCounts
from cardioserver.protocol.messages import Account, ChangePassword, LoggedIn, Role

VALIDITY = 5.0
"""Seconds until a disabled account or a new password is noticed by sessions of another process."""

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def fold_login(login: str) -> str:
    """A login as it is stored and compared: without spaces around, in no particular letter case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).strip().casefold())


@dataclass(frozen=True, slots=True)
class _Found:
    """What the archive knows of a login."""

    account: Account
    password_hash: str = field(repr=False)
    hcf_name: str
    default_archive_id: int
    changed_at: datetime | None  # when the password was set; None: known from the directory's copy


class Authenticator:
    """Logs accounts in; thread-safe.

    Parameters
    ----------
    directory
        Knows the recorders while the database is down.
    journal
        Keeps the audit entries of that time.
    passwords
        Shared by all that compute hashes in this process, so that the bound holds for the process.
    """

    def __init__(
        self,
        database: Database,
        directory: DirectorySnapshot,
        ids: IdGenerator,
        journal: Journal,
        *,
        passwords: Passwords | None = None,
        clock: Clock = database_time,
    ) -> None:
        self._database = database
        self._directory = directory
        self._ids = ids
        self._journal = journal
        self._passwords = passwords or Passwords()
        self._clock = clock
        self._memory = MemoryCounts()
        self._revoked = _Revoked(database)

    def login(self, login: str, password: str, address: str) -> tuple[LoggedIn, Actor]:
        """Open a session.

        Waits for its turn to compute and computes for some 40 ms: call it from threads that do nothing
        else. While the database is down, recorders log in by the directory's copy.

        Raises
        ------
        LoginFailed
            Unknown login, wrong password or disabled account: nobody is told which.
        LoginThrottled
            Too many failures before; see ``retry_after``.
        DatabaseUnavailable
            The database is down, and this is not a recorder.
        """
        folded = fold_login(login)
        attempt = Attempt.of(folded, address)
        with self._passwords.slot():
            try:
                return self._login(folded, password, address, attempt)
            except DatabaseUnavailable as outage:
                return self._login_by_copy(folded, password, address, attempt, outage)

    def _login(self, folded: str, password: str, address: str, attempt: Attempt) -> tuple[LoggedIn, Actor]:
        with self._database.read() as connection:
            now = self._clock(connection)
            counts = throttle.load(connection, attempt)
            found = _find(connection, folded)
        _refuse_early(attempt, counts, now)
        if not self._is_good(found, password):
            self._fail(found, address, attempt)
            raise LoginFailed
        assert found is not None  # noqa: S101  nothing else is good
        return self._succeed(found, password, address, attempt, counts)

    def _is_good(self, found: _Found | None, password: str) -> bool:
        matches = self._passwords.matches(found.password_hash if found else "", password)
        return matches and found is not None and not found.account.disabled

    def _fail(self, found: _Found | None, address: str, attempt: Attempt) -> None:
        entry = self._entry(found.account if found else None, address, LoginFailed.code.name.lower())

        def write(connection: Connection) -> Counts:
            now = self._clock(connection)
            counts = attempt.after_failure(throttle.lock(connection, attempt, now), now)
            throttle.save(connection, counts, now)
            audit.record(connection, [entry])
            return counts

        self._memory.save(self._database.transact(write))

    def _succeed(
        self, found: _Found, password: str, address: str, attempt: Attempt, counts: Counts
    ) -> tuple[LoggedIn, Actor]:
        entry = self._entry(found.account, address, audit.OK)
        outdated = self._passwords.is_outdated(found.password_hash)
        fresh_hash = self._passwords.hash(password) if outdated else ""

        def write(connection: Connection) -> datetime:
            _require_unchanged(connection, found)
            now = self._clock(connection)
            if attempt.after_success(counts, now):
                throttle.lock(connection, attempt, now)
                throttle.save(connection, attempt.after_success(counts, now), now)
            if fresh_hash:
                _set_hash(connection, found, password_hash=fresh_hash)
            audit.record(connection, [entry])
            return now

        now = self._database.transact(write)
        self._memory.save(counts | attempt.after_success(counts, now))
        return _session(found, now)

    def _login_by_copy(
        self, folded: str, password: str, address: str, attempt: Attempt, outage: DatabaseUnavailable
    ) -> tuple[LoggedIn, Actor]:
        now = datetime.now(UTC)
        counts = self._memory.load(attempt)
        _refuse_early(attempt, counts, now)
        found = self._copy(folded)
        good = self._is_good(found, password)
        self._memory.save(attempt.after_success(counts, now) if good else attempt.after_failure(counts, now))
        if found is None:
            raise outage
        self._journal.keep(
            self._entry(found.account, address, audit.OK if good else LoginFailed.code.name.lower())
        )
        if not good:
            raise LoginFailed
        return _session(found, now)

    def _copy(self, folded: str) -> _Found | None:
        known = self._directory.recorder(folded)
        if known is None or known.account.role is not Role.RECORDER:
            return None
        facility = self._directory.hcf(known.account.hcf_id)
        archive = self._directory.default_archive(known.account.hcf_id)
        return _Found(
            known.account,
            known.password_hash,
            facility.name if facility else "",
            archive.archive_id if archive else 0,
            None,
        )

    def _entry(self, who: Account | None, address: str, outcome: str) -> audit.AuditEntry:
        actor = Actor(who.account_id, who.login, who.role, who.hcf_id) if who else None
        return audit.entry(self._ids, actor, address, Action.LOGIN, outcome)

    def change_password(self, actor: Actor, request: ChangePassword, address: str) -> None:
        """Change one's own password. Other sessions of the account end, this one goes on.

        Raises
        ------
        LoginFailed
            The old password is wrong.
        LoginThrottled
            It has been wrong too often; failures count as failed logins.
        WeakPassword
            The new password is too easy to guess, or is the old one.
        DatabaseUnavailable
        """
        attempt = Attempt.of(actor.login, address)
        with self._passwords.slot():
            with self._database.read() as connection:
                now = self._clock(connection)
                counts = throttle.load(connection, attempt)
                found = _find(connection, actor.login)
            _refuse_early(attempt, counts, now)
            if not self._is_good(found, request.old_password):
                self._fail(found, address, attempt)
                raise LoginFailed
            assert found is not None  # noqa: S101  nothing else is good
            check_strength(request.new_password, actor.login, old=request.old_password)
            new_hash = self._passwords.hash(request.new_password)
        entry = audit.entry(self._ids, actor, address, Action.CHANGE_PASSWORD, subject_id=actor.account_id)

        def write(connection: Connection) -> datetime:
            _require_unchanged(connection, found)
            changed_at = self._clock(connection)
            _set_hash(connection, found, password_hash=new_hash, password_changed_at=changed_at)
            audit.record(connection, [entry])
            return changed_at

        self._revoked.spare(actor, self._database.transact(write))

    def still_valid(self, actor: Actor) -> bool:
        """Whether a session may go on: its account is not disabled, its password not replaced since.

        Looks only at memory, and has that renewed in the background every :data:`VALIDITY` seconds: so it
        may be asked for every request. While the database is down, the last answer holds.
        """
        return self._revoked.spares(actor)


class _Revoked:
    """Whose sessions have ended, as of a few seconds ago."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._since = datetime.now(UTC) - timedelta(days=1)  # all sessions are younger, by whichever clock
        self._ends: dict[int, datetime] = {}  # account → sessions from before this moment have ended
        self._spared: dict[tuple[int, datetime], datetime] = {}
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def spare(self, actor: Actor, changed_at: datetime) -> None:
        """Let the session go on that changed its own password."""
        self._spared[actor.account_id, actor.logged_in_at] = changed_at

    def spares(self, actor: Actor) -> bool:
        """Whether a session goes on."""
        if time.monotonic() >= self._next:
            self._renew_in_background()
        end = self._ends.get(actor.account_id)
        if end is None or actor.logged_in_at >= end:
            return True
        return self._spared.get((actor.account_id, actor.logged_in_at)) == end

    def _renew_in_background(self) -> None:
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + VALIDITY
        threading.Thread(target=self._renew, name="account-validity", daemon=True).start()

    def _renew(self) -> None:
        query = select(account.c.account_id, account.c.disabled, account.c.password_changed_at)
        query = query.where(or_(account.c.disabled, account.c.password_changed_at > self._since))
        try:
            with self._database.read() as connection:
                rows = connection.execute(query).all()
        except DatabaseUnavailable:
            return
        self._ends = {row.account_id: _FOR_EVER if row.disabled else row.password_changed_at for row in rows}


def _refuse_early(attempt: Attempt, counts: Counts, now: datetime) -> None:
    wait = attempt.wait(counts, now)
    if wait:
        raise LoginThrottled(retry_after=math.ceil(wait.total_seconds()))


def _find(connection: Connection, folded: str) -> _Found | None:
    query = select(account, hcf.c.name.label("hcf_name"), hcf.c.default_archive_id)
    query = query.join(hcf, hcf.c.hcf_id == account.c.hcf_id).where(account.c.login == folded)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    who = Account(row.account_id, row.login, Role(row.role), row.hcf_id, row.name, row.disabled)
    return _Found(who, row.password_hash, row.hcf_name, row.default_archive_id or 0, row.password_changed_at)


def _require_unchanged(connection: Connection, found: _Found) -> None:
    """Check that the account is still as the password was compared with, and see that it stays so until the
    transaction ends: whoever changes it afterwards does so later by the clock, and ends this session.
    """
    who = account.c.account_id == found.account.account_id
    as_found = and_(who, account.c.password_changed_at == found.changed_at, not_(account.c.disabled))
    if connection.scalar(select(account.c.account_id).where(as_found).with_for_update()) is None:
        raise LoginFailed


def _set_hash(connection: Connection, found: _Found, **values: object) -> None:
    who = account.c.account_id == found.account.account_id
    connection.execute(update(account).where(who).values(values))


def _session(found: _Found, now: datetime) -> tuple[LoggedIn, Actor]:
    who = found.account
    actor = Actor(who.account_id, who.login, who.role, who.hcf_id, now)
    return LoggedIn(who, found.hcf_name, found.default_archive_id), actor
