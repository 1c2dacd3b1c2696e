"""The only place where the server's parts are built and wired together."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import ArgumentError

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
from cardioserver.archive.retention import forget_old
from cardioserver.integration.engines import Engine, load_engine
from cardioserver.integration.exporter import Exporter
from cardioserver.integration.interpreter import Interpreter
from cardioserver.integration.printer import Printer
from cardioserver.integration.registry import load_exporters
from cardioserver.integration.source import ArchiveSource
from cardioserver.integration.worker import DeliveryWorker
from cardioserver.language import Phrase
from cardioserver.protocol.messages import EventKind
from cardioserver.server.folder import DataFolder, FolderInUse, server_id
from cardioserver.server.logs import Log, open_log
from cardioserver.server.process import Numbers, Process, StartError
from cardioserver.server.server import Services
from cardioserver.server.tls import Certificates
from cardioserver.server.upkeep import Chore, Upkeep
from cardioserver.settings import Config, ConfigError, Problem
from cardioserver.settings.checks import unusable_certificate

__all__ = ["Application", "StartError", "Store", "build", "open_store", "serve"]

log = Log(__name__)

SNAPSHOT_SECONDS = 10.0
"""How old the directory's copy may be when the database goes away."""

RETENTION_SECONDS = 6 * 3600.0
"""How often rows that nobody needs any more are deleted."""

RETIRE_SECONDS = 30.0
"""Between looks for workers that have nothing to do."""

SNAPSHOT_FILE = "directory.json"


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
    except (ValueError, ArgumentError):  # their texts may quote the URL, and with it a password
        raise ConfigError(config.file, (Problem("database.url", None, _SUPPORTED),)) from None
    return Store(
        database=database,
        bank=Bank(config.bank_path),
        ids=IdGenerator(postfix_of(config), config.data / "ids"),
        snapshot=DirectorySnapshot(config.data / SNAPSHOT_FILE),
    )


