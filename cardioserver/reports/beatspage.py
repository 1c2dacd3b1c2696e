"""Representative beats with the marks of their waves, and what was measured in each lead."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cardioserver.reports import words
from cardioserver.reports.channel import Channel
from cardioserver.reports.chart import Chart, Look, lay_out
from cardioserver.reports.content import Content
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.grid import MAJOR_EVERY
from cardioserver.reports.header import BRIEF_MM, draw_brief
from cardioserver.reports.montage import Cell, Montage, Row
from cardioserver.reports.options import Options
from cardioserver.reports.paper import PULSE_MM, Box, Paper
from cardioserver.reports.plot import draw_chart
from cardioserver.reports.representative import Representative
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.table import draw_table, table_height
from cardioserver.signal.measurements import LeadMeasurements

SPEED = 50.0
LOWER_GAINS = (10.0, 5.0, 2.5)  # where the beats do not fit at that of the first page
HIGH, COLUMNS = {False: 3, True: 6}, {False: 4, True: 2}  # rows, unless there are too many columns then
MARK_MM = 0.15
TABLE_GAP_MM = 2.0
NAME_PT = 7.0
NAME_MM = 3.0  # room for the waves' names above the grid
WAVES = (("P", "p_on", "p_off"), ("QRS", "qrs_on", "qrs_off"), ("T", "qrs_off", "t_off"))
TALLEST_ROW_MM = 45.0


@dataclass(frozen=True, slots=True)
class BeatsPage:
    """The page of the representative beat. ``gain`` is that of the first page, mm/mV."""

    content: Content
    options: Options
    channels: tuple[Channel, ...]
    beats: Representative
    gain: float

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        language, inside = self.options.language, sheet.paper.inside
        draw_brief(sheet, self.content, language, words.BEATS.say(language).format(self.beats.count))
        chart = self.chart()
        drawn = draw_chart(sheet, chart, language)
        for x in sorted({cell.x for line in chart.lines for cell in line.row.cells}):
            self._marks(sheet, chart.box, chart.box.x + PULSE_MM + x)
        if self._measured:
            room = Box(inside.x, chart.box.bottom + TABLE_GAP_MM, inside.width, self._table_mm)
            draw_table(sheet, room, self._measured, language)
        draw_footer(sheet, self.content, self.options, (number, total), drawn=drawn)

    def chart(self) -> Chart:
        """The beats in their places, at the gain of the first page or a smaller one at which they fit."""
        paper = Paper(self.options.portrait)
        inside = paper.inside
        top = inside.y + BRIEF_MM + 2 + NAME_MM
        arranged = self._montage(inside.width - PULSE_MM)
        height = min(inside.bottom - FOOTER_MM - top - self._table_mm, TALLEST_ROW_MM * len(arranged.rows))
        box = Box(inside.x, top, inside.width, height // MAJOR_EVERY * MAJOR_EVERY)
        gains = (self.gain, *(gain for gain in LOWER_GAINS if gain < self.gain))
        return lay_out(box, arranged, self.beats.beat, Look(SPEED, gains, strict=True, separators=False))

    @property
    def _measured(self) -> tuple[LeadMeasurements, ...]:
        return self.content.document.leads if self.content.document else ()

    @property
    def _table_mm(self) -> float:
        return table_height(len(self._measured)) + TABLE_GAP_MM if self._measured else 0.0

    def _montage(self, width: float) -> Montage:
        count, portrait = len(self.channels), self.options.portrait
        high = max(min(HIGH[portrait], count), math.ceil(count / COLUMNS[portrait]))
        step, seconds = width / COLUMNS[portrait], self.beats.beat.count / self.beats.beat.rate
        shown = min(seconds, step / SPEED)
        cells = [
            Cell(channel, 0.0, shown, step * (place // high)) for place, channel in enumerate(self.channels)
        ]
        return Montage(tuple(Row(tuple(cells[row::high])) for row in range(high)), "")

    def _marks(self, sheet: Sheet, box: Box, left: float) -> None:
        """Dashed lines where waves begin and end, the same in all leads of a column."""
        for at in self.beats.marks.values():
            x = left + at * SPEED
            sheet.line(x, box.y, x, box.bottom, MARK_MM, dashed=True)
        for name, first, last in WAVES:
            begin, end = self.beats.marks.get(first), self.beats.marks.get(last)
            if begin is not None and end is not None:
                middle = left + (begin + end) / 2 * SPEED
                sheet.text(middle, box.y - 0.7, name, NAME_PT, align="centre")
