"""Smoothing of evenly spaced values, and straight lines between them."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded
from scipy.ndimage import uniform_filter1d

Value = TypeVar("Value", np.float64, np.complex128)
Real = TypeVar("Real", np.float32, np.float64)

_WEIGHT_FLOOR = 1e-6  # keeps the equations definite where nothing is known: there the penalty draws a line


def smooth(values: npt.NDArray[Value], weights: npt.NDArray[np.float64], cutoff: float) -> npt.NDArray[Value]:
    """The smooth course behind *values*.

    Whittaker-Henderson smoothing of second order (P. H. C. Eilers, "A perfect smoother", Anal. Chem.
    75:3631, 2003): least squares with a penalty on second differences. It is zero phase, bridges spans
    of zero weight and has no start-up transient, as the equations end where the record ends.

    Parameters
    ----------
    values
        Shape ``(n, columns)``; real or complex.
    weights
        Shape ``(n,)``, 0 to 1: how much each value may be trusted.
    cutoff
        Frequency at which half of the amplitude passes, in cycles per value, below 0.5.

    Returns
    -------
    array
        Shape ``(n, columns)``.
    """
    n = len(values)
    if n < 3:
        total = weights.sum() + _WEIGHT_FLOOR
        return np.repeat(weights[None] @ values / total, n, axis=0)
    stiffness = (2.0 * math.sin(math.pi * cutoff)) ** -4
    bands = np.zeros((3, n))
    bands[0, 2:] = stiffness
    bands[1, 1:] = -4.0 * stiffness
    bands[1, 1] = bands[1, -1] = -2.0 * stiffness
    bands[2] = 6.0 * stiffness
    bands[2, [1, -2]] = 5.0 * stiffness if n > 3 else 4.0 * stiffness
    bands[2, [0, -1]] = stiffness
    trusted = np.maximum(weights, _WEIGHT_FLOOR)
    bands[2] += trusted
    right = np.multiply(values, trusted[:, None], order="C").view(np.float64)
    # LAPACK wants columns; so the answer comes column by column and is turned back
    solved = solveh_banded(bands, right, overwrite_ab=True, check_finite=False)
    smoothed: npt.NDArray[Value] = np.ascontiguousarray(solved).view(values.dtype)
    return smoothed


def moving_mean(
    samples: npt.NDArray[np.float64], rate: float, seconds: float, times: int = 1
) -> npt.NDArray[np.float64]:
    """*samples* with each replaced by the mean of about *seconds* around it, along the last axis.

    Done *times* over. The window is odd, so nothing moves; beyond the ends the last value goes on.
    """
    size = max(1, 2 * round(seconds * rate / 2 - 0.5) + 1)
    for _ in range(times):
        samples = uniform_filter1d(samples, size, axis=-1, mode="nearest")
    return samples


def above_line(samples: npt.NDArray[np.float64], edge: int) -> npt.NDArray[np.float64]:
    """*samples* against the straight line between the means of *edge* of them at both ends, last axis."""
    share = np.linspace(0, 1, samples.shape[-1])
    first = samples[..., :edge].mean(axis=-1, keepdims=True)
    last = samples[..., -edge:].mean(axis=-1, keepdims=True)
    above: npt.NDArray[np.float64] = samples - first * (1 - share) - last * share
    return above


def thinned(samples: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    """Means of *step* samples along the last axis; what is left over at the end is dropped."""
    if step == 1:
        return samples
    count = samples.shape[-1] // step * step
    means = samples[..., :count:step].copy()
    for shift in range(1, step):
        means += samples[..., shift:count:step]
    means /= step
    return means


def between(blocks: npt.NDArray[Real], block: int) -> npt.NDArray[Real]:
    """Straight lines through the centres of blocks, level before the first and after the last one.

    Parameters
    ----------
    blocks
        Shape ``(rows, n)``.
    block
        Samples in a block.

    Returns
    -------
    array
        Shape ``(rows, n * block)``.
    """
    rows, n = blocks.shape
    share = (np.arange(block) + (0.5 if block % 2 == 0 else 0.0)) / block
    pairs = np.empty((rows, n + 1, 2), dtype=blocks.dtype)
    pairs[:, 1:, 0] = pairs[:, :-1, 1] = blocks
    pairs[:, 0, 0], pairs[:, -1, 1] = blocks[:, 0], blocks[:, -1]
    lines: npt.NDArray[Real] = pairs.reshape(-1, 2) @ np.stack([1 - share, share]).astype(blocks.dtype)
    begin = block - block // 2
    return lines.reshape(rows, -1)[:, begin : begin + n * block]
