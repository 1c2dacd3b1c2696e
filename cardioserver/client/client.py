"""The client: what a recorder or a workstation does with a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast
from uuid import UUID, uuid4

from cardioserver.client.errors import ClientError, ConnectionLost, ServerError
from cardioserver.client.link import Link
from cardioserver.client.retry import is_passing
from cardioserver.client.session import Session, pause
from cardioserver.client.signal import SignalParts
from cardioserver.client.upload import RESTARTED, ChunkedUpload, Parcel, send_whole
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording
from cardioserver.protocol import messages as m


class Client(Session):
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
                link = await self.ready()
                resumes = bool(link.info.capabilities & m.Capability.RESUME)
                if (whole or not resumes) and parcel.fits_one_frame(link.info.limits):
                    return await send_whole(link, parcel)
                return await chunked.send(link)
            except ClientError as error:
                restarted = isinstance(error, ServerError) and error.code in RESTARTED
                if not restarted and not is_passing(error):
                    raise
                whole = whole and not isinstance(error, ConnectionLost)
                if chunked.received > received:
                    waits, received = self.retry.waits(), chunked.received
                await pause(waits, error)

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

        return await self.persist(attempt, again=True)

    async def get_auto_report(self, exam_id: int) -> m.AutoReport:
        """The newest machine interpretation; ``version`` 0 if there is none yet."""
        return cast(m.AutoReport, await self.request(m.GetAutoReport(exam_id)))

    async def request_interpretation(self, exam_id: int) -> m.InterpretationRequested:
        """Have an exam interpreted anew; an event ``AUTO_REPORT`` tells when the new version is there."""
        return cast(m.InterpretationRequested, await self.request(m.RequestInterpretation(exam_id)))

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
