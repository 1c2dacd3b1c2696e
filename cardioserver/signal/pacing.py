"""Pacemaker spikes in the signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cardioserver.signal.order import median
from cardioserver.signal.trace import across

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

LOWEST_RATE_HZ = 400.0  # below, a spike of 0.5 ms is smoothed beyond recognition
JUMP_UV = 120.0  # IEC 60601-2-27 asks for 2 mV spikes; a recorder at 500 Hz leaves about a tenth of them
SPIKE_S = 0.002  # a spike goes up and down within
FLANK_S = 0.008  # a flank of a QRS lasts longer than half of this, the edge of a spike does not
ALONE_S = 0.01  # before a spike nothing is so steep
ALONE_RATIO = 2.0
SOLE_RATIO = 3.0  # with fewer leads, as none confirms the other
CONFIRMING_LEADS = 3
OVER_NOISE = 12.0
LEAD_SHARE = 1 / 3  # a spike is seen in so many leads at once
PULSE_S = 0.03  # some recorders draw a spike as a pulse so long; edges within it are of one spike
MOST_PER_S = 6.0  # more of them are not from a pacemaker
MOST_MARKED_PER_S = 12  # the same of a recorder's marks: three chambers, at twice the highest usual rate
CHUNK = 4096  # jumps looked at together, for bounded memory
BLANK_S = 0.008
TO_QRS_S = (0.01, 0.2)  # how long before the steepest place of a QRS a spike that causes it may come
TO_PACED_P_S = 0.4  # the same for a spike in the atria
STEADY_S = 0.02
ENOUGH_SPIKES = 3
NEIGHBOURS = 20  # spikes on each side among which as many must be alike
STEADY_SHARE = 1 / 3  # of all that looks like a spike


def find_spikes(samples: Signal, rate: float) -> Index:
    """Samples where pacemaker spikes begin, ascending.

    A spike has an edge that no heart makes: within a sample or two the signal jumps, out of calm, and is much
    less steep on the whole about it, as no flank of a QRS is.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, unfiltered.
    rate
        Hz; at rates below 400 Hz none are found.
    """
    nothing = np.empty(0, dtype=np.intp)
    count = samples.shape[1]
    if rate < LOWEST_RATE_HZ:
        return nothing
    edges = _edges(samples[:, None], rate)[1]
    edges = edges[np.diff(edges, prepend=-count) > PULSE_S * rate]
    return edges if len(edges) <= MOST_PER_S * count / rate else nothing


def plausible(marks: Index, rate: float) -> Index:
    """Those of a recorder's *marks*, ascending, about which no more lie than a pacemaker can give."""
    half = rate / 2
    about = np.searchsorted(marks, marks + half) - np.searchsorted(marks, marks - half)
    return marks[about <= MOST_MARKED_PER_S]


def _edges(windows: Signal, rate: float) -> tuple[Index, Index]:
    """Windows, and the samples in them after which enough leads jump.

    Parameters
    ----------
    windows
        µV, shape ``(leads, windows, width)``.
    """
    steps = np.diff(windows, axis=2)
    if not steps.size:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    noise = median(np.abs(steps[:, :, ::4]))
    least = np.maximum(JUMP_UV, OVER_NOISE * noise)
    enough = LEAD_SHARE * len(windows)
    jumping = (np.abs(steps) > least[:, :, None]).sum(axis=0, dtype=np.uint8)
    window, place = np.nonzero(jumping >= enough)
    chosen = np.zeros(len(place), dtype=np.bool_)
    for start in range(0, len(place), CHUNK):
        part = slice(start, start + CHUNK)
        alone = _alone(steps, least, (window[part], place[part]), rate)
        chosen[part] = alone.sum(axis=0) >= enough
    return window[chosen], place[chosen]


def _alone(steps: Signal, least: Signal, at: tuple[Index, Index], rate: float) -> Mask:
    """In which leads the steps *at* some windows and places stand out of what is about them."""
    window, place = at
    last = steps.shape[2] - 1
    half, near, far = (max(2, round(length * rate)) for length in (FLANK_S / 2, SPIKE_S, ALONE_S))
    about = np.clip(place[:, None] + np.arange(-half, half + 1), 0, last)
    before = np.clip(place[:, None] - np.arange(near, far + 1), 0, last)
    jumps = steps[:, window, place]
    alone = np.abs(jumps - median(steps[:, window[:, None], about])) > least[:, window]
    ratio = ALONE_RATIO if len(steps) >= CONFIRMING_LEADS else SOLE_RATIO
    alone &= np.abs(jumps) > ratio * np.abs(steps[:, window[:, None], before]).max(axis=2)
    return np.asarray(alone)


def without_spikes(samples: Signal, rate: float, spikes: Index) -> Signal:
    """*samples* with a straight line in place of each spike, and of all that overlap."""
    if not len(spikes):
        return samples
    count = samples.shape[1]
    reach, pulse = max(1, round(BLANK_S * rate)), round(PULSE_S * rate)
    ends = spikes.copy()
    if rate >= LOWEST_RATE_HZ:
        within = np.minimum(spikes[:, None] + np.arange(pulse), count - 1)
        spike, edge = _edges(samples[:, within], rate)
        np.maximum.at(ends, spike, spikes[spike] + edge)
    changes = np.zeros(count + 1, dtype=np.intp)
    np.add.at(changes, np.maximum(spikes - reach, 0) + 1, 1)
    np.add.at(changes, np.minimum(ends + reach, count - 1), -1)
    return across(samples, np.cumsum(changes[:-1]) > 0)


def pacing_spikes(spikes: Index, beats: Index, rate: float) -> Index:
    """Those of *spikes* found in the signal that pace: at a steady time before a QRS."""
    if not len(beats) or not len(spikes):
        return spikes[:0]
    following = np.searchsorted(beats, spikes + TO_QRS_S[0] * rate)
    known = following < len(beats)
    ahead = np.full(len(spikes), np.inf)
    ahead[known] = (beats[following[known]] - spikes[known]) / rate
    ahead[ahead > TO_PACED_P_S] = np.inf
    side = min(NEIGHBOURS, len(spikes) - 1)
    about = np.lib.stride_tricks.sliding_window_view(
        np.pad(ahead, side, constant_values=np.inf), 2 * side + 1
    )
    with np.errstate(invalid="ignore"):  # one endless time less another
        alike = np.abs(ahead[:, None] - about) <= STEADY_S
    steady = alike.sum(axis=1) >= ENOUGH_SPIKES
    enough = max(ENOUGH_SPIKES, STEADY_SHARE * len(spikes))
    return spikes[steady] if steady.sum() >= enough else spikes[:0]


def paced(beats: Index, spikes: Index, rate: float) -> Mask:
    """Which of *beats* have a pacemaker spike just before them."""
    marked = np.concatenate([[-np.inf], spikes])
    last = marked[np.searchsorted(spikes, beats - TO_QRS_S[0] * rate, side="right")]
    return np.asarray((beats - last) / rate <= TO_QRS_S[1])
