"""Statements against the cardiologists' labels of PTB-XL and LUDB."""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_records import ludb, ptbxl

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Sex
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.person import Person

MI = frozenset({"IMI", "ASMI", "AMI", "ILMI", "LMI", "ALMI", "PMI", "IPMI", "IPLMI"})
INFERIOR = frozenset({"IMI", "ILMI", "IPMI", "IPLMI"})
ANTERIOR = frozenset({"ASMI", "AMI", "ALMI"})
FIBRILLATION = frozenset({"AFIB", "AFLT"})
LIKELY = 50.0  # of 100; PTB-XL writes 0 where the likelihood is unknown

AIMED = (("CLBBB", 0.92), ("CRBBB", 0.92), ("LAFB", 0.75), ("LVH", 0.60))
OTHERS = (
    "IRBBB", "ILBBB", "IVCD", "LPFB", "WPW", "VCLVH", "RVH", "LAO/LAE", "RAO/RAE", "LVOLT",
    "IMI", "ASMI", "AMI", "ILMI", "LMI", "ALMI", "PMI", "ANEUR", "NDT", "NST_",
    "ISC_", "ISCAL", "ISCLA", "ISCIN", "ISCIL", "ISCAS", "ISCAN", "DIG", "EL", "LNGQT",
)  # fmt: skip
LUDB_FINDINGS = {
    "Complete left bundle branch block": {"CLBBB"},
    "Complete right bundle branch block": {"CRBBB"},
    "Incomplete right bundle branch block": {"IRBBB", "RSR_V1"},
    "Left anterior hemiblock": {"LAFB"},
    "Left ventricular hypertrophy": {"LVH", "VCLVH"},
    "Left atrial hypertrophy": {"LAO/LAE"},
    "Right atrial overload": {"RAO/RAE"},
    "Early repolarization syndrome": {"EARLY_REPOL"},
    "Stemi": {"STEMI_*", "ANEUR"},
    "Scar formation": set(MI),
    "Electric axis of the heart: left axis deviation": {"AXIS_LEFT", "AXIS_LEFTWARD"},
    "Electric axis of the heart: horizontal": {"AXIS_HORIZONTAL"},
    "Electric axis of the heart: normal": {"AXIS_NORMAL"},
    "Electric axis of the heart: vertical": {"AXIS_VERTICAL"},
    "Electric axis of the heart: right axis deviation": {"AXIS_RIGHT"},
}


