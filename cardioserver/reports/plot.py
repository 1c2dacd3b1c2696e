"""Drawing a chart: the grid, traces, calibration pulses, names and marks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.chart import Chart, Line, Signal, Trace
from cardioserver.reports.fonts import width
from cardioserver.reports.grid import draw_grid
from cardioserver.reports.label import HEIGHT_MM, Labels
from cardioserver.reports.montage import Cell
from cardioserver.reports.paper import PULSE_MM
from cardioserver.reports.placement import PULSE_MV
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.trace import UNIT_MM, Scale, operators, paths

PULSE_S = 0.2
PULSE_FROM_MM = 5.0  # on a line of the grid
FAST, FAST_FROM_MM = 50.0, 3.0
PULSE_LEAD_MM = 2.0
LABEL_PT, SMALL_PT = 9.0, 7.0
NARROW_MM = 15.0  # between lines so close a name would not seem to belong to one: it stands left of its line
CLOSE_MM = 8.0  # between such there is no room for a pulse and the time below it
BESIDE_PT = (9.0, 8.0, 7.0, 6.0, 5.0)
BESIDE_MM = 0.6  # between name and trace, and at least between name and pulse
BESIDE_FROM_MM, BESIDE_LEAD_MM = 1.0, 0.6  # of the pulse, if the name stands between it and the trace
SEPARATOR_MM = (3.0, 5.0)  # ticks above and below the baseline between columns
SPIKE_MM, SPIKE_TICK_MM = 7.5, 2.5  # a tick that ends so far below the baseline, and its length
MARK_MM = 0.3
CLIP_MARK_MM = 1.6
GAP_LABEL_MM = 15.0  # a gap as wide as this is named
TIME_FROM_MM, TIME_BELOW_MM, TIME_BESIDE_MM = 0.8, 3.5, 0.9


@dataclass(frozen=True, slots=True)
class Drawn:
    """What has to be said of a chart beside it."""

    scale: Scale
    lowered: bool  # the gain, so that the traces fit
    clipped: bool
    spikes: bool


def draw_chart(sheet: Sheet, chart: Chart, language: Language) -> Drawn:
    """Draw a chart; returns what to say of it."""
    if chart.look.grid:
        draw_grid(sheet, chart.box)
    plot = _Plot(sheet, chart)
    clipped = False
    for number, line in enumerate(chart.lines):
        if plot.has_pulse(number):
            plot.pulse(line.baseline)
        for trace in line.traces:
            clipped |= plot.trace(trace, line.baseline)
            plot.gaps(trace, line.baseline, words.OFF.say(language))
            plot.spikes(number, trace.cell, line.baseline)
            if trace.cell.x and chart.look.separators:
                plot.separator(trace.cell.x, line.baseline)
        plot.time(number, line)
    plot.names()
    return Drawn(chart.scale, chart.lowered, clipped, bool(chart.excerpt.spikes))


class _Plot:
    """Draws the parts of a chart."""

    def __init__(self, sheet: Sheet, chart: Chart) -> None:
        self.sheet, self.chart, self.box, self.scale = sheet, chart, chart.box, chart.scale
        self.left = chart.box.x + PULSE_MM
        self.is_fast = chart.scale.speed >= FAST
        self.is_narrow = chart.closest < NARROW_MM

    def has_pulse(self, number: int) -> bool:
        """Whether line *number* has a calibration pulse; the first one always has."""
        high = max(self.scale.gain * PULSE_MV + 1, CLOSE_MM)
        return not number or not (self.chart.closest < high or (self.is_narrow and self.is_fast))

    def is_named_beside(self, number: int, cell: Cell) -> bool:
        """Whether the name of a cell stands left of its trace; a wide pulse leaves no room for it."""
        return self.is_narrow and not cell.x and not (self.is_fast and self.has_pulse(number))

    def pulse(self, baseline: float) -> None:
        """The calibration pulse: 1 mV for 200 ms."""
        rise, lead = (FAST_FROM_MM if self.is_fast else PULSE_FROM_MM), PULSE_LEAD_MM
        if self.is_narrow and not self.is_fast:
            rise, lead = BESIDE_FROM_MM, BESIDE_LEAD_MM
        fall, high = rise + PULSE_S * self.scale.speed, PULSE_MV * self.scale.gain
        corners = [(rise - lead, 0), (rise, 0), (rise, high), (fall, high), (fall, 0)]
        corners.append((min(fall + lead, PULSE_MM), 0))
        path = " l\n".join(f"{x:g} {y:g}" for x, y in corners).replace(" l", " m", 1) + " l"
        with self.sheet.coordinates(self.box.x, baseline, 1.0):
            self.sheet.stroke(path, self.chart.look.trace_mm)

    def trace(self, trace: Trace, baseline: float) -> bool:
        """A trace, cut off at the edges of the grid; whether anything was."""
        pieces = [operators(points) for points in paths(trace.microvolts, trace.times, self.scale)]
        if not pieces:
            return False
        with (
            self.sheet.only_in(self.box),
            self.sheet.coordinates(self.left + trace.cell.x, baseline, UNIT_MM),
        ):
            self.sheet.stroke("".join(pieces), self.chart.look.trace_mm / UNIT_MM)
        height = trace.microvolts * (self.scale.gain / 1000)
        above = self._clip_marks(trace, height > baseline - self.box.y, self.box.y, CLIP_MARK_MM)
        below = self._clip_marks(trace, height < baseline - self.box.bottom, self.box.bottom, -CLIP_MARK_MM)
        return above or below

    def _clip_marks(self, trace: Trace, outside: npt.NDArray[np.bool_], edge: float, size: float) -> bool:
        """A triangle for each piece of the trace that is outside."""
        places = self._places(trace, outside)
        for start, stop in places:
            self.sheet.triangle((start + stop) / 2, edge, size)
        return bool(places)

    def gaps(self, trace: Trace, baseline: float, text: str) -> None:
        """Name the wide gaps."""
        for start, stop in self._places(trace, ~np.isfinite(trace.microvolts)):
            if stop - start >= max(GAP_LABEL_MM, width(text, SMALL_PT) + 2):
                self.sheet.text((start + stop) / 2, baseline + 0.8, text, SMALL_PT, align="centre")

    def _places(self, trace: Trace, where: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
        """From where to where on the page some samples reach, mm."""
        edges = np.flatnonzero(np.diff(where.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        x: Signal = self.left + trace.cell.x + trace.times * self.scale.speed
        return [(float(x[start]), float(x[stop - 1])) for start, stop in edges]

    def spikes(self, number: int, cell: Cell, baseline: float) -> None:
        """Ticks for the spikes of a pacemaker; of the lowest line at the edge of the grid."""
        is_lowest = number == len(self.chart.lines) - 1
        bottom = self.box.bottom if is_lowest else min(baseline + SPIKE_MM, self.box.bottom)
        for place in self.chart.spikes_of(number, cell):
            x = self.left + cell.x + place
            self.sheet.line(x, bottom - SPIKE_TICK_MM, x, bottom, MARK_MM)

    def separator(self, x: float, baseline: float) -> None:
        """Ticks where a column begins."""
        for side in (-1, 1):
            near, far = (baseline + side * each for each in SEPARATOR_MM)
            self.sheet.line(self.left + x, near, self.left + x, far, MARK_MM)

    def time(self, number: int, line: Line) -> None:
        """The time at which a line of a strip begins; beside its trace where there is no room below."""
        if line.row.at is not None:
            down = TIME_BESIDE_MM if self._is_timed_beside(number) else TIME_BELOW_MM
            said = words.clock(line.row.at)
            self.sheet.text(self.box.x + self._time_from(number), line.baseline + down, said, SMALL_PT)

    def _is_timed_beside(self, number: int) -> bool:
        return self.chart.closest < CLOSE_MM or not self.has_pulse(number)

    def _time_from(self, number: int) -> float:
        """Where the time begins, mm from the left edge: right of a pulse that is on its height."""
        is_right = self._is_timed_beside(number) and self.has_pulse(number)
        return self._pulse_end + BESIDE_MM if is_right else TIME_FROM_MM

    @property
    def _pulse_end(self) -> float:
        return BESIDE_FROM_MM + PULSE_S * self.scale.speed + BESIDE_LEAD_MM

    def names(self) -> None:
        """The leads' names, where no trace is in their way; of narrow rows left of them."""
        free = Labels(self.chart)
        for number, line in enumerate(self.chart.lines):
            for cell in line.row.cells if line.row.named else ():
                name = cell.channel.label
                if self.is_named_beside(number, cell):
                    self._name_beside(number, line, name)
                else:
                    place = free.find(number, cell, width(name, LABEL_PT, bold=True))
                    self.sheet.text(self.left + place.x, place.bottom, name, LABEL_PT, bold=True)

    def _name_beside(self, number: int, line: Line, name: str) -> None:
        taken = self._pulse_end if self.has_pulse(number) else 0.0
        if line.row.at is not None and self._is_timed_beside(number):
            taken = self._time_from(number) + width(words.clock(line.row.at), SMALL_PT)
        room = PULSE_MM - 2 * BESIDE_MM - taken
        size = next((each for each in BESIDE_PT if width(name, each, bold=True) <= room), BESIDE_PT[-1])
        high = HEIGHT_MM * size / LABEL_PT
        self.sheet.text(self.left - BESIDE_MM, line.baseline + high / 2, name, size, bold=True, align="right")
