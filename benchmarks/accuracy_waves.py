"""Waves and intervals against manual annotations of LUDB and QTDB, and stability in noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb
from accuracy_electrodes import table as electrodes
from accuracy_finders import match
from accuracy_records import BEAT_SYMBOLS, Noise, clean_ptbxl, ludb

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.signal.atrial import find_atrial, without_p
from cardioserver.signal.beats import find_beats
from cardioserver.signal.fiducials import NAMES, NONE, Fiducials, find_fiducials
from cardioserver.signal.trace import Trace

LUDB_LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
WAVES = {"P": "p", "QRS": "N", "T": "t"}
PEAKS = {"P": "p_peak", "QRS": "r_peak", "T": "t_peak"}
INTERVALS = {
    "P": ("p_on", "p_off"),
    "PQ": ("p_on", "qrs_on"),
    "QRS": ("qrs_on", "qrs_off"),
    "QT": ("qrs_on", "t_off"),
}
AIMS = {"P": "±4 / 9", "PQ": "±4 / 8.5", "QRS": "±3 / 8", "QT": "±5 / 12"}
LEAST_LEADS = 6  # a wave is present when marked in so many of the twelve leads


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of waves, intervals, stability and electrodes."""
    parts = [
        _ludb(data, limit),
        _ludb(data, limit, scaled=True),
        _qtdb(data, limit),
        _stability(data, limit),
        electrodes(data, limit),
    ]
    return "\n".join(parts)


def _marks(path: str, extension: str) -> list[tuple[str, float, float, float]]:
    """Waves of one annotation file: kind, onset, peak, offset in samples (NaN where not marked)."""
    notes = wfdb.rdann(path, extension)
    waves = []
    symbols = ["N" if each in BEAT_SYMBOLS else each for each in notes.symbol]
    for number, (symbol, sample) in enumerate(zip(symbols, notes.sample, strict=True)):
        if symbol in "pNt":
            before, after = number - 1, number + 1
            on = notes.sample[before] if before >= 0 and notes.symbol[before] == "(" else np.nan
            off = notes.sample[after] if after < len(notes.symbol) and notes.symbol[after] == ")" else np.nan
            waves.append((symbol, float(on), float(sample), float(off)))
    return waves


def _global_reference(path: str) -> tuple[dict[str, np.ndarray], tuple[float, float]]:
    """Onset = 25th, offset = 75th percentile of the leads' marks; also the annotated span."""
    marks = [_marks(path, extension) for extension in LUDB_LEADS]
    reference = {}
    for name, symbol in WAVES.items():
        events = sorted(
            (w[2], lead, w[1], w[3]) for lead, ws in enumerate(marks) for w in ws if w[0] == symbol
        )
        groups: list[list[tuple[float, int, float, float]]] = []
        for event in events:
            if groups and event[0] - np.median([one[0] for one in groups[-1]]) < 75:
                groups[-1].append(event)
            else:
                groups.append([event])
        reference[name] = np.array(
            [
                (
                    np.nanpercentile([one[2] for one in group], 25),
                    np.median([one[0] for one in group]),
                    np.nanpercentile([one[3] for one in group], 75),
                )
                for group in groups
                if len({one[1] for one in group}) >= LEAST_LEADS
            ]
        ).reshape(-1, 3)
    every = [place for waves in marks for wave in waves for place in wave[1:] if not np.isnan(place)]
    return reference, (min(every), max(every))


def _reference_intervals(reference: dict[str, np.ndarray], rate: float) -> dict[str, float]:
    """Medians over the beats, ms."""
    found: dict[str, list[float]] = {name: [] for name in INTERVALS}
    for on, peak, off in reference["QRS"]:
        found["QRS"].append(off - on)
        before = [w for w in reference["P"] if 0 < peak - w[1] < 0.4 * rate]
        after = [w for w in reference["T"] if 0 < w[1] - peak < 0.6 * rate]
        if before:
            found["P"].append(before[-1][2] - before[-1][0])
            found["PQ"].append(on - before[-1][0])
        if after:
            found["QT"].append(after[0][2] - on)
    with np.errstate(all="ignore"):
        return {name: _median(values) * 1000 / rate for name, values in found.items()}


def _found_intervals(fiducials: Fiducials, span: tuple[float, float], rate: float) -> dict[str, float]:
    rows = fiducials.samples.astype(float)
    rows[rows == NONE] = np.nan
    peak = rows[:, NAMES.index("r_peak")]
    rows = rows[(peak >= span[0]) & (peak <= span[1])]
    return {
        name: _median(rows[:, NAMES.index(last)] - rows[:, NAMES.index(first)]) * 1000 / rate
        for name, (first, last) in INTERVALS.items()
    }


def _median(values: np.ndarray | list[float]) -> float:
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    return float(np.median(known)) if len(known) else np.nan


def _interval_lines(errors: dict[str, list[float]]) -> list[str]:
    lines = ["| interval | records | mean, ms | SD, ms | aim |", "|---|---|---|---|---|"]
    for name, values in errors.items():
        known = np.array([value for value in values if not np.isnan(value)])
        lines.append(f"| {name} | {len(known)} | {known.mean():+.1f} | {known.std():.1f} | {AIMS[name]} |")
    return lines


