"""The representative beat: like beats laid on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

KNOT_S = 0.07  # before the steepest place of a QRS: the PR segment
KNOT_WIDTH_S = 0.02
ALIGN_S = 0.012
ALIGN_WINDOW_S = 0.06
BEFORE_S = 0.45
AFTER_S = 0.70
MOST_BEATS = 60  # more of them add nothing


@dataclass(frozen=True, slots=True, eq=False)
class AverageBeat:
    """A representative beat.

    Attributes
    ----------
    samples
        µV, shape ``(leads, width)``, against the PR segment.
    origin
        Index within *samples* of the beats' fiducial point.
    beats
        Fiducial samples in the record of the beats that were averaged, aligned with each other.
    noise
        Standard error of *samples* for each lead, µV.
    windows
        The single beats, shape ``(leads, beats, width)``.
    """

    samples: Signal
    origin: int
    beats: Index
    noise: Signal
    windows: Signal


def level(samples: Signal, rate: float, beats: Index) -> Signal:
    """*samples* with each PR segment at zero and a cubic spline through them taken away.

    C. Meyer and H. Keiser, "Electrocardiogram baseline noise estimation and removal using cubic splines",
    Comput. Biomed. Res. 10:459, 1977.
    """
    half = max(1, round(KNOT_WIDTH_S * rate / 2))
    knots = beats - round(KNOT_S * rate)
    knots = knots[(knots >= half) & (knots < samples.shape[1] - half)]
    if not len(knots):
        return samples - np.median(samples, axis=1, keepdims=True)
    values = samples[:, knots[:, None] + np.arange(-half, half + 1)].mean(axis=2)
    if len(knots) < 3:
        flat: Signal = samples - values.mean(axis=1, keepdims=True)
        return flat
    spline = CubicSpline(knots, values, axis=1)
    inner = np.arange(knots[0], knots[-1])
    leveled = samples.copy()
    leveled[:, : knots[0]] -= values[:, :1]
    leveled[:, knots[0] : knots[-1]] -= spline(inner)
    leveled[:, knots[-1] :] -= values[:, -1:]
    return leveled


def average_beat(leveled: Signal, rate: float, beats: Index, interval: float) -> AverageBeat | None:
    """The median of *beats*, aligned by their QRS.

    Parameters
    ----------
    leveled
        µV, shape ``(leads, samples)``; see :func:`level`.
    beats
        Fiducial samples of like beats.
    interval
        Usual RR interval in s; the beat reaches no further than the next one's P wave.
    """
    count = leveled.shape[1]
    before = round(min(BEFORE_S, 0.6 * interval) * rate)
    after = round(min(AFTER_S, 0.85 * interval) * rate)
    slack = max(1, round(ALIGN_S * rate))
    inside = beats[(beats >= before + slack) & (beats < count - after - slack)]
    if not len(inside):
        return None
    inside = inside[:: -(-len(inside) // MOST_BEATS)]
    aligned = _align(leveled, rate, inside, slack)
    windows = leveled[:, aligned[:, None] + np.arange(-before, after)]
    middle = np.median(windows, axis=1)
    spread = np.median(np.abs(windows - middle[:, None]), axis=(1, 2)) * 1.4826
    return AverageBeat(middle, before, aligned, spread * 1.25 / np.sqrt(len(aligned)), windows)


def _align(leveled: Signal, rate: float, beats: Index, slack: int) -> Index:
    """Shift each beat to where its QRS fits the mean QRS best."""
    if len(beats) < 2:
        return beats
    half = round(ALIGN_WINDOW_S * rate)
    offsets = np.arange(-half - slack, half + slack + 1)
    wide = np.gradient(leveled[:, beats[:, None] + offsets], axis=2)
    shifted = np.lib.stride_tricks.sliding_window_view(wide, 2 * half + 1, axis=2)
    best = np.full(len(beats), slack)
    for _ in range(2):
        model = np.median(shifted[:, np.arange(len(beats)), best], axis=1)
        best = np.tensordot(shifted, model, axes=([0, 3], [0, 1])).argmax(axis=1)
    aligned: Index = beats + best - round(float(np.median(best)))
    return aligned
