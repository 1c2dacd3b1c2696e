"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cardioserver.protocol.messages import ErrorCode

Rows = Callable[[], Iterable[tuple[Sequence[str], float]]]
"""Reads the rows of a table: values of its labels, and a number."""

Summaries = Callable[[], Iterable[tuple[Sequence[str], int, float]]]
"""Reads the rows of a table: values of its labels, how many, and their sum."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Metrics:
    """All counters of one server; each server has its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._latency = Histogram(
            "cardioserver_request_seconds",
            "Time from a request's last byte to its reply.",
            ["request"],
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._errors = Counter(
            "cardioserver_errors_total", "Error replies.", ["code"], registry=self.registry
        )
        # Looking a series up by its labels would cost more than counting.
        self._latency_of: dict[type, Histogram] = {}
        self._errors_of: dict[ErrorCode, Counter] = {}
        self.accepted = self._counter("cardioserver_connections_accepted_total", "Connections accepted.")
        self._refused = Counter(
            "cardioserver_connections_refused_total",
            "Connections refused or ended by the server.",
            ["reason"],
            registry=self.registry,
        )
        self.received = self._counter("cardioserver_received_bytes_total", "Bytes read from peers.")
        self.sent = self._counter("cardioserver_sent_bytes_total", "Bytes handed to the transport.")
        self.exams = self._counter("cardioserver_exams_stored_total", "Exams made durable.")
        self.exam_bytes = self._counter(
            "cardioserver_exam_bytes_total", "Sample bytes of exams that came in one frame and were stored."
        )
        self.pushes = self._counter("cardioserver_events_pushed_total", "Events pushed to subscribers.")

    def answered(self, request: type, seconds: float) -> None:
        """A request got its reply."""
        series = self._latency_of.get(request)
        if series is None:
            series = self._latency_of[request] = self._latency.labels(request.__name__)
        series.observe(seconds)

    def failed(self, code: ErrorCode) -> None:
        """An error was sent."""
        series = self._errors_of.get(code)
        if series is None:
            series = self._errors_of[code] = self._errors.labels(code.name)
        series.inc()

    def refused(self, reason: str) -> None:
        """A connection was refused or ended."""
        self._refused.labels(reason).inc()

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a number that is read when somebody asks; *read* must be thread-safe."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def table(self, name: str, text: str, labels: Sequence[str], read: Rows) -> None:
        """Show several numbers, told apart by *labels*; *read* must be thread-safe."""
        self.registry.register(_Table(name, text, labels, read))

    def summary(self, name: str, text: str, labels: Sequence[str], read: Summaries) -> None:
        """Show counts with their sums, told apart by *labels*; *read* must be thread-safe."""
        self.registry.register(_Summary(name, text, labels, read))

    def page(self) -> bytes:
        """The text Prometheus fetches."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)


class _Summary(Collector):
    def __init__(self, name: str, text: str, labels: Sequence[str], read: Summaries) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def describe(self) -> Iterable[Metric]:
        return [SummaryMetricFamily(self._name, self._text, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        family = SummaryMetricFamily(self._name, self._text, labels=self._labels)
        for values, count, total in self._read():
            family.add_metric(values, count, total)
        yield family


class _Table(Collector):
    def __init__(self, name: str, text: str, labels: Sequence[str], read: Rows) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._text, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for values, number in self._read():
            family.add_metric(values, number)
        yield family
