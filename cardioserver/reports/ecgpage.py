"""The page that a doctor reads: head, twelve leads, foot."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.reports import words
from cardioserver.reports.channel import Channel
from cardioserver.reports.chart import Chart, Look, lay_out
from cardioserver.reports.content import Content
from cardioserver.reports.excerpt import excerpt
from cardioserver.reports.findings import Findings
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.grid import MAJOR_EVERY
from cardioserver.reports.header import Header
from cardioserver.reports.montage import Montage, montage
from cardioserver.reports.options import Options
from cardioserver.reports.paper import PULSE_MM, Box, Paper
from cardioserver.reports.plot import draw_chart
from cardioserver.reports.sheet import Sheet

GAINS = (10.0, 5.0, 2.5)
TALLEST_ROW_MM = 50.0  # few leads need not fill the page


@dataclass(frozen=True, slots=True)
class EcgPage:
    """The first page. ``text_page`` is the number of the page with all texts in full, 0 if none is needed."""

    content: Content
    options: Options
    header: Header
    findings: Findings
    montage: Montage
    chart: Chart
    text_page: int = 0

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        content, options, language = self.content, self.options, self.options.language
        more = words.MORE.say(language).format(self.text_page) if self.text_page else ""
        self.header.draw(sheet, content, self.findings, language, more)
        drawn = draw_chart(sheet, self.chart, language)
        start, stop = self.montage.span
        notes = (self.montage.title, words.span(start, stop, content.recording.duration, language))
        draw_footer(sheet, content, options, (number, total), drawn=drawn, notes=notes, confirmation=False)


def ecg_page(header: Header, shown: Montage, content: Content, options: Options) -> EcgPage:
    """The first page with its traces in their places."""
    room = chart_box(Paper(options.portrait), header)
    height = min(room.height, MAJOR_EVERY * round(TALLEST_ROW_MM * len(shown.rows) / MAJOR_EVERY))
    chart = lay_out(
        Box(room.x, room.y, room.width, height),
        shown,
        excerpt(content, shown.channels, shown.span, options),
        Look(options.speed, (options.gain,) if options.gain else GAINS),
    )
    return EcgPage(content, options, header, header.fit(content, options.language), shown, chart)


def chart_box(paper: Paper, header: Header) -> Box:
    """Where the traces stand, in whole boxes of 5 mm."""
    inside = paper.inside
    top = inside.y + header.height
    height = inside.bottom - FOOTER_MM - top
    return Box(inside.x, top, inside.width, height // MAJOR_EVERY * MAJOR_EVERY)


def first_montage(
    header: Header, channels: tuple[Channel, ...], content: Content, options: Options
) -> Montage:
    """What the first page shows."""
    box = chart_box(Paper(options.portrait), header)
    return montage(channels, content.recording.duration, options, box.width - PULSE_MM, box.height)
