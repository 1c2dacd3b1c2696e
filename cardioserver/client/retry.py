"""When and how often to try again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from cardioserver.client.errors import ClientError, ConnectError, ConnectionLost, ServerError, TlsFailed
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import ErrorCode

IDEMPOTENT: frozenset[type] = frozenset(
    {
        m.Ping,
        m.UploadBegin,
        m.UploadCommit,
        m.Upload,
        m.UploadAbort,
        m.FindPatients,
        m.FindExams,
        m.GetExam,
        m.GetSignal,
        m.GetAutoReport,
        m.RequestInterpretation,  # asked for again before it is made, it is made once
        m.SaveConclusion,  # the client's own UUID names it
        m.ListConclusions,
        m.ListArchives,
        m.ListHcfs,
        m.ListAccounts,
        m.Subscribe,
        m.Unsubscribe,
        m.FindOrders,
        m.TakeOrder,  # taking one's own order again succeeds
    }
)
"""Requests that may be sent again when it is unknown whether the server did them."""

_REFUSED = frozenset(
    {
        ErrorCode.TOO_MANY_CONNECTIONS,
        ErrorCode.SHUTTING_DOWN,
        ErrorCode.TOO_MANY_REQUESTS,
        ErrorCode.BUSY,
    }
)
"""Refusals before anything is done."""

_PASSING = _REFUSED | {ErrorCode.TIMEOUT, ErrorCode.DATABASE_UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try and how long to wait between.

    Waits double from `first` to `longest` seconds and are then shortened by up to a half at random, so that
    the recorders of a hospital do not all return at the same instant after an outage.
    """

    attempts: int = 6
    first: float = 0.25
    longest: float = 15.0

    def waits(self) -> Iterator[float]:
        """Seconds to wait after each failure; ends when there is no attempt left."""
        for failures in range(self.attempts - 1):
            # 2**32 seconds are beyond any `longest`
            yield min(self.longest, self.first * 2 ** min(failures, 32)) * random.uniform(0.5, 1)  # noqa: S311


ONCE = Retry(attempts=1)
"""Do not try again."""

FOREVER = Retry(attempts=2**62)
"""Try until it works or the caller gives up."""


def is_passing(error: ClientError) -> bool:
    """Whether the same request may succeed later without anybody doing something."""
    if isinstance(error, ServerError):
        return error.code in _PASSING
    return isinstance(error, ConnectError | ConnectionLost) and not isinstance(error, TlsFailed)


def was_not_done(error: ClientError) -> bool:
    """Whether the server certainly did nothing, so that any request may be sent again."""
    if isinstance(error, ServerError):
        return error.code in _REFUSED
    return isinstance(error, ConnectError)
