"""``docs/protocol.md`` against the code: tables, codes, numbers and the examples in hex.

The last test reads frames with layouts that are made from the tables alone, by another library: what
the document says is enough to read what the code writes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any
from uuid import UUID

import construct as c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardioserver.ecg.exam import ExamType, Method
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.protocol import frames, rules
from cardioserver.protocol import messages as m
from cardioserver.protocol.layout import parse, serialise, structure_of
from tests.protocol.examples import EXAMPLES, SAMPLES
from tests.protocol.strategies import MESSAGES, messages

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
ENUMS: tuple[type[IntEnum], ...] = (
    ExamType, Method, Sex, Lead, m.UploadStatus, m.OrderStatus, m.Role,
)  # fmt: skip
FLAG_SETS: tuple[type[IntFlag], ...] = (m.Capability, m.EventKind)

Row = list[str]


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found.group(1)


def tables(text: str) -> Iterator[list[Row]]:
    """The tables in a text, without their rules."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("| \n").split("|")] for line in block.splitlines()]
        yield [row for row in rows if not set("".join(row)) <= set("- ")]


def field_rows(name: str) -> list[Row]:
    """Name, type and default of each field, as the document has them."""
    for table in tables(section(name)):
        if table[0][:3] == ["Field", "Type", "Default"]:
            return [[row[0].strip("`"), plain(row[1]), row[2].strip("`")] for row in table[1:]]
    assert "No fields." in section(name), f"no table of the fields of {name}"
    return []


def plain(cell: str) -> str:
    """Without links."""
    return re.sub(r"\[(\w+)\]\(#[^)]*\)", r"\1", cell)


