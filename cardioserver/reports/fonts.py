"""The fonts of the page: DejaVu Sans Condensed, which has Cyrillic with the Kazakh letters.

Version 2.37, unchanged, with its licence in ``fonts/``. reportlab embeds the used glyphs only.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import as_file, files

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

POINT_MM = 25.4 / 72
LINE = 1.22  # of the size, from one line to the next
REGULAR, BOLD = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"


@cache
def _register() -> None:
    folder = files("cardioserver.reports") / "fonts"
    for name in (REGULAR, BOLD):
        with as_file(folder / f"{name}.ttf") as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))


def face(bold: bool) -> str:
    """The name by which reportlab knows the font."""
    _register()
    return BOLD if bold else REGULAR


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line in mm at *size* points."""
    wide: float = pdfmetrics.stringWidth(text, face(bold), size) / mm
    return wide


def line_height(size: float) -> float:
    """From one baseline to the next, mm."""
    return LINE * size * POINT_MM


def printable(text: str) -> str:
    """*text* as glyphs can show it: composed letters, no control characters but line breaks."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (" " if each == "\t" else each for each in composed)
    return "".join(each for each in kept if each == "\n" or unicodedata.category(each) != "Cc")
