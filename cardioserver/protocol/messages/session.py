"""From the hello to the logout."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cardioserver.protocol.messages.codes import Capability, Role
from cardioserver.protocol.wire import I64, U8, U16, U32, U64, Text


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a client: what it speaks."""

    version_min: U8
    version_max: U8
    capabilities: Capability
    software: Text  # name and version of the client
    device_number: Text = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts on this connection."""

    max_payload: U32  # bytes in one frame
    max_in_flight: U16  # requests without a reply
    max_upload: U64  # bytes of samples in one exam
    idle_timeout: U32  # seconds
    max_page: U16  # rows in one page


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Reply to :class:`Hello`."""

    version: U8
    capabilities: Capability
    software: Text
    server_id: U32
    server_type: Text
    server_time: datetime
    update_url: Text
    limits: Limits


@dataclass(frozen=True, slots=True)
class Login:
    """Open the session of an account."""

    login: Text
    password: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A person or device that logs in."""

    account_id: I64
    login: Text
    role: Role
    hcf_id: I64
    name: Text = field(repr=False)
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Reply to :class:`Login`."""

    account: Account
    hcf_name: Text
    default_archive_id: I64  # 0: none


@dataclass(frozen=True, slots=True)
class Logout:
    """End the session; the connection stays open."""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Change one's own password."""

    old_password: Text = field(repr=False)
    new_password: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """Keep the connection; the server answers at any time after the hello."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Reply to :class:`Ping`."""

    server_time: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Reply of requests that return nothing."""
