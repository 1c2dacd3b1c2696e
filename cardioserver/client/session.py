"""A connection that comes back when it breaks, with the session of an account on it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import cardioserver
from cardioserver.client.address import DEFAULT_PORT, Address, Timeouts
from cardioserver.client.errors import ClientClosed, ClientError, ServerError
from cardioserver.client.events import EventStream
from cardioserver.client.link import Link
from cardioserver.client.retry import IDEMPOTENT, Retry, is_passing, was_not_done
from cardioserver.protocol import messages as m
from cardioserver.protocol.frames import VERSION

T = TypeVar("T")

CAPABILITIES = m.Capability.RESUME | m.Capability.EVENTS | m.Capability.ORDERS
ALL_EVENTS = ~m.EventKind(0)


class Session:
    """The base of :class:`~cardioserver.client.client.Client`, which documents the parameters.

    Attributes
    ----------
    account
        Who is logged in, or ``None``.
    """

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        *,
        login: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
        device_number: str = "",
        software: str = f"cardioserver client {cardioserver.__version__}",
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
    ) -> None:
        self.address = Address(host, port, tls)
        self.timeouts = timeouts or Timeouts()
        self.retry = retry or Retry()
        self.account: m.LoggedIn | None = None
        self._hello = m.Hello(VERSION, VERSION, CAPABILITIES, software, device_number)
        self._login = m.Login(login, password) if login else None
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None
        self._events: EventStream | None = None
        self._closed = False

    # ------------------------------------------------------------ connection

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> m.ServerInfo:
        """Connect, say hello and, with a login, log in. One attempt; does nothing if connected.

        Raises
        ------
        ConnectError
            The server cannot be reached.
        ProtocolViolation
            Something else answers there.
        LoginRejected
            Wrong login or password.
        """
        return (await self.ready()).info

    async def close(self) -> None:
        """Close for good; whatever is still awaited raises :class:`ConnectionLost` or `ClientClosed`."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._events is not None:
            self._events.end()
        if self._link is not None:
            await self._link.close()

    async def login(self, login: str, password: str) -> m.LoggedIn:
        """Open the session of an account, now and after each reconnect.

        Raises
        ------
        LoginRejected
            Wrong login or password, a disabled account, or too many attempts.
        """
        if self.account is not None:
            await self.logout()
        request = m.Login(login, password)
        self.account = cast(m.LoggedIn, await self.request(request))
        self._login = request
        return self.account

    async def logout(self) -> None:
        """End the session; the connection stays open."""
        self._login = None
        await self.request(m.Logout())
        self.account = None

    async def change_password(self, old: str, new: str) -> None:
        """Change this account's own password.

        Raises
        ------
        RequestRejected
            The new password is too weak.
        LoginRejected
            The old password is wrong.
        """
        await self.request(m.ChangePassword(old, new))
        if self._login is not None:
            self._login = m.Login(self._login.login, new)

    async def ready(self) -> Link:
        """A live connection with its session; callers at the same time share one attempt to open it."""
        if self._closed:
            raise ClientClosed
        if self._link is not None and not self._link.is_lost:
            return self._link
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        try:
            return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            if self._closed:
                raise ClientClosed from None
            raise

    async def _open(self) -> Link:
        link = await Link.open(self.address, self.timeouts, self._hello, self._on_push, self._on_lost)
        try:
            if self._login is not None:
                self.account = cast(m.LoggedIn, await link.request(self._login))
        except BaseException:
            await link.close()
            raise
        self._link = link
        return link

    def _opened(self, task: asyncio.Task[Link]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody does any more, it is of no interest

    # ------------------------------------------------------------ requests

    async def request(self, message: object) -> Any:
        """Send any request and return its reply (:data:`cardioserver.protocol.messages.REQUESTS`).

        Raises
        ------
        ServerError
            The server's answer is an error; the subclass says of which kind.
        ConnectionLost
            The connection broke, and trying again did not help or is not safe for this request.
        ReplyTimeout
            The server lives but does not answer.
        """
        return await self.persist(lambda link: link.request(message), again=type(message) in IDEMPOTENT)

    async def persist(self, attempt: Callable[[Link], Awaitable[T]], *, again: bool) -> T:
        """Make attempts until one succeeds or there is no sense in more."""
        waits = self.retry.waits()
        while True:
            try:
                return await attempt(await self.ready())
            except ClientError as error:
                if not is_passing(error) or not (again or was_not_done(error)):
                    raise
                await pause(waits, error)

    async def ping(self) -> m.Pong:
        """Ask whether the server lives, and for its time."""
        return cast(m.Pong, await self.request(m.Ping()))

    # ------------------------------------------------------------ events

    def events(self, kinds: m.EventKind = ALL_EVENTS, after_event_id: int = 0) -> EventStream:
        """What the server pushes, as an async iterator; see :class:`~cardioserver.client.events.EventStream`.

        Parameters
        ----------
        after_event_id
            Begin with what happened after this event; 0: from now on.

        Raises
        ------
        RuntimeError
            Another stream of this client is open: a connection has one subscription.
        """
        if self._events is not None and not self._events.is_ended:
            raise RuntimeError("this client has a stream of events already")
        self._events = EventStream(self.ready, kinds, after_event_id)
        return self._events

    def _on_push(self, event: m.Event) -> None:
        if self._events is not None:
            self._events.push(event)

    def _on_lost(self) -> None:
        if self._events is not None:
            self._events.interrupt()


async def pause(waits: Iterator[float], error: ClientError) -> None:
    """Wait before the next attempt; raise *error* if there is none."""
    seconds = next(waits, None)
    if seconds is None:
        raise error
    advice = error.retry_after if isinstance(error, ServerError) else 0
    await asyncio.sleep(max(seconds, advice))
