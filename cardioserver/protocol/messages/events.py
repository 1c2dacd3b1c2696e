"""Events that the server pushes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cardioserver.protocol.messages.codes import EventKind
from cardioserver.protocol.wire import I64


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Have the server push events. With `after_event_id` > 0 the missed ones come first."""

    kinds: EventKind
    after_event_id: I64 = 0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Reply to :class:`Subscribe`: pushes are the events after `after_event_id`.

    That is the one asked for, or else the newest event there is; a client that loses its connection
    before the first push subscribes again after it.
    """

    after_event_id: I64


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Stop the pushes."""


@dataclass(frozen=True, slots=True)
class Event:
    """Pushed by the server; `subject_id` is the conclusion, auto report version or order, else 0."""

    event_id: I64
    kind: EventKind
    created_at: datetime
    exam_id: I64
    subject_id: I64
    hcf_id: I64
