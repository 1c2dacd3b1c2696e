"""Records of any kind, of a heart or not, and what has to be true of the document of each."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat
from cardioserver.interpretation.document import Document, Waves, encode
from cardioserver.signal.fiducials import NAMES
from tests.interpretation.rhythms import bell

RATES = (125.0, 128.0, 257.0, 333.33, 360.0, 500.0, 977.0, 2000.0)
SECONDS = (0.004, 0.02, 0.2, 0.9, 1.3, 3.0, 6.0, 10.0, 12.0, 95.0)
NAMED = tuple(lead for lead in Lead if lead is not Lead.UNSPECIFIED)
LEADS = (
    *(TWELVE_LEADS[:count] for count in (1, 2, 3, 8, 12)),
    NAMED[:15],
    (*NAMED, *(Lead.UNSPECIFIED,) * (32 - len(NAMED))),
)
MOST_SAMPLES = 250_000  # of all leads together, for the time it takes
COURSES = (
    "beats",
    "irregular beats",
    "broad beats",
    "nothing",
    "noise",
    "fibrillation",
    "one beat",
    "spikes",
    "extremes",
    "steps",
    "ramp",
    "sine",
    "P waves only",
    "saturated",
)


def course(kind: str, time: np.ndarray, rr: float, random: np.random.Generator) -> np.ndarray:
    """One lead of about unit size."""
    places = np.arange(random.uniform(0, rr), time[-1], rr)
    match kind:
        case "beats" | "irregular beats" | "broad beats" | "saturated":
            if kind == "irregular beats":
                places = np.cumsum(random.uniform(0.5 * rr, 1.5 * rr, len(places)))
            return _beats(time, places, 0.07 if kind == "broad beats" else 0.024, min(1.0, rr / 0.7))
        case "nothing":
            return np.zeros_like(time)
        case "noise":
            return random.normal(size=len(time))
        case "fibrillation":
            return np.sin(2 * np.pi * random.uniform(2.5, 7) * time) * (1 + 0.3 * np.sin(2.5 * time))
        case "one beat":
            return bell(time, random.uniform(0, time[-1] + 0.01), 0.03)
        case "spikes":
            return (random.uniform(size=len(time)) < 0.02).astype(float)
        case "extremes":
            return random.choice([-1e9, 1e9], len(time))
        case "steps":
            return np.repeat(random.normal(size=len(time) // 50 + 1), 50)[: len(time)]
        case "ramp":
            return np.linspace(-30, 30, len(time))
        case "sine":
            return np.sin(2 * np.pi * random.uniform(0.1, 60) * time)
        case _:
            return sum((0.1 * bell(time, at, 0.05) for at in places), np.zeros_like(time))


def _beats(time: np.ndarray, places: np.ndarray, half: float, scale: float) -> np.ndarray:
    line = np.zeros_like(time)
    for at in places:
        line += bell(time, at, half) + 0.25 * bell(time, at + 0.27 * scale + half, 0.09 * scale)
        line += 0.12 * bell(time, at - 0.16 * scale, 0.05 * scale)
    return line


@st.composite
def any_records(draw: st.DrawFn) -> Recording:
    """A recording that the archive would take."""
    rate, leads = draw(st.sampled_from(RATES)), draw(st.sampled_from(LEADS))
    most = MOST_SAMPLES // len(leads)
    count = draw(st.sampled_from([max(1, min(most, round(seconds * rate))) for seconds in SECONDS]))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    kind, rr = draw(st.sampled_from(COURSES)), draw(st.sampled_from([0.2, 0.35, 0.8, 0.8, 1.2, 3.0]))
    line = course(kind, np.arange(count) / rate, rr, random) * draw(st.sampled_from([20, 50, 1000, 10_000]))
    rows = np.outer(random.normal(size=len(leads)), line)
    rows += random.normal(size=rows.shape) * draw(st.sampled_from([0, 0, 3, 100]))
    rows = np.clip(rows, -1500, 1500) if kind == "saturated" else rows
    bits = draw(st.sampled_from([16, 16, 32]))
    resolution = draw(st.sampled_from([1.0, 1.0, 4.88, 0.001, 1000.0]))
    return Recording(
        SignalFormat(
            rate, leads, (resolution,) * len(leads), bits, count,
            tuple(draw(_lead_off(leads, count))), draw(_marks(count, rate)),
        ),
        integers(rows, bits),
    )  # fmt: skip


def integers(rows: np.ndarray, bits: int) -> np.ndarray:
    """The nearest counts there are."""
    limits = np.iinfo(np.int16 if bits == 16 else np.int32)
    return np.ascontiguousarray(np.clip(np.round(rows), limits.min, limits.max).astype(f"<i{bits // 8}"))


@st.composite
def _lead_off(draw: st.DrawFn, leads: tuple[Lead, ...], count: int) -> list[LeadOff]:
    """No lead off, all all the time, one after another, or any."""
    how = draw(st.sampled_from(["none", "none", "all", "in turn", "any"]))
    parts = len(leads)
    if how == "in turn" and count >= parts:
        edges = [count * part // parts for part in range(parts + 1)]
        return [LeadOff(lead, edges[part], edges[part + 1]) for part, lead in enumerate(leads)]
    if how == "all":
        return [LeadOff(lead, 0, count) for lead in leads]
    found = []
    for _ in range(draw(st.integers(1, 4)) if how == "any" else 0):
        start = draw(st.integers(0, count - 1))
        found.append(LeadOff(draw(st.sampled_from(leads)), start, draw(st.integers(start + 1, count))))
    return found


@st.composite
def _marks(draw: st.DrawFn, count: int, rate: float) -> tuple[int, ...]:
    """Marks of a pacemaker: none, steady ones, any, or more than there can be."""
    how = draw(st.sampled_from(["none", "none", "steady", "any", "each sample", "every other"]))
    match how:
        case "steady":
            return tuple(range(0, count, round(0.8 * rate)))
        case "any":
            return tuple(sorted(draw(st.sets(st.integers(0, count - 1), max_size=20))))
        case "each sample":
            return tuple(range(count))
        case "every other":
            return tuple(range(0, count, 2))
    return ()


def assert_sound(document: Document, of: SignalFormat) -> None:
    """Numbers are numbers, marks lie inside the record and follow each other."""
    assert not any(word in encode(document) for word in (b"NaN", b"Infinity"))
    places = [beat.sample for beat in document.beats]
    assert all(before < after for before, after in itertools.pairwise(places))
    assert len(document.fiducials) == len(places)
    course = []
    for place, waves in zip(places, document.fiducials, strict=True):
        marks = marks_of(waves)
        assert waves.qrs_on is not None
        assert waves.qrs_off is not None
        assert waves.qrs_on <= place <= waves.qrs_off
        assert waves.qrs_on < waves.qrs_off
        course += marks
    assert course == sorted(course)
    assert all(0 <= mark < of.sample_count for mark in course)
    values = {name: getattr(document.measurements, name) for name in document.measurements.__slots__}
    for name, value in values.items():
        assert value is None or math.isfinite(value), name
        assert value is None or name.endswith("axis") or value >= 0, name
    for lead in document.leads:
        for name in lead.__slots__:
            value: Any = getattr(lead, name)
            assert value is None or name == "lead" or math.isfinite(value), name
            assert value is None or not name.endswith("_ms") or value >= 0, name


def marks_of(waves: Waves) -> list[int]:
    """Those of a beat that are there; a wave's three are there together or not at all."""
    marks = []
    for first in range(0, len(NAMES), 3):
        three = [getattr(waves, name) for name in NAMES[first : first + 3]]
        assert len({each is None for each in three}) == 1
        marks += [each for each in three if each is not None]
    return marks