@dataclass(frozen=True, slots=True)
class Application:
    """A server whose parts are built but not started; made by :func:`build`, runs once."""

    config: Config
    folder: DataFolder
    store: Store
    services: Services
    certificates: Certificates | None
    printer: Printer
    upkeep: Upkeep

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit status of the process.

        Raises
        ------
        StartError
            An address cannot be listened on.
        """
        number = server_id_of(self.config)
        process = Process(
            self.config,
            self.services,
            self.folder,
            Numbers(number, postfix_of(self.config)),
            self.certificates,
        )
        self.upkeep.start()
        self.services.worker.start()
        try:
            process.run()
        finally:
            self.upkeep.close()
            self.services.worker.stop(self.config.limits.drain_seconds)
            self.printer.close()
            self.services.ingest.close()
            self.store.close()
            self.folder.close()
        return 0


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
    except FolderInUse:
        raise StartError(
            Phrase(
                f"A server already runs on {config.data}. Stop it, or choose another data directory.",
                f"С каталогом {config.data} уже работает сервер. Остановите его или укажите другой каталог.",
            )
        ) from None
    except OSError as error:
        raise StartError(_unusable(error)) from error
    try:
        certificates = _certificates(config)
        exporters = load_exporters(config.exporters)
        engine = load_engine(config.service_interpretation)
        store = open_store(config)
        migrated = _prepare(store, has_copy=(config.data / SNAPSHOT_FILE).exists())
        return _wire(
            config, folder, store, certificates, exporters=exporters, engine=engine, migrated=migrated
        )
    except ConfigError as error:
        folder.close()
        raise ConfigError(error.file or config.file, error.problems) from None
    except OSError as error:
        folder.close()
        raise StartError(_unusable(error)) from error
    except BaseException:
        folder.close()
        raise


def _wire(
    config: Config,
    folder: DataFolder,
    store: Store,
    certificates: Certificates | None,
    *,
    exporters: Sequence[Exporter],
    engine: Engine | None,
    migrated: bool,
) -> Application:
    database, bank, ids, snapshot = store.database, store.bank, store.ids, store.snapshot
    journal = Journal(database, config.data / "audit.waiting")
    interpreter = None if engine is None else _interpreter(config, engine, database, exporters)
    consumers = [*exporters, *([] if interpreter is None else [interpreter])]
    subscriptions = [consumer.terms.subscription for consumer in consumers]
    if interpreter is None:
        _warn_of_silence(exporters)
    printer = Printer()
    worker = DeliveryWorker(
        database, consumers, ArchiveSource(database, bank, printer), ids, server=str(server_id_of(config))
    )
    services = Services(
        archive=Archive(
            database, bank, ids, journal, subscriptions=subscriptions, max_page=config.limits.page_rows
        ),
        ingest=Ingest(
            database,
            bank,
            snapshot,
            ids,
            subscriptions=subscriptions,
            limits=IngestLimits(max_upload=config.limits.upload_bytes),
            on_events=lambda _: worker.wake(),
        ),
        authenticator=Authenticator(database, snapshot, ids, journal, passwords=Passwords()),
        worker=worker,
        interpreter=interpreter,
        database=database,
        bank_path=config.bank_path,
    )
    chores = [
        Chore("follow the database", SNAPSHOT_SECONDS, _follow(store, journal, migrated)),
        Chore("forget old rows", RETENTION_SECONDS, lambda: forget_old(database)),
        Chore("end idle printers", RETIRE_SECONDS, printer.retire),
    ]
    if engine is not None:
        chores.append(Chore("end idle workers", RETIRE_SECONDS, engine.retire))
    return Application(config, folder, store, services, certificates, printer, Upkeep(chores))


def _warn_of_silence(exporters: Sequence[Exporter]) -> None:
    for exporter in exporters:
        if exporter.terms.subscription.kinds & EventKind.AUTO_REPORT:
            log.warning(
                "it waits for automatic reports, and this server makes none", exporter=exporter.terms.name
            )


def _interpreter(
    config: Config, engine: Engine, database: Database, exporters: Sequence[Exporter]
) -> Interpreter:
    group = config.service_interpretation
    most_samples = config.limits.upload_bytes // 2  # of 16 bits
    return Interpreter(
        engine,
        database,
        [exporter.terms.subscription for exporter in exporters],
        threads=group.workers,
        longest=engine.limits.seconds_of(most_samples),
        leaves=group.mode == "remote",
    )


def _prepare(store: Store, *, has_copy: bool) -> bool:
    """Bring the database to this version; ``False``: it is down, and its copy has to do for now."""
    try:
        migrate(store.database)
        store.snapshot.refresh(store.database)
    except DatabaseUnavailable as error:
        if not has_copy:
            raise StartError(_NO_DATABASE) from error
        log.warning("the database is down: recorders can upload, everything else waits")
        return False
    except ArchiveError as error:
        raise StartError(Phrase(error.text_en, error.text_ru)) from error
    return True


def _follow(store: Store, journal: Journal, migrated: bool) -> Callable[[], None]:
    """What there is to do with the database from time to time, and when it comes back."""

    def work() -> None:
        nonlocal migrated
        if not migrated:
            migrate(store.database)
            migrated = True
        store.snapshot.refresh(store.database)
        journal.catch_up()

    return work


_SUPPORTED = Phrase(
    "allowed is sqlite:///PATH or mysql+pymysql://USER:PASSWORD@HOST:PORT/NAME",
    "допустимо sqlite:///ПУТЬ или mysql+pymysql://ПОЛЬЗОВАТЕЛЬ:ПАРОЛЬ@ХОСТ:ПОРТ/ИМЯ",
)

_NO_DATABASE = Phrase(
    "The database does not answer, and this data directory has never seen it. "
    "Start the database, or correct the group `database` of the configuration.",
    "База данных не отвечает, а с этим каталогом данных она ещё не работала. "
    "Запустите её или исправьте группу `database` в настройках.",
)


def _certificates(config: Config) -> Certificates | None:
    if config.tls.certificate is None:
        return None
    try:
        return Certificates.load(config.tls)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigError(
            None, (unusable_certificate("tls.certificate", config.tls.certificate, error),)
        ) from None


def serve(config: Config) -> int:
    """Build and run a server; what ``cardioserver serve`` does. Returns the exit status.

    Raises
    ------
    cardioserver.settings.ConfigError, StartError
        As :func:`build` and :meth:`Application.run`.
    """
    try:
        open_log(config.log)
    except OSError as error:
        raise StartError(_unusable(error)) from error
    return build(config).run()


def _unusable(error: OSError) -> Phrase:
    place, reason = error.filename or "?", error.strerror or type(error).__name__
    return Phrase(f"{place} cannot be used: {reason}.", f"{place} использовать нельзя: {reason}.")
