"""Signals for the tests of the ECG values and the codec."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording, SignalFormat

Array = npt.NDArray[Any]

EIGHT = (Lead.I, Lead.II, Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)


def recording(samples: Array, leads: tuple[Lead, ...] = (), rate: float = 500.0) -> Recording:
    """These samples as a recording; without *leads* they are unspecified, or the twelve if so many."""
    count, length = samples.shape
    if not leads:
        leads = TWELVE_LEADS if count == len(TWELVE_LEADS) else (Lead.UNSPECIFIED,) * count
    kind = f"<i{samples.dtype.itemsize}"
    signal = SignalFormat(rate, leads, (1.0,) * count, samples.dtype.itemsize * 8, length)
    return Recording(signal, np.ascontiguousarray(samples.astype(kind)))


def walk(rows: int, length: int, *, seed: int = 0, stride: int = 8, kind: str = "<i2") -> Array:
    """Random walks between -1000 and 1000: smooth, as an ECG is, but without its repetitions."""
    steps = np.random.default_rng(seed).integers(-stride, stride + 1, (rows, length))
    return (np.abs((np.cumsum(steps, axis=1) + 1000) % 4000 - 2000) - 1000).astype(kind)


def resampled(rows: int, length: int, *, seed: int = 0, step: int = 5, kind: str = "<i2") -> Array:
    """Coarse steps interpolated from four fifths of the rate, as some recorders deliver."""
    random = np.random.default_rng(seed)
    coarse = step * np.round(np.cumsum(random.normal(0, 0.4, (rows, length)), axis=1))
    times = np.arange(length) * 0.8
    return np.round([np.interp(times, np.arange(length), row) for row in coarse]).astype(kind)


def with_limb_leads(eight: Array) -> Array:
    """I, II, V1–V6 and the four leads that follow from I and II, halves rounded down, as twelve rows."""
    one, two = eight[0].astype(np.int64), eight[1].astype(np.int64)
    derived = [two - one, -(one + two) // 2, (2 * one - two) // 2, (2 * two - one) // 2]
    return np.vstack([eight[:2], np.array(derived, eight.dtype), eight[2:]])
