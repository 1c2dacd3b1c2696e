"""Pacemaker spikes in the signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.signal import find_peaks

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

LOWEST_RATE_HZ = 400.0  # below, a spike of 0.5 ms is smoothed beyond recognition
SPIKE_S = 0.004
LEAST_UV = 150.0  # IEC 60601-2-27 asks for 2 mV spikes; a recorder at 500 Hz leaves about a tenth of them
OVER_NOISE = 12.0
OVER_QRS = 0.25  # of the largest difference the QRS itself leaves
APART_S = 0.01
MOST_PER_S = 6.0  # more of them are not from a pacemaker
BLANK_S = 0.008
TO_QRS_S = (0.035, 0.2)  # how long before the steepest place of a QRS a spike that causes it may come
STEADY_S = 0.015
ENOUGH_SPIKES = 3


def find_spikes(samples: Signal, rate: float) -> Index:
    """Samples of pacemaker spikes, ascending.

    A spike is what a running median over a few milliseconds takes away: higher than a QRS's own corners
    and there in a third of the leads at once.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, unfiltered.
    rate
        Hz; at rates below 400 Hz none are found.
    """
    nothing = np.empty(0, dtype=np.intp)
    if rate < LOWEST_RATE_HZ:
        return nothing
    leads, count = samples.shape
    size = 2 * round(SPIKE_S * rate) + 1
    sharp = np.abs(np.diff(samples, axis=1))
    strongest = np.argsort(-sharp.max(axis=1), kind="stable")[: max(3, leads // 3)]
    rest = np.abs(samples[strongest] - median_filter(samples[strongest], size=(1, size), mode="nearest"))
    noise = np.median(rest, axis=1, keepdims=True) + 1.0
    clear = (rest > np.maximum(LEAST_UV, OVER_NOISE * noise)).sum(axis=0) * 3 >= len(strongest)
    height = np.where(clear, rest.max(axis=0), 0.0)
    peaks: Index = find_peaks(height, height=LEAST_UV, distance=max(1, round(APART_S * rate)))[0]
    if not 1 <= len(peaks) <= MOST_PER_S * count / rate:
        return nothing
    return peaks


def without_spikes(samples: Signal, rate: float, spikes: Index) -> Signal:
    """*samples* with a straight line in place of each spike."""
    if not len(spikes):
        return samples
    blanked = samples.copy()
    reach = max(1, round(BLANK_S * rate))
    for spike in spikes:
        start, stop = max(spike - reach, 0), min(spike + reach, samples.shape[1] - 1)
        share = np.linspace(0, 1, stop - start + 1)
        first, last = samples[:, start, None], samples[:, stop, None]
        blanked[:, start : stop + 1] = first + (last - first) * share
    return blanked


def pacing_spikes(spikes: Index, beats: Index, rate: float) -> Index:
    """Those of *spikes* found in the signal that pace: at a steady time before a QRS.

    Sharp R peaks look like spikes at 500 Hz, but lie in the QRS and not before it.
    """
    if not len(beats) or not len(spikes):
        return spikes[:0]
    following = np.searchsorted(beats, spikes)
    known = following < len(beats)
    ahead = np.full(len(spikes), np.inf)
    ahead[known] = (beats[following[known]] - spikes[known]) / rate
    causing = (ahead >= TO_QRS_S[0]) & (ahead <= TO_QRS_S[1])
    if causing.sum() < ENOUGH_SPIKES:
        return spikes[:0]
    steady = causing & (np.abs(ahead - np.median(ahead[causing])) <= STEADY_S)
    if steady.sum() < max(ENOUGH_SPIKES, len(spikes) / 3):
        return spikes[:0]
    pacing: Index = spikes[steady]
    return pacing


def paced(beats: Index, spikes: Index, rate: float) -> npt.NDArray[np.bool_]:
    """Which of *beats* have a pacemaker spike just before them."""
    marked = np.concatenate([[-np.inf], spikes])
    before = (beats - marked[np.searchsorted(spikes, beats, side="right")]) / rate
    return np.asarray(before <= TO_QRS_S[1])
