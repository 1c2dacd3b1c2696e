"""The ECG at 100 Hz between 1 and 35 Hz: what QRS complexes and their shapes are looked for in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt, sosfilt_zi

from cardioserver.signal.smoothing import thinned

Signal = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

RATE_HZ = 100.0
LEAST_HZ = 125.0  # samples are averaged down to no less before the band-pass
BAND_HZ = (1.0, 35.0)
HIGHEST = 0.45  # of the rate: a band-pass reaches no further
PADDING_S = 3.0  # by which the ECG is reflected at its ends; the band-pass has forgotten more
BLOCK_S = 3.0  # a span that holds a beat at 20 a minute
BLOCKS = 9  # whose median is the usual size
FLOOR_UV = 3.0  # per 10 ms; what is less steep is no QRS
USUAL = 0.5  # the steepest 10 ms of a usual QRS after scaling, before the logarithm


def to_grid(samples: Signal, rate: float) -> Signal:
    """*samples* at :data:`RATE_HZ`, band-passed with zero phase.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, finite.
    rate
        Hz, 125 or more.

    Returns
    -------
    array
        µV; sample *n* belongs to the time n / 100 s.
    """
    step = max(1, int(rate / LEAST_HZ))
    thin = thinned(samples, step)
    count, work = thin.shape[1], rate / step
    if count < 2:
        return np.zeros((len(samples), 0))
    band = (BAND_HZ[0], min(BAND_HZ[1], HIGHEST * work))
    band_passed = _both_ways(_band_pass(band, work), thin, min(count - 1, round(PADDING_S * work)))
    places = np.arange(int(count / work * RATE_HZ)) * (work / RATE_HZ) - (step - 1) / 2 / step
    before = np.clip(places.astype(np.intp), 0, count - 2)
    share = np.clip(places - before, 0.0, 1.0)
    grid: Signal = band_passed[:, before]
    grid += (band_passed[:, before + 1] - grid) * share
    return grid


@lru_cache(maxsize=32)
def _band_pass(band: tuple[float, float], rate: float) -> tuple[Signal, Signal]:
    """Second-order sections of a Butterworth band-pass of second order, Hz, and their state for a step."""
    sections: Signal = butter(2, band, "band", fs=rate, output="sos")
    return sections, sosfilt_zi(sections)[:, None]


def _both_ways(band_pass: tuple[Signal, Signal], samples: Signal, padding: int) -> Signal:
    """As ``scipy.signal.sosfiltfilt``, which would find the state for a step anew each time."""
    sections, state = band_pass
    before = 2 * samples[:, :1] - samples[:, padding:0:-1]
    after = 2 * samples[:, -1:] - samples[:, -2 : -padding - 2 : -1]
    there = np.concatenate([before, samples, after], axis=1)
    for _ in range(2):
        there = sosfilt(sections, there, axis=1, zi=state * there[:, :1])[0][:, ::-1]
    filtered: Signal = there[:, padding : padding + samples.shape[1]]
    return filtered


def usual_slope(grid: Signal) -> Signal:
    """How steep the QRS complexes about each block of 3 s usually are, µV per 10 ms.

    The running median of what is steepest in each block; blocks without any signal do not count.

    Returns
    -------
    array
        Shape ``(leads, blocks)``.
    """
    count = grid.shape[1]
    blocks = max(1, int(count / (BLOCK_S * RATE_HZ)))
    slope = np.abs(np.diff(grid, axis=1, prepend=grid[:, :1]))
    steepest = np.maximum.reduceat(slope, np.arange(blocks) * count // blocks, axis=1)
    steepest[steepest < FLOOR_UV] = np.inf  # sorted behind all others
    side = BLOCKS // 2
    padded = np.pad(steepest, ((0, 0), (side, side)), mode="symmetric" if blocks >= side else "edge")
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(padded, BLOCKS, axis=1), axis=2)
    middle = np.maximum(np.isfinite(ordered).sum(axis=2) - 1, 0) // 2
    usual = np.take_along_axis(ordered, middle[..., None], axis=2)[..., 0]
    return np.where(np.isfinite(usual), usual, FLOOR_UV)


def scaled(grid: Signal, usual: Signal) -> Floats:
    """*grid* with its usual QRS at about the same size everywhere, and what is large pressed together.

    Parameters
    ----------
    usual
        From :func:`usual_slope`.
    """
    count, blocks = grid.shape[1], usual.shape[1]
    centres = (np.arange(blocks) + 0.5) * count / blocks
    each = np.arange(count)
    size = np.array([np.interp(each, centres, lead) for lead in usual])
    return np.arcsinh(grid * (USUAL / size)).astype(np.float32)
