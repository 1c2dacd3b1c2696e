"""Beat classes and pacing against reference annotations and cardiologists' labels."""

from __future__ import annotations

import ast
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy_records import BEAT_SYMBOLS, ludb, mitdb, ptbxl, qtdb

from cardioserver.signal.beats import BeatClass, find_beats

LUDB_LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
CLASSES = {  # AAMI EC57; fusion and unclassifiable beats are left out
    BeatClass.NORMAL: "NLRejB",
    BeatClass.VENTRICULAR: "VE",
    BeatClass.SUPRAVENTRICULAR: "AaJS",
    BeatClass.PACED: "/f",
}
Finding = tuple[str, bool, bool]  # record, said by the cardiologist, found


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of classes."""
    return "\n".join([_beats(data, limit), _records(data, limit)])


def _beats(data: Path, limit: int | None) -> str:
    lines = [
        "### Beat classes (paced beats need marks or 400 Hz; these records have neither)",
        "",
        "| records | class | beats | Se, % | P+, % |",
        "|---|---|---|---|---|",
    ]
    for title, rate, source in (("MIT-BIH", 360.0, mitdb), ("QTDB", 250.0, qtdb)):
        records = list(source(data))[:limit]
        for leads in (1, 2):
            pairs: Counter[tuple[BeatClass, BeatClass]] = Counter()
            for _, signal, marks in records:
                beats = find_beats(np.nan_to_num(signal[:leads]), rate)
                for sample, symbol in zip(marks.sample, marks.symbol, strict=True):
                    true = next((kind for kind, symbols in CLASSES.items() if symbol in symbols), None)
                    nearest = int(np.abs(beats.samples - sample).argmin())
                    near = abs(beats.samples[nearest] - sample) <= 0.15 * rate
                    if symbol in BEAT_SYMBOLS and true and near:
                        pairs[true, beats.classes[nearest]] += 1
            for kind in (BeatClass.VENTRICULAR, BeatClass.SUPRAVENTRICULAR):
                right = pairs[kind, kind]
                true_count = sum(count for (true, _), count in pairs.items() if true is kind)
                said_count = sum(
                    count
                    for (true, said), count in pairs.items()
                    if said is kind and true is not BeatClass.PACED
                )
                lines.append(
                    f"| {title}, {leads} lead{'s' * (leads > 1)} | {kind.value} | {true_count} "
                    f"| {100 * right / max(true_count, 1):.1f} | {100 * right / max(said_count, 1):.1f} |"
                )
    return "\n".join([*lines, ""])


def _records(data: Path, limit: int | None) -> str:
    """Whether a record has such beats at all, against what its cardiologist says."""
    lines = [
        "### Records of 10 s × 12 leads with such beats",
        "",
        "| records | beats | labelled | found | both | found without a label |",
        "|---|---|---|---|---|---|",
    ]
    for title, rows in (("PTB-XL", _ptbxl), ("LUDB", _ludb)):
        findings: dict[str, list[Finding]] = {"ventricular": [], "paced": []}
        for number, (name, signal, labels) in enumerate(rows(data)):
            if number == limit:
                break
            classes = find_beats(signal, 500.0).classes
            for kind, told in labels.items():
                findings[kind].append((name, told, kind in classes))
        for kind, found in findings.items():
            told = sum(labelled for _, labelled, _ in found)
            said = sum(each for _, _, each in found)
            both = sum(labelled and each for _, labelled, each in found)
            others = [name for name, labelled, each in found if each and not labelled]
            lines.append(f"| {title} | {kind} | {told} | {said} | {both} | {', '.join(others) or '–'} |")
    return "\n".join([*lines, ""])


def _ptbxl(data: Path) -> Iterator[tuple[str, np.ndarray, dict[str, bool]]]:
    for row, signal in ptbxl(data):
        codes = ast.literal_eval(row["scp_codes"])
        yield row["ecg_id"], signal, {"ventricular": "PVC" in codes, "paced": "PACE" in codes}


def _ludb(data: Path) -> Iterator[tuple[str, np.ndarray, dict[str, bool]]]:
    with (data / "ludb" / "ludb.csv").open(encoding="utf-8") as table:
        rows = {row["ID"].strip(): row for row in csv.DictReader(table)}
    for name, signal in ludb(data):
        row = rows[name]
        paced = bool(row["Cardiac pacing"].strip())
        yield name, signal, {"ventricular": "Ventricular" in row["Extrasystolies"], "paced": paced}
