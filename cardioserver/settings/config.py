"""``config.json`` as typed values.

Every group and key has a default that works, so an empty object (or no file at all) is the embedded
server: SQLite and cardiobank under the data directory. ``docs/configuration.md`` lists what is here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr

KIB = 1024
MIB = 1024 * KIB

DEFAULT_PORT = 48004
"""The port of the original product."""

INTERPRETATION_PORT = 48044
"""Of the interpretation service."""

INTERPRETATION = "interpretation"
"""The name under which interpretations are owed in the outbox; no exporter may take it."""

MAX_SERVER_ID = 1023
"""Ten bits of every identifier are the server's (:mod:`cardioserver.archive.ids`)."""

Port = Annotated[int, Field(ge=0, le=65535)]
ServerId = Annotated[int, Field(ge=1, le=MAX_SERVER_ID)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
HostName = Annotated[
    str, Field(max_length=255, pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?$")
]

SECRET: dict[str, Any] = {"secret": True}
"""Marks a field whose value never appears in a message."""


class Group(BaseModel):
    """A JSON object of settings: unknown keys refused, types exact, values fixed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ServerSettings(Group):
    """Who this server is and where it listens."""

    host: str = Field(
        default="0.0.0.0",  # noqa: S104  recorders come from the hospital's network
        min_length=1,
        description="Address to listen on; `::` is every address.",
    )
    port: Port = Field(default=DEFAULT_PORT, description="Port of the protocol; 0 takes a free one.")
    server_id: ServerId | None = Field(
        default=None,
        description="Number of this server, sent to clients. Without it the data directory draws one.",
    )
    postfix: ServerId | None = Field(
        default=None,
        description="Number put inside every identifier this server makes; differs between servers that "
        "share a database. Without it: `server_id`.",
    )
    server_type: str = Field(
        default="main", min_length=1, max_length=32, description="Name of the server's part in the cluster."
    )
    cluster_ids: tuple[ServerId, ...] = Field(
        default=(),
        description="Numbers of all servers that share this database and bank. Empty: only this one.",
    )
    update_url: str = Field(
        default="", max_length=1000, description="Where clients fetch new software; empty: nowhere."
    )


class DatabaseSettings(Group):
    """The database; with nothing set it is SQLite in the data directory."""

    url: str | None = Field(
        default=None,
        min_length=1,
        description="SQLAlchemy URL (`sqlite:///…`, `mysql+pymysql://…`) in place of the keys below.",
        json_schema_extra=SECRET,
        repr=False,
    )
    host: str | None = Field(default=None, min_length=1, description="MariaDB or MySQL server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=3306, description="Its port.")
    name: str = Field(default="cardioserver", min_length=1, max_length=64, description="Its database.")
    user: str = Field(default="cardioserver", min_length=1, max_length=80, description="Its user.")
    password_file: Path | None = Field(
        default=None, description="File whose first line is the user's password."
    )
    pool_size: int = Field(default=8, ge=1, le=256, description="Connections kept open.")


class CardiobankSettings(Group):
    """Where the exams' files are."""

    path: Path | None = Field(
        default=None, description="Root of the cardiobank. Without it: `cardiobank` in the data directory."
    )


class LimitSettings(Group):
    """What peers may cost."""

    connections: int = Field(default=12_000, ge=1, le=1_000_000, description="Connections at once.")
    connections_per_address: int = Field(
        default=1_000, ge=1, le=1_000_000, description="Connections at once from one address."
    )
    frame_bytes: int = Field(
        default=32 * MIB, ge=64 * KIB, le=1024 * MIB, description="Payload of one frame."
    )
    upload_bytes: int = Field(
        default=256 * MIB, ge=MIB, le=16 * 1024 * MIB, description="Samples of one exam."
    )
    requests_in_flight: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Requests of one connection without a reply; more are not read.",
    )
    upload_bytes_in_flight: int = Field(
        default=256 * MIB,
        ge=MIB,
        le=64 * 1024 * MIB,
        description="Sample bytes of all connections being stored.",
    )
    signal_bytes_in_flight: int = Field(
        default=256 * MIB,
        ge=MIB,
        le=64 * 1024 * MIB,
        description="Sample bytes of all connections being sent; more are not read from the bank.",
    )
    write_bytes: int = Field(
        default=MIB,
        ge=64 * KIB,
        le=256 * MIB,
        description="Unread reply bytes of one connection before it waits.",
    )
    page_rows: int = Field(default=200, ge=1, le=1_000, description="Rows in one page of a list.")
    hello_seconds: Seconds = Field(default=10.0, description="From connecting to the hello.")
    login_seconds: Seconds = Field(default=60.0, description="From the hello to the login.")
    idle_seconds: Seconds = Field(default=900.0, description="Without a byte from a logged-in peer.")
    stall_seconds: Seconds = Field(
        default=30.0, description="Grace for a begun frame, and for a peer that does not read its replies."
    )
    bytes_per_second: int = Field(
        default=512, ge=1, le=1024 * MIB, description="Least rate of a frame's arrival after the grace."
    )
    drain_seconds: Seconds = Field(default=30.0, description="Time to finish requests when the server stops.")


class TlsSettings(Group):
    """TLS on the protocol port; off without a certificate."""

    certificate: Path | None = Field(default=None, description="PEM file: certificate, then its chain.")
    key: Path | None = Field(default=None, description="PEM file: private key. Without it: in `certificate`.")
    client_certificates: Literal["off", "optional", "required"] = Field(
        default="off", description="Whether clients show a certificate."
    )
    client_ca: Path | None = Field(default=None, description="PEM file: authorities of client certificates.")
    min_version: Literal["1.2", "1.3"] = Field(default="1.2", description="Oldest TLS version.")


class MonitoringSettings(Group):
    """``/metrics`` and ``/healthz`` over HTTP."""

    enabled: bool = Field(default=True, description="Whether to serve them.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: Port | None = Field(
        default=None,
        description="Port; 0 takes a free one. Without it: the protocol port + 1 (0 if that is 0).",
    )


class LogSettings(Group):
    """The log: one JSON object a line."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level written."
    )
    file: Path | None = Field(
        default=None,
        description="File to append to, reopened when it was rotated away. Without it: standard error.",
    )


class InterpretationSettings(Group):
    """Who interprets the stored exams. A remote service gets the signal, sex, age, height and weight."""

    mode: Literal["embedded", "remote", "off"] = Field(
        default="embedded",
        description="`embedded`: worker processes of this server; `remote`: services on other machines.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="Interpretations at once.")
    seconds: Seconds = Field(
        default=30.0, description="Most time for a short ECG; long ones get more in proportion."
    )
    memory_bytes: int = Field(
        default=1024 * MIB,
        ge=64 * MIB,
        le=256 * 1024 * MIB,
        description="Most memory of a worker for a short ECG; long ones get more in proportion.",
    )
    hosts: tuple[HostName, ...] = Field(
        default=(),
        description=f"`remote`: services in the order in which they are tried; without a port: "
        f"{INTERPRETATION_PORT}.",
    )
    tls: bool = Field(default=False, description="Whether the services speak TLS.")
    ca: Path | None = Field(
        default=None,
        description="PEM file: authorities of their certificates. Without it: those of the system.",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file: certificate to show them, then its chain."
    )
    key: Path | None = Field(
        default=None, description="PEM file: its private key. Without it: in `certificate`."
    )
    connect_seconds: Seconds = Field(default=5.0, description="To connect to a service.")
    failures: int = Field(
        default=3, ge=1, le=1000, description="Failures in a row after which a service is left alone."
    )
    rest_seconds: Seconds = Field(default=30.0, description="For so long; then it is tried once.")


class ExporterSettings(Group):
    """One system that receives documents."""

    name: str = Field(
        min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$", description="Its name in deliveries and logs."
    )
    type: str = Field(
        min_length=1, max_length=64, description="Entry point in the group `cardioserver.exporters`."
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of that exporter.", json_schema_extra=SECRET, repr=False
    )


class Config(Group):
    """Everything a server is told at its start.

    Paths are absolute once :func:`cardioserver.settings.load` has returned them.
    """

    data: Path = Field(default=Path("storage"), description="Data directory: state of this server alone.")
    server: ServerSettings = Field(default=ServerSettings(), description=ServerSettings.__doc__)
    database: DatabaseSettings = Field(default=DatabaseSettings(), description=DatabaseSettings.__doc__)
    cardiobank: CardiobankSettings = Field(
        default=CardiobankSettings(), description=CardiobankSettings.__doc__
    )
    limits: LimitSettings = Field(default=LimitSettings(), description=LimitSettings.__doc__)
    tls: TlsSettings = Field(default=TlsSettings(), description=TlsSettings.__doc__)
    monitoring: MonitoringSettings = Field(
        default=MonitoringSettings(), description=MonitoringSettings.__doc__
    )
    service_interpretation: InterpretationSettings = Field(
        default=InterpretationSettings(), description=InterpretationSettings.__doc__
    )
    log: LogSettings = Field(default=LogSettings(), description=LogSettings.__doc__)
    exporters: tuple[ExporterSettings, ...] = Field(default=(), description=ExporterSettings.__doc__)
    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """Where this was read from, to name it when a part cannot be built from what it says."""
        return self._file

    @property
    def bank_path(self) -> Path:
        """Root of the cardiobank."""
        return self.cardiobank.path or self.data / "cardiobank"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database, password included: never log it."""
        database = self.database
        if database.url is not None:
            return database.url
        if database.host is None:
            return f"sqlite:///{self.data / 'cardioserver.sqlite'}"
        user = quote(database.user, safe="")
        if database.password_file is not None:
            user += ":" + quote(read_password(database.password_file), safe="")
        host = f"[{database.host}]" if ":" in database.host else database.host
        return (
            f"mysql+pymysql://{user}@{host}:{database.port}/{quote(database.name, safe='')}?charset=utf8mb4"
        )

    @property
    def monitoring_port(self) -> int:
        """Port of ``/metrics``; 0 takes a free one."""
        if self.monitoring.port is not None:
            return self.monitoring.port
        return self.server.port + 1 if 0 < self.server.port < 65535 else 0


def read_password(path: Path) -> str:
    """First line of a password file, without its line break."""
    return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
