"""Compression: bits a sample and milliseconds a record of the bank's codec and its peers.

    .venv/bin/python -m benchmarks.compression [--data FOLDER] [--sets ptbxl ludb] [--records 20] [--json]

All codecs get the same samples, and must give them back. The peers: FLAC (libsndfile's highest level, at most
8 channels in a file, so 12 leads are two files), pcodec (level 12, its highest; lead by lead and all leads at
once are both tried and timed, the smaller counts), xz -9 of 16-bit first differences. Times are processor
time of one thread, the least of three (xz: of one).
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pcodec
import soundfile
from pcodec import standalone

from cardioserver.ecg import codec
from cardioserver.ecg.formats.reader import read
from cardioserver.ecg.recording import Recording, SignalFormat

SETS = ("ptbxl", "ludb", "mitdb", "qtdb", "nstdb", "ptb")
DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "ecg"
RUNS = 3
FLAC_CHANNELS = 8
EXAM_SECONDS = 24
EXAM_SET, EXAM_RATE = "ptbxl", 500.0

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to compress samples of shape (leads, samples)."""

    name: str
    encode: Callable[[Recording], Any]
    decode: Callable[[Any], Samples]
    size: Callable[[Any], int]


@dataclass(slots=True)
class Row:
    """One line of the table: a codec on a set."""

    set: str
    codec: str
    records: int = 0
    samples: int = 0
    bytes: int = 0
    encode_s: float = 0.0
    decode_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """What the table shows."""
        return {
            "bits_per_sample": 8 * self.bytes / self.samples,
            "kilobytes_per_record": self.bytes / self.records / 1000,
            "encode_ms": 1000 * self.encode_s / self.records,
            "decode_ms": 1000 * self.decode_s / self.records,
        }


def _flac(recording: Recording) -> list[bytes]:
    files = []
    for first in range(0, len(recording.samples), FLAC_CHANNELS):
        file = io.BytesIO()
        rows = np.ascontiguousarray(recording.samples[first : first + FLAC_CHANNELS].T)
        # The rate is not that of the ECG: FLAC's encoder only wants one that it knows.
        soundfile.write(file, rows, 48_000, format="FLAC", subtype="PCM_16", compression_level=1.0)
        files.append(file.getvalue())
    return files


def _unflac(files: list[bytes]) -> Samples:
    return np.vstack([soundfile.read(io.BytesIO(f), dtype="int16", always_2d=True)[0].T for f in files])


_PCO = pcodec.ChunkConfig(compression_level=12)


def _pco(recording: Recording) -> tuple[int, list[bytes]]:
    samples = recording.samples
    rows = [standalone.simple_compress(row, _PCO) for row in samples]
    whole = [standalone.simple_compress(samples.ravel(), _PCO)]
    return len(samples), min(rows, whole, key=_total)


def _unpco(encoded: tuple[int, list[bytes]]) -> Samples:
    rows, parts = encoded
    return np.concatenate([standalone.simple_decompress(part) for part in parts]).reshape(rows, -1)


def _xz(recording: Recording) -> tuple[int, bytes]:
    changes = np.diff(recording.samples, axis=1, prepend=np.int16(0))
    return len(changes), lzma.compress(changes.tobytes(), preset=9)


def _unxz(encoded: tuple[int, bytes]) -> Samples:
    rows, data = encoded
    changes = np.frombuffer(lzma.decompress(data), "<i2").reshape(rows, -1)
    return np.cumsum(changes, axis=1, dtype=np.int16)


def _total(parts: list[bytes]) -> int:
    return sum(map(len, parts))


CODECS = (
    Codec(codec.CODEC, codec.encode, codec.decode, len),
    Codec("FLAC", _flac, _unflac, _total),
    Codec("pcodec", _pco, _unpco, lambda encoded: _total(encoded[1])),
    Codec("xz -9", _xz, _unxz, lambda encoded: len(encoded[1])),
)


def _records(folder: Path, most: int | None) -> list[Recording]:
    headers = sorted(folder.rglob("*.hea"))
    if not headers:
        sys.exit(f"no WFDB records in {folder}: give the folder of real ECGs with --data")
    if most is not None and most < len(headers):
        headers = headers[:: -(-len(headers) // most)]
    return [read(header).recording for header in headers]


def _exams(records: list[Recording]) -> Iterator[Recording]:
    """24 s, each from different records: 10 s records one after another."""
    length = int(EXAM_SECONDS * EXAM_RATE)
    for first in range(0, len(records) - 2, 3):
        joined = np.hstack([record.samples for record in records[first : first + 3]])[:, :length]
        of = records[first].format
        yield Recording(
            SignalFormat(of.rate, of.leads, of.resolution, of.bits, length), np.ascontiguousarray(joined)
        )


def _measure(name: str, recordings: list[Recording]) -> list[Row]:
    rows = [Row(name, one.name) for one in CODECS]
    for recording in recordings:
        if recording.format.bits != 16:
            sys.exit(f"{name}: a record of more than 16 bits, which the peers do not take")
        for one, row in zip(CODECS, rows, strict=True):
            encoded, encode_s = _timed(one.encode, recording)
            decoded, decode_s = _timed(one.decode, encoded)
            if not np.array_equal(decoded, recording.samples):
                sys.exit(f"{one.name} lost samples of {name}")
            row.records += 1
            row.samples += recording.samples.size
            row.bytes += one.size(encoded)
            row.encode_s += encode_s
            row.decode_s += decode_s
    return rows


def _timed(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    best = float("inf")
    for _ in range(RUNS if function is not _xz else 1):
        begin = time.thread_time()
        result = function(argument)
        best = min(best, time.thread_time() - begin)
    return result, best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with a folder for each set")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, help="which of them")
    parser.add_argument("--records", type=int, help="at most so many records of each, evenly chosen")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"no folder {options.data}: this benchmark needs real ECGs, give their folder with --data")
    rows: list[Row] = []
    for name in options.sets:
        records = _records(options.data / name, options.records)
        rows += _measure(name, records)
        if name == EXAM_SET:
            rows += _measure(f"{name}, {EXAM_SECONDS} s exams", list(_exams(records)))
    if options.json:
        json.dump([asdict(row) | row.figures() for row in rows], sys.stdout, indent=1)
        print()
    else:
        _print_table(rows)


def _print_table(rows: list[Row]) -> None:
    print("| set | records | codec | bits a sample | KB a record | encode ms | decode ms |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for row in rows:
        figures = row.figures()
        print(
            f"| {row.set} | {row.records} | {row.codec} | {figures['bits_per_sample']:.3f} "
            f"| {figures['kilobytes_per_record']:.1f} | {figures['encode_ms']:.2f} "
            f"| {figures['decode_ms']:.2f} |"
        )


if __name__ == "__main__":
    main()
