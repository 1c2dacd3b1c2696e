"""Made ECGs for tests."""

from __future__ import annotations

import numpy as np

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording, SignalFormat

RATE = 500.0


def made(leads: tuple[Lead, ...], rr: float = 0.8, seconds: float = 10.0) -> Recording:
    """P, QRS and T as bells, every *rr* seconds."""
    time = np.arange(int(seconds * RATE)) / RATE
    line = np.zeros_like(time)
    phase = (time - 0.5 + rr / 2) % rr - rr / 2
    for centre, width, size in ((-0.16, 0.025, 120), (0, 0.012, 1000), (0.25, 0.05, 250)):
        line += size * np.exp(-0.5 * ((phase - centre) / width) ** 2)
    samples = np.round(np.outer(np.linspace(0.5, 1, len(leads)), line)).astype("<i2")
    return Recording(SignalFormat(RATE, leads, (1.0,) * len(leads), 16, len(time)), samples)
