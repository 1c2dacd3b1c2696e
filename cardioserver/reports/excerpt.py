"""A stretch of the recording as it is drawn: filtered, in µV, with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.document import Document
from cardioserver.reports.channel import Channel
from cardioserver.reports.content import Content
from cardioserver.reports.options import Filter, Options
from cardioserver.signal import filters
from cardioserver.signal.pacing import find_spikes, pacing_spikes

Signal = npt.NDArray[np.float64]

AROUND_S = 5.0  # filtered with what is before and after, so that an excerpt does not begin otherwise
LEVEL_S = (0.024, 0.004)  # before the onset of QRS: the level against which waves are measured
PACED = "paced"


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Samples *start* to ``start + count`` of the recording.

    Attributes
    ----------
    rows
        µV of each channel, NaN where its electrodes were off.
    spikes
        Sample numbers of pacemaker spikes, from the recording's start.
    """

    rate: float
    start: int
    rows: dict[Channel, Signal]
    spikes: tuple[int, ...]

    @property
    def count(self) -> int:
        """Samples of each channel."""
        return next((len(row) for row in self.rows.values()), 0)

    def between(self, channel: Channel, start: float, stop: float) -> tuple[Signal, float]:
        """Samples of *channel* from *start* to *stop* s of the recording, and the first one's time."""
        first = max(int(np.ceil(start * self.rate - 1e-6)), self.start)
        last = min(int(np.floor(stop * self.rate + 1e-6)) + 1, self.start + self.count)
        row = self.rows[channel][first - self.start : max(last, first) - self.start]
        return row, first / self.rate


def excerpt(
    content: Content, channels: Sequence[Channel], span: tuple[float, float], options: Options
) -> Excerpt:
    """What *channels* show from the first to the second time of *span*, in s, each about its own level."""
    recording, document, (start, stop) = content.recording, content.document, span
    signal = recording.format
    first = min(round(start * signal.rate), signal.sample_count)
    last = min(round(stop * signal.rate) + 1, signal.sample_count)
    around = round(AROUND_S * signal.rate)
    begin, end = max(first - around, 0), min(last + around, signal.sample_count)
    needed = sorted({row for channel in channels for row, _ in channel.weights})
    samples = recording.samples[needed, begin:end] * np.array(signal.resolution)[needed, None]
    missing = _missing(recording, needed, begin, end)
    spikes = _spikes(recording, samples, begin, document)
    samples = _filtered(samples, missing, signal.rate, options)
    if missing is not None:
        samples[missing] = np.nan
    place = {row: number for number, row in enumerate(needed)}
    rows = {}
    for channel in channels:
        row = sum(share * samples[place[row]] for row, share in channel.weights)
        rows[channel] = np.asarray(row)[first - begin : last - begin]
    for channel, row in rows.items():
        rows[channel] = row - _level(row, signal.rate, first, document)
    return Excerpt(signal.rate, first, rows, tuple(each for each in spikes if first <= each < last))


def _missing(recording: Recording, rows: Sequence[int], begin: int, end: int) -> npt.NDArray[np.bool_] | None:
    leads = recording.format.leads
    missing = np.zeros((len(rows), end - begin), dtype=np.bool_)
    for mark in recording.format.lead_off:
        row = leads.index(mark.lead)
        if row in rows:
            missing[rows.index(row), max(mark.start - begin, 0) : max(mark.stop - begin, 0)] = True
    return missing if missing.any() else None


def _filtered(
    samples: Signal, missing: npt.NDArray[np.bool_] | None, rate: float, options: Options
) -> Signal:
    if Filter.DAPLF in options.filters:
        samples = filters.daplf(samples, rate, mains=options.mains, missing=missing)
    if Filter.DRIFT in options.filters:
        samples = filters.drift(samples, rate, missing=missing)
    if Filter.TREMOR in options.filters:
        samples = filters.tremor(samples, rate, missing=missing)
    return samples


def _level(row: Signal, rate: float, first: int, document: Document | None) -> float:
    """The level before the QRS complexes (median over beats), else the median of all."""
    onsets = [waves.qrs_on for waves in document.fiducials if waves.qrs_on is not None] if document else []
    before, until = (round(each * rate) for each in LEVEL_S)
    levels = [
        float(np.mean(row[onset - first - before : onset - first - until]))
        for onset in onsets
        if onset - first >= before and onset - first <= len(row)
    ]
    known = [level for level in levels if np.isfinite(level)]
    if known:
        return float(np.median(known))
    finite = row[np.isfinite(row)]
    return float(np.median(finite)) if len(finite) else 0.0


def _spikes(recording: Recording, samples: Signal, begin: int, document: Document | None) -> Sequence[int]:
    """Those the recorder marked; without any, those in the signal that pace the beats said to be paced."""
    marked = recording.format.pacemaker_spikes
    if marked or document is None or not any(beat.kind == PACED for beat in document.beats):
        return marked
    rate = recording.format.rate
    beats = np.array([beat.sample - begin for beat in document.beats], dtype=np.intp)
    inside = beats[(beats >= 0) & (beats < samples.shape[1])]
    found = pacing_spikes(find_spikes(samples, rate), inside, rate)
    return [int(each) + begin for each in found]
