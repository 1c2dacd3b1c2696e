"""The only place where the server's parts are built and wired together."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import cardioserver
from cardioserver.archive.archive import Archive
from cardioserver.archive.authenticator import Authenticator
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database, migrate
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import ArchiveError, DatabaseUnavailable
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest, IngestLimits
from cardioserver.archive.journal import Journal
from cardioserver.archive.passwords import Passwords
from cardioserver.server.banner import READY, STOPPED, STOPPING, Banner
from cardioserver.server.folder import DataFolder, FolderInUseError, Listening, server_id
from cardioserver.server.logs import Log, open_log
from cardioserver.server.server import Server, Services
from cardioserver.server.tls import Certificates
from cardioserver.server.upkeep import Chore, Upkeep
from cardioserver.settings import Config, ConfigError, Phrase, Problem, system_language

log = Log(__name__)

SNAPSHOT_SECONDS = 10.0
"""How old the directory's copy may be when the database goes away."""

SPARE_FILES = 200
"""Open files besides the connections' sockets."""


class StartError(Exception):
    """The server cannot start; :attr:`phrase` tells a person why and what to do."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase


@dataclass(frozen=True, slots=True)
class Store:
    """What the server and the command line both work on."""

    database: Database
    bank: Bank
    ids: IdGenerator
    snapshot: DirectorySnapshot

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()


def server_id_of(config: Config) -> int:
    """The configured number of this server, or the one its data directory drew."""
    return config.server.server_id or server_id(config.data)


def postfix_of(config: Config) -> int:
    """The number inside this server's identifiers."""
    return config.server.postfix or server_id_of(config)


def open_store(config: Config) -> Store:
    """Open the database, the bank and the identifiers of a configuration. Nothing is connected yet.

    Raises
    ------
    cardioserver.settings.ConfigError
        The database's URL is of no supported database.
    OSError
        A folder cannot be made.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        database = Database(config.database_url, config.database.pool_size)
    except ValueError as error:
        raise ConfigError(
            None, (Problem("database.url", None, Phrase(str(error), f"не годится: {error}")),)
        ) from None
    return Store(
        database=database,
        bank=Bank(config.bank_path),
        ids=IdGenerator(postfix_of(config), config.data / "ids"),
        snapshot=DirectorySnapshot(config.data / "directory.json"),
    )


class Application:
    """A server whose parts are built but not started; made by :func:`build`, runs once."""

    def __init__(
        self,
        config: Config,
        *,
        folder: DataFolder,
        store: Store,
        services: Services,
        certificates: Certificates | None,
        upkeep: Upkeep,
    ) -> None:
        self._config = config
        self._folder = folder
        self._store = store
        self._services = services
        self._certificates = certificates
        self._upkeep = upkeep

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit status of the process.

        Raises
        ------
        StartError
            An address cannot be listened on.
        """
        _allow_open_files(self._config.limits.connections)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve())
        finally:
            self._upkeep.close()
            self._services.ingest.close()
            self._store.close()
            self._folder.close()
        _say(STOPPED)
        return 0

    async def _serve(self) -> None:
        server = Server(self._config, self._services, server_id_of(self._config), self._certificates)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_signal, stop)
        loop.add_signal_handler(signal.SIGHUP, server.reload_certificates)
        loop.set_exception_handler(_log_loop_error)
        host = self._config.server.host
        try:
            port, monitoring_port = await server.start()
        except OSError as error:
            raise StartError(
                Phrase(
                    f"Cannot listen on {host}: {error.strerror}. Choose another address or port.",
                    f"Не удаётся принимать подключения на {host}: {error.strerror}. "
                    "Выберите другой адрес или порт.",
                )
            ) from error
        self._announce(port, monitoring_port)
        self._upkeep.start()
        await stop.wait()
        log.info("stopping")
        _say(STOPPING, seconds=self._config.limits.drain_seconds)
        await server.stop(self._config.limits.drain_seconds)
        log.info("stopped")

    def _announce(self, port: int, monitoring_port: int) -> None:
        config = self._config
        number = server_id_of(config)
        banner = Banner(
            version=cardioserver.__version__,
            host=config.server.host,
            port=port,
            tls=self._certificates is not None,
            cardiobank=config.bank_path,
            postfix=postfix_of(config),
            server_type=config.server.server_type,
            server_id=number,
            pool_size=config.database.pool_size,
            cluster_ids=config.server.cluster_ids or (number,),
        )
        for line in banner.lines(system_language()):
            print(line)
        self._folder.announce(
            Listening(
                pid=os.getpid(),
                host=config.server.host,
                port=port,
                monitoring_port=monitoring_port,
                tls=self._certificates is not None,
                version=cardioserver.__version__,
            )
        )
        log.info("listening", host=config.server.host, port=port, server_id=number)
        _say(READY)

    def _stop_signal(self, stop: asyncio.Event) -> None:
        if stop.is_set():
            # Everything acknowledged is durable, so nothing is lost by ending here and now.
            log.warning("stopped at once")
            os._exit(1)
        stop.set()


