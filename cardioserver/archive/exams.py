"""Exams: inserting them, and reading one's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from cardioserver.archive.access import Actor
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.protocol.messages import ExamDetails, GetExam


@dataclass(frozen=True, slots=True)
class NewExam:
    """An exam to insert.

    Attributes
    ----------
    patient_id
        What :func:`cardioserver.archive.patients.upsert` returned.
    """

    record: ExamRecord
    patient_id: int


@dataclass(frozen=True, slots=True)
class StoredExam:
    """What tells a repeated upload from a UUID that names another exam."""

    exam_id: int
    digest: bytes
    recorder_hcf_id: int


def stored(connection: Connection, exam_uuids: Iterable[UUID]) -> dict[UUID, StoredExam]:
    """Those of the exams that the archive has."""
    raise NotImplementedError


def insert(connection: Connection, exams: Sequence[NewExam]) -> dict[UUID, int]:
    """Insert exams; leave those alone whose UUID the archive has.

    Works also if another server inserts one of them at the same moment. Call it within the transaction
    that upserted their patients.

    Returns
    -------
    dict
        The id under which the archive has each UUID. It is the record's own ``exam_id`` if the exam was
        inserted now or is the same one of an earlier attempt; another id: somebody else stored it first.
    """
    raise NotImplementedError


def get(connection: Connection, actor: Actor, request: GetExam) -> ExamDetails:
    """An exam's metadata, as its recorder described it.

    Raises
    ------
    NotFound
        No such exam, or not for this actor.
    """
    raise NotImplementedError
