"""One server, from listening to drained."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardioserver.archive.authenticator import Authenticator
from cardioserver.archive.database import Database
from cardioserver.archive.deliveries import count_deliveries, delays
from cardioserver.archive.errors import DatabaseUnavailable
from cardioserver.archive.ingest import Ingest
from cardioserver.integration.interpreter import Interpreter
from cardioserver.integration.worker import DeliveryWorker
from cardioserver.server.desk import Desk, Identity, Pools
from cardioserver.server.listener import Listener
from cardioserver.server.logs import Log
from cardioserver.server.metrics import Metrics
from cardioserver.server.monitoring import Health, Monitoring
from cardioserver.server.pools import Pool
from cardioserver.server.pushes import Pushes
from cardioserver.server.resources import Resources
from cardioserver.server.tls import Certificates
from cardioserver.settings import Config

if TYPE_CHECKING:
    from cardioserver.archive.archive import Archive

log = Log(__name__)

PASSWORD_THREADS = 4
"""Most of them wait: :mod:`cardioserver.archive.passwords` bounds how many compute at once."""

UPLOAD_THREADS = 4
MOST_LOGINS_WAITING = 4000
"""All recorders of a region, after an outage: each waits its turn and none is turned away."""

MOST_REQUESTS_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Services:
    """What the server offers its clients."""

    archive: Archive
    ingest: Ingest
    authenticator: Authenticator
    worker: DeliveryWorker
    interpreter: Interpreter | None
    database: Database
    bank_path: Path


class AddressError(Exception):
    """An address cannot be listened on."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        # A resolver's errors have numbers of their own; other texts may carry more than the reason.
        number = error.errno or 0
        self.reason = os.strerror(number) if number > 0 else str(error.strerror)
        self.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__(f"{self.place}: {self.reason}")


