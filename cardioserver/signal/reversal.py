"""Electrodes that seem swapped."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal.average import AverageBeat
from cardioserver.signal.delineation import Marks
from cardioserver.signal.leadmoments import P_MOMENTS, QRS_MOMENTS, T_MOMENTS

Signal = npt.NDArray[np.float64]

INDEPENDENT = (Lead.I, Lead.II, Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)
LIKELIER = 0.78  # a record must be so much less unusual once the electrodes are put back
FLAT_SHARE = 0.08  # of the largest limb lead: between two legs there is next to nothing
FLAT_UV = 120.0
EINTHOVEN = 0.15  # of the size of lead III; more, and the leads are not in one scale
ROUNDING_UV = 5.0
LEAST_SAMPLES = 4
SMALLEST = 0.001  # share of the mean variance below which a direction is noise


class Reversal(StrEnum):
    """Electrodes that seem swapped."""

    RIGHT_ARM_LEFT_ARM = "ra-la"
    RIGHT_ARM_RIGHT_LEG = "ra-rl"
    LEFT_ARM_RIGHT_LEG = "la-rl"
    RIGHT_ARM_LEFT_LEG = "ra-ll"
    LEFT_ARM_LEFT_LEG = "la-ll"
    V1_V2 = "v1-v2"
    V2_V3 = "v2-v3"
    V3_V4 = "v3-v4"
    V4_V5 = "v4-v5"
    V5_V6 = "v5-v6"
    V1_V3 = "v1-v3"
    V2_V4 = "v2-v4"
    V3_V5 = "v3-v5"
    V4_V6 = "v4-v6"


def _chest(first: int, second: int) -> Signal:
    order = np.arange(len(INDEPENDENT))
    order[[first + 1, second + 1]] = order[[second + 1, first + 1]]
    swap: Signal = np.eye(len(order))[order]
    return swap


def _limb(one: tuple[int, int], two: tuple[int, int]) -> Signal:
    swap = np.eye(len(INDEPENDENT))
    swap[:2, :2] = (one, two)
    return swap


SWAPS = {
    Reversal.RIGHT_ARM_LEFT_ARM: _limb((-1, 0), (-1, 1)),
    Reversal.RIGHT_ARM_LEFT_LEG: _limb((1, -1), (0, -1)),
    Reversal.LEFT_ARM_LEFT_LEG: _limb((0, 1), (1, 0)),
    **{
        swap: _chest(*(int(name[1]) for name in swap.value.split("-")))
        for swap in Reversal
        if swap.value.startswith("v")
    },
}
"""What each swap makes of the independent leads; twice the same swap changes nothing."""


def reversals(leads: Sequence[Lead], beat: AverageBeat, marks: Marks) -> tuple[Reversal, ...]:
    """Electrodes that seem swapped, from the representative beat; the likeliest only.

    A leg electrode on an arm leaves a lead that shows only what lies between the legs (V. Batchvarov et al.,
    "Incorrect electrode cable connection during electrocardiographic recording", Europace 9:1081, 2007).
    Other swaps are found as J. Kors and G. van Herpen do ("Accurate automatic detection of electrode
    interchange in the electrocardiogram", Am. J. Cardiol. 88:396, 2001): leads predict each other, and
    some other order of the electrodes makes them agree much better. How well they agree is measured
    by the Mahalanobis distance from what leads have in common in :mod:`~cardioserver.signal.leadmoments`.
    """
    rows = dict(zip(leads, beat.samples, strict=True))
    if Lead.I not in rows or Lead.II not in rows or not _in_one_scale(rows):
        return ()
    flat = _flat_lead(rows, beat, marks)
    if flat is not None:
        return (flat,)
    if any(lead not in rows for lead in INDEPENDENT):
        return ()
    parts = moments(np.array([rows[lead] for lead in INDEPENDENT]), beat, marks)
    swap = likely_swap(parts)
    return () if swap is None else (swap,)


def moments(lines: Signal, beat: AverageBeat, marks: Marks) -> dict[str, Signal]:
    """Second moments of P, QRS and T over the independent leads, each of trace 1, as far as there are waves.

    Parameters
    ----------
    lines
        The independent leads of *beat*, shape ``(8, width)``.
    """
    on = max(round(beat.origin + marks.qrs_on), 0)
    off = round(beat.origin + marks.qrs_off) + 1
    against = lines - lines[:, on, None]
    waves = {"qrs": against[:, on:off]}
    if marks.t_off is not None:
        waves["t"] = against[:, off : round(beat.origin + marks.t_off) + 1]
    if marks.p_on is not None and marks.p_off is not None:
        wave = lines[:, max(round(beat.origin + marks.p_on), 0) : round(beat.origin + marks.p_off) + 1]
        share = np.linspace(0, 1, wave.shape[1])
        waves["p"] = wave - wave[:, :1] * (1 - share) - wave[:, -1:] * share
    return {
        name: wave @ wave.T / float((wave**2).sum())
        for name, wave in waves.items()
        if wave.shape[1] >= LEAST_SAMPLES and wave.any()
    }


def distances(expected: dict[str, Signal]) -> dict[str, Signal]:
    """What weighs the moments of P, QRS and T so that their sum is a squared Mahalanobis distance.

    Parameters
    ----------
    expected
        Mean moments of other people for each wave, shape ``(8, 8)``.

    Returns
    -------
    dict
        For each wave shape ``(1 + swaps, 8, 8)``: for the leads as they are, and for each of :data:`SWAPS`
        undone.
    """
    ways = np.array([np.eye(len(INDEPENDENT)), *SWAPS.values()])
    weights = {}
    for wave, matrix in expected.items():
        least = SMALLEST * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
        weights[wave] = ways.transpose(0, 2, 1) @ np.linalg.inv(matrix + least) @ ways
    return weights


USUAL = distances({"p": P_MOMENTS, "qrs": QRS_MOMENTS, "t": T_MOMENTS})


def likely_swap(parts: dict[str, Signal], usual: dict[str, Signal] = USUAL) -> Reversal | None:
    """The swap that, undone, makes a record much less strange.

    Parameters
    ----------
    parts
        From :func:`moments`.
    usual
        From :func:`distances`.
    """
    if not parts:
        return None
    strange = np.mean([(usual[wave] * part).sum(axis=(1, 2)) for wave, part in parts.items()], axis=0)
    best = int(strange[1:].argmin())
    return tuple(SWAPS)[best] if strange[1 + best] < LIKELIER * strange[0] else None


def _in_one_scale(rows: dict[Lead, Signal]) -> bool:
    """Whether I + III = II, as far as III was recorded too; not so if each lead has its own gain."""
    if Lead.III not in rows:
        return True
    expected = rows[Lead.II] - rows[Lead.I]
    apart, size = np.abs(rows[Lead.III] - expected).mean(), np.abs(expected).mean()
    return bool(apart <= EINTHOVEN * size + ROUNDING_UV)


def _flat_lead(rows: dict[Lead, Signal], beat: AverageBeat, marks: Marks) -> Reversal | None:
    start = max(round(beat.origin + (marks.p_on if marks.p_on is not None else marks.qrs_on)), 0)
    stop = round(beat.origin + (marks.t_off if marks.t_off is not None else marks.qrs_off)) + 1
    one, two = rows[Lead.I][start:stop], rows[Lead.II][start:stop]
    sizes = {
        None: float(np.ptp(one)),
        Reversal.RIGHT_ARM_RIGHT_LEG: float(np.ptp(two)),
        Reversal.LEFT_ARM_RIGHT_LEG: float(np.ptp(two - one)),
    }
    limit = min(FLAT_SHARE * max(sizes.values()), FLAT_UV)
    return next((swap for swap, size in sizes.items() if swap and size < limit), None)
