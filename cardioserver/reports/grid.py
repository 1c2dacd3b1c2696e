"""The millimetre grid."""

from __future__ import annotations

from cardioserver.reports.paper import Box
from cardioserver.reports.sheet import Colour, Sheet

MINOR: Colour = (0.98, 0.82, 0.80)
MAJOR: Colour = (0.94, 0.62, 0.59)
"""In grey these are 85 % and 70 % white: a photocopy keeps them apart from the traces, a fax drops them."""
MINOR_MM, MAJOR_MM = 0.08, 0.16
MAJOR_EVERY = 5  # mm


def draw_grid(sheet: Sheet, box: Box) -> None:
    """Lines each mm, stronger ones each 5 mm from the box's upper left corner."""
    wide, high = round(box.width), round(box.height)
    with sheet.coordinates(box.x, box.bottom, 1.0):
        for major, thickness, colour in ((False, MINOR_MM, MINOR), (True, MAJOR_MM, MAJOR)):
            across = [f"0 {high - y} m {wide} {high - y} l" for y in _lines(high, major)]
            down = [f"{x} 0 m {x} {high} l" for x in _lines(wide, major)]
            sheet.stroke("\n".join(across + down), thickness, colour)


def _lines(length: int, major: bool) -> list[int]:
    return [each for each in range(length + 1) if (each % MAJOR_EVERY == 0) is major]
