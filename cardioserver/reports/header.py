"""The head of a page: facility, patient, measurements, findings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.content import Content
from cardioserver.reports.fields import Field, full_name, identity, measured
from cardioserver.reports.findings import Findings, draw_findings, fit_findings
from cardioserver.reports.fonts import line_height, width
from cardioserver.reports.paper import Box, Paper
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.textblock import TextBlock, fitted, shortened, wrapped

BAR_MM = 5.5  # facility and time, above a rule
HEIGHTS_MM = {False: (46.0, 51.0, 56.0), True: (74.0, 84.0, 94.0)}  # landscape, portrait
READABLE_PT = 7.5  # a higher head is better than smaller letters
BRIEF_MM = 9.0
NAME_PT = (11.0, 10.0, 9.0, 8.0, 7.0)
BAR_PT = (9.0, 8.0, 7.0, 6.0, 5.0)
FIELD_PT = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0)
RATE_PT = 11.0
MEASURED_PT = 8.5
GAP_MM = 4.0
RULE_MM = 0.2
NAME_MM = 9.5  # two lines
NAME_GAP_MM = 0.5
COMMENT_PT = (7.5, 7.0, 6.5, 6.0)

Line = list[tuple[float, Field]]
"""Fields with their places beside each other."""


@dataclass(frozen=True, slots=True)
class Header:
    """The boxes of a head that is *height* mm high."""

    height: float
    identity: Box
    measured: Box
    findings: Box

    @classmethod
    def fitting(cls, paper: Paper, content: Content, language: Language) -> Header:
        """The lowest one that holds all, in letters not too small if it can be; the lowest if none does."""
        headers = [cls.on(paper, height) for height in HEIGHTS_MM[paper.portrait]]
        whole = [header for header in headers if header.holds_all(content, language)]
        readable = [header for header in whole if header.fit(content, language).main.size >= READABLE_PT]
        return next(iter([*readable, *whole, *headers]))

    @classmethod
    def on(cls, paper: Paper, height_mm: float) -> Header:
        """Three columns on landscape; on portrait the findings stand below the other two."""
        inside, height = paper.inside, height_mm - BAR_MM - 1
        y = inside.y + BAR_MM + 1
        if paper.portrait:
            upper = 36.0
            left = Box(inside.x, y, 116.0, upper)
            right = Box(left.right + GAP_MM, y, inside.width - left.width - GAP_MM, upper)
            return cls(height_mm, left, right, Box(inside.x, y + upper + 1, inside.width, height - upper - 1))
        left = Box(inside.x, y, 82.0, height)
        middle = Box(left.right + GAP_MM, y, 49.0, height)
        right = Box(middle.right + GAP_MM, y, inside.right - middle.right - GAP_MM, height - 0.5)
        return cls(height_mm, left, middle, right)

    def fit(self, content: Content, language: Language) -> Findings:
        """The findings as they will stand in this head."""
        return fit_findings(content, language, self.findings)

    def holds_identity(self, content: Content, language: Language) -> bool:
        """Whether all that is known of patient and exam fits."""
        return _fit_identity(self.identity, content, language).whole

    def holds_all(self, content: Content, language: Language) -> bool:
        """Whether nothing has to go on on a page of its own."""
        return self.fit(content, language).whole and self.holds_identity(content, language)

    def draw(self, sheet: Sheet, content: Content, findings: Findings, language: Language, more: str) -> None:
        """Draw the whole head."""
        _bar(sheet, content, language)
        _identity(sheet, self.identity, content, language)
        _measured(sheet, self.measured, content, language)
        draw_findings(sheet, findings, content, language, "" if findings.whole else more)


def draw_brief(sheet: Sheet, content: Content, language: Language, title: str) -> None:
    """The head of further pages: enough to know whose they are."""
    inside = sheet.paper.inside
    _bar(sheet, content, language)
    fields = [f"{field.name} {field.value}" for field in identity(content, language)[:3]]
    said = [text for text in (full_name(content.exam), *fields) if text]
    room = inside.width - width(title, 9.0, bold=True) - GAP_MM
    while len(said) > 1 and width(", ".join(said), 8.0) > room:
        said.pop()
    sheet.text(inside.x, inside.y + BRIEF_MM, shortened(", ".join(said), room, 8.0), 8.0)
    sheet.text(inside.right, inside.y + BRIEF_MM, title, 9.0, bold=True, align="right")


def _bar(sheet: Sheet, content: Content, language: Language) -> None:
    inside = sheet.paper.inside
    time = content.exam.started_at
    when = words.TITLE.say(language)
    if content.time_known:
        when += f"  {words.moment(time, language)} {_offset(time)}"
    room = inside.width - width(when, 9.0, bold=True) - GAP_MM
    block = fitted(content.hcf, (room, BAR_MM - 1), BAR_PT, bold=True)
    block.draw(sheet, inside.x, inside.y)
    sheet.text(inside.right, inside.y + 2.4, when, 9.0, bold=True, align="right")
    y = inside.y + BAR_MM - 1
    sheet.line(inside.x, y, inside.right, y, RULE_MM)


def _offset(time: datetime) -> str:
    offset = f"{time:%z}"
    return f"{offset[:3]}:{offset[3:5]}"


def _identity(sheet: Sheet, box: Box, content: Content, language: Language) -> None:
    fit = _fit_identity(box, content, language)
    y = fit.name.draw(sheet, box.x, box.y) + NAME_GAP_MM if any(fit.name.lines) else box.y
    size = fit.size
    for line in fit.lines:
        y += line_height(size)
        for x, field in line:
            name = f"{field.name} " if field.name else ""
            sheet.text(box.x + x, y - 0.6, name, size)
            value = shortened(field.value, box.width - x - width(name, size), size, bold=True)
            sheet.text(box.x + x + width(name, size), y - 0.6, value, size, bold=True)
    if fit.comment:
        fit.comment.draw(sheet, box.x, y + NAME_GAP_MM)


@dataclass(frozen=True, slots=True)
class _Identity:
    """What is known of patient and exam, fitted into a box."""

    name: TextBlock
    size: float
    lines: list[Line]
    comment: TextBlock | None
    whole: bool


def _fit_identity(box: Box, content: Content, language: Language) -> _Identity:
    """Name and fields as large as they fit; the comment has what is left, the end is cut if need be."""
    name = fitted(full_name(content.exam), (box.width, NAME_MM), NAME_PT, bold=True)
    room = box.height - (name.height + NAME_GAP_MM if any(name.lines) else 0.0)
    fields, comment = identity(content, language), content.exam.comment.strip()
    least = line_height(COMMENT_PT[-1]) + NAME_GAP_MM if comment else 0.0
    for size in FIELD_PT:
        lines = _flow(fields, box.width, size)
        if len(lines) * line_height(size) <= room - least:
            break
    most = int((room - least) / line_height(size))
    block = None
    if comment:
        left = room - min(len(lines), most) * line_height(size) - NAME_GAP_MM
        said = f"{words.COMMENT.say(language)}: {' '.join(comment.split())}"
        block = fitted(said, (box.width, left), COMMENT_PT)
    whole = name.whole and len(lines) <= most and (block is None or block.whole)
    return _Identity(name, size, lines[:most], block, whole)


def _flow(fields: list[Field], room: float, size: float) -> list[Line]:
    """Fields beside each other as long as they fit; a long one is wrapped to lines of its own."""
    lines: list[Line] = [[]]
    used = 0.0
    for field in fields:
        wide = width(f"{field.name} ", size) + width(field.value, size, bold=True)
        if used and used + wide > room:
            lines.append([])
            used = 0.0
        if wide <= room:
            lines[-1].append((used, field))
        else:
            first, *rest = _split(field, room, size)
            lines[-1].append((0.0, first))
            lines += [[(0.0, part)] for part in rest]
            wide = room
        used += wide + GAP_MM
    return lines


def _split(field: Field, room: float, size: float) -> list[Field]:
    lead = width(f"{field.name} ", size)
    words_of = wrapped(field.value, room - lead, size, bold=True)
    rest = " ".join(words_of[1:])
    parts = [Field(field.name, words_of[0])]
    return parts + [Field("", line) for line in wrapped(rest, room, size, bold=True) if line]


def _measured(sheet: Sheet, box: Box, content: Content, language: Language) -> None:
    if content.document is None:
        return
    fields = measured(content.document, language)
    step = min(box.height / len(fields), line_height(MEASURED_PT) + 0.5)
    column = max(width(field.name, MEASURED_PT) for field in fields[1:]) + 2
    for number, field in enumerate(fields):
        y = box.y + (number + 1) * step - 0.8
        size = MEASURED_PT if number else RATE_PT
        sheet.text(box.x, y, field.name, size, bold=not number)
        value = shortened(field.value, box.width - column, size, bold=True)
        sheet.text(box.x + column, y, value, size, bold=True)
