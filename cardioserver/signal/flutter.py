"""Ventricular flutter and fibrillation: spans without beats."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WINDOW_S = 4.0
HOP_S = 1.0
BAND_HZ = (1.0, 30.0)
LEAKAGE = 0.45  # Kuo and Dillman call 0.406 with QRS complexes about and 0.625 without
EDGE_LEAKAGE = 0.58  # goes on while below, once it has begun
SLOWEST_HZ = 2.9
ENOUGH_LEADS = 3


@lru_cache(maxsize=32)
def band_pass(band: tuple[float, float], rate: float) -> Signal:
    """Second-order sections of a Butterworth band-pass of second order; Hz."""
    sections: Signal = butter(2, band, "band", fs=rate, output="sos")
    return sections


def flutter_spans(samples: Signal, rate: float) -> Mask:
    """True for samples in ventricular flutter or fibrillation.

    There the ECG is nearly a sine: shifted by half a period and added to itself little is left. This is
    the VF filter of S. Kuo and R. Dillman ("Computer detection of ventricular fibrillation", Computers in
    Cardiology 1978), averaged over the liveliest leads.

    Parameters
    ----------
    samples
        Any unit, shape ``(leads, samples)``.
    rate
        Hz, 125 or more.

    Returns
    -------
    array
        Shape ``(samples,)``.
    """
    count = samples.shape[1]
    spans = np.zeros(count, dtype=np.bool_)
    width, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    if count < 2 * width:
        return spans
    liveliest = np.argsort(-np.abs(np.diff(samples, axis=1)).mean(axis=1), kind="stable")[:ENOUGH_LEADS]
    band = sosfiltfilt(band_pass(BAND_HZ, rate), samples[liveliest], axis=1)
    starts = np.arange(0, count - width + 1, hop)
    leakage = np.array([_leakage(band[:, start : start + width], rate) for start in starts])
    edges = np.flatnonzero(np.diff(leakage < EDGE_LEAKAGE, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2):
        if leakage[first:last].min() < LEAKAGE:
            middle = width // 2 - hop // 2
            start = starts[first] + middle if first else 0
            stop = starts[last - 1] + middle + hop if last < len(starts) else count
            spans[start:stop] = True
    return spans


def _leakage(window: Signal, rate: float) -> float:
    """What is left of the signal and itself half a period later, 0 to 1, mean over leads."""
    window = window - window.mean(axis=1, keepdims=True)
    size = np.abs(window).sum(axis=1)
    periods = 2 * np.pi * size / np.maximum(np.abs(np.diff(window, axis=1)).sum(axis=1), 1e-9)
    leaks = []
    for lead, period in zip(window, periods, strict=True):
        half = round(period / 2)
        if not 1 <= half <= rate / SLOWEST_HZ / 2:
            leaks.append(1.0)
            continue
        late, early = lead[half:], lead[:-half]
        leaks.append(float(np.abs(late + early).sum() / max((np.abs(late) + np.abs(early)).sum(), 1e-9)))
    return float(np.mean(leaks))
