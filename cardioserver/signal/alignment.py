"""Like beats, aligned with each other as exactly as noise allows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from cardioserver.signal.likeness import ENOUGH, kinds_of
from cardioserver.signal.order import median

Single = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

LEAST_UV = 2.0  # no band of a lead has less noise than that
REFRACTORY_S = 0.25
LOUD_S = 0.08
LOUD = 0.1  # of the loudest: there may be a QRS
SURE = 0.5  # of the loudest: it is one
AXES = 3  # the heart's vector has three components
VIEW_ROUNDS = 2
RIDGE = 1.0  # of the noise power, in every direction: quiet blocks do not tell all that noise can do
QRS_S = (0.07, 0.10)  # span of a QRS about its fiducial point
SLACK_S = 0.03  # how far the first guess of a fiducial point may be off
ALIGN_HZ = 500.0
ALIGN_ROUNDS = 3
ALIKE = 0.8


def like_beats(bands: Single, power: Single, margin: int, block: int, rate: float) -> tuple[Index, Index]:
    """Fiducial samples of the beats, and their kinds: see :func:`~cardioserver.signal.likeness.kinds_of`.

    Every band of every lead counts the more the less noise it has; of these views of a QRS those are
    kept in which most of it is seen (principal components). Each beat is then shifted to where it is most
    like the mean of its kind (C. Woody, "Characterization of an adaptive filter for the analysis of
    variable latency neuroelectric signals", Med. Biol. Eng. 5:539, 1967).

    Parameters
    ----------
    bands
        µV, shape ``(bands, leads, samples)``, with *margin* samples of nothing at both ends.
    power
        Power about each block, µV², shape ``(bands, leads, blocks)``.
    margin, block
        Samples.
    rate
        Hz.

    Returns
    -------
    tuple
        Two arrays of shape ``(beats,)``.
    """
    views, loudness = _best_views(bands, power, margin, block, rate)
    ceiling = _ceiling(loudness)
    apart = max(1, round(REFRACTORY_S * rate / block))
    peaks = find_peaks(loudness, height=max(LOUD * ceiling, 1e-9), distance=apart)[0]
    sure = loudness[peaks] > SURE * ceiling
    if sure.sum() < ENOUGH:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    beats = margin + peaks * block + block // 2
    step = max(1, round(rate / ALIGN_HZ))
    before, after = (round(seconds * rate / step) for seconds in QRS_S)
    slack = round(SLACK_S * rate / step)
    width = before + after + 1
    first = beats - (before + slack) * step
    spans = np.stack([views[:, start : start + (width + 2 * slack) * step : step] for start in first])
    shifted = np.lib.stride_tricks.sliding_window_view(spans, width, axis=2)
    at = _aligned(shifted, np.full(len(beats), slack), sure)
    noise = float(median(loudness)) * width / block
    kinds = kinds_of(shifted[np.arange(len(beats)), :, at].reshape(len(beats), -1), ALIKE, noise)
    for kind in range(int(kinds.max()) + 1):
        at = np.where(kinds == kind, _aligned(shifted, at, kinds == kind), at)
    return beats + (at - slack) * step, kinds


def _best_views(bands: Single, power: Single, margin: int, block: int, rate: float) -> tuple[Single, Single]:
    """The views in which beats rise most out of noise, ``(AXES, samples)``, and how loud each block is."""
    usual = median(power)[:, :, None] + np.float32(LEAST_UV**2)
    rows = (bands / np.sqrt(usual)).reshape(-1, bands.shape[2])
    blocks = rows.reshape(len(rows), -1, block)[:, margin // block : -(margin // block)]
    loudness = (power / usual).mean(axis=(0, 1))
    for _ in range(VIEW_ROUNDS):
        loudness = uniform_filter1d(loudness, round(LOUD_S * rate / block))
        loud = blocks[:, loudness > SURE * _ceiling(loudness)].reshape(len(rows), -1)
        quiet = blocks[:, loudness <= median(loudness)].reshape(len(rows), -1)
        noise = quiet @ quiet.T
        noise += (RIDGE * np.trace(noise) / len(noise) + 1e-6) * np.eye(len(noise), dtype=np.float32)
        axes = eigh(loud @ loud.T, noise)[1][:, -AXES:].T
        views = axes @ rows
        seen = views.reshape(len(axes), -1, block)[:, margin // block : -(margin // block)]
        loudness = np.einsum("vnb,vnb->n", seen, seen)
    return views, uniform_filter1d(loudness, round(LOUD_S * rate / block))


def _ceiling(loudness: Single) -> float:
    """How loud a QRS is: the fiftieth part of the time is louder."""
    return float(np.sort(loudness)[-max(1, len(loudness) // 50)])


def _aligned(shifted: Single, at: Index, members: Mask) -> Index:
    """The shift at which each beat is most like the mean of *members*, which are shifted too."""
    for _ in range(ALIGN_ROUNDS):
        mean = shifted[members, :, at[members]].mean(axis=0)
        at = np.einsum("bcst,ct->bs", shifted, mean).argmax(axis=1)
    return at
