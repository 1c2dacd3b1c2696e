"""Bounded thread pools between the event loop and everything that blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class PoolBusy(Exception):
    """As many calls wait for the pool's threads as may wait."""


class Pool:
    """Threads that run blocking calls for the event loop.

    Parameters
    ----------
    loop
        Where results are delivered.
    name
        Prefix of the threads' names.
    threads
        Calls at once.
    most_waiting
        Calls accepted beyond those.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str, threads: int, most_waiting: int) -> None:
        self._loop = loop
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + most_waiting
        self.depth = 0

    def call(
        self, done: Callable[[Future[T]], None], function: Callable[[*Arguments], T], *args: *Arguments
    ) -> None:
        """Run ``function(*args)`` in a thread, then *done* with its future in the event loop.

        Raises
        ------
        PoolBusy
            Too many calls are waiting already.
        """
        if self.depth >= self._most:
            raise PoolBusy
        self.depth += 1
        future = self._executor.submit(function, *args)
        future.add_done_callback(lambda future: deliver(self._loop, self._finish, done, future))

    def _finish(self, done: Callable[[Future[T]], None], future: Future[T]) -> None:
        self.depth -= 1
        if not future.cancelled():  # else the pool is closed, and nobody is left to be answered
            done(future)

    def close(self) -> None:
        """Wait for the running calls; those still waiting are dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def deliver(
    loop: asyncio.AbstractEventLoop, callback: Callable[[*Arguments], None], *args: *Arguments
) -> None:
    """Call *callback* in the event loop, from any thread; nothing if the loop has ended."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise
