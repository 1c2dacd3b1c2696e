"""Real ECGs for the accuracy benchmark, in µV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import wfdb
from scipy.signal import butter, resample_poly, sosfiltfilt, welch

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")  # ANSI/AAMI EC57
LEARNED_NOISE = 0.5  # NSTDB up to here is for training the QRS network, the rest for measuring
NOISE_FLAGS = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems", "pacemaker")


def ptbxl(data: Path) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Rows of the PTB-XL table with their 500 Hz signals, as far as they are there."""
    with (data / "ptbxl" / "ptbxl_database.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            path = data / "ptbxl" / Path(row["filename_hr"]).name
            if path.with_suffix(".hea").exists():
                record = wfdb.rdrecord(str(path), physical=False)
                yield row, record.d_signal.T / np.array(record.adc_gain)[:, None] * 1000.0


def clean_ptbxl(data: Path, band: tuple[float, float], count: int) -> list[np.ndarray]:
    """The *count* signals without a noise flag that have the least power in *band*, Hz."""
    found = []
    for row, signal in ptbxl(data):
        if any(row[flag].strip() for flag in NOISE_FLAGS):
            continue
        frequency, power = welch(signal, 500, nperseg=5000)
        inside = (frequency > band[0]) & (frequency < band[1])
        found.append((np.median(power[:, inside].sum(axis=1)), len(found), signal))
    return [signal for _, _, signal in sorted(found, key=lambda item: item[:2])[:count]]


def ludb(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """LUDB records; the raw integers are taken as µV because the header gains are wrong."""
    for header in sorted((data / "ludb").glob("*.hea"), key=lambda path: int(path.stem)):
        yield header.stem, wfdb.rdrecord(str(header.with_suffix("")), physical=False).d_signal.T.astype(float)


def mitdb(data: Path) -> Iterator[tuple[str, np.ndarray, wfdb.Annotation]]:
    """MIT-BIH records with their reference annotations."""
    for header in sorted((data / "mitdb").glob("*.hea")):
        base = str(header.with_suffix(""))
        yield header.stem, wfdb.rdrecord(base).p_signal.T * 1000.0, wfdb.rdann(base, "atr")


class Noise:
    """Spans of NSTDB noise, the same ones in each run.

    ``unlearned`` takes them from the part that the QRS network has not learned from.
    """

    def __init__(
        self,
        data: Path,
        kind: str,
        high_pass: float | None = None,
        *,
        rate: float = 500.0,
        unlearned: bool = False,
    ) -> None:
        signal = wfdb.rdrecord(str(data / "nstdb" / kind)).p_signal.T
        if unlearned:
            signal = signal[:, int(signal.shape[1] * LEARNED_NOISE) :]
        signal = resample_poly(signal, int(rate), 360, axis=1)
        if high_pass:
            signal = sosfiltfilt(butter(2, high_pass, "high", fs=500, output="sos"), signal, axis=1)
        self._signal = signal
        self._random = np.random.default_rng(2026)

    def spans(self, leads: int, count: int) -> np.ndarray:
        """Noise of shape ``(leads, count)`` without a mean."""
        rows = []
        for _ in range(leads):
            channel = self._signal[self._random.integers(2)]
            start = self._random.integers(0, len(channel) - count)
            rows.append(channel[start : start + count])
        noise = np.array(rows)
        return noise - noise.mean(axis=1, keepdims=True)


def at_ratio(clean: np.ndarray, noise: np.ndarray, decibel: float) -> np.ndarray:
    """*clean* with *noise* at that signal-to-noise ratio by power, lead by lead."""
    factor = np.sqrt(clean.var(axis=1) / noise.var(axis=1) / 10 ** (decibel / 10))
    return clean + noise * factor[:, None]


def qtdb(data: Path) -> Iterator[tuple[str, np.ndarray, wfdb.Annotation]]:
    """QTDB records that have reference annotations of every beat."""
    for notes in sorted((data / "qtdb").glob("*.atr")):
        base = str(notes.with_suffix(""))
        yield notes.stem, wfdb.rdrecord(base).p_signal.T * 1000.0, wfdb.rdann(base, "atr")


def half_of(name: str, number: int, data: Path) -> int:
    """The half, 0 or 1, of a record where the network learns from one and is measured on the other.

    *number* is its place among the records of its source; QTDB's excerpts go with their MIT-BIH records.
    """
    names = [header.stem for header in sorted((data / "mitdb").glob("*.hea"))]
    patient = name.removeprefix("sel")
    return (names.index(patient) if patient in names else number) % 2
