"""The simple types of the wire, and the names that message annotations use for them.

A codec reads its type from a position in a payload and writes it to a list of buffers; both
directions stand beside each other. :mod:`cardioserver.protocol.layout` composes them into messages.
Codecs know no field names: whoever calls them adds the name to the error.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from math import isfinite
from typing import Annotated, Any, Protocol
from uuid import UUID

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.errors import LocalProtocolError, MalformedMessage

Buffer = bytes | bytearray | memoryview

TOO_SHORT = "the message ends inside this field"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)  # exclusive
_MAX_OFFSET = 14 * 60  # minutes; UTC+14, Line Islands, is the largest in use


class Codec(Protocol):
    """One type of the wire."""

    name: str
    """As in the tables of ``docs/protocol.md``."""

    def read(self, view: memoryview, at: int) -> tuple[Any, int]:
        """The value at position *at*, and the position after it."""

    def write(self, value: Any, out: list[Buffer]) -> None:
        """Append the value's bytes."""


class Number:
    """An integer or a float of fixed size, little-endian."""

    def __init__(self, name: str, code: str) -> None:
        self.name = name
        self.code = code
        self.is_float = code == "d"
        self._struct = struct.Struct("<" + code)
        self._size = self._struct.size

    def read(self, view: memoryview, at: int) -> tuple[Any, int]:
        try:
            (value,) = self._struct.unpack_from(view, at)
        except struct.error:
            raise MalformedMessage("", TOO_SHORT) from None
        if self.is_float and not isfinite(value):
            raise InvalidField("", value, "a finite number")
        return value, at + self._size

    def write(self, value: Any, out: list[Buffer]) -> None:
        if self.is_float and not isfinite(value):
            raise LocalProtocolError("not a finite number")
        try:
            out.append(self._struct.pack(value))
        except struct.error:
            raise LocalProtocolError(f"does not fit {self.name}") from None

    def read_many(self, view: memoryview, at: int, count: int) -> tuple[tuple[Any, ...], int]:
        """*count* values in a row."""
        stop = at + count * self._size
        if stop > len(view):
            raise MalformedMessage("", TOO_SHORT)
        values = struct.unpack_from(f"<{count}{self.code}", view, at)
        if self.is_float and not all(map(isfinite, values)):
            raise InvalidField("", None, "finite numbers")
        return values, stop


_U8 = Number("u8", "B")
_U16 = Number("u16", "H")
_U32 = Number("u32", "I")
_U64 = Number("u64", "Q")
_I16 = Number("i16", "h")
_I64 = Number("i64", "q")
_F64 = Number("f64", "d")


class Flag:
    """``bool``: one byte, 0 or 1."""

    name = "bool"

    def read(self, view: memoryview, at: int) -> tuple[bool, int]:
        value, at = _U8.read(view, at)
        if value > 1:
            raise MalformedMessage("", "a bool is 0 or 1")
        return value == 1, at

    def write(self, value: bool, out: list[Buffer]) -> None:
        out.append(b"\x01" if value else b"\x00")


class Block:
    """A length and that many bytes; read as a view of the payload, not as a copy."""

    def __init__(self, name: str, length: Number) -> None:
        self.name = name
        self._length = length

    def read(self, view: memoryview, at: int) -> tuple[memoryview, int]:
        length, at = self._length.read(view, at)
        stop = at + length
        if stop > len(view):
            raise MalformedMessage("", TOO_SHORT)
        return view[at:stop], stop

    def write(self, value: Any, out: list[Buffer]) -> None:
        data = memoryview(value).cast("B")
        self._length.write(len(data), out)
        out.append(data)


class Characters:
    """UTF-8 text with its length in bytes before it; U+0000 is not allowed."""

    def __init__(self, name: str, length: Number) -> None:
        self.name = name
        self._length = length

    def read(self, view: memoryview, at: int) -> tuple[str, int]:
        length, at = self._length.read(view, at)
        stop = at + length
        if stop > len(view):
            raise MalformedMessage("", TOO_SHORT)
        try:
            text = str(view[at:stop], "utf-8")
        except UnicodeDecodeError:
            raise MalformedMessage("", "not valid UTF-8") from None
        if "\0" in text:
            raise InvalidField("", None, "text without control characters")
        return text, stop

    def write(self, value: str, out: list[Buffer]) -> None:
        if "\0" in value:
            raise LocalProtocolError("text with U+0000")
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise LocalProtocolError("not valid Unicode text") from None
        self._length.write(len(data), out)
        out.append(data)


class Bytes:
    """A fixed number of bytes, turned into a value and back."""

    def __init__(
        self, name: str, size: int, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
    ) -> None:
        self.name = name
        self._size = size
        self._decode = decode
        self._encode = encode

    def read(self, view: memoryview, at: int) -> tuple[Any, int]:
        stop = at + self._size
        if stop > len(view):
            raise MalformedMessage("", TOO_SHORT)
        return self._decode(bytes(view[at:stop])), stop

    def write(self, value: Any, out: list[Buffer]) -> None:
        data = self._encode(value)
        if len(data) != self._size:
            raise LocalProtocolError(f"is not {self._size} bytes")
        out.append(data)


