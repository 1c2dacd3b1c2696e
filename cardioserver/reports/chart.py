"""Rows of traces on the grid, with calibration pulses, labels and marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.excerpt import Excerpt
from cardioserver.reports.fonts import width
from cardioserver.reports.grid import draw_grid
from cardioserver.reports.label import HEIGHT_MM, Labels
from cardioserver.reports.montage import Cell, Montage, Row
from cardioserver.reports.paper import PULSE_MM, Box
from cardioserver.reports.placement import NORMAL_GAIN, PULSE_MV, Envelope, best_placement, envelope
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.trace import UNIT_MM, Scale, operators, paths

Signal = npt.NDArray[np.float64]

TRACE_MM = 0.25
PULSE_S = 0.2
PULSE_FROM_MM = 5.0  # on a line of the grid
FAST, FAST_FROM_MM = 50.0, 3.0
PULSE_LEAD_MM = 2.0
LABEL_PT, SMALL_PT = 9.0, 7.0
SEPARATOR_MM = (3.0, 5.0)  # ticks above and below the baseline between columns
SPIKE_MM, SPIKE_TICK_MM = 7.5, 2.5  # a tick that ends so far below the baseline, and its length
MARK_MM = 0.3
CLIP_MARK_MM = 1.6
GAP_LABEL_MM = 15.0  # a gap as wide as this is named
TIME_BELOW_MM, TIME_BESIDE_MM = 3.5, 0.9


@dataclass(frozen=True, slots=True)
class Drawn:
    """What has to be said of a chart beside it."""

    scale: Scale
    lowered: bool  # the gain, so that the traces fit
    clipped: bool
    spikes: bool


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
        Whether rows may hardly touch each other.
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


def draw_chart(
    sheet: Sheet, box: Box, montage: Montage, excerpt: Excerpt, *, look: Look, language: Language
) -> Drawn:
    """Draw all rows of *montage*; the traces begin :data:`~.paper.PULSE_MM` inside *box*."""
    traces = [[_trace(cell, excerpt) for cell in row.cells] for row in montage.rows]
    envelopes = [
        _envelope(row, lines, look.speed, box) for row, lines in zip(montage.rows, traces, strict=True)
    ]
    gain, placed = best_placement(envelopes, box.height, look.gains, strict=look.strict)
    chart = _Chart(sheet, box, Scale(look.speed, gain), excerpt, look.trace_mm)
    baselines = [box.y + each for each in placed.baselines]
    if look.grid:
        draw_grid(sheet, box)
    narrow = min(np.diff(baselines), default=box.height) < gain * PULSE_MV + 1
    clipped = False
    for number, (row, lines, baseline) in enumerate(zip(montage.rows, traces, baselines, strict=True)):
        if not number or not narrow:
            chart.pulse(baseline)
        for cell, line in zip(row.cells, lines, strict=True):
            clipped |= chart.trace(cell, line, baseline)
            chart.spikes(cell, baseline)
            chart.gaps(cell, line, baseline, words.OFF.say(language))
            if cell.x and look.separators:
                chart.separator(cell.x, baseline)
        if row.at is not None:
            down = TIME_BESIDE_MM if narrow and number else TIME_BELOW_MM
            sheet.text(box.x + 0.8, baseline + down, words.clock(row.at), SMALL_PT)
    chart.labels(montage.rows, envelopes, baselines, narrow)
    lowered = len(look.gains) > 1 and gain < NORMAL_GAIN
    return Drawn(chart.scale, lowered, clipped, bool(excerpt.spikes))


@dataclass(frozen=True, slots=True, eq=False)
class _Trace:
    """Samples of a cell with their times from its beginning, s."""

    microvolts: Signal
    times: Signal


def _trace(cell: Cell, excerpt: Excerpt) -> _Trace:
    microvolts, begins = excerpt.between(cell.channel, cell.start, cell.stop)
    return _Trace(microvolts, begins - cell.start + np.arange(len(microvolts)) / excerpt.rate)


def _envelope(row: Row, lines: Sequence[_Trace], speed: float, box: Box) -> Envelope:
    pieces = [
        (cell.x + line.times * speed, line.microvolts) for cell, line in zip(row.cells, lines, strict=True)
    ]
    return envelope(pieces, round(box.width - PULSE_MM))


class _Chart:
    """Draws the parts of a chart."""

    def __init__(self, sheet: Sheet, box: Box, scale: Scale, excerpt: Excerpt, trace_mm: float) -> None:
        self.sheet, self.box, self.scale, self.excerpt = sheet, box, scale, excerpt
        self.trace_mm = trace_mm
        self.left = box.x + PULSE_MM

    def pulse(self, baseline: float) -> None:
        """The calibration pulse: 1 mV for 200 ms."""
        rise = FAST_FROM_MM if self.scale.speed >= FAST else PULSE_FROM_MM
        fall, high = rise + PULSE_S * self.scale.speed, PULSE_MV * self.scale.gain
        corners = [(rise - PULSE_LEAD_MM, 0), (rise, 0), (rise, high), (fall, high), (fall, 0)]
        corners.append((min(fall + PULSE_LEAD_MM, PULSE_MM), 0))
        path = " l\n".join(f"{x:g} {y:g}" for x, y in corners).replace(" l", " m", 1) + " l"
        with self.sheet.coordinates(self.box.x, baseline, 1.0):
            self.sheet.stroke(path, self.trace_mm)

    def trace(self, cell: Cell, line: _Trace, baseline: float) -> bool:
        """The trace of a cell, cut off at the edges of the grid; whether anything was."""
        pieces = [operators(points) for points in paths(line.microvolts, line.times, self.scale)]
        if not pieces:
            return False
        with (
            self.sheet.only_in(self.box),
            self.sheet.coordinates(self.left + cell.x, baseline, UNIT_MM),
        ):
            self.sheet.stroke("".join(pieces), self.trace_mm / UNIT_MM)
        height = line.microvolts * (self.scale.gain / 1000)
        above = self._clip_marks(cell, line.times, height > baseline - self.box.y, self.box.y, CLIP_MARK_MM)
        below = self._clip_marks(
            cell, line.times, height < baseline - self.box.bottom, self.box.bottom, -CLIP_MARK_MM
        )
        return above or below

    def _clip_marks(
        self, cell: Cell, times: Signal, outside: npt.NDArray[np.bool_], edge: float, size: float
    ) -> bool:
        """A triangle for each piece of the trace that is outside."""
        edges = np.flatnonzero(np.diff(outside.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        for start, stop in edges:
            middle = (times[start] + times[stop - 1]) / 2
            self.sheet.triangle(self.left + cell.x + middle * self.scale.speed, edge, size)
        return bool(len(edges))

    def spikes(self, cell: Cell, baseline: float) -> None:
        """A tick for each spike of a pacemaker."""
        for spike in self.excerpt.spikes:
            at = spike / self.excerpt.rate
            if cell.start <= at < cell.stop:
                x = self.left + cell.x + (at - cell.start) * self.scale.speed
                bottom = min(baseline + SPIKE_MM, self.box.bottom)
                self.sheet.line(x, bottom - SPIKE_TICK_MM, x, bottom, MARK_MM)

    def gaps(self, cell: Cell, line: _Trace, baseline: float, text: str) -> None:
        """Name the wide gaps."""
        missing = ~np.isfinite(line.microvolts)
        edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        for start, stop in edges:
            begin, end = line.times[start] * self.scale.speed, line.times[stop - 1] * self.scale.speed
            if end - begin >= max(GAP_LABEL_MM, width(text, SMALL_PT) + 2):
                middle = self.left + cell.x + (begin + end) / 2
                self.sheet.text(middle, baseline + 0.8, text, SMALL_PT, align="centre")

    def separator(self, x: float, baseline: float) -> None:
        """Ticks where a column begins."""
        for side in (-1, 1):
            near, far = (baseline + side * each for each in SEPARATOR_MM)
            self.sheet.line(self.left + x, near, self.left + x, far, MARK_MM)

    def labels(
        self, rows: Sequence[Row], envelopes: Sequence[Envelope], baselines: Sequence[float], narrow: bool
    ) -> None:
        """The leads' names, where no trace is in their way; of narrow rows left of them."""
        free = Labels(envelopes, baselines, self.scale.gain, self.box)
        for number, (row, baseline) in enumerate(zip(rows, baselines, strict=True)):
            for cell in row.cells if row.named else ():
                name = cell.channel.label
                if narrow and number and not cell.x:
                    self.sheet.text(
                        self.left - 1, baseline + HEIGHT_MM / 2, name, LABEL_PT, bold=True, align="right"
                    )
                    continue
                place = free.find(number, cell.x, width(name, LABEL_PT, bold=True))
                self.sheet.text(self.left + place.x, place.bottom, name, LABEL_PT, bold=True)
