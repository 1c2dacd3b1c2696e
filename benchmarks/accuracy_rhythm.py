"""Rhythm, ectopy, AV conduction and pacing against the labels of PTB-XL, LUDB and MIT-BIH; and their cost."""

from __future__ import annotations

import ast
import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import wfdb
from accuracy_records import ludb, mitdb, ptbxl

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.person import Person

PIECE_S = 10
MIT_LEADS = {"MLII": Lead.II, "V1": Lead.V1, "V2": Lead.V2, "V4": Lead.V4, "V5": Lead.V5}
SINUS = {"SR", "SBRAD", "STACH", "EAR"}
FINDINGS = {
    "fibrillation or flutter": ({"AFIB", "AFLT"}, "Se ≥ 95, PPV ≥ 92"),
    "… fibrillation": ({"AFIB"}, "–"),
    "… flutter": ({"AFLT"}, "–"),
    "paced": ({"PACE"}, "F1 ≥ 0.92"),
    "AV block I": ({"1AVB"}, "F1 ≥ 0.85"),
    "ventricular extrasystoles": ({"PVC"}, "F1 ≥ 0.85"),
    "supraventricular extrasystoles": ({"PAC"}, "–"),
    "sinus bradycardia": ({"SBRAD"}, "–"),
    "sinus tachycardia": ({"STACH"}, "–"),
    "sinus arrhythmia": ({"SARRH"}, "–"),
}
LUDB_RHYTHMS = {
    "Sinus rhythm": "SR", "Sinus bradycardia": "SBRAD", "Sinus tachycardia": "STACH",
    "Sinus arrhythmia": "SARRH", "Atrial fibrillation": "AFIB", "Atrial flutter, typical": "AFLT",
}  # fmt: skip
MIT_RHYTHMS = {
    "N": "sinus", "AFIB": "fibrillation", "AFL": "flutter", "B": "ventricular bigeminy",
    "T": "ventricular trigeminy", "P": "paced", "BII": "AV block II", "NOD": "nodal", "SVTA": "SVT",
    "VFL": "ventricular flutter", "IVR": "idioventricular", "AB": "atrial bigeminy", "SBR": "sinus",
}  # fmt: skip
Labelled = tuple[frozenset[str], frozenset[str]]  # what is labelled, what is stated


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of findings, of MIT-BIH rhythms in pieces and in whole records."""
    twelve = [*_ptbxl(data, limit), *_ludb(data, limit)]
    return "\n".join([_findings(twelve), _pieces(data, limit), _whole(data, limit)])


def _recording(signal: np.ndarray, rate: float, leads: tuple[Lead, ...]) -> Recording:
    counts = np.ascontiguousarray(np.clip(np.round(np.nan_to_num(signal)), -32767, 32767).astype("<i2"))
    return Recording(SignalFormat(rate, leads, (1.0,) * len(leads), 16, counts.shape[1]), counts)


def _said(recording: Recording, age: float | None = None) -> frozenset[str]:
    return frozenset(one.code for one in interpret(recording, Person(age=age)).statements)


def _ptbxl(data: Path, limit: int | None) -> Iterable[Labelled]:
    for number, (row, signal) in enumerate(ptbxl(data)):
        if limit is not None and number >= limit:
            return
        age = float(row["age"]) if row["age"] else None
        labels = frozenset(ast.literal_eval(row["scp_codes"]))
        yield labels, _said(_recording(signal, 500.0, TWELVE_LEADS), age)


def _ludb(data: Path, limit: int | None) -> Iterable[Labelled]:
    with (data / "ludb" / "ludb.csv").open(encoding="utf-8") as table:
        rows = {row["ID"].strip(): row for row in csv.DictReader(table)}
    for number, (record, signal) in enumerate(ludb(data)):
        if limit is not None and number >= limit:
            return
        row = rows[record]
        labels = {LUDB_RHYTHMS.get(name.strip(), name.strip()) for name in row["Rhythms"].split("\n")}
        extra = row["Extrasystolies"].lower()
        labels |= {
            code for code, word in (("PVC", "ventricular ext"), ("PAC", "atrial ext")) if word in extra
        }
        labels |= {"PACE"} if row["Cardiac pacing"].strip() else set()
        conduction = [name.strip().lower() for name in row["Conduction abnormalities"].split("\n")]
        labels |= {"1AVB"} if any(name.startswith("i degree") for name in conduction) else set()
        text = row["Age"].strip()
        age = float(text) if text.isdigit() else None
        yield frozenset(labels), _said(_recording(signal, 500.0, TWELVE_LEADS), age)


def _findings(read_records: list[Labelled]) -> str:
    lines = [
        f"### PTB-XL and LUDB, {len(read_records)} records",
        "",
        "| finding | labelled | stated | Se, % | PPV, % | F1 | aim |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (codes, aim) in FINDINGS.items():
        labelled = sum(bool(labels & codes) for labels, _ in read_records)
        stated = sum(bool(said & codes) for _, said in read_records)
        both = sum(bool(labels & codes) and bool(said & codes) for labels, said in read_records)
        cells = [_percent(both, labelled), _percent(both, stated)]
        f1 = f"{2 * both / (labelled + stated):.2f}" if labelled + stated else "–"
        lines.append(f"| {name} | {labelled} | {stated} | {' | '.join(cells)} | {f1} | {aim} |")
    return "\n".join([*lines, ""])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else "–"


def _named(said: frozenset[str]) -> str:
    """The rhythm that a reading names."""
    for name, codes in (
        ("paced", {"PACE"}),
        ("fibrillation or flutter", {"AFIB", "AFLT"}),
        ("AV block II or III", {"2AVB", "3AVB", "AVDIS"}),
        ("sinus or atrial", SINUS),
    ):
        if said & codes:
            return name
    return "other"


def _rhythm_at(marks: wfdb.Annotation, length: int) -> np.ndarray:
    """The annotated rhythm of each second."""
    names = np.full(length // 360, "", dtype=object)
    for sample, note in zip(marks.sample, marks.aux_note, strict=True):
        if note.startswith("("):
            names[sample // 360 :] = MIT_RHYTHMS.get(note[1:].strip("\0"), note[1:].strip("\0"))
    return names


def _pieces(data: Path, limit: int | None) -> str:
    """Pieces of ten seconds that hold one rhythm, two leads."""
    pairs: Counter[tuple[str, str]] = Counter()
    for _, signal, marks, leads in _mit(data, limit):
        rhythm = _rhythm_at(marks, signal.shape[1])
        for start in range(0, len(rhythm) - PIECE_S + 1, PIECE_S):
            names = set(rhythm[start : start + PIECE_S])
            if len(names) == 1:
                piece = signal[:, start * 360 : (start + PIECE_S) * 360]
                pairs[names.pop(), _named(_said(_recording(piece, 360.0, leads)))] += 1
    columns = ["sinus or atrial", "fibrillation or flutter", "paced", "AV block II or III", "other"]
    lines = [
        "### MIT-BIH, pieces of 10 s with one rhythm, two leads (spikes of the pacemaker are not to be seen)",
        "",
        "| annotated | pieces | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    order = Counter(name for name, _ in pairs.elements())
    for name, count in order.most_common():
        cells = [str(pairs[name, column]) for column in columns]
        lines.append(f"| {name} | {count} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _mit(
    data: Path, limit: int | None
) -> Iterable[tuple[str, np.ndarray, wfdb.Annotation, tuple[Lead, ...]]]:
    for number, (record, signal, marks) in enumerate(mitdb(data)):
        if limit is not None and number >= limit:
            return
        header = wfdb.rdheader(str(data / "mitdb" / record))
        yield record, signal, marks, tuple(MIT_LEADS[name] for name in header.sig_name)


def _whole(data: Path, limit: int | None) -> str:
    """Half an hour as one record: how long the atria fibrillate or flutter, and how many early beats."""
    lines = [
        "### MIT-BIH, whole records of 30 min",
        "",
        "| record | fibrillation or flutter, % | found, % | ventricular beats | stated |",
        "|---|---|---|---|---|",
    ]
    for record, signal, marks, leads in _mit(data, limit):
        rhythm = _rhythm_at(marks, signal.shape[1])
        true = 100 * np.isin(rhythm.astype(str), ["fibrillation", "flutter"]).mean()
        document = interpret(_recording(signal, 360.0, leads))
        found = {one.code: one for one in document.statements}
        shares = [_share(found[code].en) for code in ("AFIB", "AFLT") if code in found]
        early = sum(symbol in "VE" for symbol in marks.symbol)
        counted = next((str(found["PVC"].why[0].value) for _ in "1" if "PVC" in found), "0")
        lines.append(f"| {record} | {true:.0f} | {sum(shares):.0f} | {early} | {float(counted):.0f} |")
    return "\n".join([*lines, ""])


def _share(text: str) -> float:
    """How much of the record a statement says it holds for, per cent."""
    words = text.split(" % ", 1)
    return float(words[0].rsplit(" ", 1)[1]) if len(words) == 2 else 100.0
