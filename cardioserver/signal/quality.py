"""How far a record can be trusted: noise of each lead, and electrodes that seem swapped."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal.average import AverageBeat
from cardioserver.signal.beats import Beats
from cardioserver.signal.delineation import Marks
from cardioserver.signal.fiducials import Fiducials
from cardioserver.signal.mains import mains_sizes

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


class Grade(StrEnum):
    """What a lead is good for."""

    GOOD = "good"
    FAIR = "fair"  # readable; small waves are doubtful
    POOR = "poor"  # rhythm at best


class Reversal(StrEnum):
    """Electrodes that seem swapped."""

    RIGHT_ARM_LEFT_ARM = "ra-la"
    RIGHT_ARM_RIGHT_LEG = "ra-rl"
    LEFT_ARM_RIGHT_LEG = "la-rl"
    RIGHT_ARM_LEFT_LEG = "ra-ll"
    V1_V2 = "v1-v2"
    V2_V3 = "v2-v3"
    V3_V4 = "v3-v4"
    V4_V5 = "v4-v5"
    V5_V6 = "v5-v6"
    V1_V3 = "v1-v3"


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


def assess(
    samples: Signal,
    rate: float,
    leads: Sequence[Lead],
    beats: Beats,
    fiducials: Fiducials,
    *,
    missing: Mask | None = None,
) -> Quality:
    """Judge a record.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, unfiltered, finite.
    missing
        True where a lead was off, same shape.
    """
    noise, mains = _noise(samples, rate), mains_sizes(samples, rate).max(axis=1)
    drift = _drift(samples, rate, beats)
    flat, saturated = _flat(samples, rate), _saturated(samples, rate)
    off = missing.mean(axis=1) if missing is not None else np.zeros(len(samples))
    each = []
    for row, lead in enumerate(leads):
        sizes = (noise[row], drift[row], mains[row], off[row])
        limits = (NOISE_LIMITS, DRIFT_LIMITS, MAINS_LIMITS, MISSING_LIMITS)
        grade = _grade(sizes, limits, bool(flat[row] or saturated[row]))
        each.append(
            LeadQuality(
                lead, float(noise[row]), float(drift[row]), float(mains[row]), bool(flat[row]),
                bool(saturated[row]), float(off[row]), grade,
            )
        )  # fmt: skip
    order = sorted(each, key=lambda one: list(Grade).index(one.grade))
    whole = order[len(order) // 2].grade if beats.classes else Grade.POOR
    beat, marks = fiducials.average, fiducials.marks
    found = reversals(leads, beat, marks) if beat is not None and marks is not None else ()
    return Quality(tuple(each), whole, found)


def _grade(sizes: Sequence[float], limits: Sequence[tuple[float, float]], broken: bool) -> Grade:
    if broken or any(size > limit[1] for size, limit in zip(sizes, limits, strict=True)):
        return Grade.POOR
    if any(size > limit[0] for size, limit in zip(sizes, limits, strict=True)):
        return Grade.FAIR
    return Grade.GOOD


def _noise(samples: Signal, rate: float) -> Signal:
    """RMS of what lies above the ECG's band between the QRS complexes, µV."""
    step = max(1, round(rate / 250))
    fast = samples[:, 2 * step :] - 2 * samples[:, step:-step] + samples[:, : -2 * step]
    if not fast.shape[1]:
        return np.zeros(len(samples))
    noise: Signal = np.median(np.abs(fast), axis=1) * 1.4826 / np.sqrt(6)
    return noise


def _drift(samples: Signal, rate: float, beats: Beats) -> Signal:
    """Range of the levels before the QRS complexes (95 %), µV."""
    knots = beats.samples - round(0.07 * rate)
    knots = knots[knots >= 0]
    if len(knots) < 2:
        return np.zeros(len(samples))
    levels = samples[:, knots]
    spread: Signal = np.quantile(levels, 0.975, axis=1) - np.quantile(levels, 0.025, axis=1)
    return spread


def _flat(samples: Signal, rate: float) -> Mask:
    width = max(1, round(rate))
    seconds = samples.shape[1] // width
    if not seconds:
        still: Mask = np.ptp(samples, axis=1) < FLAT_UV
        return still
    pieces = samples[:, : seconds * width].reshape(len(samples), seconds, width)
    flat: Mask = (np.ptp(pieces, axis=2) < FLAT_UV).mean(axis=1) >= FLAT_SHARE
    return flat


