"""The page that a doctor reads: head, twelve leads, foot."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.reports import words
from cardioserver.reports.channel import Channel
from cardioserver.reports.chart import Look, draw_chart
from cardioserver.reports.content import Content
from cardioserver.reports.excerpt import excerpt
from cardioserver.reports.findings import Findings
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.grid import MAJOR_EVERY
from cardioserver.reports.header import HEIGHT_MM as HEADER_MM
from cardioserver.reports.header import Header
from cardioserver.reports.montage import Montage, montage
from cardioserver.reports.options import Options
from cardioserver.reports.paper import PULSE_MM, Box, Paper
from cardioserver.reports.sheet import Sheet

GAINS = (10.0, 5.0)
TALLEST_ROW_MM = 50.0  # few leads need not fill the page


@dataclass(frozen=True, slots=True)
class EcgPage:
    """The first page. ``text_page`` is the number of the page with all texts in full, 0 if none is needed."""

    content: Content
    options: Options
    montage: Montage
    findings: Findings
    text_page: int

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        content, options, language = self.content, self.options, self.options.language
        more = words.MORE.say(language).format(self.text_page) if self.text_page else ""
        Header.on(sheet.paper).draw(sheet, content, self.findings, language, more)
        start, stop = span = self.montage.span
        shown = excerpt(content, self.montage.channels, span, options)
        room = chart_box(sheet.paper)
        height = min(room.height, MAJOR_EVERY * round(TALLEST_ROW_MM * len(self.montage.rows) / MAJOR_EVERY))
        box = Box(room.x, room.y, room.width, height)
        look = Look(options.speed, (options.gain,) if options.gain else GAINS)
        drawn = draw_chart(sheet, box, self.montage, shown, look=look, language=language)
        notes = (self.montage.title, words.span(start, stop, content.recording.duration, language))
        draw_footer(sheet, content, options, (number, total), drawn=drawn, notes=notes)


def chart_box(paper: Paper) -> Box:
    """Where the traces stand, in whole boxes of 5 mm."""
    inside = paper.inside
    top = inside.y + HEADER_MM[paper.portrait]
    height = inside.bottom - FOOTER_MM - top
    return Box(inside.x, top, inside.width, height // MAJOR_EVERY * MAJOR_EVERY)


def first_montage(channels: tuple[Channel, ...], content: Content, options: Options) -> Montage:
    """What the first page shows."""
    box = chart_box(Paper(options.portrait))
    return montage(channels, content.recording.duration, options, box.width - PULSE_MM, box.height)
