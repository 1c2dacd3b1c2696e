"""What an exporter is: the interface between the outbox and the hospital's systems.

An exporter is a class found by its entry point in the group ``cardioserver.exporters``; the configuration
names it as ``type``. ``docs/integration.md`` describes how to write one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from pydantic import Field, ValidationError

from cardioserver.archive.deliveries import Delivery
from cardioserver.archive.events import Subscription
from cardioserver.archive.leases import Backoff
from cardioserver.ecg.recording import Recording
from cardioserver.integration.errors import DeliveryError, Permanent, Retryable
from cardioserver.integration.pages import PageFormat, PageSettings
from cardioserver.protocol.messages import AutoReport, Conclusion, EventKind, ExamDetails
from cardioserver.settings import ConfigError
from cardioserver.settings.config import Group, Seconds
from cardioserver.settings.explain import explain

__all__ = ["Delivery", "DeliveryError", "Exporter", "Permanent", "Retryable", "Source", "Terms"]

Options = TypeVar("Options", bound=Group)


class Source(Protocol):
    """Reads what a document is made of, from the archive.

    Raises, besides what each method says, ``DatabaseUnavailable``: let it out, the worker waits.
    """

    def exam(self, exam_id: int) -> ExamDetails:
        """An exam's metadata.

        Raises
        ------
        NotFound
            There is no such exam.
        """
        ...

    def signal(self, exam_id: int) -> Recording:
        """The whole recording.

        Raises
        ------
        NotFound
            There is no such exam.
        DamagedExam
            Its file in the bank is damaged.
        """
        ...

    def conclusions(self, exam_id: int) -> tuple[Conclusion, ...]:
        """All conclusions of an exam, oldest first."""
        ...

    def auto_report(self, exam_id: int) -> AutoReport | None:
        """The newest machine interpretation, if there is one."""
        ...

    def hcf_name(self, hcf_id: int) -> str:
        """Name of an HCF; empty if it is unknown."""
        ...

    def archive_name(self, archive_id: int) -> str:
        """Name of an archive; empty if it is unknown."""
        ...

    def pages(self, delivery: Delivery, settings: PageSettings, kind: PageFormat) -> tuple[bytes, ...]:
        """The delivery's exam printed: a PDF, or a picture of each page.

        It shows the automatic report and the conclusions that were there when the event happened, and has its
        time: however often and late a delivery is tried, the same version of this program prints the same
        bytes.

        Raises
        ------
        NotFound, DamagedExam
            As :meth:`exam` and :meth:`signal`.
        Permanent
            The exam cannot be printed.
        Retryable
            Printing has failed: let it out, and it costs this one attempt.
        """
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What an exporter wants, and how it is worked for."""

    subscription: Subscription  # with its name
    backoff: Backoff = field(default_factory=Backoff)
    threads: int = 1  # deliveries at the same time, on each server
    patience: float = 600.0  # seconds after which a delivery that does not end is tried by another worker
    is_journalled: bool = True  # whether data leave, which the audit journal tells

    @property
    def name(self) -> str:
        """The exporter's name in the configuration."""
        return self.subscription.exporter


class Exporter(Protocol):
    """Delivers documents to one system.

    Made as ``Class(name, options)`` with the name and the ``options`` object of the configuration
    (:func:`read_options` turns it into typed values). For options that it cannot work with it raises
    :class:`cardioserver.settings.ConfigError`, with JSON paths from ``options`` on.
    """

    @property
    def terms(self) -> Terms:
        """The same from first to last."""
        ...

    def deliver(self, delivery: Delivery, source: Source) -> None:
        """Make a document and see that it arrives. Returning means that it has arrived.

        The same delivery may come again, with the same ids, after a crash or a lapsed lease, also if it had
        arrived: the other side must end up with one document. Called by several threads if ``threads`` > 1.

        Raises
        ------
        Retryable, Permanent
            Any other exception counts as retryable, and its text is shown to nobody.
        """
        ...

    def close(self) -> None:
        """No delivery will come any more."""
        ...


class DeliveryOptions(Group):
    """Options that all exporters have."""

    hcf_ids: tuple[int, ...] = Field(default=(), description="Only exams of these HCFs; empty: of all.")
    threads: int = Field(default=1, ge=1, le=16, description="Deliveries at the same time, on each server.")
    first_wait: Seconds = Field(default=5.0, description="Longest wait after the first failure, seconds.")
    longest_wait: Seconds = Field(default=3600.0, description="Longest wait after many failures, seconds.")
    attempts: int = Field(
        default=180, ge=1, le=100_000, description="Attempts before a person has to decide."
    )
    patience: Seconds = Field(
        default=600.0,
        description="Seconds after which a delivery that does not end is tried by another worker.",
    )

    def terms(self, name: str, kinds: EventKind) -> Terms:
        """The terms of an exporter with this name that wants these events."""
        return Terms(
            Subscription(name, kinds, frozenset(self.hcf_ids)),
            Backoff(timedelta(seconds=self.first_wait), timedelta(seconds=self.longest_wait), self.attempts),
            self.threads,
            self.patience,
        )


def read_options(group: type[Options], options: Mapping[str, Any]) -> Options:
    """An exporter's options as typed values.

    Raises
    ------
    ConfigError
        Everything that is wrong with them.
    """
    try:
        return group.model_validate_json(json.dumps(options))
    except ValidationError as error:
        raise ConfigError(None, explain(error, dict(options), group)) from None
