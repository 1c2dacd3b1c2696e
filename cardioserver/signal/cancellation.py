"""The signal of the atria: an ECG from which the ventricles are taken away.

Average beat subtraction (J. Slocum et al., "Diagnosis of atrial fibrillation from surface
electrocardiograms based on computer-detected atrial activity", J. Electrocardiol. 25:1, 1992; A. Bollmann
et al., "Analysis of surface electrocardiograms in atrial fibrillation", Europace 8:911, 2006). The QRS is
bridged by a line instead, as the smallest jitter of its place leaves more of it than the atria give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

from cardioserver.signal.beats import BeatClass
from cardioserver.signal.smoothing import thinned
from cardioserver.signal.trace import across

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

WORK_HZ = 125.0  # the atria give nothing above 20 Hz
MARGIN_S = (0.015, 0.02)  # bridged before and after each QRS
PAD_S = 1.0
FEWEST_LIKE = 3  # beats of a class that make an average T wave
UNLIKE = 0.8  # likeness to the dominant beat under which a T wave is averaged apart
T_FADE_S = 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Ventricles:
    """Where the ventricles are active, in samples of a thinned signal.

    Attributes
    ----------
    onsets, offsets
        Of each QRS, with a small margin.
    t_end
        Samples from the offset of a QRS to the end of its T wave.
    kinds
        Number of the kind of each beat; beats of one kind look alike.
    """

    onsets: Index
    offsets: Index
    t_end: int
    kinds: Index

    def part(self, start: int, stop: int) -> Ventricles:
        """The complexes that lie wholly between two samples, counted from the first of these."""
        inside = (self.onsets >= start) & (self.offsets < stop)
        return Ventricles(
            self.onsets[inside] - start, self.offsets[inside] - start, self.t_end, self.kinds[inside]
        )


@dataclass(frozen=True, slots=True, eq=False)
class AtrialSignal:
    """What is left without the ventricles.

    Attributes
    ----------
    samples
        µV, shape ``(leads, samples)``, not yet band-limited.
    rate
        Hz.
    open
        False where a QRS was bridged.
    """

    samples: Signal
    rate: float
    open: Mask

    def part(self, start: int, stop: int) -> AtrialSignal:
        """Some of the samples."""
        return AtrialSignal(self.samples[:, start:stop], self.rate, self.open[start:stop])

    def band(self, limits: tuple[float, float]) -> Signal:
        """The signal between *limits*, Hz, without a shift in time."""
        return band_limited(self.samples, self.rate, limits)


def slowed(samples: Signal, rate: float) -> tuple[Signal, float]:
    """Means of as many samples as leave about 125 Hz, and the rate that is left."""
    step = max(1, round(rate / WORK_HZ))
    return thinned(samples, step), rate / step


def band_limited(samples: Signal, rate: float, limits: tuple[float, float]) -> Signal:
    """*samples* between *limits*: the response of a Butterworth filter of second order, run both ways."""
    count = samples.shape[1]
    pad = min(round(PAD_S * rate), count - 1)
    before = 2 * samples[:, :1] - samples[:, pad:0:-1]
    after = 2 * samples[:, -1:] - samples[:, -2 : -pad - 2 : -1]
    padded = np.concatenate([before, samples, after], axis=1)
    size = next_fast_len(padded.shape[1], real=True)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    with np.errstate(divide="ignore"):
        response = 1 / (1 + (limits[0] / frequency) ** 4) / (1 + (frequency / limits[1]) ** 4)
    filtered: Signal = irfft(rfft(padded, size, axis=1) * response, size, axis=1)[:, pad : pad + count]
    return filtered


def without_qrs(samples: Signal, rate: float, ventricles: Ventricles) -> AtrialSignal:
    """*samples* with a line in place of each QRS."""
    count = samples.shape[1]
    edges = np.zeros(count + 1, dtype=np.intp)
    np.add.at(edges, ventricles.onsets, 1)
    np.add.at(edges, ventricles.offsets + 1, -1)
    seen = np.cumsum(edges[:-1]) == 0
    return AtrialSignal(across(samples, ~seen), rate, seen)


def without_t(atrial: AtrialSignal, ventricles: Ventricles) -> AtrialSignal:
    """*atrial* without the average T wave of each kind of beat.

    Only of use where the RR intervals differ: in a regular rhythm a T wave and the next P wave cannot be
    told apart by averaging.
    """
    left, count = atrial.samples.copy(), atrial.samples.shape[1]
    reach = np.arange(ventricles.t_end + round(T_FADE_S * atrial.rate))
    stops = np.append(ventricles.onsets[1:], count)
    for kind in np.unique(ventricles.kinds):
        mine = np.flatnonzero(ventricles.kinds == kind)
        if len(mine) < FEWEST_LIKE:
            continue
        places = ventricles.offsets[mine][:, None] + reach
        inside = places < stops[mine][:, None]
        waves = atrial.samples[:, np.minimum(places, count - 1)]
        model = _median_inside(waves, inside)
        model -= model[:, [-1]]
        left[:, places[inside]] -= model[:, np.nonzero(inside)[1]]
    return AtrialSignal(left, atrial.rate, atrial.open)


def _median_inside(waves: Signal, inside: Mask) -> Signal:
    """Median over the beats that reach so far; from where only few do, the last value is kept."""
    counts = inside.sum(axis=0)
    last = int((counts >= FEWEST_LIKE).sum())
    model = np.zeros((waves.shape[0], waves.shape[2]))
    if last:
        ordered = np.sort(np.where(inside[:, :last], waves[:, :, :last], np.inf), axis=1)
        places = np.arange(last)
        lower, upper = (counts[:last] - 1) // 2, counts[:last] // 2
        model[:, :last] = (ordered[:, lower, places] + ordered[:, upper, places]) / 2
        model[:, last:] = model[:, [last - 1]]
    return model


def kinds_of(classes: Sequence[BeatClass], likeness: Signal) -> Index:
    """Beats of one class that are like the dominant one, or unlike it, make one kind each."""
    names = list(BeatClass)
    return np.array(
        [2 * names.index(kind) + (like < UNLIKE) for kind, like in zip(classes, likeness, strict=True)],
        dtype=np.intp,
    )
