"""The interpretation service as a process."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from dataclasses import dataclass

from cardioserver.interpretation.limits import Limits
from cardioserver.interpretation.pool import Pool
from cardioserver.interpretation.service import Service, ServiceLimits
from cardioserver.language import Phrase, system_language

log = logging.getLogger(__name__)

DRAIN_SECONDS = 30.0
"""Time to finish what is being interpreted when the service stops."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a service runs."""

    host: str
    port: int  # 0: a free one
    workers: int
    limits: Limits
    clients: ServiceLimits
    tls: ssl.SSLContext | None = None


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    OSError
        The address cannot be listened on.
    """
    asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service = Service(Pool(options.workers, options.limits), options.workers, options.clients)

    def ready(port: int) -> None:
        scheme = "http" if options.tls is None else "https"
        host = f"[{options.host}]" if ":" in options.host else options.host
        log.info("listening on port %d", port)
        said = Phrase(
            f"Interpretation service: {scheme}://{host}:{port}, {options.workers} workers. Ready.",
            f"Служба интерпретации: {scheme}://{host}:{port}, процессов: {options.workers}. Готова к работе.",
        )
        print(said.say(system_language()), flush=True)

    await service.run(
        options.host, options.port, stop=stop, tls=options.tls, ready=ready, drain_seconds=DRAIN_SECONDS
    )
    log.info("stopped")
