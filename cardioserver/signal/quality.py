"""How far a record can be trusted: what disturbs each lead, and electrodes that seem swapped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal.beats import Beats
from cardioserver.signal.fiducials import Fiducials
from cardioserver.signal.mains import mains_sizes
from cardioserver.signal.order import median, sorted_quantile
from cardioserver.signal.reversal import Reversal, reversals
from cardioserver.signal.smoothing import thinned
from cardioserver.signal.trace import Trace

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FLAT_UV = 5.0  # a lead that moves less in all of a second
FLAT_SHARE = 0.5
SATURATED_S = 0.02  # the largest value held so long is a limit of the recorder
SATURATED_UV = 1000.0
SATURATED_SHARE = 0.005
NOISE_LIMITS = (25.0, 60.0)  # µV rms; IEC 60601-2-25 tests measurements with 25 µV
DRIFT_LIMITS = (400.0, 4000.0)  # µV between the levels of beats
MAINS_LIMITS = (25.0, 100.0)  # µV peak
MISSING_LIMITS = (0.05, 0.5)
PIECE_S = 60.0
NOISE_BLOCK_S = 0.008
MAD_TO_RMS = 1.4826
MAINS_HZ = (50.0, 60.0)
OUTSIDE = 0.025  # of the levels at either end are no part of the range
LEVEL_S = 0.07  # before the steepest place of a QRS: the PR segment


class Grade(StrEnum):
    """What a lead is good for."""

    GOOD = "good"
    FAIR = "fair"  # readable; small waves are doubtful
    POOR = "poor"  # rhythm at best


@dataclass(frozen=True, slots=True)
class LeadQuality:
    """Quality of one lead; noise, drift and mains in µV."""

    lead: Lead
    noise: float
    drift: float
    mains: float
    flat: bool
    saturated: bool
    missing: float  # share of the record in which the lead was off
    grade: Grade


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of the record: the grade most of its leads reach, and suspected reversals."""

    leads: tuple[LeadQuality, ...]
    grade: Grade
    reversals: tuple[Reversal, ...]


