"""QRS detection in noise that the network has not learned from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy_finders import HEAD, Finder, match, matched, ours, row
from accuracy_records import BEAT_SYMBOLS, Noise, at_ratio, clean_ptbxl, half_of, mitdb, ptbxl, qtdb

from cardioserver.signal.beats import find_beats

EDGE_S = 0.5  # beats so near to the ends of a short segment are not counted
SEGMENT_S = 10.0
RATIOS = (6.0, 0.0)  # dB
CLIPPED = 0.1  # of the segments
SEED = 2027


def clean_with_noise(data: Path, limit: int | None) -> str:
    """One lead of clean PTB-XL records with NSTDB noise; the truth: beats of the twelve clean leads."""
    lines = [
        "### In noise: lead II of clean PTB-XL records, ±75 ms",
        "",
        *HEAD,
    ]
    records = clean_ptbxl(data, (60, 150), min(limit or 40, 40))
    truths = [find_beats(clean, 500.0).samples for clean in records]
    for kind in ("ma", "em", "bw"):
        for decibel in (12, *RATIOS):
            source = Noise(data, kind, unlearned=True)
            counts = np.zeros(3, dtype=int)
            for clean, truth in zip(records, truths, strict=True):
                noisy = at_ratio(clean, source.spans(*clean.shape), decibel)
                counts += match(truth, ours(noisy[1:2], 500.0), 37.5)
            lines.append(row(f"{kind} {decibel:g} dB", counts))
    return "\n".join([*lines, ""])


def _bad_segments(
    data: Path, limit: int | None, half: int | None
) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Ten seconds of one lead with electrode motion, muscle noise and wander together, and some clipped."""
    random = np.random.default_rng(SEED)
    noises = {
        rate: [Noise(data, kind, rate=rate, unlearned=True) for kind in ("em", "ma", "bw")]
        for rate in (250.0, 360.0, 500.0)
    }
    for number, (about, signal) in enumerate(ptbxl(data)):
        if number == limit:
            break
        if half is None or half_of(about["ecg_id"], number, data) == half:
            truth = find_beats(signal, 500.0).samples
            lead = signal[random.integers(12)]
            yield _worse(lead, noises[500.0], random, RATIOS[number % 2], truth), 500.0, truth
    for rate, source in ((360.0, mitdb), (250.0, qtdb)):
        for number, (name, signal, marks) in enumerate(source(data)):
            if half is not None and half_of(name, number, data) != half:
                continue
            beats = marks.sample[[symbol in BEAT_SYMBOLS for symbol in marks.symbol]]
            count = round(SEGMENT_S * rate)
            for piece in range(6 if limit is None else 1):
                start = random.integers(signal.shape[1] - count)
                truth = beats[(beats >= start) & (beats < start + count)] - start
                lead = np.nan_to_num(signal[0, start : start + count])
                if len(truth):
                    yield _worse(lead, noises[rate], random, RATIOS[piece % 2], truth), rate, truth


def _worse(
    lead: np.ndarray, noises: list[Noise], random: np.random.Generator, decibel: float, beats: np.ndarray
) -> np.ndarray:
    """*lead* with noise, its power against that of a sine as high as the QRS, as in NSTDB's own script."""
    reach = 30
    height = np.median([np.ptp(lead[max(beat - reach, 0) : beat + reach]) for beat in beats])
    pieces = [noise.spans(1, len(lead))[0] for noise in noises]
    mixed = sum(random.random() * piece / piece.std() for piece in pieces)
    noisy = lead + mixed * np.sqrt(height**2 / 8 / mixed.var() / 10 ** (decibel / 10))
    if random.random() < CLIPPED:
        noisy = np.clip(noisy, *np.quantile(noisy, [0.03, 0.97]))
    return noisy[None]


def bad_segments(data: Path, limit: int | None, finders: dict[str, Finder], half: int | None = None) -> str:
    """Short single leads as a bad electrode leaves them; with *half* only that half of the records."""
    segments = list(_bad_segments(data, limit, half))
    lines = [
        f"### {len(segments)} bad segments: one lead, 10 s, mixed noise at 6 and 0 dB, ±75 ms",
        "",
        *HEAD,
    ]
    for name, find in finders.items():
        counts = np.zeros(3, dtype=int)
        for signal, rate, truth in segments:
            found = find(signal, rate)
            last = signal.shape[1] - EDGE_S * rate
            hit, used = matched(truth, found, 0.075 * rate)
            real = (truth >= EDGE_S * rate) & (truth < last)
            said = (found >= EDGE_S * rate) & (found < last)
            counts += ((hit & real).sum(), (~hit & real).sum(), (~used & said).sum())
        lines.append(row(name, counts))
    return "\n".join([*lines, ""])