def default_of(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING:
        return "–"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(int(value))
    if is_dataclass(value):
        assert all(getattr(value, f.name) is None for f in fields(value))
        return "all none"
    return {"": '""', (): "empty"}[value]


def structures() -> list[type]:
    """Messages and all the structures in them."""
    kinds = list(MESSAGES)
    for kind in kinds:
        for _, codec in structure_of(kind).fields:
            inner = getattr(codec, "_item", codec)
            if getattr(inner, "kind", kind) not in kinds:
                kinds.append(inner.kind)
    return kinds


@pytest.mark.parametrize("kind", structures(), ids=lambda kind: kind.__name__)
def test_the_tables_of_fields_are_those_of_the_code(kind: type[Any]) -> None:
    layout = structure_of(kind).fields
    assert field_rows(kind.__name__) == [
        [name, codec.name, default_of(field)]
        for (name, codec), field in zip(layout, fields(kind), strict=True)
    ]


@pytest.mark.parametrize("number", m.REQUESTS)
def test_the_numbers_and_replies_are_those_of_the_code(number: int) -> None:
    request, reply = (kind.__name__ for kind in m.REQUESTS[number])
    line = f"Request `0x{number:04X}`, answered with [{reply}](#{reply.lower()})."
    assert line in section(request)


def test_no_other_messages_are_documented() -> None:
    numbers = re.findall(r"^(?:Request|Push) `0x([0-9A-F]{4})`", TEXT, re.MULTILINE)
    assert [int(number, 16) for number in numbers] == [*m.REQUESTS, *m.PUSHES]
    for number, kind in m.PUSHES.items():
        assert f"Push `0x{number:04X}`" in section(kind.__name__)


@pytest.mark.parametrize("kind", [*ENUMS, *FLAG_SETS], ids=lambda kind: kind.__name__)
def test_the_codes_are_those_of_the_code(kind: type[IntEnum]) -> None:
    (table,) = tables(section(kind.__name__))
    members = [[str(x.value), x.name] for x in kind if x.value.bit_count() == 1 or kind not in FLAG_SETS]
    assert [row[:2] for row in table[1:]] == members


def test_the_errors_are_those_of_the_code() -> None:
    (table,) = tables(section("9. Errors"))
    assert [row[:2] for row in table[1:]] == [[str(code.value), code.name] for code in m.ErrorCode]
    assert all(len(row) == 4 and all(row) for row in table)


def test_the_flags_are_those_of_the_code() -> None:
    header, flags = tables(section("3. Frames"))
    assert [row[:2] for row in flags[1:]] == [
        [str(flag.value), str(flag.name)] for flag in frames.Flags if flag
    ]
    assert header[1][3] == f"`{frames.MAGIC.hex(' ')}`"
    assert header[2][3] == str(frames.VERSION)


def test_the_limits_are_those_of_the_code() -> None:
    limits = section("7. Limits and timeouts")
    assert f"at most {rules.MAX_STRANGER_PAYLOAD} bytes" in limits
    assert f"all other requests {rules.MAX_PLAIN_PAYLOAD} bytes" in limits
    assert f"No reply or push is larger than {rules.MAX_REPLY_PAYLOAD >> 20} MiB" in limits


def test_the_table_of_states_is_that_of_the_code() -> None:
    (table,) = tables(section("5. States of a connection"))
    columns: list[type | None] = [m.Hello, m.Login, m.Ping, m.FindExams, None]
    for name, *cells in table[1:]:
        codes = [rules.refusal(kind, rules.State[name], m.Capability.ALL) for kind in columns]
        assert cells == ["accepted" if code is None else code.name for code in codes]
    assert [row[0] for row in table[1:]] == [s.name for s in rules.State if s is not rules.State.CLOSED]


def test_the_capabilities_are_those_of_the_code() -> None:
    (table,) = tables(section("13. Versions"))
    documented = {row[0]: set(row[1].split(", ")) for row in table[1:]}
    names: dict[str, set[str]] = {}
    for request, capability in rules.NEEDS.items():
        names.setdefault(str(capability.name), set()).add(request.__name__)
    assert documented == names


# ---------------------------------------------------------------- checksums and examples


def test_the_documents_checksums_are_right() -> None:
    inputs = [
        b"",
        b"123456789",
        bytes(32),
        b"\xff" * 32,
        bytes(range(32)),
    ]
    crcs, digests = tables(section("4. Checksums"))
    assert [int(row[1], 16) for row in crcs[1:]] == [frames.crc32c(data) for data in inputs]
    assert [row[1] for row in digests[1:]] == [hashlib.sha256(data).hexdigest() for data in (b"", b"abc")]


def hex_blocks() -> dict[str, bytes]:
    return {
        name: bytes.fromhex(re.sub(r";.*", "", block))
        for name, block in re.findall(r"^```hex (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    }


def test_every_example_is_shown_and_every_shown_one_is_checked() -> None:
    assert list(hex_blocks()) == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_in_hex_are_what_the_code_writes_and_reads(name: str) -> None:
    example, shown = EXAMPLES[name], hex_blocks()[name]
    assert shown == example.encode()

    parser = frames.FrameParser()
    parser.receive(shown)
    header = parser.next_header()
    assert header is not None
    parser.accept(header)
    frame = parser.next_frame()
    assert frame is not None
    assert (frame.type, frame.flags, frame.request_id) == (example.type, example.flags, example.request_id)
    assert parse(type(example.message), frame.payload) == example.message


def test_the_samples_of_the_examples_are_shown() -> None:
    text = section("15. Examples")
    assert f"`{SAMPLES[:8].hex(' ')}` and `{SAMPLES[8:].hex(' ')}`" in text


# ---------------------------------------------------------------- the document alone, by another library

SIMPLE: dict[str, c.Construct[Any, Any]] = {
    "u8": c.Int8ul,
    "u16": c.Int16ul,
    "u32": c.Int32ul,
    "u64": c.Int64ul,
    "i16": c.Int16sl,
    "i64": c.Int64sl,
    "f64": c.Float64l,
    "bool": c.Int8ul,
    "text": c.PascalString(c.Int16ul, "utf8"),
    "long text": c.PascalString(c.Int32ul, "utf8"),
    "raw": c.Prefixed(c.Int32ul, c.GreedyBytes),
    "uuid": c.Bytes(16),
    "sha256": c.Bytes(32),
    "date": c.Struct("year" / c.Int16ul, "month" / c.Int8ul, "day" / c.Int8ul),
    "time": c.Struct("microseconds" / c.Int64sl, "offset" / c.Int16sl),
    **dict.fromkeys((kind.__name__ for kind in (*ENUMS, m.ErrorCode)), c.Int16ul),
    **dict.fromkeys((kind.__name__ for kind in FLAG_SETS), c.Int32ul),
}


def documented(type_name: str) -> c.Construct[Any, Any]:
    """The layout that section 2 gives a type."""
    if type_name.startswith("optional "):
        item = documented(type_name.removeprefix("optional "))
        return c.FocusedSeq("value", "present" / c.Int8ul, "value" / c.If(c.this.present, item))
    if type_name.startswith("list of "):
        return c.PrefixedArray(c.Int16ul, documented(type_name.removeprefix("list of ")))
    return SIMPLE.get(type_name) or c.Prefixed(c.Int32ul, documented_message(type_name))


def documented_message(name: str) -> c.Construct[Any, Any]:
    """The layout that the table of a message's fields gives it."""
    return c.Struct(*(row[0] / documented(row[1]) for row in field_rows(name)))


def same(read: Any, value: Any) -> bool:
    """Whether what was read is *value*, in the document's terms."""
    match value:
        case datetime():
            since = value - datetime(1970, 1, 1, tzinfo=UTC)
            offset = value.utcoffset()
            assert offset is not None
            return bool(
                read.microseconds == since // timedelta(microseconds=1)
                and read.offset == offset // timedelta(minutes=1)
            )
        case date():
            return (read.year, read.month, read.day) == (value.year, value.month, value.day)
        case UUID():
            return bool(read == value.bytes)
        case tuple():
            return len(read) == len(value) and all(map(same, read, value))
        case _ if is_dataclass(value):
            return all(same(read[f.name], getattr(value, f.name)) for f in fields(value))
    return bool(read == value)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_document_is_enough_to_read_every_message(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    layout = c.Struct("fields" / documented_message(kind.__name__), c.Terminated)

    assert same(layout.parse(b"".join(serialise(message))).fields, message)