def assess(trace: Trace, rate: float, leads: Sequence[Lead], beats: Beats, fiducials: Fiducials) -> Quality:
    """Judge a record of any length.

    Sizes are medians over pieces of about a minute, so that a short disturbance of a long record counts by
    its length.

    Parameters
    ----------
    trace
        The record, unfiltered.
    rate
        Hz.
    leads
        Names of its leads.
    """
    spans = trace.spans(PIECE_S * rate)
    sizes, flat, high, low = [], [], [], []
    off = np.zeros(trace.leads)
    for start, stop in spans:
        piece, missing = trace.piece(start, stop), trace.missing(start, stop)
        knots = beats.samples[(beats.samples >= start) & (beats.samples < stop)] - start
        mains = mains_sizes(piece, rate)
        frequency = MAINS_HZ[int(mains.sum(axis=0).argmax())]
        sizes.append((_noise(piece, rate, frequency), _drift(piece, rate, knots), mains.max(axis=1)))
        flat.append(_flat(piece, rate))
        high.append(piece.max(axis=1))
        low.append(piece.min(axis=1))
        if missing is not None:
            off += missing.sum(axis=1) / trace.length
    noise, drift, mains = median(np.array(sizes), axis=0)
    still = np.mean(flat, axis=0) >= FLAT_SHARE
    saturated = _saturated(trace, rate, spans, np.max(high, axis=0), np.min(low, axis=0))
    each = []
    for row, lead in enumerate(leads):
        measured = (noise[row], drift[row], mains[row], off[row])
        grade = _grade(measured, bool(still[row] or saturated[row]))
        each.append(
            LeadQuality(
                lead, float(noise[row]), float(drift[row]), float(mains[row]), bool(still[row]),
                bool(saturated[row]), float(off[row]), grade,
            )
        )  # fmt: skip
    order = sorted(each, key=lambda one: list(Grade).index(one.grade))
    whole = order[len(order) // 2].grade if beats.classes else Grade.POOR
    beat, marks = fiducials.average, fiducials.marks
    found = reversals(leads, beat, marks) if beat is not None and marks is not None else ()
    return Quality(tuple(each), whole, found)


def _grade(sizes: Sequence[float], broken: bool) -> Grade:
    limits = (NOISE_LIMITS, DRIFT_LIMITS, MAINS_LIMITS, MISSING_LIMITS)
    if broken or any(size > limit[1] for size, limit in zip(sizes, limits, strict=True)):
        return Grade.POOR
    if any(size > limit[0] for size, limit in zip(sizes, limits, strict=True)):
        return Grade.FAIR
    return Grade.GOOD


def _noise(samples: Signal, rate: float, mains: float) -> Signal:
    """RMS of muscle noise between the QRS complexes, µV.

    Second differences of means over 8 ms: above the ECG's band, and scaled so that white noise comes out as
    it is; so does muscle noise, nearly. Adding what lies half a period later takes the mains away.

    Parameters
    ----------
    mains
        Mains frequency, Hz.
    """
    later, part = divmod(rate / mains / 2, 1)
    half, block = int(later), max(1, round(NOISE_BLOCK_S * rate))
    count = (samples.shape[1] - half - 1) // block
    if count < 3:
        return np.zeros(len(samples))
    size = count * block
    after = (1 - part) * samples[:, half : half + size] + part * samples[:, half + 1 : half + 1 + size]
    means = thinned(samples[:, :size] + after, block)
    fast = np.abs(means[:, 2:] - 2 * means[:, 1:-1] + means[:, :-2])
    weights = np.zeros(half + 2)
    weights[[0, half, half + 1]] = 1, 1 - part, part
    weights = np.convolve(weights, np.ones(block) / block)
    weights = np.convolve(weights, np.array([1, *[0] * (block - 1), -2, *[0] * (block - 1), 1]))
    noise: Signal = median(fast) * MAD_TO_RMS / math.sqrt(float((weights**2).sum()))
    return noise


def _drift(samples: Signal, rate: float, beats: npt.NDArray[np.intp]) -> Signal:
    """Range of the levels before the QRS complexes, without the outermost, µV."""
    knots = beats - round(LEVEL_S * rate)
    knots = knots[knots >= 0]
    if len(knots) < 2:
        return np.zeros(len(samples))
    levels = np.sort(samples[:, knots], axis=1)
    return sorted_quantile(levels, 1 - OUTSIDE) - sorted_quantile(levels, OUTSIDE)


def _flat(samples: Signal, rate: float) -> Signal:
    """Share of the seconds in which a lead does not move."""
    width = min(max(1, round(rate)), samples.shape[1])
    seconds = samples.shape[1] // width
    pieces = samples[:, : seconds * width].reshape(len(samples), seconds, width)
    flat: Signal = (np.ptp(pieces, axis=2) < FLAT_UV).mean(axis=1)
    return flat


def _saturated(
    trace: Trace, rate: float, spans: Sequence[tuple[int, int]], high: Signal, low: Signal
) -> Mask:
    """Whether an extreme value, of those given for each lead, is held again and again."""
    held = max(2, round(SATURATED_S * rate))
    result = np.zeros(trace.leads, dtype=np.bool_)
    for limits in (high, low):
        suspect = np.flatnonzero(np.abs(limits) >= SATURATED_UV)
        runs = np.zeros(len(suspect), dtype=np.intp)
        count = np.zeros(len(suspect), dtype=np.intp)
        for start, stop in spans if len(suspect) else ():
            at = trace.piece(start, stop)[suspect] == limits[suspect, None]
            count += at.sum(axis=1)
            for row in np.flatnonzero(at.sum(axis=1) >= held):
                ends = np.flatnonzero(np.diff(at[row], prepend=False, append=False)).reshape(-1, 2)
                runs[row] += int((np.diff(ends, axis=1) >= held).sum())
        often = count >= SATURATED_SHARE * trace.length
        result[suspect] |= (runs > 1) & often  # one run alone is the end of a padded record
    return result
