"""A chart: rows of traces, each with its place on the grid and all to one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.reports.excerpt import Excerpt
from cardioserver.reports.montage import Cell, Montage, Row
from cardioserver.reports.paper import PULSE_MM, Box
from cardioserver.reports.placement import Envelope, best_placement, envelope
from cardioserver.reports.trace import Scale

Signal = npt.NDArray[np.float64]

TRACE_MM = 0.25
SAME_PLACE_MM = 0.01


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart is drawn.

    Attributes
    ----------
    speed
        mm/s.
    gains
        mm/mV; the first one at which the rows do not run into each other, or else the last.
    strict
        Whether rows may not touch each other at all.
    separators
        Whether ticks stand between columns: they go on in time.
    grid
        Whether there is a grid.
    trace_mm
        Thickness of the traces.
    """

    speed: float
    gains: tuple[float, ...]
    strict: bool = False
    separators: bool = True
    grid: bool = True
    trace_mm: float = TRACE_MM


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Samples of a cell with their times from its beginning, s."""

    cell: Cell
    microvolts: Signal
    times: Signal


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A row with its traces, their envelope, and the height of its baseline on the page, mm."""

    row: Row
    traces: tuple[Trace, ...]
    envelope: Envelope
    baseline: float


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """All lines, ready to be drawn; traces begin :data:`~.paper.PULSE_MM` inside *box*."""

    box: Box
    look: Look
    scale: Scale
    lines: tuple[Line, ...]
    excerpt: Excerpt

    @property
    def lowered(self) -> bool:
        """Whether the gain is less than wanted, so that the rows fit."""
        return self.scale.gain < self.look.gains[0]

    @property
    def closest(self) -> float:
        """The least distance between two baselines, mm."""
        return float(min(np.diff([line.baseline for line in self.lines]), default=self.box.height))

    def spikes_of(self, number: int, cell: Cell) -> list[float]:
        """Where spikes of a pacemaker are marked in a cell of line *number*, in mm from the cell's beginning.

        Each is marked once, below the lowest trace that shows it in that place.
        """
        below = [other for line in self.lines[number + 1 :] for other in line.row.cells]
        covered = [other for other in below if self._goes_with(cell, other)]
        times = [spike / self.excerpt.rate for spike in self.excerpt.spikes]
        return [
            (time - cell.start) * self.scale.speed
            for time in times
            if cell.start <= time < cell.stop
            and not any(other.start <= time < other.stop for other in covered)
        ]

    def _goes_with(self, one: Cell, other: Cell) -> bool:
        """Whether the same time stands at the same place in both."""
        apart = (one.start - other.start) * self.scale.speed - (one.x - other.x)
        return abs(apart) < SAME_PLACE_MM


def lay_out(box: Box, montage: Montage, excerpt: Excerpt, look: Look) -> Chart:
    """Give each row of *montage* its place in *box*, at the gain that suits them."""
    traces = [tuple(_trace(cell, excerpt) for cell in row.cells) for row in montage.rows]
    envelopes = [_envelope(row, look.speed, box) for row in traces]
    gain, placed = best_placement(envelopes, box.height, look.gains, strict=look.strict)
    lines = tuple(
        Line(*each)
        for each in zip(montage.rows, traces, envelopes, (box.y + y for y in placed.baselines), strict=True)
    )
    return Chart(box, look, Scale(look.speed, gain), lines, excerpt)


def _trace(cell: Cell, excerpt: Excerpt) -> Trace:
    microvolts, begins = excerpt.between(cell.channel, cell.start, cell.stop)
    return Trace(cell, microvolts, begins - cell.start + np.arange(len(microvolts)) / excerpt.rate)


def _envelope(traces: tuple[Trace, ...], speed: float, box: Box) -> Envelope:
    pieces = [(trace.cell.x + trace.times * speed, trace.microvolts) for trace in traces]
    return envelope(pieces, round(box.width - PULSE_MM))