@dataclass(frozen=True)
class Read:
    """One record: what the cardiologists said (with likelihoods) and what the program says."""

    name: str
    labels: dict[str, float]
    said: frozenset[str]


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of findings, of what is called normal, and of dangerous misses."""
    read = [_ptbxl(row, signal) for _, (row, signal) in zip(range(limit or 10**6), ptbxl(data), strict=False)]
    parts = [_findings(read), _normal(read), _others(read), _ludb(data, limit)]
    return "\n".join(parts)


def _ptbxl(row: dict[str, str], signal: np.ndarray) -> Read:
    person = Person(
        Sex.FEMALE if row["sex"] == "1" else Sex.MALE,
        _number(row["age"]),
        _number(row["height"]),
        _number(row["weight"]),
    )
    return Read(row["ecg_id"], ast.literal_eval(row["scp_codes"]), _said(signal, person))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _said(signal: np.ndarray, person: Person) -> frozenset[str]:
    counts = np.ascontiguousarray(np.round(signal).astype("<i4"))
    signal_format = SignalFormat(500.0, TWELVE_LEADS, (1.0,) * 12, 32, counts.shape[1])
    document = interpret(Recording(signal_format, counts), person)
    return frozenset(statement.code for statement in document.statements)


def _row(name: str, true: Sequence[bool], found: Sequence[bool], aim: str = "") -> str:
    """Sensitivity, predictive value and F1 as a line of a table."""
    right = sum(a and b for a, b in zip(true, found, strict=True))
    labelled, stated = sum(true), sum(found)
    cells = [
        f"{100 * right / labelled:.0f}" if labelled else "–",
        f"{100 * right / stated:.0f}" if stated else "–",
        f"{2 * right / (labelled + stated):.2f}" if labelled + stated else "–",
    ]
    return f"| {name} | {labelled} | {stated} | " + " | ".join(cells) + (f" | {aim} |" if aim else " |")


def _any(codes: Iterable[str]) -> Callable[[Read], tuple[bool, bool]]:
    wanted = set(codes)
    return lambda one: (bool(wanted & one.labels.keys()), bool(wanted & one.said))


def _findings(read: list[Read]) -> str:
    lines = [
        f"### PTB-XL, {len(read)} records",
        "",
        "| finding | labelled | stated | Se, % | PPV, % | F1 | aim |",
        "|---|---|---|---|---|---|---|",
    ]
    for code, aim in AIMED:
        lines.append(_row(code, *_columns(read, _any({code})), aim=f"{aim:.2f}"))
    infarction = [(bool(MI & one.labels.keys()), bool(MI & one.said)) for one in read]
    lines.append(_row("Q-wave infarction", *_unzip(infarction), aim="0.55"))
    likely = [(any(one.labels.get(code, 0) >= LIKELY for code in MI), bool(MI & one.said)) for one in read]
    lines.append(_row(f"… of likelihood {LIKELY:.0f} or more", *_unzip(likely), aim="–"))
    lines.append(_row("… inferior", *_columns(read, _any(INFERIOR)), aim="–"))
    lines.append(_row("… anterior", *_columns(read, _any(ANTERIOR)), aim="–"))
    return "\n".join([*lines, ""])


def _columns(
    read: list[Read], question: Callable[[Read], tuple[bool, bool]]
) -> tuple[list[bool], list[bool]]:
    return _unzip([question(one) for one in read])


def _unzip(pairs: list[tuple[bool, bool]]) -> tuple[list[bool], list[bool]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


def _normal(read: list[Read]) -> str:
    normal = [one for one in read if "NORM" in one.labels]
    called = sum("NORM" in one.said for one in normal)
    lines = [
        "### What is called normal, PTB-XL",
        "",
        "| labelled | records | called normal | borderline | abnormal | aim |",
        "|---|---|---|---|---|---|",
        _summary_row("NORM", normal, f"{100 * called / max(len(normal), 1):.1f} % normal; ≥ 85 %"),
    ]
    dangers = {
        "infarction, likelihood 50 or more": lambda one: any(
            one.labels.get(code, 0) >= LIKELY for code in MI
        ),
        "infarction, less or unknown": lambda one: (
            bool(MI & one.labels.keys()) and not any(one.labels.get(code, 0) >= LIKELY for code in MI)
        ),
        "CLBBB": lambda one: "CLBBB" in one.labels,
        "fibrillation or flutter": lambda one: bool(FIBRILLATION & one.labels.keys()),
        "PACE": lambda one: "PACE" in one.labels,
        "anything but NORM": lambda one: "NORM" not in one.labels,
    }
    for name, asked in dangers.items():
        chosen = [one for one in read if asked(one) and (name[0] == "a" or "NORM" not in one.labels)]
        lines.append(_summary_row(name, chosen, "–" if name.startswith("any") else "0 normal"))
    return "\n".join([*lines, ""])


def _summary_row(name: str, chosen: list[Read], aim: str) -> str:
    counts = [sum(code in one.said for one in chosen) for code in ("NORM", "ECG_BORDERLINE", "ECG_ABNORMAL")]
    return f"| {name} | {len(chosen)} | " + " | ".join(map(str, counts)) + f" | {aim} |"


def _others(read: list[Read]) -> str:
    lines = [
        "### Other statements, PTB-XL (no aim; few records each)",
        "",
        "| finding | labelled | stated | Se, % | PPV, % | F1 |",
        "|---|---|---|---|---|---|",
    ]
    for code in OTHERS:
        true, found = _columns(read, _any({code}))
        if any(true) or any(found):
            lines.append(_row(f"`{code}`", true, found))
    return "\n".join([*lines, ""])


def _ludb(data: Path, limit: int | None) -> str:
    with (data / "ludb" / "ludb.csv").open(encoding="utf-8", newline="") as table:
        about = {row["ID"].strip(): row for row in csv.DictReader(table)}
    read = []
    for _, (name, signal) in zip(range(limit or 10**6), ludb(data), strict=False):
        row = about[name]
        age = row["Age"].strip()
        sex = Sex.FEMALE if row["Sex"].strip() == "F" else Sex.MALE
        person = Person(sex, float(age) if age.isdigit() else None)
        findings = "\n".join(text for text in row.values() if text)
        read.append((findings, _said(signal, person)))
    lines = [
        f"### LUDB findings, {len(read)} records",
        "",
        "| finding | labelled | stated | Se, % | PPV, % | F1 |",
        "|---|---|---|---|---|---|",
    ]
    for finding, codes in LUDB_FINDINGS.items():
        true = [finding in findings for findings, _ in read]
        lines.append(_row(finding, true, [_is_said(codes, said) for _, said in read]))
    return "\n".join([*lines, ""])


def _is_said(codes: set[str], said: frozenset[str]) -> bool:
    if codes & said:
        return True
    stems = [code.removesuffix("*") for code in codes if code.endswith("*")]
    return any(code.startswith(stem) for code in said for stem in stems)
