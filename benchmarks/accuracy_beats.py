"""QRS detection and beat classes against reference annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from accuracy_records import Noise, at_ratio, clean_ptbxl, mitdb
from wfdb.processing import xqrs_detect

from cardioserver.signal.beats import find_beats
from cardioserver.signal.quality import NOISE_LIMITS

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")  # ANSI/AAMI EC57
CLASSES = {"normal": "NLRejB", "ventricular": "VE", "supraventricular": "AaJSn", "paced": "/f"}
Finder = Callable[[np.ndarray, float], np.ndarray]


def match(reference: np.ndarray, found: np.ndarray, tolerance: float) -> tuple[int, int, int]:
    """True positives, false negatives and false positives; one to one, the nearest first in time."""
    right, ref, det = 0, 0, 0
    while ref < len(reference) and det < len(found):
        apart = found[det] - reference[ref]
        if abs(apart) <= tolerance:
            nearer = det + 1 < len(found) and abs(found[det + 1] - reference[ref]) < abs(apart)
            owed = ref + 1 < len(reference) and abs(
                found[min(det + 1, len(found) - 1)] - reference[ref + 1]
            ) < abs(found[min(det + 1, len(found) - 1)] - reference[ref])
            if nearer and not owed:
                det += 1
                continue
            right, ref, det = right + 1, ref + 1, det + 1
        elif apart < 0:
            det += 1
        else:
            ref += 1
    return right, len(reference) - right, len(found) - right


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of detection and classes."""
    return "\n".join([_mitdb(data, limit), _classes(data, limit), _noise(data, limit)])


def _ours(signal: np.ndarray, rate: float) -> np.ndarray:
    return find_beats(signal, rate).samples


def _finders() -> dict[str, Finder]:
    finders: dict[str, Finder] = {"find_beats": _ours}
    finders["wfdb xqrs"] = lambda signal, rate: xqrs_detect(signal[0] / 1000, rate, verbose=False)
    if find_spec("neurokit2"):
        import neurokit2

        def neurokit(signal: np.ndarray, rate: float) -> np.ndarray:
            clean = neurokit2.ecg_clean(signal[0], sampling_rate=int(rate))
            return neurokit2.ecg_peaks(clean, sampling_rate=int(rate))[1]["ECG_R_Peaks"]

        finders["NeuroKit2"] = neurokit
    return finders


def _row(name: str, counts: np.ndarray) -> str:
    right, missed, invented = counts
    sensitivity, predictivity = right / (right + missed), right / (right + invented)
    f1 = 2 * right / (2 * right + missed + invented)
    return (
        f"| {name} | {100 * sensitivity:.2f} | {100 * predictivity:.2f} | {100 * f1:.3f} "
        f"| {missed} | {invented} |"
    )


def _mitdb(data: Path, limit: int | None) -> str:
    lines = [
        "### MIT-BIH, whole records, ±150 ms",
        "",
        "| detector | Se, % | P+, % | F1, % | missed | invented |",
        "|---|---|---|---|---|---|",
    ]
    records = list(mitdb(data))[:limit]
    for name, find in _finders().items():
        for leads in (1, 2) if find is _ours else (1,):
            counts = np.zeros(3, dtype=int)
            for _, signal, marks in records:
                reference = marks.sample[[symbol in BEAT_SYMBOLS for symbol in marks.symbol]]
                counts += match(reference, find(np.nan_to_num(signal[:leads]), 360.0), 54)
            lines.append(_row(f"{name}, {leads} lead{'s' * (leads > 1)}", counts))
    return "\n".join([*lines, ""])


def _classes(data: Path, limit: int | None) -> str:
    lines = [
        "### Beat classes, MIT-BIH (paced beats need marks or 400 Hz; these records have neither)",
        "",
        "| leads | class | Se, % | P+, % |",
        "|---|---|---|---|",
    ]
    for leads in (1, 2):
        pairs: Counter[tuple[str, str]] = Counter()
        for _, signal, marks in list(mitdb(data))[:limit]:
            beats = find_beats(np.nan_to_num(signal[:leads]), 360.0)
            for sample, symbol in zip(marks.sample, marks.symbol, strict=True):
                true = next((name for name, symbols in CLASSES.items() if symbol in symbols), None)
                nearest = int(np.abs(beats.samples - sample).argmin())
                if true and abs(beats.samples[nearest] - sample) <= 54:
                    pairs[true, beats.classes[nearest].value] += 1
        for name in ("ventricular", "supraventricular"):
            right = pairs[name, name]
            all_true = sum(count for (true, _), count in pairs.items() if true == name)
            all_said = sum(count for (_, said), count in pairs.items() if said == name)
            lines.append(
                f"| {leads} | {name} | {100 * right / all_true:.1f} | {100 * right / all_said:.1f} |"
            )
    return "\n".join([*lines, ""])


def _noise(data: Path, limit: int | None) -> str:
    """One lead of clean PTB-XL records with NSTDB noise; the truth: beats of the twelve clean leads."""
    lines = [
        f"### QRS in noise: one lead, ±75 ms (12 clean leads as truth; noise limit {NOISE_LIMITS[1]:g} µV)",
        "",
        "| noise | Se, % | P+, % | F1, % | missed | invented |",
        "|---|---|---|---|---|---|",
    ]
    records = clean_ptbxl(data, (60, 150), min(limit or 40, 40))
    for kind in ("ma", "em", "bw"):
        for decibel in (12, 6, 0):
            source = Noise(data, kind)
            counts = np.zeros(3, dtype=int)
            for clean in records:
                truth = find_beats(clean, 500.0).samples
                noisy = at_ratio(clean, source.spans(*clean.shape), decibel)
                counts += match(truth, find_beats(noisy[1:2], 500.0).samples, 37.5)
            lines.append(_row(f"{kind} {decibel} dB", counts))
    return "\n".join([*lines, ""])
