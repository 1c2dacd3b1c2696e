"""Who answers which request, and in which threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import cardioserver
from cardioserver.archive.access import Actor, require
from cardioserver.archive.accounts import Authenticator
from cardioserver.archive.errors import AccessDenied
from cardioserver.archive.ingest import Ingest
from cardioserver.protocol import messages as m
from cardioserver.protocol.texts import error_message
from cardioserver.server.lane import Lane
from cardioserver.server.limits import ByteBudget
from cardioserver.server.logs import Log
from cardioserver.server.metrics import Metrics
from cardioserver.server.pools import Pool, PoolBusy, deliver
from cardioserver.server.pushes import Pushes
from cardioserver.server.request import Pending
from cardioserver.server.session import Session

if TYPE_CHECKING:
    from cardioserver.archive.archive import Archive

log = Log(__name__)

PART_BYTES = 256 * 1024
"""Samples in one PART frame: small enough to share a slow line with other replies."""

SIGNAL_GUESS_BYTES = 8 * 1024 * 1024
"""What a signal is taken for until it is read: so many at a time that large ones do not surprise."""

_STEPS = (m.UploadBegin, m.UploadChunk, m.UploadCommit, m.UploadAbort)
_ANNOUNCED = (
    m.RequestInterpretation, m.SaveConclusion, m.SendExam, m.CreateOrder, m.TakeOrder, m.ReleaseOrder,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server says of itself in the hello."""

    server_id: int
    server_type: str
    update_url: str
    limits: m.Limits


@dataclass(frozen=True, slots=True)
class Pools:
    """The threads: passwords are slow to compute, reads wait for the database, uploads for the disk."""

    passwords: Pool
    reads: Pool
    uploads: Pool

    def close(self) -> None:
        """Wait for the running calls of all."""
        self.passwords.close()
        self.uploads.close()
        self.reads.close()


