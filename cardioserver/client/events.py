"""The server's pushes as an iterator that no broken connection makes a hole into."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, cast

from cardioserver.client.errors import ClientError, ServerError
from cardioserver.client.link import Link
from cardioserver.client.retry import FOREVER, Retry, is_passing
from cardioserver.protocol import messages as m

MAX_WAITING = 10_000
"""Events that may wait to be read; what comes beyond is read again from the server, which has them all."""


class EventStream:
    """Events one after another, each once.

    After a broken connection it subscribes again behind the last event it gave out, for as long as it takes.
    Event ids ascend in the order of the server's commits, so nothing is lost in between. Keep the
    ``event_id`` of the last event that was dealt with to go on there after a restart of one's own program.

    ::

        async with client.events(EventKind.EXAM_STORED, after_event_id=last) as events:
            async for event in events:
                ...
    """

    def __init__(
        self,
        ready: Callable[[], Awaitable[Link]],
        kinds: m.EventKind,
        after_event_id: int,
        retry: Retry = FOREVER,
    ) -> None:
        self._ready = ready
        self._kinds = kinds
        self._retry = retry
        self._after = after_event_id
        self._waiting: deque[m.Event] = deque()
        self._subscribed = False
        self._news = asyncio.Event()
        self._link: Link | None = None
        self.is_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> m.Event:
        while not self._waiting:
            if self.is_ended:
                raise StopAsyncIteration
            self._news.clear()
            if not self._subscribed:
                await self.subscribe()
            elif not self._waiting:
                await self._news.wait()
        event = self._waiting.popleft()
        self._after = event.event_id
        return event

    async def __aenter__(self) -> Self:
        await self.subscribe()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def subscribe(self) -> None:
        """Have the server push from now on; iterating does it by itself.

        Raises
        ------
        NotAllowed
            This account may not have events.
        """
        if self._subscribed:
            return
        waits = self._retry.waits()
        while not self.is_ended:
            try:
                self._link = await self._ready()
                await self._link.request(m.Subscribe(self._kinds, self._after), on_frame=self._begin)
                return
            except ClientError as error:
                wait = next(waits, None)
                if wait is None or not is_passing(error):
                    raise
                await asyncio.sleep(max(wait, error.retry_after if isinstance(error, ServerError) else 0))

    def _begin(self, reply: object) -> None:
        # What came before the reply belongs to an earlier subscription and will come again.
        self._waiting.clear()
        self._after = cast(m.Subscribed, reply).after_event_id
        self._subscribed = True

    async def aclose(self) -> None:
        """Unsubscribe and end the iteration."""
        if self.is_ended:
            return
        link, subscribed = self._link, self._subscribed
        self.end()
        if link is not None and subscribed and not link.is_lost:
            try:
                await link.request(m.Unsubscribe())
            except ClientError:
                return  # the connection is gone and the subscription with it

    # ------------------------------------------------------------ called by the client

    def push(self, event: m.Event) -> None:
        """Take an event from the connection."""
        if len(self._waiting) >= MAX_WAITING:
            self._subscribed = False  # it comes again with the next subscription
        if self._subscribed:
            self._waiting.append(event)
            self._news.set()

    def interrupt(self) -> None:
        """The connection is gone."""
        self._subscribed = False
        self._news.set()

    def end(self) -> None:
        """No more events will come."""
        self.is_ended = True
        self._news.set()
