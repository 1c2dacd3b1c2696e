"""Pacemaker spikes in the signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
    edges = _edges(samples, rate)
    edges = edges[np.diff(edges, prepend=-count) > PULSE_S * rate]
    return edges if len(edges) <= MOST_PER_S * count / rate else nothing


def _edges(samples: Signal, rate: float) -> Index:
    """Samples after which enough leads jump."""
    steps = np.diff(samples, axis=1)
    if not steps.size:
        return np.empty(0, dtype=np.intp)
    noise = np.median(np.abs(steps[:, ::4]), axis=1, keepdims=True)
    least = np.maximum(JUMP_UV, OVER_NOISE * noise)
    enough = LEAD_SHARE * len(samples)
    candidates = np.flatnonzero((np.abs(steps) > least).sum(axis=0) >= enough)
    last = steps.shape[1] - 1
    half, near, far = (max(2, round(length * rate)) for length in (FLANK_S / 2, SPIKE_S, ALONE_S))
    about = np.clip(candidates[:, None] + np.arange(-half, half + 1), 0, last)
    before = np.clip(candidates[:, None] - np.arange(near, far + 1), 0, last)
    jumps = steps[:, candidates]
    alone = np.abs(jumps - np.median(steps[:, about], axis=2)) > least
    ratio = ALONE_RATIO if len(samples) >= CONFIRMING_LEADS else SOLE_RATIO
    alone &= np.abs(jumps) > ratio * np.abs(steps[:, before]).max(axis=2)
    edges: Index = candidates[alone.sum(axis=0) >= enough]
    return edges


def without_spikes(samples: Signal, rate: float, spikes: Index) -> Signal:
    """*samples* with a straight line in place of each spike."""
    if not len(spikes):
        return samples
    blanked = samples.copy()
    reach, pulse = max(1, round(BLANK_S * rate)), round(PULSE_S * rate)
    for spike in spikes:
        edges = _edges(samples[:, spike : spike + pulse], rate) if rate >= LOWEST_RATE_HZ else np.empty(0)
        end = spike + int(edges[-1]) if len(edges) else spike
        start, stop = max(spike - reach, 0), min(end + reach, samples.shape[1] - 1)
        share = np.linspace(0, 1, stop - start + 1)
        first, last = samples[:, start, None], samples[:, stop, None]
        blanked[:, start : stop + 1] = first + (last - first) * share
    return blanked


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
