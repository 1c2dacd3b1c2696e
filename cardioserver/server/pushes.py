"""Events pushed to those who subscribed.

The database is the only source: this server's own events and those of the others that share it come
the same way, in the same order. What happens here only wakes the reader early. A subscriber that does
not read, or asks for what it missed, has its own place in the sequence and catches up from the
database; nothing queues in memory for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from cardioserver.archive.access import Actor, hears
from cardioserver.archive.database import Database
from cardioserver.archive.events import Announcement, announcements_after, events_after, newest_event_id
from cardioserver.protocol.messages import ErrorCode, Event, EventKind
from cardioserver.protocol.texts import error_message
from cardioserver.server.logs import Log
from cardioserver.server.pools import Pool, PoolBusy
from cardioserver.server.session import Session

log = Log(__name__)

POLL_SECONDS = 2.0
"""How soon an event of another server is noticed."""

PAUSE_SECONDS = 0.05
"""Least time between two reads: a burst of exams is pushed together."""

BATCH = 500
"""Events read at once."""


class Subscriber:
    """A session that subscribed."""

    __slots__ = ("actor", "behind", "kinds", "seen", "session")

    def __init__(self, session: Session, actor: Actor, kinds: EventKind, seen: int) -> None:
        self.session = session
        self.actor = actor
        self.kinds = kinds
        self.seen = seen  # id of the last event it got or may not hear of
        self.behind = True  # it has to catch up by itself

    def push(self, event: Event) -> bool:
        """Send it an event; ``False``: it does not read, and has to catch up once it does."""
        if not self.session.writable:
            self.behind = True
            return False
        self.session.push(event)
        self.seen = event.event_id
        return True


class Pushes:
    """Reads new events while there are subscribers and passes them on. Event loop only.

    Parameters
    ----------
    is_valid
        Whether a session may go on; one that may not gets nothing more and is ended.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        database: Database,
        pool: Pool,
        is_valid: Callable[[Actor], bool],
    ) -> None:
        self._loop = loop
        self._is_valid = is_valid
        self._database = database
        self._pool = pool
        self._subscribers: dict[Session, Subscriber] = {}
        self._seen = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._reading = False
        self._woken = False

    @property
    def count(self) -> int:
        """Subscribers."""
        return len(self._subscribers)

    def subscribe(
        self,
        session: Session,
        actor: Actor,
        kinds: EventKind,
        after_id: int,
        done: Callable[[int, BaseException | None], None],
    ) -> None:
        """Begin to push; *done* gets the id after which pushes come, or why they cannot.

        Raises
        ------
        PoolBusy
            The database has too much to do.
        """

        def found(future: Future[int]) -> None:
            error = future.exception()
            if error is not None:
                done(0, error)
                return
            after = after_id or future.result()
            done(after, None)
            if session.actor == actor and not session.closing:
                self._subscribers[session] = Subscriber(session, actor, kinds, after)
                self.wake()

        self._pool.call(found, self._newest)

    def unsubscribe(self, session: Session) -> None:
        """Push no more."""
        self._subscribers.pop(session, None)

    def wake(self) -> None:
        """Something has happened: look soon."""
        if not self._subscribers:
            return
        if self._reading:
            self._woken = True
        else:
            self._schedule(PAUSE_SECONDS)

    def stop(self) -> None:
        """Read no more."""
        self._subscribers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---------------------------------------------------------------- reading

    def _schedule(self, delay: float) -> None:
        due = self._loop.time() + delay
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(delay, self._read)

    def _read(self) -> None:
        self._timer = None
        if not self._subscribers:
            return
        for session, subscriber in tuple(self._subscribers.items()):
            if not self._is_valid(subscriber.actor):
                del self._subscribers[session]
                session.cut(error_message(ErrorCode.SESSION_ENDED))
        live = any(not s.behind for s in self._subscribers.values())
        behind = [s for s in self._subscribers.values() if s.behind and s.session.writable]
        self._reading, self._woken = True, False
        try:
            self._pool.call(self._arrived, self._fetch, self._seen if live else None, behind)
        except PoolBusy:
            self._reading = False
            self._schedule(POLL_SECONDS)

    def _newest(self) -> int:
        with self._database.read() as connection:
            return newest_event_id(connection)

    def _fetch(self, seen: int | None, behind: list[Subscriber]) -> _News:
        """Runs in a thread."""
        with self._database.read() as connection:
            # First of all: what is committed after this is read again next time.
            newest = newest_event_id(connection)
            announcements = () if seen is None else announcements_after(connection, seen, BATCH)
            missed = [(s, events_after(connection, s.actor, s.kinds, s.seen, BATCH)) for s in behind]
        return _News(newest, announcements, missed)

    def _arrived(self, future: Future[_News]) -> None:
        self._reading = False
        error = future.exception()
        if error is not None:
            log.warning("events cannot be read", error=type(error).__name__)
            self._schedule(POLL_SECONDS)
            return
        news = future.result()
        more = len(news.announcements) == BATCH
        self._seen = news.announcements[-1].event.event_id if more else news.newest
        for announcement in news.announcements:
            self._announce(announcement)
        for subscriber, events in news.missed:
            more |= self._catch_up(subscriber, events, news.newest)
        self._schedule(PAUSE_SECONDS if more or self._woken else POLL_SECONDS)

    def _announce(self, announcement: Announcement) -> None:
        event = announcement.event
        for subscriber in self._subscribers.values():
            if subscriber.behind or event.event_id <= subscriber.seen:
                continue
            if not event.kind & subscriber.kinds or not hears(subscriber.actor, announcement.audience):
                subscriber.seen = event.event_id
            else:
                subscriber.push(event)

    def _catch_up(self, subscriber: Subscriber, events: Sequence[Event], newest: int) -> bool:
        """Push what was missed; whether there is more to fetch."""
        for event in events:
            if not subscriber.push(event):
                return False  # until it reads again
        if len(events) == BATCH:
            return True
        subscriber.seen = max(subscriber.seen, newest)
        subscriber.behind = False
        return False


@dataclass(frozen=True, slots=True)
class _News:
    newest: int
    announcements: tuple[Announcement, ...]
    missed: list[tuple[Subscriber, tuple[Event, ...]]]