def _ludb(data: Path, limit: int | None, *, scaled: bool = False) -> str:
    """The whole reference; *scaled* with each lead in a scale of its own, as LUDB's headers give it."""
    counts = {name: np.zeros(3, dtype=int) for name in WAVES}
    narrow = np.zeros(3, dtype=int)
    errors: dict[str, list[float]] = {name: [] for name in INTERVALS}
    for number, (record, raw) in enumerate(ludb(data)):
        if limit is not None and number >= limit:
            break
        signal = raw / np.ptp(raw, axis=1, keepdims=True) * 1000 if scaled else raw
        reference, span = _global_reference(str(data / "ludb" / record))
        trace, beats = Trace(signal), find_beats(signal, 500.0)
        fiducials = find_fiducials(trace, 500.0, beats)
        fiducials = without_p(fiducials, beats, find_atrial(trace, 500.0, TWELVE_LEADS, beats, fiducials))
        for name in WAVES:
            places = np.sort(fiducials.of(PEAKS[name]))
            true = reference[name][:, 1]
            edges = (true[0] - 75, true[-1] + 75) if len(true) else span
            inside = places[(places >= max(edges[0], span[0] - 20)) & (places <= min(edges[1], span[1] + 20))]
            counts[name] += match(true, inside, 75)
            if name == "QRS":
                narrow += match(true, inside, 37.5)
        ours, theirs = _found_intervals(fiducials, span, 500.0), _reference_intervals(reference, 500.0)
        for name in INTERVALS:
            errors[name].append(ours[name] - theirs[name])
    lines = [
        "### LUDB, each lead scaled to 1 mV"
        if scaled
        else "### LUDB, 12 leads, annotated spans, global reference",
        "",
        "| wave | Se, % | P+, % |",
        "|---|---|---|",
    ]
    for name, (right, missed, invented) in [*counts.items(), ("QRS ±75 ms", narrow)]:
        lines.append(
            f"| {name} | {100 * right / (right + missed):.2f} | {100 * right / (right + invented):.2f} |"
        )
    return "\n".join([*lines, "", *_interval_lines(errors), ""])


def _qtdb(data: Path, limit: int | None) -> str:
    """Manual marks ``q1c``: about thirty beats of each record; beside ours the marks of ``ecgpuwave``."""
    errors: dict[str, dict[str, list[float]]] = {
        title: {name: [] for name in INTERVALS}
        for title in ("2 leads, q1c", "marks of ecgpuwave, 1st lead", "marks of ecgpuwave, 2nd lead")
    }
    for header in sorted((data / "qtdb").glob("*.hea"))[:limit]:
        base = str(header.with_suffix(""))
        signal = wfdb.rdrecord(base).p_signal.T * 1000.0
        reference = _waves_of(base, "q1c")
        every = np.concatenate([marks.ravel() for marks in reference.values()])
        span = (float(np.nanmin(every)), float(np.nanmax(every)))
        start = max(int(span[0]) - 2500, 0)
        piece = np.nan_to_num(signal[:, start : int(span[1]) + 2500])
        fiducials = find_fiducials(Trace(piece), 250.0, find_beats(piece, 250.0))
        theirs = _reference_intervals(reference, 250.0)
        found = [_found_intervals(fiducials, (span[0] - start, span[1] - start), 250.0)]
        for extension in ("pu0", "pu1"):
            waves = _waves_of(base, extension)
            inside = {name: w[(w[:, 1] >= span[0]) & (w[:, 1] <= span[1])] for name, w in waves.items()}
            found.append(_reference_intervals(inside, 250.0))
        for ours, kept in zip(found, errors.values(), strict=True):
            for name in INTERVALS:
                kept[name].append(ours[name] - theirs[name])
    return "\n".join(
        line
        for title, kept in errors.items()
        for line in (f"### QTDB, {title}", "", *_interval_lines(kept), "")
    )


def _waves_of(path: str, extension: str) -> dict[str, np.ndarray]:
    """Onset, peak and offset of the waves of each kind in one annotation file, shape ``(waves, 3)``."""
    waves = _marks(path, extension)
    return {
        name: np.array([wave[1:] for wave in waves if wave[0] == symbol]).reshape(-1, 3)
        for name, symbol in WAVES.items()
    }


def _stability(data: Path, limit: int | None) -> str:
    """The noise test of IEC 60601-2-25 on quiet records."""
    time_s = np.arange(5000) / 500
    muscle = Noise(data, "ma", high_pass=5)
    lines = [
        "### Intervals under the noise of IEC 60601-2-25",
        "",
        "| noise | " + " | ".join(INTERVALS) + " |",
    ]
    lines.append("|---" * (len(INTERVALS) + 1) + "|")
    records = clean_ptbxl(data, (60, 150), min(limit or 30, 30))

    def intervals(signal: np.ndarray) -> dict[str, float]:
        fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
        return _found_intervals(fiducials, (0, signal.shape[1]), 500.0)

    before = [intervals(clean) for clean in records]
    for name in ("25 µV mains", "25 µV rms muscle", "0.5 mV 0.3 Hz drift"):
        changes: dict[str, list[float]] = {interval: [] for interval in INTERVALS}
        for clean, old in zip(records, before, strict=True):
            if "mains" in name:
                noise = np.tile(25 * np.sin(2 * np.pi * 50 * time_s), (12, 1))
            elif "muscle" in name:
                noise = muscle.spans(12, 5000)
                noise *= 25 / noise.std(axis=1, keepdims=True)
            else:
                noise = np.tile(500 * np.sin(2 * np.pi * 0.3 * time_s), (12, 1))
            new = intervals(clean + noise)
            for interval in INTERVALS:
                changes[interval].append(new[interval] - old[interval])
        cells = [f"{np.nanmean(values):+.1f} ± {np.nanstd(values):.1f}" for values in changes.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])