class Moment:
    """A time: microseconds since 1970-01-01T00:00Z (``i64``), offset of local time in minutes (``i16``)."""

    name = "time"
    _layout = struct.Struct("<qh")

    def read(self, view: memoryview, at: int) -> tuple[datetime, int]:
        try:
            microseconds, offset = self._layout.unpack_from(view, at)
        except struct.error:
            raise MalformedMessage("", TOO_SHORT) from None
        if not -_MAX_OFFSET <= offset <= _MAX_OFFSET:
            raise InvalidField("", offset, "an offset from UTC of at most 14 hours")
        if not _FIRST_MICROSECOND <= microseconds < _LAST_MICROSECOND:
            raise InvalidField("", microseconds, "a time in the years 1900 to 2199")
        moment = _EPOCH + timedelta(microseconds=microseconds)
        return moment.astimezone(timezone(timedelta(minutes=offset))), at + self._layout.size

    def write(self, value: datetime, out: list[Buffer]) -> None:
        offset = value.utcoffset()
        if offset is None:
            raise LocalProtocolError("a time without an offset from UTC")
        if offset % _MINUTE or abs(offset) > _MAX_OFFSET * _MINUTE:
            raise LocalProtocolError("an offset that is not in whole minutes up to 14 hours")
        if not _EARLIEST <= value < _LATEST:
            raise LocalProtocolError("a time outside the years 1900 to 2199")
        out.append(self._layout.pack((value - _EPOCH) // _MICROSECOND, offset // _MINUTE))


_FIRST_MICROSECOND = (_EARLIEST - _EPOCH) // _MICROSECOND
_LAST_MICROSECOND = (_LATEST - _EPOCH) // _MICROSECOND


class Day:
    """A calendar date: year (``u16``), month (``u8``), day (``u8``)."""

    name = "date"
    _layout = struct.Struct("<HBB")

    def read(self, view: memoryview, at: int) -> tuple[date, int]:
        try:
            year, month, day = self._layout.unpack_from(view, at)
        except struct.error:
            raise MalformedMessage("", TOO_SHORT) from None
        try:
            return date(year, month, day), at + self._layout.size
        except ValueError:
            raise InvalidField("", None, "a day of the calendar") from None

    def write(self, value: date, out: list[Buffer]) -> None:
        out.append(self._layout.pack(value.year, value.month, value.day))


class Choice:
    """A member of an :class:`~enum.IntEnum`, as ``u16``."""

    def __init__(self, kind: type[IntEnum]) -> None:
        self.name = kind.__name__
        self._kind = kind
        self._members = {member.value: member for member in kind}

    def _member(self, code: int) -> IntEnum:
        member = self._members.get(code)
        if member is not None:
            return member
        try:
            return self._kind(code)  # the enum may have an answer for codes of later versions
        except ValueError:
            raise InvalidField("", code, f"a known {self.name} code") from None

    def read(self, view: memoryview, at: int) -> tuple[IntEnum, int]:
        code, at = _U16.read(view, at)
        return self._member(code), at

    def write(self, value: IntEnum, out: list[Buffer]) -> None:
        _U16.write(self._kind(value).value, out)

    def read_many(self, view: memoryview, at: int, count: int) -> tuple[tuple[Any, ...], int]:
        """*count* members in a row."""
        codes, at = _U16.read_many(view, at, count)
        return tuple(map(self._member, codes)), at


class Bits:
    """A set of bits of an :class:`~enum.IntFlag`, as ``u32``; unknown bits are kept."""

    def __init__(self, kind: type[IntFlag]) -> None:
        self.name = kind.__name__
        self._kind = kind

    def read(self, view: memoryview, at: int) -> tuple[IntFlag, int]:
        bits, at = _U32.read(view, at)
        return self._kind(bits), at

    def write(self, value: IntFlag, out: list[Buffer]) -> None:
        _U32.write(int(value), out)


def _same(value: bytes) -> bytes:
    return value


TEXT = Characters("text", _U16)
COUNT = _U16
SIZE = _U32
PLAIN: dict[type, Codec] = {
    bool: Flag(),
    float: _F64,
    str: TEXT,
    datetime: Moment(),
    date: Day(),
    UUID: Bytes("uuid", 16, lambda data: UUID(bytes=data), lambda value: value.bytes),
}
"""Types whose annotation alone says how they go over the wire. ``int`` is not one of them."""

U8 = Annotated[int, _U8]
U16 = Annotated[int, _U16]
U32 = Annotated[int, _U32]
U64 = Annotated[int, _U64]
I16 = Annotated[int, _I16]
I64 = Annotated[int, _I64]
F64 = Annotated[float, _F64]
Text = Annotated[str, TEXT]
LongText = Annotated[str, Characters("long text", _U32)]
Raw = Annotated[bytes | bytearray | memoryview, Block("raw", _U32)]
Sha256 = Annotated[bytes, Bytes("sha256", 32, _same, _same)]
