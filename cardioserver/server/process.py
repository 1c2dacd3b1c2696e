"""A server as a process: its event loop, signals and what it prints."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass

import cardioserver
from cardioserver.language import Phrase, system_language
from cardioserver.server.banner import READY, STOPPED, STOPPING, Banner
from cardioserver.server.folder import DataFolder, Listening
from cardioserver.server.logs import Log
from cardioserver.server.memory import map_large_blocks
from cardioserver.server.server import AddressError, Server, Services
from cardioserver.server.tls import Certificates
from cardioserver.settings import Config

log = Log(__name__)

SPARE_FILES = 200
"""Open files besides the connections' sockets."""


class StartError(Exception):
    """The server cannot start; :attr:`phrase` tells a person why and what to do."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of this server among others."""

    server_id: int
    postfix: int


class Process:
    """Runs one server until SIGTERM or SIGINT; SIGHUP reads the TLS certificate again.

    The first signal lets it drain, the second one ends the process at once.
    """

    def __init__(
        self,
        config: Config,
        services: Services,
        folder: DataFolder,
        numbers: Numbers,
        certificates: Certificates | None,
    ) -> None:
        self._config = config
        self._services = services
        self._folder = folder
        self._numbers = numbers
        self._certificates = certificates

    def run(self) -> None:
        """Serve until told to stop, and drain.

        Raises
        ------
        StartError
            An address cannot be listened on.
        """
        _allow_open_files(self._config.limits.connections)
        map_large_blocks()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._serve())
        _say(STOPPED)

    async def _serve(self) -> None:
        server = Server(self._config, self._services, self._numbers.server_id, self._certificates)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, stop)
        loop.add_signal_handler(signal.SIGHUP, server.reload_certificates)
        loop.set_exception_handler(_log_loop_error)
        try:
            port, monitoring_port = await server.start()
        except AddressError as error:
            raise StartError(
                Phrase(
                    f"Cannot listen on {error.place}: {error.reason}. Choose another address or port.",
                    f"Не удаётся принимать подключения на {error.place}: {error.reason}. "
                    "Выберите другой адрес или порт.",
                )
            ) from error
        self._announce(port, monitoring_port)
        await stop.wait()
        log.info("stopping")
        _say(STOPPING, seconds=self._config.limits.drain_seconds)
        await server.stop(self._config.limits.drain_seconds)
        log.info("stopped")

    def _announce(self, port: int, monitoring_port: int) -> None:
        config, numbers, tls = self._config, self._numbers, self._certificates is not None
        banner = Banner(
            version=cardioserver.__version__,
            host=config.server.host,
            port=port,
            tls=tls,
            cardiobank=config.bank_path,
            postfix=numbers.postfix,
            server_type=config.server.server_type,
            server_id=numbers.server_id,
            pool_size=config.database.pool_size,
            cluster_ids=config.server.cluster_ids or (numbers.server_id,),
        )
        for line in banner.lines(system_language()):
            print(line)
        listening = Listening(
            pid=os.getpid(),
            host=config.server.host,
            port=port,
            monitoring_port=monitoring_port,
            tls=tls,
            version=cardioserver.__version__,
        )
        self._folder.announce(listening)
        log.info("listening", host=config.server.host, port=port, server_id=numbers.server_id)
        _say(READY)


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        # Everything acknowledged is durable, so nothing is lost by ending here and now.
        log.warning("stopped at once")
        os._exit(1)
    stop.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  it does not install everywhere
    except ImportError:
        return None
    return uvloop.new_event_loop


def _allow_open_files(connections: int) -> None:
    """Raise the limit of open files as far as the connections need and the system lets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < wanted:
            log.warning("fewer connections than configured: open files", limit=most, wanted=wanted)


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    log.error("event loop", error=error if isinstance(error, BaseException) else None)


def _say(phrase: Phrase, **values: object) -> None:
    print(phrase.say(system_language()).format(**values), flush=True)
