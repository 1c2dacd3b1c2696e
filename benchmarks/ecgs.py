"""Real ECGs for benchmarks: PTB-XL records from ``../shared/ecg``, else the ECG that ships with pydicom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.recording import Recording, SignalFormat

RATE_HZ = 500
SECONDS = 24
PTBXL = Path(__file__).resolve().parents[2] / "shared" / "ecg" / "ptbxl"


def twelve_lead_ecgs(count: int) -> list[Recording]:
    """*count* different recordings of 24 s × 12 leads × 500 Hz, 1 µV a count.

    PTB-XL records have 10 s (Wagner et al., Scientific Data 7:154, 2020): each is followed by the next ones.
    """
    records = _ptbxl() if PTBXL.is_dir() else [_pydicom()]
    signal_format = SignalFormat(RATE_HZ, TWELVE_LEADS, (1.0,) * 12, 16, SECONDS * RATE_HZ)
    return [Recording(signal_format, _join(records, first)) for first in range(count)]


def _join(records: list[npt.NDArray[np.int16]], first: int) -> npt.NDArray[np.int16]:
    pieces = [records[(first + number) % len(records)] for number in range(-(-SECONDS // 10))]
    return np.ascontiguousarray(np.concatenate(pieces, axis=1)[:, : SECONDS * RATE_HZ])


def _ptbxl() -> list[npt.NDArray[np.int16]]:
    import wfdb

    records = []
    for header in sorted(PTBXL.glob("*_hr.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=False)
        records.append(np.asarray(record.d_signal).T.astype(np.int16))
    return records


def _pydicom() -> npt.NDArray[np.int16]:
    import pydicom
    from pydicom.data import get_testdata_file

    dataset = pydicom.dcmread(get_testdata_file("waveform_ecg.dcm"))
    return np.asarray(dataset.waveform_array(0)).T[:12, : 10 * RATE_HZ].round().astype(np.int16)
