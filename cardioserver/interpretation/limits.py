"""What one interpretation may cost."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.ecg.recording import SignalFormat

REFERENCE = 12_000_000
"""Samples, all leads together, for which the limits are doubled: 33 minutes of twelve leads at 500 Hz."""

MEMORY_PER_SAMPLE = 8
"""Bytes beyond the fixed limit: one number of double precision for each sample."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the interpretation of a short record; longer ones may cost more in proportion.

    Attributes
    ----------
    seconds
        Time that passes.
    memory_bytes
        Of data, beyond what the worker's program itself takes and the samples.
    """

    seconds: float = 30.0
    memory_bytes: int = 1 << 30

    def seconds_of(self, samples: int) -> float:
        """Time for *samples*, those of all leads together."""
        return self.seconds * (1 + samples / REFERENCE)

    def memory_of(self, samples: int) -> int:
        """Memory for *samples*, those of all leads together."""
        return self.memory_bytes + MEMORY_PER_SAMPLE * samples


def samples_of(signal: SignalFormat) -> int:
    """Samples of all leads together."""
    return len(signal.leads) * signal.sample_count
