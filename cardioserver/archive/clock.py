"""The time that all servers of one database agree on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from cardioserver.archive.columns import EPOCH, MICROSECOND

Clock = Callable[[Connection], datetime]
"""Tells the time, aware and in UTC; tests pass their own."""

_MARIADB_NOW = text("SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)")


def database_time(connection: Connection) -> datetime:
    """The database server's clock; with SQLite, which has no server, this machine's.

    Leases and waits are deadlines that one server sets and another one reads: the clocks of two
    servers may differ by more than a lease lasts.
    """
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    microseconds = connection.scalar(_MARIADB_NOW)
    assert isinstance(microseconds, int)  # noqa: S101  the cast says so
    return EPOCH + microseconds * MICROSECOND
