"""Texts in full, where the head of the first page was too small for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.content import Conclusion, Content, Stamp
from cardioserver.reports.fields import Field, full_name, identity, reading
from cardioserver.reports.findings import STAMP_MM, draw_stamp, signature
from cardioserver.reports.fonts import line_height
from cardioserver.reports.footer import HEIGHT_MM as FOOTER_MM
from cardioserver.reports.footer import draw_footer
from cardioserver.reports.header import BRIEF_MM, draw_brief
from cardioserver.reports.options import Options
from cardioserver.reports.paper import Box, Paper
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.textblock import wrapped

TITLE_PT, TEXT_PT = 9.0, 9.0
LINE_MM = line_height(TEXT_PT)
STAMP_LINES = int(STAMP_MM[1] / LINE_MM) + 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, a title or a stamp (which takes several lines)."""

    text: str = ""
    title: bool = False
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class TextPage:
    """As many lines as a page holds."""

    content: Content
    options: Options
    lines: tuple[Line, ...]

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """See :class:`~cardioserver.reports.page.Page`."""
        draw_brief(sheet, self.content, self.options.language, words.TEXTS.say(self.options.language))
        room = _room(sheet.paper)
        for place, line in enumerate(self.lines, start=1):
            y = room.y + place * LINE_MM
            if line.stamp is not None:
                draw_stamp(sheet, Box(room.x, y - LINE_MM + 1, *STAMP_MM), line.stamp)
            sheet.text(room.x, y, line.text, TITLE_PT if line.title else TEXT_PT, bold=line.title)
        draw_footer(sheet, self.content, self.options, (number, total))


def text_pages(content: Content, options: Options, *, texts: bool, fields: bool) -> list[TextPage]:
    """Pages with conclusions and reading (*texts*), and with all that is known of the patient (*fields*)."""
    room = _room(Paper(options.portrait))
    lines: list[Line] = []
    if texts:
        lines += _texts(content, options.language, room.width)
    if fields:
        lines += _fields(content, options.language, room.width)
    most = int(room.height / LINE_MM)
    return [
        TextPage(content, options, tuple(lines[first : first + most])) for first in range(0, len(lines), most)
    ]


def _room(paper: Paper) -> Box:
    inside = paper.inside
    top = inside.y + BRIEF_MM + 2
    return Box(inside.x, top, inside.width, inside.bottom - FOOTER_MM - top)


def _texts(content: Content, language: Language, room: float) -> list[Line]:
    lines: list[Line] = []
    newest, *earlier = reversed(content.conclusions) if content.conclusions else [None]
    if newest is not None:
        lines += _conclusion(newest, words.CONCLUSION.say(language), language, room)
    for each in earlier:
        if each is not None:
            lines += _conclusion(each, words.EARLIER.say(language), language, room)
    if content.document is not None:
        title = words.AUTO_REPORT.say(language)
        if newest is None:
            title += f" — {words.UNCONFIRMED.say(language)}"
        lines += [Line(title, title=True), *_wrapped(reading(content.document, language), room), Line()]
    return lines


def _conclusion(conclusion: Conclusion, title: str, language: Language, room: float) -> list[Line]:
    lines = [Line(title, title=True), *_wrapped(conclusion.text, room)]
    lines += [
        Line(text, title=True) for text in wrapped(signature(conclusion, language), room, TITLE_PT, bold=True)
    ]
    if conclusion.stamp != Stamp():
        lines += [Line(stamp=conclusion.stamp), *[Line()] * (STAMP_LINES - 1)]
    return [*lines, Line()]


def _fields(content: Content, language: Language, room: float) -> list[Line]:
    name = Field(words.PATIENT.say(language), full_name(content.exam))
    fields = [name, *identity(content, language)]
    fields.append(Field(words.COMMENT.say(language), content.exam.comment.strip()))
    said = [f"{field.name}: {field.value}" for field in fields if field.value]
    return [line for text in said for line in _wrapped(text, room)]


def _wrapped(text: str, room: float) -> Sequence[Line]:
    return [Line(line) for line in wrapped(text, room, TEXT_PT)]
