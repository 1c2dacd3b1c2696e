"""The recorded signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead

MIN_RATE_HZ = 125.0
MAX_RATE_HZ = 2000.0
MAX_LEADS = 32

Samples = npt.NDArray[np.int16] | npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class LeadOff:
    """A span of samples during which an electrode of one lead was off.

    ``stop`` is exclusive; both are sample numbers from the start of the recording.
    """

    lead: Lead
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class HardwareFilters:
    """What the recorder had already filtered; ``None`` means unknown or off."""

    high_pass_hz: float | None = None
    low_pass_hz: float | None = None
    mains_hz: float | None = None


@dataclass(frozen=True, slots=True)
class SignalFormat:
    """Everything about a signal but its samples.

    Raises
    ------
    InvalidField
        A field cannot be true; ``field`` names it as ``signal.…``.
    """

    rate: float  # Hz
    leads: tuple[Lead, ...]
    resolution: tuple[float, ...]  # µV per count, one for each lead
    bits: int  # 16 or 32, two's complement
    sample_count: int  # of each lead
    lead_off: tuple[LeadOff, ...] = ()
    pacemaker_spikes: tuple[int, ...] = ()  # sample numbers, ascending
    filters: HardwareFilters = HardwareFilters()

    def __post_init__(self) -> None:
        if not MIN_RATE_HZ <= self.rate <= MAX_RATE_HZ:
            raise InvalidField("signal.rate", self.rate, f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz")
        if not 1 <= len(self.leads) <= MAX_LEADS:
            raise InvalidField("signal.leads", len(self.leads), f"1 to {MAX_LEADS} leads")
        named = [lead for lead in self.leads if lead is not Lead.UNSPECIFIED]
        if len(set(named)) != len(named):
            raise InvalidField("signal.leads", self.leads, "each lead once")
        if len(self.resolution) != len(self.leads):
            raise InvalidField("signal.resolution", len(self.resolution), "one value for each lead")
        if not all(0 < r < float("inf") for r in self.resolution):
            raise InvalidField("signal.resolution", self.resolution, "a positive number of µV per count")
        if self.bits not in (16, 32):
            raise InvalidField("signal.bits", self.bits, "16 or 32")
        if self.sample_count < 1:
            raise InvalidField("signal.sample_count", self.sample_count, "at least 1")
        for mark in self.lead_off:
            if mark.lead not in self.leads:
                raise InvalidField("signal.lead_off", mark.lead, "leads of this signal")
            if not 0 <= mark.start < mark.stop <= self.sample_count:
                raise InvalidField("signal.lead_off", mark, "start < stop inside the signal")
        spikes = self.pacemaker_spikes
        if any(not 0 <= s < self.sample_count for s in spikes):
            raise InvalidField("signal.pacemaker_spikes", spikes, "sample numbers inside the signal")
        if any(a >= b for a, b in pairwise(spikes)):
            raise InvalidField("signal.pacemaker_spikes", spikes, "ascending sample numbers")

    def part(self, start: int = 0, count: int = 0, leads: Sequence[Lead] = ()) -> SignalFormat:
        """The format of samples *start* to ``start + count`` (0: to the end) of *leads* (none: all).

        Marks are moved to the part's own sample numbers; those outside are left out.

        Raises
        ------
        InvalidField
            ``signal.start``, ``signal.count`` or ``signal.leads`` lie outside the recording.
        """
        stop = start + count if count else self.sample_count
        if not 0 <= start < self.sample_count:
            raise InvalidField("signal.start", start, f"0 to {self.sample_count - 1}")
        if not start < stop <= self.sample_count:
            raise InvalidField("signal.count", count, f"0 to {self.sample_count - start}")
        if not leads:
            leads = self.leads
        if any(lead not in self.leads for lead in leads):
            raise InvalidField("signal.leads", leads, "leads of the recording")
        return replace(
            self,
            leads=tuple(leads),
            resolution=tuple(self.resolution[self.leads.index(lead)] for lead in leads)
            if leads is not self.leads
            else self.resolution,
            sample_count=stop - start,
            lead_off=tuple(
                LeadOff(mark.lead, max(mark.start, start) - start, min(mark.stop, stop) - start)
                for mark in self.lead_off
                if mark.lead in leads and mark.start < stop and mark.stop > start
            ),
            pacemaker_spikes=tuple(s - start for s in self.pacemaker_spikes if start <= s < stop),
        )

    @property
    def byte_count(self) -> int:
        """Size of the samples on the wire: ``len(leads) * sample_count * bits / 8``."""
        return len(self.leads) * self.sample_count * self.bits // 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian integer type of one sample."""
        return np.dtype("<i2") if self.bits == 16 else np.dtype("<i4")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Samples with their format.

    ``samples`` has shape ``(len(format.leads), format.sample_count)``, in counts, C-contiguous,
    of type ``format.dtype``. On the wire and in digests the bytes are exactly ``samples.tobytes()``:
    lead after lead, little-endian.

    Raises
    ------
    InvalidField
        The array does not fit the format.
    """

    format: SignalFormat
    samples: Samples

    def __post_init__(self) -> None:
        want = (len(self.format.leads), self.format.sample_count)
        if self.samples.shape != want or self.samples.dtype != self.format.dtype:
            raise InvalidField(
                "signal.samples",
                (self.samples.shape, self.samples.dtype),
                f"{want[0]} leads of {want[1]} samples of {self.format.bits} bits",
            )

    @classmethod
    def from_bytes(cls, signal_format: SignalFormat, data: bytes | bytearray | memoryview) -> Recording:
        """View wire bytes as a recording, without a copy.

        Raises
        ------
        InvalidField
            The number of bytes does not match the format (``signal.sample_count``).
        """
        if len(data) != signal_format.byte_count:
            raise InvalidField(
                "signal.sample_count",
                len(data),
                f"{signal_format.byte_count} bytes of samples for this format",
            )
        flat: Samples = np.frombuffer(data, dtype=signal_format.dtype)
        return cls(signal_format, flat.reshape(len(signal_format.leads), signal_format.sample_count))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.format.sample_count / self.format.rate

    def microvolts(self) -> npt.NDArray[np.float64]:
        """Samples in µV, shape ``(leads, samples)``."""
        scale = np.asarray(self.format.resolution, dtype=np.float64)
        return np.multiply(self.samples, scale[:, None], dtype=np.float64)
