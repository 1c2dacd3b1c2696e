"""Pictures of the pages, from the same PDF."""

from __future__ import annotations

import io
from enum import StrEnum
from threading import Lock

import pypdfium2
from PIL import Image

from cardioserver.ecg.errors import InvalidField
from cardioserver.reports.content import Content
from cardioserver.reports.document import render_pdf
from cardioserver.reports.options import Options

MIN_DPI, MAX_DPI = 60, 600
USUAL_DPI = 150
POINTS = 72
JPEG_QUALITY = 90
PNG_LEVEL = 3  # of compression: higher ones take longer for a few per cent
COLOURS = 256  # the page has few; in a palette it is a quarter as large and compressed three times as fast
ALMOST_WHITE = 250  # the palette's colours are means: white stays white
_ONE_AT_A_TIME = Lock()
"""PDFium is not made for threads."""


class ImageFormat(StrEnum):
    """Formats of pictures."""

    PNG = "png"
    JPEG = "jpeg"


def render_images(
    content: Content, options: Options, kind: ImageFormat, *, dpi: int = USUAL_DPI
) -> list[bytes]:
    """A picture of each page. Parameters and errors are those of :func:`render_image`."""
    return _rasterise(render_pdf(content, options), kind, dpi, None)


def render_image(
    content: Content, options: Options, kind: ImageFormat, *, dpi: int = USUAL_DPI, page: int = 1
) -> bytes:
    """A picture of one page.

    Parameters
    ----------
    dpi
        Dots an inch, 60 to 600; the file says so.
    page
        Its number, from 1.

    Raises
    ------
    InvalidField
        There is no such page (``report.page``), or *dpi* is not allowed (``report.dpi``); and what
        :func:`~cardioserver.reports.document.render_pdf` raises.
    """
    return _rasterise(render_pdf(content, options), kind, dpi, page)[0]


def _rasterise(pdf: bytes, kind: ImageFormat, dpi: int, page: int | None) -> list[bytes]:
    if not MIN_DPI <= dpi <= MAX_DPI:
        raise InvalidField("report.dpi", dpi, f"{MIN_DPI} to {MAX_DPI}")
    with _ONE_AT_A_TIME, pypdfium2.PdfDocument(pdf) as document:
        count = len(document)
        if page is not None and not 1 <= page <= count:
            raise InvalidField("report.page", page, f"1 to {count}")
        numbers = range(count) if page is None else (page - 1,)
        return [_encoded(document[number], kind, dpi) for number in numbers]


def _encoded(page: pypdfium2.PdfPage, kind: ImageFormat, dpi: int) -> bytes:
    image = page.render(scale=dpi / POINTS).to_pil()
    file = io.BytesIO()
    if kind is ImageFormat.PNG:
        few = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.putpalette([255 if each >= ALMOST_WHITE else each for each in few.getpalette() or ()])
        few.save(file, "PNG", dpi=(dpi, dpi), compress_level=PNG_LEVEL)
    else:
        image.save(file, "JPEG", dpi=(dpi, dpi), quality=JPEG_QUALITY)
    return file.getvalue()