def build(config: Config) -> Application:
    """Build every part of a server from its configuration.

    Raises
    ------
    cardioserver.settings.ConfigError
        A part cannot be built from what the configuration says.
    StartError
        The data directory is in use or cannot be written, or the database is down and there is no copy
        of the directory to work with.
    """
    try:
        folder = DataFolder(config.data)
    except FolderInUseError:
        raise StartError(
            Phrase(
                f"A server already runs on {config.data}. Stop it, or choose another data directory.",
                f"С каталогом {config.data} уже работает сервер. Остановите его или укажите другой каталог.",
            )
        ) from None
    except OSError as error:
        raise StartError(_no_folder(error)) from error
    try:
        certificates = _certificates(config)
        store = open_store(config)
        _prepare(store)
        return _wire(config, folder, store, certificates)
    except OSError as error:
        folder.close()
        raise StartError(_no_folder(error)) from error
    except BaseException:
        folder.close()
        raise


def _wire(config: Config, folder: DataFolder, store: Store, certificates: Certificates | None) -> Application:
    database, ids, snapshot = store.database, store.ids, store.snapshot
    journal = Journal(database, config.data / "audit.waiting")
    services = Services(
        archive=Archive(database, store.bank, ids, journal),
        ingest=Ingest(
            database,
            store.bank,
            snapshot,
            ids,
            limits=IngestLimits(max_upload=config.limits.upload_bytes),
        ),
        authenticator=Authenticator(database, snapshot, ids, journal, passwords=Passwords()),
        database=database,
        bank_path=config.bank_path,
    )
    upkeep = Upkeep(
        [
            Chore("directory snapshot", SNAPSHOT_SECONDS, lambda: snapshot.refresh(database)),
            Chore("waiting audit entries", SNAPSHOT_SECONDS, journal.catch_up),
        ]
    )
    return Application(
        config,
        folder=folder,
        store=store,
        services=services,
        certificates=certificates,
        upkeep=upkeep,
    )


def _prepare(store: Store) -> None:
    """Bring the database to this version, or be content with the copy of the directory."""
    try:
        migrate(store.database)
        store.snapshot.refresh(store.database)
    except DatabaseUnavailable as error:
        log.warning("the database is down; recorders can upload all the same")
        raise StartError(Phrase(error.text_en, error.text_ru)) from error
    except ArchiveError as error:
        raise StartError(Phrase(error.text_en, error.text_ru)) from error


def _certificates(config: Config) -> Certificates | None:
    if config.tls.certificate is None:
        return None
    try:
        return Certificates.load(config.tls)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(
            None,
            (
                Problem(
                    "tls.certificate",
                    f'"{config.tls.certificate}"',
                    Phrase(
                        f"no certificate with its key and authorities that can be used: {reason}",
                        f"нет пригодного сертификата с ключом и удостоверяющими центрами: {reason}",
                    ),
                ),
            ),
        ) from None


def serve(config: Config) -> int:
    """Build and run a server; what ``cardioserver serve`` does. Returns the exit status.

    Raises
    ------
    cardioserver.settings.ConfigError, StartError
        As :func:`build` and :meth:`Application.run`.
    """
    open_log(config.log)
    return build(config).run()


def _no_folder(error: OSError) -> Phrase:
    return Phrase(
        f"{error.filename} cannot be used: {error.strerror}.",
        f"{error.filename} использовать нельзя: {error.strerror}.",
    )


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
