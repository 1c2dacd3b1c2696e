"""Messages to bytes and back, by the annotations of their dataclasses.

Fields follow each other without padding. A dataclass inside another has its size (``u32``) before it,
so that a reader skips fields it does not know; the same holds at the end of a message. Fields that
have a default may be missing at the end: a sender of an earlier version does not know them.

===================  =====================================================
Annotation           On the wire
===================  =====================================================
``Annotated[…, c]``  by codec *c* (:mod:`cardioserver.protocol.wire`)
``X | None``         a byte, 0 or 1, then X if it was 1
``tuple[X, ...]``    the count (``u16``), then the items
a dataclass          its size (``u32``), then its fields
an ``IntEnum``       ``u16``
an ``IntFlag``       ``u32``
===================  =====================================================
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import IntEnum, IntFlag
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import LeadOff, SignalFormat
from cardioserver.protocol.errors import LocalProtocolError, MalformedMessage
from cardioserver.protocol.wire import (
    COUNT,
    I64,
    PLAIN,
    SIZE,
    TOO_SHORT,
    U8,
    U16,
    U64,
    Bits,
    Buffer,
    Choice,
    Codec,
    Number,
)

Message = TypeVar("Message")

ROOTS: dict[type, str] = {Exam: "exam", Patient: "patient", SignalFormat: "signal"}
"""Values whose fields are named from here on, wherever they stand: ``patient.sex``."""

_INTEGERS: dict[type, dict[str, Any]] = {
    Exam: {"age_years": U16 | None, "archive_id": I64 | None},
    SignalFormat: {"bits": U8, "sample_count": U64, "pacemaker_spikes": tuple[U64, ...]},
    LeadOff: {"start": U64, "stop": U64},
}
"""Sizes of the integers in :mod:`cardioserver.ecg`, which knows nothing of wires."""


class Optional:
    """A presence byte, then perhaps a value."""

    def __init__(self, item: Codec) -> None:
        self.name = f"optional {item.name}"
        self._item = item

    def read(self, view: memoryview, at: int) -> tuple[Any, int]:
        if at >= len(view):
            raise MalformedMessage("", TOO_SHORT)
        present = view[at]
        if present == 0:
            return None, at + 1
        if present != 1:
            raise MalformedMessage("", "a presence byte is 0 or 1")
        return self._item.read(view, at + 1)

    def write(self, value: Any, out: list[Buffer]) -> None:
        if value is None:
            out.append(b"\x00")
            return
        out.append(b"\x01")
        self._item.write(value, out)


class Sequence:
    """A count, then that many items."""

    def __init__(self, item: Codec) -> None:
        self.name = f"list of {item.name}"
        self._item = item

    def read(self, view: memoryview, at: int) -> tuple[tuple[Any, ...], int]:
        count, at = COUNT.read(view, at)
        if isinstance(self._item, Number | Choice):
            return self._item.read_many(view, at, count)
        items = []
        for _ in range(count):
            item, at = self._item.read(view, at)
            items.append(item)
        return tuple(items), at

    def write(self, value: tuple[Any, ...], out: list[Buffer]) -> None:
        COUNT.write(len(value), out)
        for item in value:
            self._item.write(item, out)


class Structure:
    """A dataclass: as a message, its fields; as a value inside another, its size and its fields."""

    def __init__(self, kind: type[Any]) -> None:
        self.name = kind.__name__
        self.kind = kind
        self._root = ROOTS.get(kind)
        hints = get_type_hints(kind, include_extras=True) | _INTEGERS.get(kind, {})
        self.fields: list[tuple[str, Codec]] = [(f.name, codec_of(hints[f.name])) for f in fields(kind)]
        self._required = sum(f.default is MISSING for f in fields(kind))

    def read_fields(self, view: memoryview) -> Any:
        """The value whose fields *view* holds; what comes after them is ignored."""
        at = 0
        size = len(view)
        values: list[Any] = []
        name = ""
        try:
            for name, codec in self.fields:  # noqa: B007  the name is for the except clauses
                if at == size and len(values) >= self._required:
                    break
                value, at = codec.read(view, at)
                values.append(value)
        except MalformedMessage as error:
            raise MalformedMessage(self._locate(name, error.field), error.why) from None
        except InvalidField as error:
            raise InvalidField(self._locate(name, error.field), error.value, error.allowed) from None
        return self.kind(*values)

    def write_fields(self, value: Any, out: list[Buffer]) -> None:
        """Append the fields of *value*."""
        name = ""
        try:
            for name, codec in self.fields:
                codec.write(getattr(value, name), out)
        except LocalProtocolError as error:
            raise LocalProtocolError(f"{self.name}.{name}: {error}") from None

    def read(self, view: memoryview, at: int) -> tuple[Any, int]:
        size, at = SIZE.read(view, at)
        stop = at + size
        if stop > len(view):
            raise MalformedMessage("", TOO_SHORT)
        return self.read_fields(view[at:stop]), stop

    def write(self, value: Any, out: list[Buffer]) -> None:
        inner: list[Buffer] = []
        self.write_fields(value, inner)
        SIZE.write(sum(map(len, inner)), out)
        out.extend(inner)

    def _locate(self, name: str, inner: str) -> str:
        """The dotted name of a field of this structure, *inner* being the name within that field."""
        if inner.partition(".")[0] in ROOTS.values():
            return inner
        path = f"{name}.{inner}" if inner else name
        return f"{self._root}.{path}" if self._root else path


def codec_of(annotation: Any) -> Codec:  # noqa: PLR0911  one return a row of the table
    """The codec of an annotation of a message's field."""
    origin = get_origin(annotation)
    if origin is Annotated:
        codec: Codec = get_args(annotation)[1]
        return codec
    if origin is tuple:
        return Sequence(codec_of(get_args(annotation)[0]))
    if origin in (Union, UnionType):
        (item,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return Optional(codec_of(item))
    if annotation in PLAIN:
        return PLAIN[annotation]
    if issubclass(annotation, IntFlag):
        return Bits(annotation)
    if issubclass(annotation, IntEnum):
        return Choice(annotation)
    if is_dataclass(annotation):
        return structure_of(annotation)
    raise TypeError(f"{annotation} has no layout")


_STRUCTURES: dict[Any, Structure] = {}


def structure_of(kind: Any) -> Structure:
    """The layout of a dataclass."""
    structure = _STRUCTURES.get(kind)
    if structure is None:
        structure = _STRUCTURES[kind] = Structure(kind)
    return structure


def parse(message_type: type[Message], payload: Buffer) -> Message:
    """Read a message; its ``Raw`` fields are views of *payload*.

    Raises
    ------
    MalformedMessage
        The payload is not such a message.
    InvalidField
        It is, but a value in it cannot be true.
    """
    message: Message = structure_of(message_type).read_fields(memoryview(payload))
    return message


def serialise(message: object) -> list[Buffer]:
    """The bytes of a message, as buffers to be sent one after the other; ``Raw`` fields are not copied.

    Raises
    ------
    LocalProtocolError
        A value does not fit its field; nothing but the field's name is told.
    """
    parts: list[Buffer] = []
    structure_of(type(message)).write_fields(message, parts)
    return _join_small(parts)


def _join_small(parts: list[Buffer]) -> list[Buffer]:
    """Join runs of ``bytes``; leave the views of big data as they are."""
    buffers: list[Buffer] = []
    run: list[Buffer] = []
    for part in parts:
        if isinstance(part, memoryview):
            if run:
                buffers.append(b"".join(run))
                run = []
            if len(part):
                buffers.append(part)
        else:
            run.append(part)
    if run:
        buffers.append(b"".join(run))
    return buffers