class Server:
    """Listens and serves; built and used in one running event loop.

    Parameters
    ----------
    server_id
        As sent to clients.
    certificates
        For TLS, or ``None``.
    """

    def __init__(
        self, config: Config, services: Services, server_id: int, certificates: Certificates | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._config = config
        self._services = services
        self._draining = False
        self.metrics = Metrics()
        self._resources = Resources(loop, config.limits, self.metrics)
        self._pools = Pools(
            passwords=Pool(loop, "password", PASSWORD_THREADS, MOST_LOGINS_WAITING),
            reads=Pool(loop, "read", config.database.pool_size, MOST_REQUESTS_WAITING),
            uploads=Pool(loop, "upload", UPLOAD_THREADS, MOST_REQUESTS_WAITING),
        )
        self._pushes = Pushes(loop, services.database, self._pools.reads, services.authenticator.still_valid)
        desk = Desk(
            loop,
            identity=Identity(
                server_id, config.server.server_type, config.server.update_url, self._resources.limits
            ),
            archive=services.archive,
            ingest=services.ingest,
            authenticator=services.authenticator,
            changed=self._changed,
            signals=self._resources.signals,
            pushes=self._pushes,
            pools=self._pools,
            metrics=self.metrics,
        )
        self._listener = Listener(self._resources, desk, certificates)
        if services.interpreter is not None:
            services.interpreter.on_report = self._reported
        self._loop = loop
        self._monitoring: Monitoring | None = None
        self._show_gauges()

    @property
    def connections(self) -> int:
        """Connections now."""
        return self._resources.admission.count

    @property
    def upload_bytes_in_flight(self) -> int:
        """Bytes of frames being received or stored."""
        return self._resources.uploads.used

    async def start(self) -> tuple[int, int]:
        """Listen; returns the protocol's port and the monitoring's (0: none).

        Raises
        ------
        AddressError
            An address cannot be listened on.
        """
        host, port = self._config.server.host, self._config.server.port
        try:
            port = await self._listener.listen(host, port)
        except OSError as error:
            raise AddressError(host, port, error) from error
        if not self._config.monitoring.enabled:
            return port, 0
        host, monitoring_port = self._config.monitoring.host, self._config.monitoring_port
        try:
            self._monitoring = Monitoring(host, monitoring_port, self.metrics, self.health)
        except OSError as error:
            await self._listener.drain(0)
            raise AddressError(host, monitoring_port, error) from error
        self._monitoring.start()
        return port, self._monitoring.port

    def reload_certificates(self) -> None:
        """Read the TLS certificate again for new connections."""
        self._listener.reload_certificates()

    async def stop(self, seconds: float) -> None:
        """Drain: accept no more, finish the requests in flight, tell the clients.

        Parameters
        ----------
        seconds
            After that, what is unfinished is cut.
        """
        self._draining = True
        await self._listener.drain(seconds)
        self._pushes.stop()
        await asyncio.to_thread(self._pools.close)
        if self._monitoring is not None:
            await asyncio.to_thread(self._monitoring.close)

    def health(self) -> Health:
        """For ``/healthz``; thread-safe. A database outage is told, but stops no upload: still healthy."""
        database = self._services.database.is_available()
        status = "ok" if database else "degraded"
        try:
            free: int | None = shutil.disk_usage(self._services.bank_path).free
        except OSError:
            free, status = None, "no cardiobank"
        if self._draining:
            status = "draining"
        details: dict[str, Any] = {
            "status": status,
            "database": database,
            "connections": self.connections,
            "exams_waiting_for_database": self._services.ingest.queued,
            "bank_free_bytes": free,
        }
        return Health(status in ("ok", "degraded"), details)

    def _changed(self) -> None:
        """A client has changed something: there are events to push and to deliver."""
        self._pushes.wake()
        self._services.worker.wake()

    def _reported(self) -> None:
        """There is a new auto report; called in any thread, also when the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._changed)

    def _show_gauges(self) -> None:
        resources, pools, metrics = self._resources, self._pools, self.metrics
        metrics.gauge("cardioserver_connections", "Connections.", lambda: self.connections)
        metrics.gauge("cardioserver_subscribers", "Sessions that subscribed.", lambda: self._pushes.count)
        metrics.gauge(
            "cardioserver_upload_bytes_in_flight",
            "Bytes of frames received or being stored.",
            lambda: self.upload_bytes_in_flight,
        )
        metrics.gauge(
            "cardioserver_uploads_waiting",
            "Connections that wait for room for a frame.",
            lambda: resources.uploads.waiting,
        )
        metrics.gauge(
            "cardioserver_exams_waiting_for_database",
            "Exams durable in the bank, not yet in the database.",
            lambda: self._services.ingest.queued,
        )
        metrics.table(
            "cardioserver_queue_depth",
            "Calls in thread pools, running and waiting.",
            ("pool",),
            lambda: [
                (("password",), pools.passwords.depth),
                (("read",), pools.reads.depth),
                (("upload",), pools.uploads.depth),
            ],
        )
        metrics.table(
            "cardioserver_deliveries",
            "Deliveries in the outbox of all servers.",
            ("exporter", "status"),
            self._deliveries,
        )
        metrics.table(
            "cardioserver_delivery_delay_seconds",
            "How long the longest due delivery has been waiting for a worker.",
            ("exporter",),
            self._delays,
        )
        interpreter = self._services.interpreter
        if interpreter is not None:
            metrics.summary(
                "cardioserver_interpretation_seconds",
                "Time of interpretations.",
                ("outcome",),
                lambda: [((name,), one.count, one.seconds) for name, one in interpreter.tallies().items()],
            )

    def _deliveries(self) -> list[tuple[tuple[str, ...], float]]:
        try:
            with self._services.database.read() as connection:
                counts = count_deliveries(connection)
        except DatabaseUnavailable:
            return []
        return [((name, status.name.lower()), count) for (name, status), count in counts.items()]

    def _delays(self) -> list[tuple[tuple[str, ...], float]]:
        try:
            with self._services.database.read() as connection:
                found = delays(connection)
        except DatabaseUnavailable:
            return []
        return [((name,), seconds) for name, seconds in found.items()]
