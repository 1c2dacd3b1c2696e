"""Waves of atrial flutter and fibrillation: an atrial cycle that repeats without a pause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import find_peaks

from cardioserver.ecg.lead import Lead
from cardioserver.signal.cancellation import AtrialSignal, Ventricles, band_limited
from cardioserver.signal.order import median

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

BAND_HZ = (3.5, 20.0)  # above most of the T wave
LEADS = (Lead.II, Lead.III, Lead.aVF, Lead.V1)  # where flutter waves are seen best
CYCLES_S = (0.17, 0.33)  # 180 to 350 a minute: flutter, slowed by drugs or scars at the lower end
RATIOS = (2, 3, 4)
LEAST_PAIRS = {2: 1, 3: 2, 4: 1}  # of successive waves that have to be seen
T_APART = 4  # ratio from which on there are waves enough without those that lie on the T wave
SAME_RR = 0.06  # of the interval
USUAL_SHARE = 0.4  # of the intervals have to be alike
FEWEST_BEATS = 5
ALWAYS = 0.9  # share of the beats in which a place of the cycle has to be free of the QRS
SEEN = {2: 0.25, 3: 0.25, 4: 0.6}  # share of an atrial cycle that has to be comparable
LAGS_S = (0.10, 0.36)


@dataclass(frozen=True, slots=True)
class AtrialCycle:
    """A cycle of the atria.

    Attributes
    ----------
    length
        Seconds.
    regularity
        How equal the waves of successive cycles are, up to 1.
    ratio
        Cycles for each QRS, if that is constant.
    """

    length: float
    regularity: float
    ratio: int | None = None


def flutter_band(atrial: AtrialSignal, leads: Sequence[Lead]) -> AtrialSignal:
    """What *atrial* holds of flutter, in the leads that show it best; in all if it has none of these."""
    rows = [row for row, lead in enumerate(leads) if lead in LEADS] or list(range(len(leads)))
    return AtrialSignal(band_limited(atrial.samples[rows], atrial.rate, BAND_HZ), atrial.rate, atrial.open)


def conducted_cycle(waves: AtrialSignal, ventricles: Ventricles) -> AtrialCycle | None:
    """The cycle of which two, three or four make an interval from QRS to QRS.

    The mean of the cycles from QRS to QRS is cut in two, three or four equal parts. In flutter with a
    constant conduction these show the same wave, in the same leads and of the same size; P and T do not.
    The T wave must not have been cancelled, for its average holds the flutter waves, too; with four waves
    those on the T wave are left out.

    Parameters
    ----------
    waves
        From :func:`flutter_band`, without QRS, with T.
    ventricles
        In samples of *waves*.

    Returns
    -------
    AtrialCycle or None
        That of the ratio that fits best; ``None`` if the rhythm is not regular or no ratio is possible.
    """
    rate, onsets = waves.rate, ventricles.onsets
    intervals = np.diff(onsets) / rate
    usual = _usual(intervals)
    width = round(float(median(intervals[usual])) * rate) if len(usual) else 0
    starts = onsets[:-1][usual]
    starts = starts[starts + width <= waves.samples.shape[1]]
    if len(starts) < max(FEWEST_BEATS, USUAL_SHARE * len(intervals)):
        return None
    places = starts[:, None] + np.arange(width)
    cycle = median(waves.samples[:, places], axis=1)
    seen = waves.open[places].mean(axis=0) >= ALWAYS
    t_end = float(median(ventricles.offsets - onsets)) + ventricles.t_end
    fits = []
    for ratio in RATIOS:
        if CYCLES_S[0] <= width / ratio / rate <= CYCLES_S[1]:
            if ratio >= T_APART:
                seen = seen & (np.arange(width) > t_end)
            equality = _equality(cycle, seen, ratio)
            fits += [] if equality is None else [AtrialCycle(width / ratio / rate, equality, ratio)]
    return max(fits, key=lambda each: each.regularity, default=None)


def _usual(intervals: Signal) -> Index:
    """The largest group of intervals that are alike."""
    if not len(intervals):
        return np.empty(0, dtype=np.intp)
    alike = np.abs(intervals[:, None] - intervals[None]) <= SAME_RR * intervals[:, None]
    return np.flatnonzero(alike[alike.sum(axis=1).argmax()])


def _equality(cycle: Signal, seen: Mask, ratio: int) -> float | None:
    """How equal each of *ratio* parts is to the next one: the worst of them, median over leads."""
    width = cycle.shape[1]
    part = width / ratio
    worst = []
    for number in range(ratio):
        here = np.arange(round(number * part), min(round((number + 1) * part), width))
        there = np.round(here + part).astype(np.intp) % width
        both = seen[here] & seen[there]
        if both.sum() >= SEEN[ratio] * part:
            worst.append(_alike(cycle[:, here[both]], cycle[:, there[both]]))
    return float(median(np.min(worst, axis=0))) if len(worst) >= LEAST_PAIRS[ratio] else None


def _alike(one: Signal, other: Signal) -> Signal:
    """1 where two stretches of a lead are equal, 0 where they have nothing in common."""
    total = (one**2).sum(axis=-1) + (other**2).sum(axis=-1) + 1e-9
    result: Signal = 2 * (one * other).sum(axis=-1) / total
    return result


def free_cycle(waves: AtrialSignal) -> AtrialCycle | None:
    """The cycle after which the atrial signal repeats, whatever the QRS does.

    The highest peak of the autocorrelation between 100 and 360 ms, without the QRS, median over leads.
    Organised atria (flutter) repeat well, fibrillating ones only roughly.

    Parameters
    ----------
    waves
        From :func:`flutter_band`, without QRS and T, of an irregular rhythm.
    """
    rate, count = waves.rate, waves.samples.shape[1]
    lags = np.arange(round(LAGS_S[0] * rate), round(LAGS_S[1] * rate) + 1)
    size = next_fast_len(count + int(lags[-1]), real=True)
    seen = rfft(waves.open.astype(np.float64), size)
    shown = rfft(waves.samples * waves.open, size, axis=1)
    power = rfft(waves.samples**2 * waves.open, size, axis=1)
    product = irfft(np.abs(shown) ** 2, size, axis=1)[:, lags]
    early = irfft(power * seen.conj(), size, axis=1)
    total = early[:, -lags] + early[:, lags] + 1e-9  # power of the samples seen here and a lag away
    heights = median(2 * product / total, axis=0)
    peaks = find_peaks(heights)[0]
    if not len(peaks):
        return None
    best = int(peaks[heights[peaks].argmax()])
    return AtrialCycle(float(lags[best] / rate), float(heights[best]))


def wave_size(waves: AtrialSignal) -> float:
    """Root mean square outside the QRS of the lead that shows most, µV."""
    shown = waves.samples[:, waves.open]
    return float(np.sqrt((shown**2).mean(axis=1)).max()) if shown.shape[1] else 0.0
