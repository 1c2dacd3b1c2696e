"""The bytes between a server and an interpretation service, and the document that describes them."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.ecg.recording import HardwareFilters, LeadOff, Recording, SignalFormat
from cardioserver.interpretation import wire
from cardioserver.interpretation.errors import BY_CODE, InterpretationError, Refused
from cardioserver.interpretation.person import Person
from tests.interpretation.signals import made

TEXT = (Path(__file__).parents[2] / "docs" / "interpretation-service.md").read_text(encoding="utf-8")
SAMPLES = np.array([[0, 1, -2, 32767], [-32768, 1000, -1000, 0]], "<i2")
EXAMPLE = Recording(SignalFormat(500.0, (Lead.I, Lead.II), (2.5, 2.5), 16, 4), SAMPLES)
WOMAN = Person(Sex.FEMALE, 61.0, None, 64.5)


def request(recording: Recording, person: Person = WOMAN) -> bytes:
    length, pieces = wire.write_request(recording, person)
    data = b"".join(pieces)
    assert len(data) == length
    return data


def altered(**changes: Any) -> bytes:
    """The example's request with another header: ``signal__rate=…``; ``None`` takes a field away."""
    data = request(EXAMPLE)
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    for path, value in changes.items():
        *groups, name = path.split("__")
        place = header
        for group in groups:
            place = place[group]
        place[name] = value
        if value is None:
            del place[name]
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + data[4 + length :]


def hex_block(name: str) -> bytes:
    (block,) = re.findall(rf"```hex {name}\n(.*?)```", TEXT, re.DOTALL)
    return bytes.fromhex("".join(line.partition(";")[0] for line in block.splitlines()))


def test_the_example_of_the_document_is_what_the_program_writes() -> None:
    header = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)[-1].encode()
    assert hex_block("length") + header + hex_block("samples") == request(EXAMPLE)


def test_the_document_has_every_field_and_every_code() -> None:
    (length,) = struct.unpack_from("<I", request(EXAMPLE))
    header = json.loads(request(EXAMPLE)[4 : 4 + length])
    for group in ("signal", "person"):
        for name in header[group]:
            assert f"| `{group}.{name}` |" in TEXT
    for code, status in wire.STATUS.items():
        if code != "unavailable":  # a client's own
            assert re.search(rf"\| [\d, ]*{status}[\d, ]* \| `{code}` \|", TEXT), code


@pytest.mark.parametrize(
    "recording",
    [
        EXAMPLE,
        made(TWELVE_LEADS),
        Recording(replace(EXAMPLE.format, bits=32), SAMPLES.astype("<i4")),
        Recording(
            replace(
                EXAMPLE.format,
                lead_off=(LeadOff(Lead.II, 1, 3),),
                pacemaker_spikes=(0, 2),
                filters=HardwareFilters(0.05, None, 50.0),
            ),
            SAMPLES,
        ),
        Recording(replace(EXAMPLE.format, leads=(Lead.UNSPECIFIED,) * 2), SAMPLES),
    ],
)
@pytest.mark.parametrize("person", [WOMAN, Person(), Person(Sex.OTHER, 0.01, 50.5, 3.2)])
def test_a_request_comes_as_it_was_sent(recording: Recording, person: Person) -> None:
    came, who = wire.read_request(request(recording, person))
    assert came.format == recording.format
    assert np.array_equal(came.samples, recording.samples)
    assert who == person


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", wire.Malformed, "length of the header"),
        (b"\x01\x00", wire.Malformed, "length of the header"),
        (struct.pack("<I", 5) + b"{}", wire.Malformed, "longer than the request"),
        (struct.pack("<I", wire.LONGEST_HEADER + 1) + bytes(8), wire.Malformed, "too long"),
        (struct.pack("<I", 2) + b"{}", wire.Malformed, "version"),
        (struct.pack("<I", 3) + b"\xff\xff\xff", wire.Malformed, "JSON"),
        (altered(version=2), wire.Malformed, "version"),
        (altered(signal__rate=None), wire.Malformed, "signal.rate"),
        (altered(signal__bits="x"), wire.Malformed, "signal.bits"),
        (altered(signal__rate=1e9), Refused, "125 to 2000 Hz"),
        (altered(signal__leads=["I", "Q7"]), Refused, "lead name"),
        (altered(signal__leads=["I", "I"]), Refused, "each lead once"),
        (altered(signal__sample_count=5), Refused, "bytes of samples"),
        (altered(signal__sample_count=-4), Refused, "at least 1"),
        (altered(signal__resolution=[0, 1]), Refused, "positive number"),
        (altered(person__sex="m"), Refused, "allowed is one of"),
        (altered(person__age=-1), Refused, "person.age"),
        (altered(person__age=float("nan")), (wire.Malformed, Refused), "person.age"),
        (request(EXAMPLE)[:-1], Refused, "bytes of samples"),
        (request(EXAMPLE) + b"\0", Refused, "bytes of samples"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(data: bytes, error: Any, said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        wire.read_request(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    for data in (noise, struct.pack("<I", max(len(noise) - 2, 0)) + noise):
        with pytest.raises((wire.Malformed, Refused)):
            wire.read_request(data)


@given(st.integers(0, 500), st.integers(0, 255))
def test_a_damaged_request_is_refused_or_read(at: int, value: int) -> None:
    data = bytearray(request(EXAMPLE))
    data[at % len(data)] = value
    try:
        recording, _ = wire.read_request(data)
    except (wire.Malformed, Refused):
        return
    assert recording.samples.size == 8


def test_errors_come_as_they_were_sent() -> None:
    for code, kind in BY_CODE.items():
        said = kind("here").say()
        error = wire.read_error(wire.write_error(code, said.en, said.ru), 7.0)
        assert isinstance(error, InterpretationError)
        assert (type(error), error.retry_after) == (kind, 7.0)
    for body in (b"", b"{}", b"[]", b'{"error": 1}', b'{"error": {"code": "new", "en": "x"}}', b"<html>"):
        assert wire.read_error(body, 0.0) is None
