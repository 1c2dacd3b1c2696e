"""The client: what a recorder or a workstation does with a server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from uuid import UUID, uuid4

import cardioserver
from cardioserver.client.address import DEFAULT_PORT, Address, Timeouts
from cardioserver.client.errors import (
    ClientClosed,
    ClientError,
    ConnectionLost,
    ServerError,
)
from cardioserver.client.events import EventStream
from cardioserver.client.link import Link
from cardioserver.client.retry import IDEMPOTENT, Retry, is_passing, was_not_done
from cardioserver.client.signal import SignalParts
from cardioserver.client.upload import RESTARTED, ChunkedUpload, Parcel, send_whole
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording
from cardioserver.protocol import messages as m
from cardioserver.protocol.frames import VERSION

T = TypeVar("T")

CAPABILITIES = m.Capability.RESUME | m.Capability.EVENTS | m.Capability.ORDERS
ALL_EVENTS = ~m.EventKind(0)


class Client:
    """A connection to a server that comes back when it breaks.

    Any number of requests may be awaited at once; they share the connection and are answered in any order.
    What is safe to send twice is sent again after a broken connection; the rest raises.

    Parameters
    ----------
    host, port
        Of the server.
    login, password
        Log in right after connecting, and again after each reconnect. Without them call :meth:`login`.
    tls
        Settings of a TLS connection (:func:`cardioserver.client.address.tls_context`); ``None``: plain.
    device_number, software
        Named in the hello.
    timeouts, retry
        How long to wait, and how often to try again.

    Examples
    --------
    ::

        async with Client("archive.example", login="recorder-7", password=password) as client:
            stored = await client.upload(exam, recording)
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
        return (await self._ready()).info

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

    async def _ready(self) -> Link:
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
        return await self._persist(lambda link: link.request(message), again=type(message) in IDEMPOTENT)

    async def _persist(self, attempt: Callable[[Link], Awaitable[T]], *, again: bool) -> T:
        """Make attempts until one succeeds or there is no sense in more."""
        waits = self.retry.waits()
        while True:
            try:
                return await attempt(await self._ready())
            except ClientError as error:
                if not is_passing(error) or not (again or was_not_done(error)):
                    raise
                await _wait(waits, error)

    async def ping(self) -> m.Pong:
        """Ask whether the server lives, and for its time."""
        return cast(m.Pong, await self.request(m.Ping()))

    # ------------------------------------------------------------ uploads

    async def upload(self, exam: Exam, recording: Recording) -> m.ExamStored:
        """Store an exam. When this returns, it is durable on the server.

        Small exams go in one frame. After a broken connection, and for large exams, only what the server does
        not hold yet is sent. The number of attempts is counted anew whenever an attempt got further.

        Raises
        ------
        Conflict
            The exam's UUID names another exam (``UUID_REUSED``).
        Unavailable
            No room (``STORAGE_FULL``): keep the exam and send it later.
        ClientError
            As :meth:`request`.
        """
        parcel = Parcel.pack(exam, recording)
        chunked = ChunkedUpload(parcel)
        waits, received = self.retry.waits(), 0
        whole = True
        while True:
            try:
                link = await self._ready()
                if whole and parcel.fits_one_frame(link.info.limits):
                    return await send_whole(link, parcel)
                return await chunked.send(link)
            except ClientError as error:
                restarted = isinstance(error, ServerError) and error.code in RESTARTED
                if not restarted and not is_passing(error):
                    raise
                whole = whole and not isinstance(error, ConnectionLost)
                if chunked.received > received:
                    waits, received = self.retry.waits(), chunked.received
                await _wait(waits, error)

    # ------------------------------------------------------------ reading

    async def find_patients(self, query: m.FindPatients) -> AsyncIterator[m.PatientRecord]:
        """All patients that match, page after page."""
        async for page in self._pages(query):
            for patient in cast(m.PatientPage, page).patients:
                yield patient

    async def find_exams(self, query: m.FindExams) -> AsyncIterator[m.ExamSummary]:
        """All exams that match, newest first, page after page."""
        async for page in self._pages(query):
            for exam in cast(m.ExamPage, page).exams:
                yield exam

    async def find_orders(self, query: m.FindOrders) -> AsyncIterator[m.Order]:
        """All orders that match, by schedule, page after page."""
        async for page in self._pages(query):
            for order in cast(m.OrderPage, page).orders:
                yield order

    async def _pages(self, query: m.FindPatients | m.FindExams | m.FindOrders) -> AsyncIterator[Any]:
        while True:
            page = await self.request(query)
            yield page
            if not page.cursor:
                return
            query = replace(query, cursor=page.cursor)

    async def get_exam(self, exam: int | UUID) -> m.ExamDetails:
        """An exam's metadata, by its id or the recorder's UUID."""
        request = m.GetExam(exam_uuid=exam) if isinstance(exam, UUID) else m.GetExam(exam)
        return cast(m.ExamDetails, await self.request(request))

    async def get_signal(
        self, exam_id: int, start: int = 0, count: int = 0, leads: tuple[Lead, ...] = ()
    ) -> Recording:
        """Samples *start* to ``start + count`` (count 0: to the end) of *leads* (none: all).

        Raises
        ------
        DigestError
            They did not arrive as the server sent them.
        ServerFailed
            The exam's file is damaged (``DAMAGED_EXAM``).
        ClientError
            As :meth:`request`.
        """
        query = m.GetSignal(exam_id, start, count, leads)

        async def attempt(link: Link) -> Recording:
            parts = SignalParts()
            await link.request(query, on_frame=parts.add)
            return parts.join()

        return await self._persist(attempt, again=True)

    async def get_auto_report(self, exam_id: int) -> m.AutoReport:
        """The newest machine interpretation; ``version`` 0 if there is none yet."""
        return cast(m.AutoReport, await self.request(m.GetAutoReport(exam_id)))

    # ------------------------------------------------------------ conclusions and consultation

    async def save_conclusion(self, exam_id: int, text: str, uuid: UUID | None = None) -> m.Conclusion:
        """Write a conclusion, once: give the same *uuid* to save it again after an error."""
        request = m.SaveConclusion(exam_id, uuid or uuid4(), text)
        return cast(m.Conclusion, await self.request(request))

    async def list_conclusions(self, exam_id: int) -> tuple[m.Conclusion, ...]:
        """All conclusions of an exam, oldest first."""
        return cast(m.Conclusions, await self.request(m.ListConclusions(exam_id))).conclusions

    async def send_exam(self, exam_id: int, to_hcf_id: int, comment: str = "") -> None:
        """Send an exam to another HCF for consultation."""
        await self.request(m.SendExam(exam_id, to_hcf_id, comment))

    # ------------------------------------------------------------ directory

    async def list_archives(self) -> tuple[m.ArchiveRecord, ...]:
        """The archives this account may see."""
        return cast(m.Archives, await self.request(m.ListArchives())).archives

    async def list_hcfs(self) -> tuple[m.HcfRecord, ...]:
        """All healthcare facilities."""
        return cast(m.Hcfs, await self.request(m.ListHcfs())).hcfs

    async def list_accounts(self, hcf_id: int = 0) -> tuple[m.Account, ...]:
        """The accounts of one's own HCF (0) or of another."""
        return cast(m.Accounts, await self.request(m.ListAccounts(hcf_id))).accounts

    # ------------------------------------------------------------ orders

    async def create_order(self, order: m.CreateOrder) -> m.Order:
        """Order an ECG. Not sent again by itself: a second order could come of it."""
        return cast(m.Order, await self.request(order))

    async def take_order(self, order_id: int) -> m.Order:
        """Reserve an order for this recorder."""
        return cast(m.Order, await self.request(m.TakeOrder(order_id)))

    async def release_order(self, order_id: int) -> m.Order:
        """Give a taken order back."""
        return cast(m.Order, await self.request(m.ReleaseOrder(order_id)))

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
        self._events = EventStream(self._ready, kinds, after_event_id)
        return self._events

    def _on_push(self, event: m.Event) -> None:
        if self._events is not None:
            self._events.push(event)

    def _on_lost(self) -> None:
        if self._events is not None:
            self._events.interrupt()


async def _wait(waits: Iterator[float], error: ClientError) -> None:
    """Wait before the next attempt; raise *error* if there is none."""
    seconds = next(waits, None)
    if seconds is None:
        raise error
    advice = error.retry_after if isinstance(error, ServerError) else 0
    await asyncio.sleep(max(seconds, advice))
