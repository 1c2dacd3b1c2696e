"""Ventricular flutter and fibrillation: spans without beats."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cardioserver.signal.grid import RATE_HZ

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

WINDOW = round(4.0 * RATE_HZ)
HOP = round(1.0 * RATE_HZ)
LEAKAGE = 0.45  # Kuo and Dillman call 0.406 with QRS complexes about and 0.625 without
EDGE_LEAKAGE = 0.58  # goes on while below, once it has begun
SLOWEST_HZ = 2.9
ENOUGH_LEADS = 3


def in_flutter(grid: Signal, places: Index) -> Mask:
    """Which of *places* lie in ventricular flutter or fibrillation.

    There the ECG is nearly a sine: shifted by half a period and added to itself little is left. This is
    the VF filter of S. Kuo and R. Dillman ("Computer detection of ventricular fibrillation", Computers in
    Cardiology 1978), averaged over the liveliest leads.

    Parameters
    ----------
    grid
        From :func:`~cardioserver.signal.grid.to_grid`.
    places
        Indices into *grid*, ascending.
    """
    count = grid.shape[1]
    if count < 2 * WINDOW or not len(places):
        return np.zeros(len(places), dtype=np.bool_)
    liveliest = np.argsort(-np.abs(np.diff(grid, axis=1)).mean(axis=1), kind="stable")[:ENOUGH_LEADS]
    leads = grid[liveliest]
    starts = np.arange(0, count - WINDOW + 1, HOP)
    asked = np.searchsorted(places, starts) < np.searchsorted(places, starts + WINDOW)
    leakage = np.ones(len(starts))
    for number in np.flatnonzero(asked):
        leakage[number] = _leakage(leads[:, starts[number] : starts[number] + WINDOW])
    spans = np.zeros(count, dtype=np.bool_)
    edges = np.flatnonzero(np.diff(leakage < EDGE_LEAKAGE, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2):
        if leakage[first:last].min() < LEAKAGE:
            middle = WINDOW // 2 - HOP // 2
            start = starts[first] + middle if first else 0
            stop = starts[last - 1] + middle + HOP if last < len(starts) else count
            spans[start:stop] = True
    inside: Mask = spans[places]
    return inside


def _leakage(window: Signal) -> float:
    """What is left of the signal and itself half a period later, 0 to 1, mean over leads."""
    window = window - window.mean(axis=1, keepdims=True)
    size = np.abs(window).sum(axis=1)
    periods = 2 * np.pi * size / np.maximum(np.abs(np.diff(window, axis=1)).sum(axis=1), 1e-9)
    leaks = []
    for lead, period in zip(window, periods, strict=True):
        half = round(period / 2)
        if not 1 <= half <= RATE_HZ / SLOWEST_HZ / 2:
            leaks.append(1.0)
            continue
        late, early = lead[half:], lead[:-half]
        leaks.append(float(np.abs(late + early).sum() / max((np.abs(late) + np.abs(early)).sum(), 1e-9)))
    return float(np.mean(leaks))
