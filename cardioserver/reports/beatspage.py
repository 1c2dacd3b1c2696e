"""Representative beats with the marks of their waves, and what was measured in each lead."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cardioserver.reports import words
from cardioserver.reports.channel import Channel
from cardioserver.reports.chart import Look, draw_chart
from cardioserver.reports.content import Content
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.grid import MAJOR_EVERY
from cardioserver.reports.header import BRIEF_MM, draw_brief
from cardioserver.reports.montage import Cell, Montage, Row
from cardioserver.reports.options import Options
from cardioserver.reports.paper import PULSE_MM, Box
from cardioserver.reports.representative import Representative
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.table import draw_table, table_height

SPEED = 50.0
LOOK = Look(SPEED, (20.0, 10.0, 5.0), strict=True, separators=False)
COLUMNS = {False: 4, True: 3}  # landscape, portrait
MARK_MM = 0.15
NAME_PT = 7.0
NAME_MM = 3.0  # room for the waves' names above the grid
WAVES = (("P", "p_on", "p_off"), ("QRS", "qrs_on", "qrs_off"), ("T", "qrs_off", "t_off"))
TALLEST_ROW_MM = 45.0


@dataclass(frozen=True, slots=True)
class BeatsPage:
    """The page of the representative beat."""

    content: Content
    options: Options
    channels: tuple[Channel, ...]
    beats: Representative

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        language, inside = self.options.language, sheet.paper.inside
        said = words.BEATS_OF.say(language).format(self.beats.count)
        draw_brief(sheet, self.content, language, f"{words.BEATS.say(language)} {said}")
        measured = self.content.document.leads if self.content.document else ()
        top = inside.y + BRIEF_MM + 2 + NAME_MM
        below = table_height(len(measured)) + 2 if measured else 0.0
        arranged = self._montage(inside.width - PULSE_MM, sheet.paper.portrait)
        height = min(inside.bottom - FOOTER_MM - top - below, TALLEST_ROW_MM * len(arranged.rows))
        box = Box(inside.x, top, inside.width, height // MAJOR_EVERY * MAJOR_EVERY)
        drawn = draw_chart(sheet, box, arranged, self.beats.beat, look=LOOK, language=language)
        for x in sorted({cell.x for row in arranged.rows for cell in row.cells}):
            self._marks(sheet, box, box.x + PULSE_MM + x)
        if measured:
            draw_table(sheet, Box(inside.x, box.bottom + 2, inside.width, below), measured, language)
        draw_footer(sheet, self.content, self.options, (number, total), drawn=drawn)

    def _montage(self, width: float, portrait: bool) -> Montage:
        count = min(COLUMNS[portrait], len(self.channels))
        high = math.ceil(len(self.channels) / count)
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
