"""Types of database columns, and the times they keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def big() -> TypeEngine[int]:
    """BIGINT, for ids; on SQLite INTEGER, whose primary key is the row id itself."""
    return BigInteger().with_variant(Integer(), "sqlite")


def long_text() -> Text:
    """Text of up to 16 MiB."""
    return Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def digest() -> TypeEngine[bytes]:
    """The 32 bytes of a SHA-256."""
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Microseconds since the epoch."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Uuid16(TypeDecorator[UUID]):
    """A UUID, kept as its 16 bytes."""

    impl = LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:
        """The UUID's bytes."""
        return None if value is None else value.bytes

    def process_result_value(self, value: Any | None, dialect: Dialect) -> UUID | None:
        """The UUID."""
        return None if value is None else UUID(bytes=bytes(value))


def offset_minutes(moment: datetime) -> int:
    """Minutes east of UTC of an aware datetime, for an ``…_offset`` column."""
    offset = moment.utcoffset()
    assert offset is not None  # noqa: S101  the value types refuse naive times
    return offset // timedelta(minutes=1)


def local_time(moment: datetime, minutes: int) -> datetime:
    """A stored moment with its recorder's offset again."""
    return moment.astimezone(timezone(timedelta(minutes=minutes)))
