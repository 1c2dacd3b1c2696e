"""Find the weights of the evidence for beat classes, to be copied into ``cardioserver/signal/classes.py``.

    python benchmarks/train_classes.py [--data ../shared/ecg]

Learns from the reference classes of MIT-BIH and QTDB (one lead and both), and from LUDB and PTB-XL, in whose
twelve leads every beat is taken for normal if nothing is said of extrasystoles or pacing. Prints the weights,
and how well records are read that were left out of learning (six-fold).
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_records import BEAT_SYMBOLS, ludb, mitdb, ptbxl, qtdb
from scipy.optimize import minimize

from cardioserver.signal import beats as beats_module
from cardioserver.signal.classes import BIAS, SUPRAVENTRICULAR, VENTRICULAR, Evidence
from cardioserver.signal.shapes import AFTER, BEFORE

ROOT = Path(__file__).resolve().parent.parent
FOLDS = 6
PENALTY = 0.5  # on the squares of the weights
TOLERANCE_S = 0.15
SYMBOLS = ("NLRejB", "VE", "AaJS")  # of the classes below; others are left out
NORMAL, V, S, UNKNOWN = 0, 1, 2, -1
ECTOPIC_CODES = ("PVC", "PAC", "PACE", "SVARR", "BIGU", "TRIGU")


@dataclass(frozen=True)
class Known:
    """The beats of a record: evidence and true class."""

    source: str
    name: str
    evidence: Evidence
    classes: np.ndarray


def main() -> None:
    """Learn and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    records = list(_records(parser.parse_args().data))
    ventricular, supraventricular = _learn(records)
    print("VENTRICULAR =", _named(VENTRICULAR, ventricular))
    print("SUPRAVENTRICULAR =", _named(SUPRAVENTRICULAR, supraventricular))
    names = sorted({record.name for record in records})
    counts: dict[str, Counter[tuple[int, int]]] = {}
    for fold in range(FOLDS):
        left_out = set(names[fold::FOLDS])
        weights = _learn([record for record in records if record.name not in left_out])
        for record in records:
            if record.name in left_out:
                said = _classes(record.evidence, *weights)
                known = record.classes != UNKNOWN
                pairs = zip(record.classes[known].tolist(), said[known].tolist(), strict=True)
                counts.setdefault(record.source, Counter()).update(pairs)
    for source, pairs in counts.items():
        print(source, _figures(pairs, V, "ventricular"), _figures(pairs, S, "supraventricular"))


def _records(data: Path) -> Iterator[Known]:
    for source, rate, records in (("mitdb", 360.0, mitdb(data)), ("qtdb", 250.0, qtdb(data))):
        for name, signal, marks in records:
            for leads in (1, 2):
                evidence, times = _evidence(np.nan_to_num(signal[:leads]), rate)
                classes = np.full(len(times), UNKNOWN)
                for sample, symbol in zip(marks.sample, marks.symbol, strict=True):
                    nearest = int(np.abs(times - sample / rate).argmin())
                    if symbol in BEAT_SYMBOLS and abs(times[nearest] - sample / rate) <= TOLERANCE_S:
                        classes[nearest] = next((n for n, s in enumerate(SYMBOLS) if symbol in s), UNKNOWN)
                yield Known(f"{source}, leads: {leads}", name, evidence, _whole(classes, times, signal, rate))
    with (data / "ludb" / "ludb.csv").open(encoding="utf-8") as table:
        rows = {row["ID"].strip(): row for row in csv.DictReader(table)}
    for name, signal in ludb(data):
        row = rows[name]
        ectopic = row["Extrasystolies"] or row["Cardiac pacing"] or "Aberrant" in row["Rhythms"]
        yield _weakly_known("ludb", name, signal, bool(ectopic))
    for row, signal in ptbxl(data):
        told = row["extra_beats"].strip() or "extrasystole" in row["report"]
        ectopic = told or any(code in row["scp_codes"] for code in ECTOPIC_CODES)
        yield _weakly_known("ptbxl", row["ecg_id"], signal, bool(ectopic))


