"""The representative beat of each lead with the marks of its waves, for drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.document import Document, Waves
from cardioserver.reports.channel import Channel
from cardioserver.reports.content import Content
from cardioserver.reports.excerpt import Excerpt, excerpt
from cardioserver.reports.options import Options
from cardioserver.signal.average import alike, average_beat, average_slopes, level
from cardioserver.signal.trace import bridged

Index = npt.NDArray[np.intp]

FROM_S = 60.0  # of the recording the beats are taken
SAME_S = 0.02  # an aligned beat is one of the document's that lies so near
DEFAULT_INTERVAL_S = 0.8
BEFORE, AFTER = 0.6, 0.85  # of the RR interval that are shown before and after the QRS
MARKS = ("p_on", "p_off", "qrs_on", "qrs_off", "t_off")


@dataclass(frozen=True, slots=True, eq=False)
class Representative:
    """A beat of each lead.

    Attributes
    ----------
    beat
        The samples, as if they were a recording.
    marks
        Times of the waves' onsets and offsets from the beginning of the beat, s; those that are known.
    count
        How many beats it was made from.
    """

    beat: Excerpt
    marks: Mapping[str, float]
    count: int


def representative(channels: Sequence[Channel], content: Content, options: Options) -> Representative | None:
    """The median of the beats of the class that occurs most; ``None`` without such beats."""
    document = content.document
    if document is None or not document.beats:
        return None
    start = min(options.start, max(content.recording.duration - FROM_S, 0.0))
    shown = excerpt(content, channels, (start, start + FROM_S), options)
    rows = np.array([shown.rows[channel] for channel in channels])
    missing = ~np.isfinite(rows)
    if missing.any():
        rows = bridged(rows, missing)
    beats, usual = _beats(document, shown)
    if not len(usual):
        return None
    shapes = alike(rows, shown.rate, usual)
    _, aligned = average_slopes(rows, shown.rate, usual[shapes == np.bincount(shapes).argmax()])
    interval = float(np.median(np.diff(beats))) / shown.rate if len(beats) > 1 else DEFAULT_INTERVAL_S
    leveled = level(rows, shown.rate, _onsets(document, shown))
    average = average_beat(leveled, shown.rate, aligned, (BEFORE * interval, AFTER * interval))
    samples = dict(zip(channels, average.samples, strict=True))
    marks = _marks(document, aligned + shown.start, average.origin / average.rate, shown.rate)
    return Representative(Excerpt(average.rate, 0, samples, ()), marks, average.windows.shape[1])


def _beats(document: Document, shown: Excerpt) -> tuple[Index, Index]:
    """All beats of the excerpt, and those of the class that occurs most; in samples of it."""
    inside = [beat for beat in document.beats if 0 <= beat.sample - shown.start < shown.count]
    most = Counter(beat.kind for beat in document.beats).most_common(1)[0][0]
    everyone = np.array([beat.sample - shown.start for beat in inside], dtype=np.intp)
    return everyone, everyone[[beat.kind is most for beat in inside]]


def _onsets(document: Document, shown: Excerpt) -> Index:
    """Where QRS complexes of the excerpt begin, in samples of it."""
    onsets = [waves.qrs_on - shown.start for waves in document.fiducials if waves.qrs_on is not None]
    return np.array([each for each in onsets if 0 <= each < shown.count], dtype=np.intp)


def _marks(document: Document, aligned: Index, origin: float, rate: float) -> dict[str, float]:
    """Median place of each mark over the beats that were averaged; *origin* is that of the beat, s."""
    samples = np.array([beat.sample for beat in document.beats])
    found: dict[str, list[int]] = {name: [] for name in MARKS}
    for beat in aligned:
        nearest = int(np.abs(samples - beat).argmin())
        if abs(samples[nearest] - beat) > SAME_S * rate:
            continue
        waves: Waves = document.fiducials[nearest]
        for name in MARKS:
            at = getattr(waves, name)
            if at is not None:
                found[name].append(at - int(beat))
    half = len(aligned) / 2
    return {
        name: origin + float(np.median(places)) / rate for name, places in found.items() if len(places) > half
    }
