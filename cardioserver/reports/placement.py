"""Where rows of traces stand, so that they collide as little as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]

USUAL = 98.0
"""Per cent of the paper's width in which rows must keep apart: a lone artefact may run into its neighbour."""
ALL = 100.0
MARGIN_MM = 1.0
LABEL_MM = 7.0  # least room above and below a baseline
CROWDED = 1.4  # times the room: beyond, neighbours can no longer be told apart
VERY_CROWDED = 1.8  # the same where the gain is low already: lower still, small waves cannot be read
EDGES = 0.5  # most of the room that the outer rows may take to keep on the grid
NORMAL_GAIN = 10.0
PULSE_MV = 1.0  # height of the calibration pulse, which stays on the grid


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Highest and lowest mV of a row in each mm of the paper; NaN where nothing is drawn."""

    high: Signal
    low: Signal


@dataclass(frozen=True, slots=True)
class Placement:
    """Baselines in mm below the upper edge, and how many times the room they would need."""

    baselines: tuple[float, ...]
    crowding: float


def envelope(pieces: Sequence[tuple[Signal, Signal]], width: int) -> Envelope:
    """The envelope of a row.

    Parameters
    ----------
    pieces
        Places in mm and values in µV of each cell.
    width
        Of the traces, mm.
    """
    high, low = np.full(width, np.nan), np.full(width, np.nan)
    for x, microvolts in pieces:
        if not len(x):
            continue
        columns = np.clip(np.floor(x).astype(np.int64), 0, width - 1)
        begins = np.flatnonzero(np.diff(columns, prepend=-1))
        high[columns[begins]] = np.fmax.reduceat(microvolts, begins) / 1000
        low[columns[begins]] = np.fmin.reduceat(microvolts, begins) / 1000
    return Envelope(_spread(high, np.fmax), _spread(low, np.fmin))


def _spread(values: Signal, extreme: np.ufunc) -> Signal:
    """Each mm with its neighbours, so that traces keep clear of each other sideways too."""
    padded = np.pad(values, 1, constant_values=np.nan)
    spread: Signal = extreme(extreme(padded[:-2], padded[1:-1]), padded[2:])
    return spread


def place(envelopes: Sequence[Envelope], height: float, gain: float, usual: float = USUAL) -> Placement:
    """Baselines of rows from top to bottom, on whole mm; equal distances unless the traces need others."""
    apart = [below.high - above.low for above, below in pairwise(envelopes)]
    needs = [_need(each, usual) * gain for each in (envelopes[0].high, *apart, -envelopes[-1].low)]
    least = [gain * PULSE_MV, *[LABEL_MM] * (len(needs) - 2), LABEL_MM / 2]
    needs = [max(need + MARGIN_MM, floor) for need, floor in zip(needs, least, strict=True)]
    gaps = _shared_out(needs, height)
    return Placement(tuple(float(round(y)) for y in np.cumsum(gaps)[:-1]), _crowding(needs, height))


def best_placement(
    envelopes: Sequence[Envelope], height: float, gains: Sequence[float], *, strict: bool = False
) -> tuple[float, Placement]:
    """The first of *gains* at which the rows fit, or the last one, with where they stand then.

    They fit if every peak has its room, or else, unless *strict*, if they are no nearer to each other than
    can still be read.
    """
    for gain in gains:
        placed = place(envelopes, height, gain, ALL)
        if placed.crowding <= 1:
            break
        if not strict:
            placed = place(envelopes, height, gain)
            if placed.crowding <= (CROWDED if gain >= NORMAL_GAIN else VERY_CROWDED):
                break
    return gain, placed


def _need(apart: Signal, usual: float) -> float:
    known = apart[np.isfinite(apart)]
    return max(float(np.percentile(known, usual)), 0.0) if len(known) else 0.0


def _crowding(needs: Sequence[float], height: float) -> float:
    """How many times its room is needed: of what is between the rows, as the outer ones keep on the grid."""
    edges = needs[0] + needs[-1]
    if sum(needs) <= height or _outer_rows_leave(needs, height):
        return sum(needs) / height
    return (sum(needs) - edges) / (height - edges)


def _outer_rows_leave(needs: Sequence[float], height: float) -> bool:
    """Whether there would be too little room between the outer rows if they kept on the grid."""
    return len(needs) == 2 or needs[0] + needs[-1] > EDGES * height


def _shared_out(needs: Sequence[float], height: float) -> list[float]:
    """Distances that make up *height*: all equal, those at the edges half, but none below its need.

    If there is not room enough the rows run into each other, but not over the edges.
    """
    if sum(needs) >= height:
        if _outer_rows_leave(needs, height):
            return [need * height / sum(needs) for need in needs]
        weights = np.sqrt(needs[1:-1])  # spikes running into each other are less harm than rows crammed
        inner = weights * ((height - needs[0] - needs[-1]) / weights.sum())
        return [needs[0], *inner.tolist(), needs[-1]]
    shares = [0.5, *[1.0] * (len(needs) - 2), 0.5]
    low, high = 0.0, 2 * height
    for _ in range(40):
        level = (low + high) / 2
        total = sum(max(need, share * level) for need, share in zip(needs, shares, strict=True))
        low, high = (level, high) if total < height else (low, level)
    return [max(need, share * low) for need, share in zip(needs, shares, strict=True)]
