"""Reads WFDB records: header(5) and signal(5) of the WFDB Applications Guide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import EcgError, FormatError, InvalidField
from cardioserver.ecg.exam import MAX_COMMENT
from cardioserver.ecg.formats.foreign import ForeignExam
from cardioserver.ecg.formats.placement import centred, gaps, lasting
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording, SignalFormat

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

    try:
        record = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
        return _exam(record)
    except (EcgError, OSError):
        raise
    except Exception as error:  # a damaged record makes wfdb raise nearly anything
        raise FormatError(f"damaged WFDB record ({type(error).__name__})") from None


def _exam(record: Any) -> ForeignExam:
    comments: Sequence[str] = record.comments or ()
    age, sex = _person(comments)
    return ForeignExam(
        format="WFDB",
        recording=_recording(record),
        patient=Patient("", sex),
        started_at=record.base_datetime,
        age_years=age,
        comment="\n".join(comments)[:MAX_COMMENT],
    )


def _recording(record: Any) -> Recording:
    if record.d_signal is None:
        raise FormatError("a WFDB record without signals")
    if any(count != 1 for count in record.samps_per_frame):
        raise FormatError("a WFDB record whose signals have different rates")
    voltages = [i for i, unit in enumerate(record.units) if unit.lower() in _MICROVOLTS]
    if not voltages:
        raise FormatError("a WFDB record without a signal in volts")
    raw = record.d_signal.T[voltages]
    if not all(record.adc_gain[i] for i in voltages):
        raise InvalidField("signal.resolution", 0, "a gain other than 0")
    leads = _leads([record.sig_name[i] for i in voltages])
    zero = np.array([record.baseline[i] for i in voltages], np.int64)
    absent = _absent(raw, [record.fmt[i] for i in voltages])
    samples = centred(np.where(absent, zero[:, None], raw), zero)
    return Recording(
        SignalFormat(
            rate=float(record.fs),
            leads=leads,
            resolution=tuple(_MICROVOLTS[record.units[i].lower()] / record.adc_gain[i] for i in voltages),
            bits=8 * samples.itemsize,
            sample_count=samples.shape[1],
            lead_off=gaps(lasting(absent, record.fs), leads),
        ),
        samples,
    )


def _absent(raw: npt.NDArray[np.int64], formats: Sequence[str]) -> npt.NDArray[np.bool_]:
    values = np.array([_NO_SAMPLE.get(name, np.iinfo(np.int64).min) for name in formats])
    absent: npt.NDArray[np.bool_] = raw == values[:, None]
    return absent


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
