"""The three filters of the original: ``daplf``, ``drift`` and ``tremor``.

All take and return µV of shape ``(leads, samples)`` at any rate, for any number of leads and any length.
They are zero phase, deterministic and have no start-up transient. A gap, marked in ``missing`` or as NaN,
comes back as it was and is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.recording import SignalFormat
from cardioserver.signal.mains import remove_mains
from cardioserver.signal.muscle import remove_muscle
from cardioserver.signal.wander import remove_wander

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SECTION_S = 60.0  # longer records are filtered in sections of about this length, for bounded memory
OVERLAP_S = 5.0
MAINS_HZ = (50.0, 60.0)


def daplf(samples: Signal, rate: float, *, mains: float = 50.0, missing: Mask | None = None) -> Signal:
    """*samples* without mains interference; see :func:`~cardioserver.signal.mains.remove_mains`.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``.
    rate
        Hz, 125 to 2000.
    mains
        50 or 60 Hz; drift by ±1 Hz is followed, harmonics go too.
    missing
        True where a lead was off, same shape; see :func:`missing_of`.

    Raises
    ------
    InvalidField
        *mains* is neither 50 nor 60 (``daplf``).
    """
    if mains not in MAINS_HZ:
        raise InvalidField("daplf", mains, "50 or 60 Hz")
    return _filter(partial(remove_mains, mains=mains), samples, rate, missing)


def drift(samples: Signal, rate: float, *, missing: Mask | None = None) -> Signal:
    """*samples* without baseline wander; see :func:`~cardioserver.signal.wander.remove_wander`.

    Parameters are those of :func:`daplf`.
    """
    return _filter(remove_wander, samples, rate, missing)


def tremor(samples: Signal, rate: float, *, missing: Mask | None = None) -> Signal:
    """*samples* with little muscle noise; see :func:`~cardioserver.signal.muscle.remove_muscle`.

    Parameters are those of :func:`daplf`.
    """
    return _filter(remove_muscle, samples, rate, missing)


def missing_of(signal_format: SignalFormat) -> Mask | None:
    """Where leads were off, shape ``(leads, samples)``; ``None`` if nowhere."""
    if not signal_format.lead_off:
        return None
    missing = np.zeros((len(signal_format.leads), signal_format.sample_count), dtype=np.bool_)
    for mark in signal_format.lead_off:
        missing[signal_format.leads.index(mark.lead), mark.start : mark.stop] = True
    return missing


def _filter(
    method: Callable[[Signal, float], Signal], samples: Signal, rate: float, missing: Mask | None
) -> Signal:
    unknown = ~np.isfinite(samples)
    if missing is not None:
        unknown |= missing
    if not unknown.any():
        return _in_sections(method, samples, rate)
    filtered = samples.copy()
    for rows, start, stop in _runs(~unknown):
        filtered[rows, start:stop] = _in_sections(method, samples[rows, start:stop], rate)
    return filtered


def _runs(known: Mask) -> Iterator[tuple[list[int], int, int]]:
    """Spans without a gap; leads with the same gaps stay together."""
    alike: dict[bytes, list[int]] = {}
    for row, pattern in enumerate(known):
        alike.setdefault(pattern.tobytes(), []).append(row)
    for rows in alike.values():
        edges = np.flatnonzero(np.diff(known[rows[0]], prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2).tolist():
            yield rows, start, stop


def _in_sections(method: Callable[[Signal, float], Signal], samples: Signal, rate: float) -> Signal:
    """Filter a long record in sections that overlap; in the overlap one is faded into the next."""
    count = samples.shape[1]
    sections = max(1, math.floor(count / (SECTION_S * rate)))
    if sections == 1:
        return method(samples, rate)
    overlap = round(OVERLAP_S * rate)
    fade = (np.arange(overlap) + 0.5) / overlap
    filtered = np.empty_like(samples)
    for number in range(sections):
        start = count * number // sections
        stop = min(count, count * (number + 1) // sections + overlap)
        part = method(samples[:, start:stop], rate)
        if number:
            part[:, :overlap] = part[:, :overlap] * fade + filtered[:, start : start + overlap] * (1 - fade)
        filtered[:, start:stop] = part
    return filtered
