"""Swapped electrodes: how many are noticed, and how often a correct record is suspected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from lead_moments import records

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.signal.average import AverageBeat
from cardioserver.signal.beats import find_beats
from cardioserver.signal.delineation import Marks
from cardioserver.signal.fiducials import find_fiducials
from cardioserver.signal.reversal import (
    INDEPENDENT,
    SWAPS,
    Reversal,
    distances,
    likely_swap,
    moments,
    reversals,
)
from cardioserver.signal.trace import Trace

LEGS_UV = 30.0  # what a lead between two legs still shows, peak to peak
ROWS = [TWELVE_LEADS.index(lead) for lead in INDEPENDENT]


def table(data: Path, limit: int | None) -> str:
    """Markdown: false alarms on all records and sensitivity for each swap.

    What leads have in common is taken from the other half of the records.
    """
    beats = []
    for signal in records(data):
        if limit is not None and len(beats) >= limit:
            break
        fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
        if fiducials.average is not None and fiducials.marks is not None:
            beats.append((fiducials.average, fiducials.marks))
    found = [moments(beat.samples[ROWS], beat, marks) for beat, marks in beats]
    lines = ["### Swapped electrodes", "", "| swap | noticed, % | and named, % |", "|---|---|---|"]
    alarms = 0
    named: dict[Reversal, list[Reversal | None]] = {swap: [] for swap in Reversal}
    for number, (beat, marks) in enumerate(beats):
        others = [parts for other, parts in enumerate(found) if other % 2 != number % 2]
        usual = distances({wave: _mean(wave, others) for wave in found[number]})
        alarms += likely_swap(found[number], usual) is not None or bool(_legs(beat, marks))
        for swap, matrix in SWAPS.items():
            parts = {wave: matrix @ part @ matrix.T for wave, part in found[number].items()}
            named[swap].append(likely_swap(parts, usual))
        for swap in (Reversal.RIGHT_ARM_RIGHT_LEG, Reversal.LEFT_ARM_RIGHT_LEG):
            suspected = _legs(_with_leg(beat, swap), marks)
            named[swap].append(suspected[0] if suspected else None)
    for swap, suspicions in named.items():
        noticed = 100 * np.mean([each is not None for each in suspicions])
        right = 100 * np.mean([each is swap for each in suspicions])
        lines.append(f"| {swap} | {noticed:.0f} | {right:.0f} |")
    share = 100 * alarms / len(beats)
    return "\n".join([*lines, "", f"False alarms: {alarms} of {len(beats)} records ({share:.1f} %).", ""])


def _mean(wave: str, found: list[dict[str, np.ndarray]]) -> np.ndarray:
    return np.mean([parts[wave] for parts in found if wave in parts], axis=0)


def _legs(beat: AverageBeat, marks: Marks) -> tuple[Reversal, ...]:
    limb = (Lead.I, Lead.II)
    rows = [TWELVE_LEADS.index(lead) for lead in limb]
    return reversals(limb, replace(beat, samples=beat.samples[rows]), marks)


def _with_leg(beat: AverageBeat, swap: Reversal) -> AverageBeat:
    """*beat* with a leg electrode on an arm: what is between the legs is a little of lead II."""
    samples = beat.samples.copy()
    one, two = samples[0].copy(), samples[1].copy()
    legs = two * LEGS_UV / np.ptp(two)
    if swap is Reversal.RIGHT_ARM_RIGHT_LEG:
        samples[0], samples[1] = one - two + legs, legs
    else:
        samples[0], samples[1] = two - legs, two
    return replace(beat, samples=samples)
