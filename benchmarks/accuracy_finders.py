"""Detectors of beats, ours and the peers', and how what they find is counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from wfdb.processing import gqrs_detect, xqrs_detect

from cardioserver.signal.beats import find_beats

Finder = Callable[[np.ndarray, float], np.ndarray]


def match(reference: np.ndarray, found: np.ndarray, tolerance: float) -> tuple[int, int, int]:
    """True positives, false negatives and false positives; one to one, the nearest pairs first."""
    hit, used = matched(reference, found, tolerance)
    return int(hit.sum()), int((~hit).sum()), int((~used).sum())


def matched(reference: np.ndarray, found: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Which of *reference* were found, and which of *found* are right."""
    reference, found = np.asarray(reference), np.asarray(found)
    first = np.searchsorted(found, reference - tolerance, "left")
    last = np.searchsorted(found, reference + tolerance, "right")
    hit, used = np.zeros(len(reference), dtype=bool), np.zeros(len(found), dtype=bool)
    pairs = [
        (abs(found[one] - true), number, one)
        for number, true in enumerate(reference)
        for one in range(first[number], last[number])
    ]
    for _, number, one in sorted(pairs):
        if not hit[number] and not used[one]:
            hit[number] = used[one] = True
    return hit, used


def ours(signal: np.ndarray, rate: float) -> np.ndarray:
    """The detector of this project."""
    return find_beats(signal, rate).samples


def finders() -> dict[str, Finder]:
    """The peers that are installed, and ours first."""
    found: dict[str, Finder] = {"find_beats": ours}
    found["wfdb gqrs"] = lambda signal, rate: gqrs_detect(sig=signal[0] / 1000, fs=rate)
    found["wfdb xqrs"] = lambda signal, rate: xqrs_detect(signal[0] / 1000, rate, verbose=False)
    if find_spec("ecgdeli"):
        import ecgdeli

        def kit(signal: np.ndarray, rate: float) -> np.ndarray:
            clean = ecgdeli.filter_ecg(signal[0] / 1000, fs=int(rate))
            return np.asarray(ecgdeli.annotate(clean, fs=int(rate)).leads[0].r_peak)

        found["ecgdeli"] = kit
    if find_spec("neurokit2"):
        import neurokit2

        def neurokit(signal: np.ndarray, rate: float) -> np.ndarray:
            clean = neurokit2.ecg_clean(signal[0], sampling_rate=int(rate))
            return neurokit2.ecg_peaks(clean, sampling_rate=int(rate))[1]["ECG_R_Peaks"]

        found["NeuroKit2"] = neurokit
    return {name: _forgiving(find) for name, find in found.items()}


def _forgiving(find: Finder) -> Finder:
    """What raises on a bad segment has found nothing there."""

    def found(signal: np.ndarray, rate: float) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                places = np.asarray(find(signal, rate), dtype=float)
            except Exception:
                return np.zeros(0)
        return np.sort(places[np.isfinite(places)])

    return found


HEAD = ["| detector | Se, % | P+, % | F1, % | missed | invented |", "|---|---|---|---|---|---|"]


def row(name: str, counts: np.ndarray) -> str:
    """A line of a table with the columns of :data:`HEAD`."""
    right, missed, invented = counts
    sensitivity, predictivity = right / (right + missed), right / max(right + invented, 1)
    f1 = 2 * right / (2 * right + missed + invented)
    return (
        f"| {name} | {100 * sensitivity:.2f} | {100 * predictivity:.2f} | {100 * f1:.3f} "
        f"| {missed} | {invented} |"
    )
