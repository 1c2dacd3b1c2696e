"""The bytes between a server and an interpretation service, as ``docs/interpretation-service.md`` has them.

A request holds the signal, sex, age, height and weight, and nothing else.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.errors import BY_CODE, InterpretationError, Refused
from cardioserver.interpretation.person import Person

PATH = "/v1/interpretation"
CONTENT_TYPE = "application/vnd.cardioserver.interpretation"
LONGEST_HEADER = 4 << 20
"""Bytes: a day of pacemaker spikes, and not much more."""

STATUS = {"refused": 422, "too_large": 413, "too_long": 504, "crashed": 500, "busy": 503, "unavailable": 503}
"""Code of an :class:`InterpretationError` → status of HTTP."""

_LENGTH = struct.Struct("<I")
_PIECE = 1 << 18  # bytes of samples that are copied at once


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the samples."""

    version: Literal[1]
    signal: SignalFormat
    person: Person


_HEADER = TypeAdapter(Header)


class Malformed(Exception):
    """Bytes that are no request."""


def write_request(recording: Recording, person: Person) -> tuple[int, Iterator[bytes]]:
    """The length of a request and its bytes, piece by piece."""
    header = _HEADER.dump_json(Header(1, recording.format, person))
    samples = recording.samples.data.cast("B")

    def pieces() -> Iterator[bytes]:
        yield _LENGTH.pack(len(header)) + header
        for start in range(0, len(samples), _PIECE):
            yield bytes(samples[start : start + _PIECE])

    return _LENGTH.size + len(header) + len(samples), pieces()


def read_request(data: bytes | bytearray) -> tuple[Recording, Person]:
    """The recording, a view of *data*, and the person of a request.

    Raises
    ------
    Malformed
        It is not built like a request.
    Refused
        A value cannot be true.
    """
    view = memoryview(data)
    if len(view) < _LENGTH.size:
        raise Malformed("the length of the header is missing")
    (length,) = _LENGTH.unpack_from(view)
    begin, end = _LENGTH.size, _LENGTH.size + length
    if length > LONGEST_HEADER or end > len(view):
        raise Malformed("the header is longer than the request, or too long")
    try:
        header = _HEADER.validate_json(bytes(view[begin:end]))
    except ValidationError as error:
        raise _explained(error) from None
    try:
        return Recording.from_bytes(header.signal, view[end:]), header.person
    except InvalidField as error:
        raise Refused(str(error)) from None


def _explained(error: ValidationError) -> Malformed | Refused:
    """The first thing that is wrong, without its value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    said = f"{place}: {first['msg']}" if place else first["msg"]
    impossible = first["type"] in ("value_error", "greater_than_equal", "less_than_equal", "finite_number")
    return Refused(said) if impossible else Malformed(said)


def write_error(code: str, en: str, ru: str) -> bytes:
    """The body of an answer that is no document."""
    return json.dumps({"error": {"code": code, "en": en, "ru": ru}}, ensure_ascii=False).encode()


def read_error(body: bytes, retry_after: float) -> InterpretationError | None:
    """The error that a body tells; ``None``: none that is known."""
    try:
        told: dict[str, Any] = json.loads(body)["error"]
        return BY_CODE[told["code"]](str(told["en"])[:200], retry_after)
    except (ValueError, KeyError, TypeError):
        return None
