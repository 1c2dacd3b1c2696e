"""Reads WFDB records: header(5) and signal(5) of the WFDB Applications Guide."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import EcgError, FormatError, InvalidField
from cardioserver.ecg.exam import MAX_COMMENT
from cardioserver.ecg.formats.foreign import ForeignExam
from cardioserver.ecg.formats.placement import Run, centred, gaps, joined, long_enough, runs
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording, Samples, SignalFormat

Raw = npt.NDArray[np.int64]
"""Shape ``(signals, samples)``."""

Part = Callable[[int, int], Raw]
"""Reads samples *start* to *stop*."""

_HEADER = ".hea"
_SAMPLES = ".dat"
_RECORD_LINE = re.compile(rb"^\S+ +\d+( |\r?\n|$)")

_MICROVOLTS = {"nv": 0.001, "uv": 1.0, "µv": 1.0, "mv": 1000.0, "v": 1_000_000.0}
_NO_SAMPLE = {
    "80": -128,
    "212": -2048,
    "310": -512,
    "311": -512,
    "16": -(1 << 15),
    "61": -(1 << 15),
    "24": -(1 << 23),
    "32": -(1 << 31),
}
"""The value of each storage format that stands for a missing sample (signal(5))."""

_PART = 1 << 18  # samples of each lead that are read at once
_LOOK = 1 << 12  # samples by which the scale is judged
_ROUNDING = 2  # counts
_LUDB_RESOLUTION = 1.0  # µV per count

_FRANK = {"vx": Lead.X, "vy": Lead.Y, "vz": Lead.Z}

# "# age: 81", "#<age>: 51", and "# 69 M 1085 1629 x1", the convention of the MIT-BIH databases.
_AGE = re.compile(r"<?\bage\b>?:\s*(\d+)", re.IGNORECASE)
_SEX = re.compile(r"<?\bsex\b>?:\s*([MF])", re.IGNORECASE)
_AGE_AND_SEX = re.compile(r"^\s*(\d+)\s+([MF])\b")


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file is a WFDB header, or has one beside it."""
    if path.suffix == _SAMPLES:
        return path.with_suffix(_HEADER).is_file()
    lines = [line for line in head.splitlines() if line.strip() and not line.startswith(b"#")]
    return path.suffix == _HEADER and bool(lines) and _RECORD_LINE.match(lines[0]) is not None


def read(path: Path) -> ForeignExam:
    """Read the ECG signals of a WFDB record; signals that are no voltage are left out.

    Raises
    ------
    FormatError
        The record is damaged, incomplete, or of no kind that is read.
    InvalidField
        A value in the record cannot be true.
    OSError
        A file of the record cannot be opened.
    """
    import wfdb  # noqa: PLC0415  slow to import: it brings pandas

    name = str(path.with_suffix(""))
    try:
        header = wfdb.rdheader(name)
        if isinstance(header, wfdb.MultiRecord) or not header.sig_len or header.sig_len <= _PART:
            whole = wfdb.rdrecord(name, physical=False)
            return _exam(whole, lambda start, stop: whole.d_signal[start:stop].T)
        return _exam(header, lambda start, stop: _part(name, start, stop))
    except (EcgError, OSError):
        raise
    except Exception as error:  # a damaged record makes wfdb raise nearly anything
        raise FormatError(
            f"damaged WFDB record ({type(error).__name__})",
            f"повреждённая запись WFDB ({type(error).__name__})",
        ) from None


def _part(name: str, start: int, stop: int) -> Raw:
    import wfdb  # noqa: PLC0415

    raw: Raw = wfdb.rdrecord(name, start, stop, physical=False).d_signal.T
    return raw


def _exam(header: Any, part: Part) -> ForeignExam:
    comments: Sequence[str] = header.comments or ()
    age, sex = _person(comments)
    return ForeignExam(
        format="WFDB",
        recording=_recording(header, part),
        patient=Patient("", sex),
        started_at=header.base_datetime,
        age_years=age,
        comment="\n".join(comments)[:MAX_COMMENT],
    )


