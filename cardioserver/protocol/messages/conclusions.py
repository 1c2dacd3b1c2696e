"""Conclusions and consultation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cardioserver.protocol.wire import I64, LongText, Text


@dataclass(frozen=True, slots=True)
class SaveConclusion:
    """Write a doctor's conclusion. `conclusion_uuid` is made by the client: saving twice saves once."""

    exam_id: I64
    conclusion_uuid: UUID
    text: LongText = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A doctor's conclusion; never changed, a later one stands beside it."""

    conclusion_id: I64
    conclusion_uuid: UUID
    exam_id: I64
    account_id: I64
    account_name: Text = field(repr=False)
    hcf_id: I64
    created_at: datetime
    text: LongText = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListConclusions:
    """Read all conclusions of an exam."""

    exam_id: I64


@dataclass(frozen=True, slots=True)
class Conclusions:
    """Reply to :class:`ListConclusions`, oldest first."""

    conclusions: tuple[Conclusion, ...]


@dataclass(frozen=True, slots=True)
class SendExam:
    """Send an exam to another HCF for consultation."""

    exam_id: I64
    to_hcf_id: I64
    comment: Text = field(default="", repr=False)