class Desk:
    """Takes the requests of all sessions and sees that each is answered once.

    Parameters
    ----------
    changed
        Called when a client has changed something.
    signals
        For the samples that are being sent.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        identity: Identity,
        archive: Archive,
        ingest: Ingest,
        authenticator: Authenticator,
        changed: Callable[[], None],
        signals: ByteBudget,
        pushes: Pushes,
        pools: Pools,
        metrics: Metrics,
    ) -> None:
        self._loop = loop
        self._identity = identity
        self._archive = archive
        self._ingest = ingest
        self._authenticator = authenticator
        self._changed = changed
        self._signals = signals
        self._pushes = pushes
        self._pools = pools
        self._metrics = metrics
        self._table: dict[type, Callable[[Session, Pending, Any], None]] = {
            m.Hello: self._hello,
            m.Ping: self._ping,
            m.Login: self._login,
            m.Logout: self._logout,
            m.ChangePassword: self._change_password,
            m.Upload: self._upload,
            m.GetSignal: self._signal,
            m.Subscribe: self._subscribe,
            m.Unsubscribe: self._unsubscribe,
        }
        self._table |= dict.fromkeys(_STEPS, self._step)
        self._other = partial(self._ask, pools.reads)

    def take(self, session: Session, pending: Pending, message: Any) -> None:
        """Answer a request, now or later."""
        try:
            self._table.get(type(message), self._other)(session, pending, message)
        except Exception as error:  # whatever it is, it is the answer to this request only
            session.fail(pending, error)

    def forget(self, session: Session) -> None:
        """A connection has ended."""
        self._pushes.unsubscribe(session)

    # ---------------------------------------------------------------- the connection

    def _hello(self, session: Session, pending: Pending, message: m.Hello) -> None:
        identity = self._identity
        session.reply(
            pending,
            m.ServerInfo(
                version=session.connection.version,
                capabilities=session.connection.capabilities,
                software=f"cardioserver {cardioserver.__version__}",
                server_id=identity.server_id,
                server_type=identity.server_type,
                server_time=datetime.now(UTC),
                update_url=identity.update_url,
                limits=identity.limits,
            ),
        )

    def _ping(self, session: Session, pending: Pending, message: m.Ping) -> None:
        session.reply(pending, m.Pong(datetime.now(UTC)))

    def _login(self, session: Session, pending: Pending, message: m.Login) -> None:
        def done(future: Future[tuple[m.LoggedIn, Actor]]) -> None:
            error = future.exception()
            if error is not None:
                session.fail(pending, error)
                return
            logged_in, actor = future.result()
            log.info("login", account=actor.account_id, address=session.address)
            session.log_in(actor)
            session.reply(pending, logged_in)

        self._pools.passwords.call(
            done, self._authenticator.login, message.login, message.password, session.address
        )

    def _logout(self, session: Session, pending: Pending, message: m.Logout) -> None:
        self._pushes.unsubscribe(session)
        session.log_out()
        session.reply(pending, m.Done())

    def _change_password(self, session: Session, pending: Pending, message: m.ChangePassword) -> None:
        actor = self._actor(session)

        def change() -> m.Done:
            self._authenticator.change_password(actor, message, session.address)
            return m.Done()

        self._pools.passwords.call(partial(self._finish, session, pending), change)

    # ---------------------------------------------------------------- uploads

    def _upload(self, session: Session, pending: Pending, message: m.Upload) -> None:
        actor = self._actor(session)
        require(actor, m.Upload)
        self._store(session, pending, self._ingest.store(actor, message), len(message.data))

    def _store(self, session: Session, pending: Pending, future: Future[m.ExamStored], size: int) -> None:
        future.add_done_callback(lambda f: deliver(self._loop, self._stored, session, pending, f, size))

    def _stored(self, session: Session, pending: Pending, future: Future[m.ExamStored], size: int) -> None:
        error = future.exception()
        if error is not None:
            session.fail(pending, error)
            return
        stored = future.result()
        if not stored.already_stored:
            self._metrics.exams.inc()
            self._metrics.exam_bytes.inc(size)
        session.reply(pending, stored)
        self._changed()

    def _step(self, session: Session, pending: Pending, message: Any) -> None:
        """Upload steps of one connection go in order: a chunk continues the one before it."""
        actor = self._actor(session)
        require(actor, type(message))
        if session.uploads is None:
            session.uploads = Lane()
        session.uploads.put(partial(self._begin_step, session, pending, message, actor))

    def _begin_step(
        self, session: Session, pending: Pending, message: Any, actor: Actor, done: Callable[[], None]
    ) -> None:
        def finished(future: Future[Any]) -> None:
            self._finish(session, pending, future)
            done()

        try:
            if isinstance(message, m.UploadCommit):
                self._store(session, pending, self._ingest.commit(actor, message), 0)
                done()
            else:
                self._pools.uploads.call(finished, self._do_step, actor, message)
        except Exception as error:
            session.fail(pending, error)
            done()

    def _do_step(self, actor: Actor, message: Any) -> Any:
        """Runs in a thread."""
        if isinstance(message, m.UploadBegin):
            return self._ingest.begin(actor, message)
        if isinstance(message, m.UploadChunk):
            return self._ingest.chunk(actor, message)
        self._ingest.abort(actor, message)
        return m.Done()

    # ---------------------------------------------------------------- the rest

    def _ask(self, pool: Pool, session: Session, pending: Pending, message: Any) -> None:
        def done(future: Future[Any]) -> None:
            self._finish(session, pending, future)
            if type(message) in _ANNOUNCED:
                self._changed()

        pool.call(done, self._archive.handle, self._actor(session), message, session.address)

    def _signal(self, session: Session, pending: Pending, message: m.GetSignal) -> None:
        """Read samples. One at a time for a connection: they are large, and may be read slowly."""
        if session.signals is None:
            session.signals = Lane()
        session.signals.put(partial(self._begin_signal, session, pending, message, self._actor(session)))

    def _begin_signal(
        self, session: Session, pending: Pending, message: m.GetSignal, actor: Actor, done: Callable[[], None]
    ) -> None:
        budget = self._signals

        def fail(error: BaseException) -> None:
            budget.give(SIGNAL_GUESS_BYTES)
            session.fail(pending, error)
            done()

        def read(future: Future[m.Signal]) -> None:
            error = future.exception()
            if error is not None:
                fail(error)
                return
            size = len(future.result().data)
            budget.force(size)
            budget.give(SIGNAL_GUESS_BYTES)

            def sent() -> None:
                budget.give(size)
                done()

            session.reply_in_parts(pending, _parts(future.result()), sent)

        def begin() -> None:
            try:
                self._pools.reads.call(read, self._archive.handle, actor, message, session.address)
            except PoolBusy as error:
                fail(error)

        if budget.take(SIGNAL_GUESS_BYTES, begin):
            begin()

    def _subscribe(self, session: Session, pending: Pending, message: m.Subscribe) -> None:
        actor = self._actor(session)
        require(actor, m.Subscribe)

        def done(after: int, error: BaseException | None) -> None:
            if error is not None:
                session.fail(pending, error)
            else:
                session.reply(pending, m.Subscribed(after))

        self._pushes.subscribe(session, actor, message.kinds, message.after_event_id, done)

    def _unsubscribe(self, session: Session, pending: Pending, message: m.Unsubscribe) -> None:
        self._pushes.unsubscribe(session)
        session.reply(pending, m.Done())

    def _actor(self, session: Session) -> Actor:
        """Who asks. An account that was disabled since loses its connection."""
        actor = session.actor
        if actor is None:  # the connection's state lets nobody come here without a login
            raise AccessDenied("no login")
        if not self._authenticator.still_valid(actor):
            session.cut(error_message(m.ErrorCode.SESSION_ENDED))
            raise AccessDenied("session ended")
        return actor

    def _finish(self, session: Session, pending: Pending, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            session.fail(pending, error)
        else:
            session.reply(pending, future.result())


def _parts(signal: m.Signal) -> Iterator[m.Signal]:
    """The reply in pieces; only the first has the rest of the fields to tell."""
    data = memoryview(signal.data)
    yield replace(signal, data=data[:PART_BYTES])
    for start in range(PART_BYTES, len(data), PART_BYTES):
        yield replace(signal, data=data[start : start + PART_BYTES])
