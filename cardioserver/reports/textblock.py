"""Texts of any length in a given room: wrapped, then smaller, then cut with a word about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardioserver.reports.fonts import POINT_MM, line_height, printable, width
from cardioserver.reports.sheet import Sheet

ELLIPSIS = "…"
ASCENT = 0.76  # of the size: capital letters


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Lines of one size; ``whole`` is false if some are missing."""

    lines: tuple[str, ...]
    size: float
    bold: bool
    whole: bool

    @property
    def height(self) -> float:
        """Of all lines, mm."""
        return len(self.lines) * line_height(self.size)

    def draw(self, sheet: Sheet, x: float, y: float) -> float:
        """Draw with the upper edge at *y*; returns the lower edge."""
        for number, line in enumerate(self.lines):
            down = number * line_height(self.size) + ASCENT * self.size * POINT_MM
            sheet.text(x, y + down, line, self.size, bold=self.bold)
        return y + self.height


def fitted(text: str, room: tuple[float, float], sizes: Sequence[float], *, bold: bool = False) -> TextBlock:
    """*text* in the largest of *sizes* at which it fits into *room* (width and height, mm)."""
    for size in sizes:
        lines = wrapped(text, room[0], size, bold=bold)
        most = max(1, int(room[1] / line_height(size) + 1e-6))
        if len(lines) <= most:
            return TextBlock(tuple(lines), size, bold, True)
    kept = [*lines[: most - 1], shortened(lines[most - 1] + ELLIPSIS, room[0], size, bold=bold)]
    return TextBlock(tuple(kept), size, bold, False)


def wrapped(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """Lines no wider than *room* mm; words that are too long are broken."""
    lines: list[str] = []
    for paragraph in printable(text).strip("\n").split("\n"):
        line = ""
        for word in _pieces(paragraph, room, size, bold):
            joined = f"{line} {word}" if line else word
            if line and width(joined, size, bold=bold) > room:
                lines.append(line)
                joined = word
            line = joined
        lines.append(line)
    return lines


def shortened(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """One line, cut with an ellipsis if it is wider than *room* mm."""
    text = printable(text).replace("\n", " ")
    if width(text, size, bold=bold) <= room:
        return text
    text = text.removesuffix(ELLIPSIS)
    room -= width(ELLIPSIS, size, bold=bold)
    return text[: _fitting(text, room, size, bold)].rstrip() + ELLIPSIS


def _pieces(paragraph: str, room: float, size: float, bold: bool) -> Iterator[str]:
    """Words, those wider than the room in parts that are not."""
    for word in paragraph.split():
        rest = word
        while rest:
            count = max(1, _fitting(rest, room, size, bold))
            yield rest[:count]
            rest = rest[count:]


def _fitting(text: str, room: float, size: float, bold: bool) -> int:
    """How many characters fit into *room* mm."""
    used = 0.0
    for count, letter in enumerate(text):
        used += width(letter, size, bold=bold)
        if used > room + 1e-9:
            return count
    return len(text)
