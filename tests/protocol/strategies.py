"""Hypothesis strategies for every message, made from the annotations of its fields."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from cardioserver.ecg.exam import Exam, ExamType, Method
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import HardwareFilters, LeadOff, SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol import wire

MESSAGES: tuple[type, ...] = tuple(
    dict.fromkeys([*(kind for pair in m.REQUESTS.values() for kind in pair), *m.PUSHES.values(), m.Error])
)
"""Every message there is."""

_INTEGERS = {
    wire.U8: st.integers(0, 2**8 - 1),
    wire.U16: st.integers(0, 2**16 - 1),
    wire.U32: st.integers(0, 2**32 - 1),
    wire.U64: st.integers(0, 2**64 - 1),
    wire.I16: st.integers(-(2**15), 2**15 - 1),
    wire.I64: st.integers(-(2**63), 2**63 - 1),
}
_CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
_TEXT = st.text(_CHARACTERS, max_size=40)
_LINE = st.characters(exclude_categories=("Cs", "Cc"))
_DAYS = st.dates()
_OFFSETS = st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.builds(
    lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone),
    st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
    _OFFSETS,
)


def _line(limit: int) -> st.SearchStrategy[str]:
    return st.text(_LINE, max_size=min(limit, 30))


_PATIENTS = st.builds(
    Patient,
    number=_line(100),
    sex=st.sampled_from(Sex),
    birthday=st.none() | st.dates(date(1850, 1, 1), date(2020, 1, 1)),
    **dict.fromkeys(("family_name", "personal_name", "patronymic"), _line(100)),
    **dict.fromkeys(("passport", "insurance", "snils", "phone"), _line(255)),
    address=_line(1000),
)


@st.composite
def _exams(draw: st.DrawFn) -> Exam:
    start = draw(st.datetimes(datetime(2020, 2, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
    zone = draw(_OFFSETS)
    started_at = start.replace(tzinfo=zone)
    return Exam(
        uuid=draw(st.uuids()),
        patient=draw(_PATIENTS),
        started_at=started_at,
        ended_at=started_at + draw(st.timedeltas(timedelta(), timedelta(days=2))),
        exam_type=draw(st.sampled_from(ExamType)),
        method=draw(st.sampled_from(Method)),
        height_cm=draw(st.none() | st.floats(10, 300)),
        weight_kg=draw(st.none() | st.floats(0.2, 700)),
        age_years=draw(st.none() | st.integers(0, 150)),
        comment=draw(_line(30)),
        archive_id=draw(st.none() | _INTEGERS[wire.I64]),
        device_number=draw(_line(64)),
        latitude=draw(st.none() | st.floats(-90, 90)),
        longitude=draw(st.none() | st.floats(-180, 180)),
        oktmo=draw(st.text("0123456789", max_size=11)),
        accession_number=draw(_line(255)),
    )


@st.composite
def signals(draw: st.DrawFn, max_samples: int = 2**40) -> SignalFormat:
    """Formats of signals."""
    leads = tuple(draw(st.lists(st.sampled_from(Lead), min_size=1, max_size=8, unique=True)))
    count = draw(st.integers(1, max_samples))
    spans = st.tuples(st.integers(0, count - 1), st.integers(1, count)).filter(lambda s: s[0] < s[1])
    return SignalFormat(
        rate=draw(st.floats(125, 2000)),
        leads=leads,
        resolution=tuple(draw(st.floats(1e-3, 1e3)) for _ in leads),
        bits=draw(st.sampled_from((16, 32))),
        sample_count=count,
        lead_off=tuple(
            LeadOff(draw(st.sampled_from(leads)), *draw(spans)) for _ in range(draw(st.integers(0, 2)))
        ),
        pacemaker_spikes=tuple(sorted(draw(st.sets(st.integers(0, count - 1), max_size=5)))),
        filters=HardwareFilters(*(draw(st.none() | st.floats(0.01, 500)) for _ in range(3))),
    )


_SPECIAL: dict[Any, st.SearchStrategy[Any]] = {
    Exam: _exams(),
    Patient: _PATIENTS,
    SignalFormat: signals(),
    wire.Text: _TEXT,
    wire.LongText: _TEXT,
    wire.Raw: st.binary(max_size=200),
    wire.Sha256: st.binary(min_size=32, max_size=32),
    bool: st.booleans(),
    datetime: _MOMENTS,
    date: _DAYS,
    UUID: st.uuids(),
    **_INTEGERS,
}


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    origin = get_origin(annotation)
    if origin is Annotated or annotation in _SPECIAL:
        return _SPECIAL[annotation]
    if origin is tuple:
        return st.lists(_values(get_args(annotation)[0]), max_size=3).map(tuple)
    if origin in (Union, UnionType):
        (item,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return st.none() | _values(item)
    if issubclass(annotation, IntFlag):
        return st.integers(0, 2**32 - 1).map(annotation)
    if issubclass(annotation, IntEnum):
        return st.sampled_from(annotation)
    return messages(annotation)


@cache
def messages(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Values of a message or of a structure inside one."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, *(_values(hints[field.name]) for field in fields(kind)))


def any_message() -> st.SearchStrategy[Any]:
    """Any message."""
    return st.one_of(*map(messages, MESSAGES))
