"""The representative beat: like beats laid on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from cardioserver.signal.order import median, slope_of

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

SLOPES_S = (0.24, 0.30)  # of the record about a beat's fiducial point in which its QRS lies
ALIGN_S = 0.012
ALIGN_WINDOW_S = 0.06
SHAPE_S = 0.08
ALIKE = 0.8  # correlation of the slopes of two QRS complexes of one shape
KNOT_WIDTH_S = 0.012
COARSE_S = 0.016  # the baseline is a straight line for so long
BEFORE_S = 0.50
AFTER_S = 0.85
MOST_BEATS = 60  # more of them add nothing
SPREAD_STRIDE = 4  # every fourth sample tells enough
TRIMMED = 0.25  # share of the beats that is left out at each end of each sample's values


@dataclass(frozen=True, slots=True, eq=False)
class AverageBeat:
    """A representative beat.

    Attributes
    ----------
    samples
        µV, shape ``(leads, width)``, against the PR segment.
    rate
        Sampling rate of *samples*, Hz; a whole number of times that of the record, or a whole part of it.
    origin
        Index within *samples* of the beats' fiducial point.
    noise
        Standard error of *samples* for each lead, µV.
    windows
        The single beats, shape ``(leads, beats, width)``.
    """

    samples: Signal
    rate: float
    origin: int
    noise: Signal
    windows: Signal


def average_slopes(samples: Signal, rate: float, beats: Index) -> tuple[Signal, Index]:
    """The mean slopes of like beats, and the beats shifted so that their QRS complexes fit each other.

    Slopes know no baseline; so they show the QRS before the level of its PR segment is known.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``.
    beats
        Fiducial samples of like beats, at least one.

    Returns
    -------
    slopes, aligned
        Shape ``(leads, width)``, µV a sample, the fiducial point ``SLOPES_S[0]`` after the start; and the
        beats in the order given.
    """
    slack = max(1, round(ALIGN_S * rate))
    before, after = round(SLOPES_S[0] * rate), round(SLOPES_S[1] * rate)
    offsets = np.arange(-before - slack, after + slack)
    where = np.clip(beats[:, None] + offsets, 0, samples.shape[1] - 1)
    slopes = slope_of(samples[:, where])
    best = np.full(len(beats), slack)
    if len(beats) > 1:
        half = round(ALIGN_WINDOW_S * rate)
        core = slopes[:, :, before - half : before + half + 1 + 2 * slack]
        shifted = np.lib.stride_tricks.sliding_window_view(core, 2 * half + 1, axis=2)
        for _ in range(2):
            model = median(shifted[:, np.arange(len(beats)), best], axis=1)
            best = np.tensordot(shifted, model, axes=([0, 3], [0, 1])).argmax(axis=1)
        best += slack - round(float(median(best)))
        best = np.clip(best, 0, 2 * slack)
    width = before + after
    chosen = np.arange(0, len(beats), -(-len(beats) // MOST_BEATS))
    columns = best[chosen, None] + np.arange(width)
    return middle(slopes[:, chosen[:, None], columns]), beats + best - slack


def alike(samples: Signal, rate: float, beats: Index) -> Index:
    """A number for each of *beats*, the same for those whose QRS complexes look alike."""
    slack, half = max(1, round(ALIGN_S * rate)), round(SHAPE_S * rate)
    offsets = np.arange(-half - slack, half + slack + 1)
    slopes = slope_of(samples[:, np.clip(beats[:, None] + offsets, 0, samples.shape[1] - 1)])
    shifted = np.lib.stride_tricks.sliding_window_view(slopes, 2 * half + 1, axis=2)
    size = np.sqrt(np.einsum("lbst,lbst->bs", shifted, shifted)) + 1e-9
    shapes = np.full(len(beats), -1, dtype=np.intp)
    for shape in range(len(beats)):
        left = np.flatnonzero(shapes < 0)
        if not len(left):
            break
        model = shifted[:, left[0], slack]
        score = np.tensordot(shifted[:, left], model, axes=([0, 3], [0, 1])) / size[left]
        like = score.max(axis=1) >= ALIKE * size[left[0], slack]
        like[0] = True
        shapes[left[like]] = shape
    return shapes


def middle(windows: Signal) -> Signal:
    """Interquartile mean over the second axis: as robust as the median where it matters, less noisy."""
    count = windows.shape[1]
    if count < 3:
        mean: Signal = windows.mean(axis=1)
        return mean
    cut = max(1, int(count * TRIMMED))
    inner: Signal = np.sort(windows, axis=1)[:, cut : count - cut].mean(axis=1)
    return inner


def level(samples: Signal, rate: float, onsets: Index) -> Signal:
    """*samples* with the PR segment of each beat at zero and a cubic spline through them taken away.

    C. Meyer and H. Keiser, "Electrocardiogram baseline noise estimation and removal using cubic splines",
    Comput. Biomed. Res. 10:459, 1977.

    Parameters
    ----------
    onsets
        Samples at which the QRS complexes begin, ascending.
    """
    width = max(2, round(KNOT_WIDTH_S * rate))
    knots = onsets[(onsets >= width) & (onsets < samples.shape[1])]
    knots = knots[np.diff(knots, prepend=-(10**9)) > width]
    if not len(knots):
        centred: Signal = samples - median(samples)[:, None]
        return centred
    values = samples[:, knots[:, None] + np.arange(-width, 0)].mean(axis=2)
    if len(knots) < 3:
        flat: Signal = samples - values.mean(axis=1, keepdims=True)
        return flat
    count = samples.shape[1]
    step = max(1, round(COARSE_S * rate))
    coarse = np.arange(0, count + step, step)
    levels = CubicSpline(knots, values, axis=1)(np.clip(coarse, knots[0], knots[-1]))
    lines = (levels[:, 1:] - levels[:, :-1])[:, :, None] * (np.arange(step) / step)
    lines += levels[:, :-1, None]
    leveled: Signal = lines.reshape(len(samples), -1)[:, :count]
    np.subtract(samples, leveled, out=leveled)
    return leveled


def average_beat(leveled: Signal, rate: float, beats: Index, reach: tuple[float, float]) -> AverageBeat:
    """The interquartile mean of *beats*, as they are.

    Parameters
    ----------
    leveled
        µV, shape ``(leads, samples)``; see :func:`level`.
    beats
        Fiducial samples of like beats, aligned, at least one. If any of them lie far enough from the ends
        of the record the others are left out.
    reach
        How far the beat may reach before and after its fiducial point, s.
    """
    count = leveled.shape[1]
    before = max(2, round(min(BEFORE_S, reach[0]) * rate))
    after = max(2, round(min(AFTER_S, reach[1]) * rate))
    inside = beats[(beats >= before) & (beats < count - after)]
    chosen = inside if len(inside) else beats
    chosen = chosen[:: -(-len(chosen) // MOST_BEATS)]
    windows = leveled[:, np.clip(chosen[:, None] + np.arange(-before, after), 0, count - 1)]
    mean = middle(windows)
    apart = np.abs(windows[:, :, ::SPREAD_STRIDE] - mean[:, None, ::SPREAD_STRIDE])
    spread = median(apart.reshape(len(apart), -1)) * 1.4826
    return AverageBeat(mean, rate, before, spread * 1.1 / np.sqrt(len(chosen)), windows)
