"""The samples of a record in µV, a piece at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.recording import Recording

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Trace:
    """A record of any length, of which only the piece that is asked for becomes floating-point numbers.

    Parameters
    ----------
    samples
        Shape ``(leads, samples)``, integer or floating-point; not copied.
    resolution
        µV per unit of *samples*, one for each lead; without it they are µV.
    lead_off
        Row, first and last sample (exclusive) of each span in which a lead was off. Samples that are not
        finite are missing too.
    """

    def __init__(
        self,
        samples: npt.NDArray[Any],
        resolution: Sequence[float] | None = None,
        lead_off: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        self._samples = samples
        self._resolution = None if resolution is None else np.array(resolution, dtype=np.float64)[:, None]
        self._last: tuple[int, int, Signal] | None = None  # each step of an analysis asks for the same
        self._lead_off = np.array(lead_off, dtype=np.intp).reshape(-1, 3)

    @classmethod
    def of(cls, recording: Recording) -> Trace:
        """The trace of a recording."""
        signal_format = recording.format
        off = [(signal_format.leads.index(m.lead), m.start, m.stop) for m in signal_format.lead_off]
        return cls(recording.samples, signal_format.resolution, off)

    @property
    def leads(self) -> int:
        """How many leads there are."""
        return int(self._samples.shape[0])

    @property
    def length(self) -> int:
        """Samples of each lead."""
        return int(self._samples.shape[1])

    def spans(self, samples: float, uncut: float = 0.0) -> list[tuple[int, int]]:
        """Start and stop of the parts, of *samples* or somewhat more, that make up the record.

        A record of up to *uncut* samples is one part.
        """
        parts = 1 if self.length <= uncut else max(1, int(self.length / samples))
        edges = [self.length * part // parts for part in range(parts + 1)]
        return list(itertools.pairwise(edges))

    def missing(self, start: int, stop: int) -> Mask | None:
        """Where leads were off, shape ``(leads, stop - start)``; ``None`` if nowhere."""
        part = self._samples[:, start:stop]
        spans = self._lead_off[(self._lead_off[:, 1] < stop) & (self._lead_off[:, 2] > start)]
        floating = np.issubdtype(part.dtype, np.floating)
        if not len(spans) and not floating:
            return None
        gaps = ~np.isfinite(part) if floating else np.zeros(part.shape, dtype=np.bool_)
        for row, first, last in spans.tolist():
            gaps[row, max(first - start, 0) : last - start] = True
        return gaps if gaps.any() else None

    def piece(self, start: int, stop: int) -> Signal:
        """µV from *start* to *stop*, shape ``(leads, stop - start)``, finite, straight lines across gaps.

        It may be a view of the samples, and is given again: not to be changed in place.
        """
        if self._last is None or self._last[:2] != (start, stop):
            self._last = None
            self._last = (start, stop, self._converted(start, stop))
        return self._last[2]

    def _converted(self, start: int, stop: int) -> Signal:
        part = self._samples[:, start:stop]
        if self._resolution is not None:
            part = np.multiply(part, self._resolution, dtype=np.float64)
        gaps = self.missing(start, stop)
        return part.astype(np.float64, copy=False) if gaps is None else bridged(part, gaps)


def bridged(samples: npt.NDArray[Any], gaps: Mask) -> Signal:
    """*samples* with straight lines across the gaps; a lead that is nothing but gap is zero."""
    filled = samples.astype(np.float64)
    places = np.arange(samples.shape[1])
    for lead, gap in zip(filled, gaps, strict=True):
        if gap.all():
            lead[:] = 0.0
        elif gap.any():
            lead[gap] = np.interp(places[gap], places[~gap], lead[~gap])
    return filled


def across(samples: Signal, hidden: Mask) -> Signal:
    """*samples* with straight lines in all leads where *hidden*, shape ``(samples,)``; level at the ends."""
    seen, gaps = np.flatnonzero(~hidden), np.flatnonzero(hidden)
    if not len(seen) or not len(gaps):
        return samples
    following = np.searchsorted(seen, gaps)
    before, after = seen[np.maximum(following - 1, 0)], seen[np.minimum(following, len(seen) - 1)]
    share = (gaps - before) / np.maximum(after - before, 1)
    straight = samples.copy()
    straight[:, gaps] = samples[:, before] + (samples[:, after] - samples[:, before]) * share
    return straight
