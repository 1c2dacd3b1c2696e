"""QRS detection against reference annotations, and in noise.

    python benchmarks/accuracy_beats.py --half 0|1 --weights FILE [--data ../shared/ecg]

measures a network that has learned from one half of the records (``train_qrs.py --half``) on the other half.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import accuracy_classes
import accuracy_noise
import numpy as np
import wfdb
from accuracy_finders import HEAD, Finder, finders, match, ours, row
from accuracy_records import BEAT_SYMBOLS, half_of, ludb, mitdb, qtdb

from cardioserver.signal import qrs_net
from cardioserver.signal.beats import find_beats


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of detection and classes."""
    return "\n".join(
        [
            _whole_records(data, limit, finders()),
            _ludb(data, limit),
            accuracy_noise.clean_with_noise(data, limit),
            accuracy_noise.bad_segments(data, limit, finders()),
            accuracy_classes.tables(data, limit),
        ]
    )


def _outside_flutter(found: np.ndarray, marks: wfdb.Annotation) -> np.ndarray:
    """EC57, 4.3.3: what lies in ventricular flutter or fibrillation is not compared beat by beat."""
    for symbol, sample in zip(marks.symbol, marks.sample, strict=True):
        if symbol == "[":
            begin = sample
        elif symbol == "]":
            found = found[(found < begin) | (found > sample)]
    return found


def _whole_records(
    data: Path, limit: int | None, compared: dict[str, Finder], half: int | None = None
) -> str:
    lines = []
    for title, rate, source in (("MIT-BIH", 360.0, mitdb), ("QTDB", 250.0, qtdb)):
        records = [
            record
            for number, record in enumerate(source(data))
            if half is None or half_of(record[0], number, data) == half
        ][:limit]
        lines += [f"### {title}, {len(records)} whole records, ±150 ms", "", *HEAD]
        for name, find in compared.items():
            ways = {"1st lead": slice(0, 1)}
            if name == "find_beats":
                ways |= {"2nd lead": slice(1, 2), "both leads": slice(0, 2)}
            elif source is qtdb:
                continue
            for way, leads in ways.items():
                counts = np.zeros(3, dtype=int)
                for _, signal, marks in records:
                    reference = marks.sample[[symbol in BEAT_SYMBOLS for symbol in marks.symbol]]
                    found = _outside_flutter(find(np.nan_to_num(signal[leads]), rate), marks)
                    counts += match(reference, found, 0.15 * rate)
                lines.append(row(f"{name}, {way}", counts))
        lines.append("")
    return "\n".join(lines)


def _ludb(data: Path, limit: int | None) -> str:
    """The reference place of a beat is the median of its marks in at least six leads."""
    counts = np.zeros(3, dtype=int)
    for number, (name, signal) in enumerate(ludb(data)):
        if limit is not None and number >= limit:
            break
        marks = [wfdb.rdann(str(data / "ludb" / name), lead) for lead in accuracy_classes.LUDB_LEADS]
        peaks = np.sort(np.concatenate([each.sample[np.array(each.symbol) == "N"] for each in marks]))
        groups = np.split(peaks, np.flatnonzero(np.diff(peaks) > 75) + 1)
        reference = np.array([np.median(group) for group in groups if len(group) >= 6])
        found = find_beats(signal, 500.0).samples
        inside = found[(found >= reference[0] - 75) & (found <= reference[-1] + 75)]
        counts += match(reference, inside, 37.5)
    return "\n".join(
        ["### LUDB, 12 leads, annotated spans, ±75 ms", "", *HEAD, row("find_beats", counts), ""]
    )


def main() -> None:
    """Measure a network on the half of the records it has not learned from."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "ecg")
    parser.add_argument("--half", type=int, choices=[0, 1], required=True, help="the half learned from")
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    with np.load(options.weights) as stored:
        weights = tuple(stored.values())
    qrs_net.stored_weights = lambda: weights
    alone = {"find_beats": ours}
    print(_whole_records(options.data, None, alone, 1 - options.half))
    print(accuracy_noise.bad_segments(options.data, None, alone, 1 - options.half))


if __name__ == "__main__":
    main()
