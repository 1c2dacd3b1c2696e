"""The whole recording as a continuous strip."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cardioserver.ecg.lead import Lead
from cardioserver.reports import words
from cardioserver.reports.channel import Channel
from cardioserver.reports.chart import Look, lay_out
from cardioserver.reports.content import Content
from cardioserver.reports.ecgpage import GAINS
from cardioserver.reports.excerpt import excerpt
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.grid import MAJOR_EVERY
from cardioserver.reports.header import BRIEF_MM, draw_brief
from cardioserver.reports.montage import Montage, lines_of
from cardioserver.reports.options import Options
from cardioserver.reports.paper import PULSE_MM, Box, Paper
from cardioserver.reports.plot import draw_chart
from cardioserver.reports.sheet import Sheet

ALL_LEADS_S = 60.0  # up to this length all leads are shown, longer recordings by their rhythm leads
LEAD_MM = 14.0
MOST_PAGES = 20  # of a strip at the speed of the first page
OVERVIEW_S, OVERVIEW_MM = 60.0, 4.4  # a line of the overview that takes its place: its time and height
OVERVIEW_GAIN, OVERVIEW_TRACE_MM = 2.5, 0.12
MOST_OVERVIEW_PAGES = 40  # a day and more


@dataclass(frozen=True, slots=True)
class StripPage:
    """Some lines of the strip.

    Attributes
    ----------
    overview
        A minute on each line, not to scale for measuring.
    shown
        Seconds that the whole strip shows.
    """

    content: Content
    options: Options
    montage: Montage
    overview: bool
    shown: float

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        content, options, language = self.content, self.options, self.options.language
        title = words.OVERVIEW if self.overview else words.STRIP
        draw_brief(sheet, content, language, title.say(language))
        start, stop = span = self.montage.span
        shown = excerpt(content, self.montage.channels, span, options)
        room = _room(sheet.paper)
        look = Look(options.speed, (options.gain,) if options.gain else GAINS)
        if self.overview:
            speed = (room.width - PULSE_MM) / OVERVIEW_S
            look = Look(speed, (OVERVIEW_GAIN,), grid=False, trace_mm=OVERVIEW_TRACE_MM)
        drawn = draw_chart(sheet, lay_out(room, self.montage, shown, look), language)
        duration = content.recording.duration
        notes = [self.montage.title, words.span(start, stop, duration, language)]
        if self.shown < duration - 1:
            notes.append(
                words.FIRST_OF.say(language).format(
                    words.length(self.shown, language), words.length(duration, language)
                )
            )
        draw_footer(sheet, content, options, (number, total), drawn=drawn, notes=notes)


def strip_pages(channels: tuple[Channel, ...], content: Content, options: Options) -> list[StripPage]:
    """The pages of the strip.

    A recording longer than :data:`MOST_PAGES` pages is shown as an overview, a minute on each line; of one
    longer than :data:`MOST_OVERVIEW_PAGES` pages of that the beginning, and the pages say so.
    """
    room = _room(Paper(options.portrait))
    duration = content.recording.duration
    chosen = channels if duration <= ALL_LEADS_S else _rhythm(channels, options)
    seconds = (room.width - PULSE_MM) / options.speed
    lines = max(1, int(room.height / (LEAD_MM * len(chosen))))
    overview = math.ceil(duration / (seconds * lines)) > MOST_PAGES
    if overview:
        seconds, lines = OVERVIEW_S, max(1, int(room.height / (OVERVIEW_MM * len(chosen))))
        shown = min(duration, MOST_OVERVIEW_PAGES * lines * seconds)
    else:
        shown = duration
    rows = lines_of(chosen, 0.0, shown, seconds)
    title = " + ".join(channel.label for channel in chosen) if len(chosen) < len(channels) else ""
    count = lines * len(chosen)
    return [
        StripPage(content, options, Montage(rows[first : first + count], title), overview, shown)
        for first in range(0, len(rows), count)
    ]


def _room(paper: Paper) -> Box:
    inside = paper.inside
    top = inside.y + BRIEF_MM + 2
    height = inside.bottom - FOOTER_MM - top
    return Box(inside.x, top, inside.width, height // MAJOR_EVERY * MAJOR_EVERY)


def _rhythm(channels: tuple[Channel, ...], options: Options) -> tuple[Channel, ...]:
    wanted = options.rhythm or (Lead.II,)
    return tuple(channel for channel in channels if channel.lead in wanted) or channels[:1]