def _recording(header: Any, part: Part) -> Recording:
    if not header.n_sig:
        raise FormatError("a WFDB record without signals", "запись WFDB без сигналов")
    if any(count != 1 for count in header.samps_per_frame):
        raise FormatError(
            "a WFDB record whose signals have different rates", "запись WFDB с разной частотой сигналов"
        )
    voltages = [i for i, unit in enumerate(header.units) if unit.lower() in _MICROVOLTS]
    if not voltages:
        raise FormatError("a WFDB record without a signal in volts", "запись WFDB без сигнала в вольтах")
    if not all(header.adc_gain[i] for i in voltages):
        raise InvalidField("signal.resolution", 0, "a gain other than 0")
    leads = _leads([header.sig_name[i] for i in voltages])
    zero = np.array([header.baseline[i] for i in voltages], np.int64)
    resolution = tuple(_MICROVOLTS[header.units[i].lower()] / header.adc_gain[i] for i in voltages)
    first = part(0, min(header.sig_len, _LOOK))[voltages]
    if len(set(resolution)) > 1 and _is_one_scale(leads, first):
        zero, resolution = np.zeros_like(zero), (_LUDB_RESOLUTION,) * len(leads)
    samples, absent = _samples(header, part, voltages, zero)
    return Recording(
        SignalFormat(
            rate=float(header.fs),
            leads=leads,
            resolution=resolution,
            bits=8 * samples.itemsize,
            sample_count=samples.shape[1],
            lead_off=gaps(long_enough(joined(absent), header.fs), leads),
        ),
        samples,
    )


def _samples(
    header: Any, part: Part, voltages: Sequence[int], zero: npt.NDArray[np.int64]
) -> tuple[Samples, list[Run]]:
    """The samples less the counts at 0 V, part by part, and where there are none."""
    no_sample = np.array([_NO_SAMPLE.get(header.fmt[i], np.iinfo(np.int64).min) for i in voltages])
    samples: Samples | None = None
    missing: list[Run] = []
    for start in range(0, header.sig_len, _PART):
        raw = part(start, min(start + _PART, header.sig_len))[voltages]
        absent = raw == no_sample[:, None]
        missing += runs(absent, start)
        counts = centred(np.where(absent, zero[:, None], raw), zero)
        if samples is None:
            samples = np.empty_like(counts, shape=(len(voltages), header.sig_len))
        elif samples.itemsize < counts.itemsize:
            samples = cast(Samples, samples.astype(counts.dtype))
        samples[:, start : start + counts.shape[1]] = counts
    assert samples is not None  # noqa: S101  sig_len is not 0
    return samples, missing


def _is_one_scale(leads: Sequence[Lead], raw: Raw) -> bool:
    """Whether I + III = II (Einthoven) holds of the counts, so that the limb leads have one gain.

    The headers of LUDB (A. Kalyakulina et al., IEEE Access 8:186181, 2020) scale each lead to its own extent;
    taken at their word they break that law, which holds of its counts. Taken for microvolts the counts are
    complexes of the usual size.
    """
    if not {Lead.I, Lead.II, Lead.III} <= set(leads):
        return False
    one, two, three = (raw[leads.index(lead)] for lead in (Lead.I, Lead.II, Lead.III))
    return bool(np.ptp(two) > 0 and np.abs(one + three - two).max() <= _ROUNDING)


def _leads(names: Sequence[str]) -> tuple[Lead, ...]:
    leads: list[Lead] = []
    for name in names:
        lead = _lead(name)
        leads.append(Lead.UNSPECIFIED if lead in leads else lead)
    return tuple(leads)


def _lead(name: str) -> Lead:
    """The lead of that name; a modified one (``MLII``) is none of the standard leads."""
    try:
        return _FRANK.get(name.lower()) or Lead.parse(name)
    except InvalidField:
        return Lead.UNSPECIFIED


def _person(comments: Sequence[str]) -> tuple[int | None, Sex]:
    text = "\n".join(comments)
    both = next((match for line in comments if (match := _AGE_AND_SEX.match(line))), None)
    age = _AGE.search(text)
    sex = _SEX.search(text)
    letter = (sex[1] if sex else both[2] if both else "").upper()
    years = int(age[1]) if age else int(both[1]) if both else None
    return years, {"M": Sex.MALE, "F": Sex.FEMALE}.get(letter, Sex.UNKNOWN)