def _saturated(samples: Signal, rate: float) -> Mask:
    """Whether an extreme value is held again and again."""
    held = max(2, round(SATURATED_S * rate))
    result = np.zeros(len(samples), dtype=np.bool_)
    for row, line in enumerate(samples):
        for limit in (line.max(), line.min()):
            at = line == limit
            if abs(limit) < SATURATED_UV or at.sum() < held:
                continue
            edges = np.flatnonzero(np.diff(at, prepend=False, append=False)).reshape(-1, 2)
            runs = int((np.diff(edges, axis=1) >= held).sum())  # one alone is the end of a padded record
            result[row] |= runs > 1 and bool(at.mean() >= SATURATED_SHARE)
    return result


FLAT_LEAD_SHARE = 0.08  # of the largest limb lead: between two legs there is next to nothing
FLAT_LEAD_UV = 120.0
OPPOSED = -0.5  # correlation of lead I with V6
CLOSER = 0.8  # the chest leads in another order follow each other that much more closely
SWAPS = {
    Reversal.V1_V2: (1, 0, 2, 3, 4, 5),
    Reversal.V2_V3: (0, 2, 1, 3, 4, 5),
    Reversal.V3_V4: (0, 1, 3, 2, 4, 5),
    Reversal.V4_V5: (0, 1, 2, 4, 3, 5),
    Reversal.V5_V6: (0, 1, 2, 3, 5, 4),
    Reversal.V1_V3: (2, 1, 0, 3, 4, 5),
}
CHEST = (Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)


def reversals(leads: Sequence[Lead], beat: AverageBeat, marks: Marks) -> tuple[Reversal, ...]:
    """Electrodes that seem swapped, from the representative beat.

    Limb leads: P and QRS upside down in lead I against V6 (arms swapped), or a lead that shows only the
    potential between the legs (B. Hedén et al., "Detection of frequently overlooked electrocardiographic
    lead reversals using artificial neural networks", Am. J. Cardiol. 78:600, 1996; V. Batchvarov et al.,
    "Incorrect electrode cable connection during electrocardiographic recording", Europace 9:1081, 2007).
    Chest leads: another order makes neighbours much more alike (J. Kors, G. van Herpen, "Accurate automatic
    detection of electrode interchange in the electrocardiogram", Am. J. Cardiol. 88:396, 2001).
    """
    rows = dict(zip(leads, beat.samples, strict=True))
    start = max(round(beat.origin + (marks.p_on if marks.p_on is not None else marks.qrs_on)), 0)
    stop = round(beat.origin + (marks.t_off if marks.t_off is not None else marks.qrs_off))
    found = list(_limb_reversal(rows, beat, marks, slice(start, stop)))
    if all(lead in rows for lead in CHEST):
        chest = np.array([rows[lead][start:stop] for lead in CHEST])
        apart = np.sqrt(((chest[:, None] - chest[None]) ** 2).mean(axis=2))
        usual = sum(apart[a, a + 1] for a in range(5))
        paths = {
            swap: sum(apart[a, b] for a, b in itertools.pairwise(order)) / max(usual, 1e-9)
            for swap, order in SWAPS.items()
        }
        best = min(paths, key=lambda swap: paths[swap])
        if paths[best] < CLOSER:
            found.append(best)
    return tuple(found)


def _limb_reversal(rows: dict[Lead, Signal], beat: AverageBeat, marks: Marks, whole: slice) -> list[Reversal]:
    if Lead.I not in rows or Lead.II not in rows:
        return []
    one, two = rows[Lead.I], rows[Lead.II]
    three = two - one
    sizes = [float(np.ptp(line[whole])) for line in (one, two, three)]
    largest = max(sizes)
    for size, swap in zip(
        sizes, (None, Reversal.RIGHT_ARM_RIGHT_LEG, Reversal.LEFT_ARM_RIGHT_LEG), strict=True
    ):
        if swap and size < min(FLAT_LEAD_SHARE * largest, FLAT_LEAD_UV):
            return [swap]
    upside_down = _net_p(one, beat, marks) < 0
    if Lead.V6 in rows and upside_down:
        qrs = slice(max(round(beat.origin + marks.qrs_on), 0), round(beat.origin + marks.qrs_off) + 1)
        if len(one[qrs]) > 2 and np.corrcoef(one[qrs], rows[Lead.V6][qrs])[0, 1] < OPPOSED:
            return [Reversal.RIGHT_ARM_LEFT_ARM]
    if upside_down and _net_p(two, beat, marks) < 0 and _net_p(three, beat, marks) < 0:
        return [Reversal.RIGHT_ARM_LEFT_LEG]
    return []


def _net_p(line: Signal, beat: AverageBeat, marks: Marks) -> float:
    """Net size of the P wave; 0 without one."""
    if marks.p_on is None or marks.p_off is None:
        return 0.0
    start, stop = max(round(beat.origin + marks.p_on), 0), round(beat.origin + marks.p_off)
    wave = line[start : stop + 1]
    return float((wave - np.linspace(wave[0], wave[-1], len(wave))).sum()) if len(wave) else 0.0