def _weakly_known(source: str, name: str, signal: np.ndarray, ectopic: bool) -> Known:
    evidence, times = _evidence(signal, 500.0)
    classes = np.full(len(times), UNKNOWN if ectopic else NORMAL)
    return Known(source, name, evidence, _whole(classes, times, signal, 500.0))


def _evidence(signal: np.ndarray, rate: float) -> tuple[Evidence, np.ndarray]:
    """What ``find_beats`` weighs."""
    seen = []
    weigh = beats_module.weigh

    def overheard(times: np.ndarray, *rest: object) -> Evidence:
        seen.append((weigh(times, *rest), times))
        return seen[-1][0]

    beats_module.weigh = overheard
    beats_module.find_beats(signal, rate)
    beats_module.weigh = weigh
    return seen[0]


def _whole(classes: np.ndarray, times: np.ndarray, signal: np.ndarray, rate: float) -> np.ndarray:
    """*classes*, unknown where the ends of the record cut a QRS."""
    inside = (times >= BEFORE / 100) & (times <= signal.shape[1] / rate - AFTER / 100)
    return np.where(inside, classes, UNKNOWN)


def _matrix(evidence: Evidence, weights: dict[str, float]) -> np.ndarray:
    columns = [evidence.columns[name] for name in weights if name != BIAS]
    return np.stack([*columns, np.ones(len(columns[0]))], axis=1)


def _learn(records: list[Known]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of both regressions; a record's classes count by the root of their beats."""
    shape, rhythm, true, share = [], [], [], []
    for record in records:
        classes = np.where((record.classes == S) & ~record.evidence.regular, UNKNOWN, record.classes)
        known = classes != UNKNOWN
        if not known.any():
            continue
        shape.append(_matrix(record.evidence, VENTRICULAR)[known])
        rhythm.append(_matrix(record.evidence, SUPRAVENTRICULAR)[known & record.evidence.regular])
        count = np.bincount(classes[known], minlength=3)
        true.append((classes[known], classes[known & record.evidence.regular]))
        share.append([1 / np.sqrt(count[each]) for each in true[-1]])
    one, other = (np.concatenate(parts) for parts in zip(*true, strict=True))
    one_share, other_share = (np.concatenate(parts) for parts in zip(*share, strict=True))
    conducted = other != V
    return (
        _regression(np.concatenate(shape), one == V, one_share),
        _regression(np.concatenate(rhythm)[conducted], other[conducted] == S, other_share[conducted]),
    )


def _regression(matrix: np.ndarray, true: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Logistic regression whose weights are not negative."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = matrix @ weights
        lost = share @ (np.logaddexp(0, odds) - true * odds) + PENALTY * (weights[:-1] ** 2).sum() / 2
        slope = matrix.T @ (share * (1 / (1 + np.exp(-odds)) - true))
        slope[:-1] += PENALTY * weights[:-1]
        return lost, slope

    count = matrix.shape[1] - 1
    start = np.r_[np.zeros(count), -3.0]
    bounds = [(0, None)] * count + [(None, None)]
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


def _classes(evidence: Evidence, ventricular: np.ndarray, supraventricular: np.ndarray) -> np.ndarray:
    broad = _matrix(evidence, VENTRICULAR) @ ventricular > 0
    early = (_matrix(evidence, SUPRAVENTRICULAR) @ supraventricular > 0) & evidence.regular
    return np.select([broad, early], [V, S], NORMAL)


def _named(weights: dict[str, float], found: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 2) for name, value in zip(weights, found, strict=True)}


def _figures(pairs: Counter[tuple[int, int]], kind: int, name: str) -> str:
    right = pairs[kind, kind]
    true = sum(count for (each, _), count in pairs.items() if each == kind)
    said = sum(count for (_, each), count in pairs.items() if each == kind)
    return f"{name}: {true} true, {said} said, {right} right;"


if __name__ == "__main__":
    main()
