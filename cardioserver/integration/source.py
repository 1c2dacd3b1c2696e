"""The archive as exporters read it."""

from __future__ import annotations

from sqlalchemy import select

from cardioserver.archive import conclusions, exams, reports, schema
from cardioserver.archive.access import Actor
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import Delivery
from cardioserver.ecg.recording import Recording
from cardioserver.integration.pages import PageFormat, PageJob, PageSettings
from cardioserver.integration.printer import Printer
from cardioserver.protocol.messages import (
    AutoReport,
    Conclusion,
    ExamDetails,
    GetAutoReport,
    GetExam,
    ListConclusions,
    Role,
)

_SERVER = Actor(0, "", Role.SUPER_ADMINISTRATOR, 0)
"""The server itself: what it may hand to whom, its configuration says."""


class ArchiveSource:
    """The :class:`~cardioserver.integration.exporter.Source` of a server; thread-safe.

    Its methods are described there.
    """

    def __init__(self, database: Database, bank: Bank, printer: Printer) -> None:
        self._database = database
        self._bank = bank
        self._printer = printer

    def exam(self, exam_id: int) -> ExamDetails:
        """An exam's metadata."""
        with self._database.read() as connection:
            return exams.get(connection, _SERVER, GetExam(exam_id))

    def signal(self, exam_id: int) -> Recording:
        """The whole recording."""
        exam = self.exam(exam_id).exam
        return self._bank.read_signal(exam.uuid, exam.started_at)

    def conclusions(self, exam_id: int) -> tuple[Conclusion, ...]:
        """All conclusions of an exam, oldest first."""
        with self._database.read() as connection:
            return conclusions.list_conclusions(connection, _SERVER, ListConclusions(exam_id)).conclusions

    def auto_report(self, exam_id: int) -> AutoReport | None:
        """The newest machine interpretation, if there is one."""
        with self._database.read() as connection:
            report = reports.newest(connection, _SERVER, GetAutoReport(exam_id))
        return report if report.version else None

    def hcf_name(self, hcf_id: int) -> str:
        """Name of an HCF; empty if it is unknown."""
        query = select(schema.hcf.c.name).where(schema.hcf.c.hcf_id == hcf_id)
        with self._database.read() as connection:
            return connection.scalar(query) or ""

    def archive_name(self, archive_id: int) -> str:
        """Name of an archive; empty if it is unknown."""
        query = select(schema.archive.c.name).where(schema.archive.c.archive_id == archive_id)
        with self._database.read() as connection:
            return connection.scalar(query) or ""

    def pages(self, delivery: Delivery, settings: PageSettings, kind: PageFormat) -> tuple[bytes, ...]:
        """The delivery's exam printed, as it was when the event happened."""
        details = self.exam(delivery.exam_id)
        recording = self._bank.read_signal(details.exam.uuid, details.exam.started_at)
        moment = delivery.created_at
        with self._database.read() as connection:
            report = reports.as_of(connection, delivery.exam_id, moment)
        written = [each for each in self.conclusions(delivery.exam_id) if each.created_at <= moment]
        job = PageJob(
            settings,
            kind,
            details.exam_id,
            details.exam,
            recording.format,
            report.document if report else "",
            tuple(written),
            self.hcf_name(details.hcf_id),
            self.archive_name(details.archive_id),
            moment.astimezone(details.exam.started_at.tzinfo),
        )
        return self._printer.print(job, recording)
