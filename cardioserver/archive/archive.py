"""The archive as the server sees it: a request of an account goes in, its reply comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection

from cardioserver.archive import (
    accounts,
    audit,
    conclusions,
    consultations,
    directory,
    exams,
    examsearch,
    orders,
    patientsearch,
    reports,
)
from cardioserver.archive.access import Actor, require
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.errors import DatabaseUnavailable
from cardioserver.archive.events import Subscription
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.protocol import messages as m

MAX_PAGE = 1000
"""Most rows of a page, unless configured."""

Answer = Callable[[Connection, Actor, Any], Any]


class Archive:
    """Answers all requests but those of the connection itself and of uploads; thread-safe.

    Every request passes the access rule, is answered in one transaction, and is journalled: a change in the
    transaction that makes it, a read before its data are returned, a refusal too.

    Parameters
    ----------
    subscriptions
        Which exporters are owed deliveries for the events of changes.
    max_page
        Most rows of a page.
    """

    def __init__(
        self,
        database: Database,
        bank: Bank,
        ids: IdGenerator,
        journal: Journal,
        *,
        subscriptions: Sequence[Subscription] = (),
        max_page: int = MAX_PAGE,
    ) -> None:
        self._database = database
        self._bank = bank
        self._ids = ids
        self._journal = journal
        told: dict[str, Any] = {"subscriptions": tuple(subscriptions)}
        made = told | {"ids": ids}
        kept = made | {"bank": bank}
        self._reads: dict[type, Answer] = {
            m.FindPatients: partial(patientsearch.find, max_page=max_page),
            m.FindExams: partial(examsearch.find, max_page=max_page),
            m.GetExam: exams.get,
            m.GetAutoReport: reports.newest,
            m.ListConclusions: conclusions.list_conclusions,
            m.ListArchives: directory.visible_archives,
            m.ListHcfs: directory.visible_hcfs,
            m.ListAccounts: accounts.answer,
            m.FindOrders: partial(orders.find, max_page=max_page),
        }
        self._writes: dict[type, Answer] = {
            m.RequestInterpretation: partial(reports.request, **told),
            m.SaveConclusion: partial(conclusions.save, **kept),
            m.SendExam: partial(consultations.send, **kept),
            m.CreateOrder: partial(orders.create, **made),
            m.TakeOrder: partial(orders.take, **told),
            m.ReleaseOrder: partial(orders.release, **told),
        }

    @property
    def answered(self) -> frozenset[type]:
        """The types of requests that :meth:`handle` takes."""
        return frozenset({*self._reads, *self._writes, m.GetSignal})

    def handle(self, actor: Actor, request: Any, address: str) -> Any:
        """Answer a request of a logged-in account.

        Parameters
        ----------
        address
            Of the peer, for the journal.

        Returns
        -------
        object
            The reply's message, as :data:`cardioserver.protocol.messages.REQUESTS` pairs them.

        Raises
        ------
        ArchiveError
            Access, things not found, conflicts, the database.
        InvalidField
            A field of the request cannot be true.
        TypeError
            The request is not one of :attr:`answered`.
        """
        if type(request) not in self.answered:
            raise TypeError(f"{type(request).__name__} is not for the archive")
        try:
            require(actor, type(request))
            if type(request) in self._writes:
                return self._write(actor, request, address)
            answer = self._signal if type(request) is m.GetSignal else self._read
            reply = answer(actor, request)
        except Exception as error:
            with suppress(DatabaseUnavailable):  # a refusal shows nothing that must be journalled
                self._record(actor, address, request, error)
            raise
        self._record(actor, address, request, reply)
        return reply

    def _read(self, actor: Actor, request: Any) -> Any:
        with self._database.read() as connection:
            return self._reads[type(request)](connection, actor, request)

    def _write(self, actor: Actor, request: Any, address: str) -> Any:
        answer = self._writes[type(request)]

        def run(connection: Connection) -> Any:
            reply = answer(connection, actor, request)
            entry = audit.request_entry(self._ids, actor, address, request, reply)
            audit.record(connection, [] if entry is None else [entry])
            return reply

        return self._database.transact(run)

    def _signal(self, actor: Actor, request: m.GetSignal) -> m.Signal:
        with self._database.read() as connection:
            exam = exams.visible(connection, actor, request.exam_id)
        part = self._bank.read_signal(
            exam.exam_uuid, exam.started_at, request.start, request.count, request.leads
        )
        data = part.samples.data.cast("B")
        return m.Signal(exam.exam_id, request.start, part.format, hashlib.sha256(data).digest(), data)

    def _record(self, actor: Actor, address: str, request: Any, result: object) -> None:
        entry = audit.request_entry(self._ids, actor, address, request, result)
        if entry is not None:
            self._journal.record(entry)
