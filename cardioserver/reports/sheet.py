"""A page to draw on: reportlab's canvas in mm from the top left corner."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.pathobject import PDFPathObject

from cardioserver.ecg.errors import InvalidField
from cardioserver.reports.fonts import face, printable, width
from cardioserver.reports.paper import Box, Paper

Align = Literal["left", "right", "centre"]
Colour = tuple[float, float, float]

BLACK: Colour = (0.0, 0.0, 0.0)


class Sheet:
    """One page of a document.

    Parameters
    ----------
    canvas
        A ``reportlab.pdfgen.canvas.Canvas`` at the beginning of a page.
    paper
        Its size.
    """

    def __init__(self, canvas: Any, paper: Paper) -> None:
        self._canvas = canvas
        self.paper = paper

    def text(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, align: Align = "left"
    ) -> None:
        """One line of *size* points; *y* is its baseline."""
        text = printable(text)
        if align != "left":
            x -= width(text, size, bold=bold) * (1 if align == "right" else 0.5)
        self._canvas.setFont(face(bold), size)
        self._canvas.drawString(x * mm, self._up(y), text)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, thickness: float, *, dashed: bool = False
    ) -> None:
        """A straight black line."""
        self._canvas.setLineWidth(thickness * mm)
        self._canvas.setDash([0.8 * mm, 0.6 * mm] if dashed else [])
        self._canvas.line(x1 * mm, self._up(y1), x2 * mm, self._up(y2))
        self._canvas.setDash([])

    def frame(self, box: Box, thickness: float) -> None:
        """The outline of a box."""
        self._canvas.setLineWidth(thickness * mm)
        self._canvas.rect(box.x * mm, self._up(box.bottom), box.width * mm, box.height * mm)

    def triangle(self, x: float, y: float, size: float) -> None:
        """A filled triangle with its tip at (x, y); a negative size points down."""
        path = self._canvas.beginPath()
        path.moveTo(x * mm, self._up(y))
        path.lineTo((x - abs(size) / 2) * mm, self._up(y + size))
        path.lineTo((x + abs(size) / 2) * mm, self._up(y + size))
        path.close()
        self._canvas.drawPath(path, stroke=0, fill=1)

    def picture(self, data: bytes, box: Box) -> None:
        """A PNG or JPEG, as large as fits into the box, its proportions kept.

        Raises
        ------
        InvalidField
            *data* are no picture (``report.stamp``).
        """
        try:
            image = ImageReader(io.BytesIO(data))
        except OSError:
            raise InvalidField("report.stamp", len(data), "a PNG or JPEG picture") from None
        self._canvas.drawImage(
            image, box.x * mm, self._up(box.bottom), box.width * mm, box.height * mm,
            mask="auto", preserveAspectRatio=True, anchor="c",
        )  # fmt: skip

    def stroke(self, operators: str, thickness: float, colour: Colour = BLACK) -> None:
        """Stroke a path given as PDF operators (ISO 32000-1, 8.5.2) in the present coordinates."""
        canvas = self._canvas
        canvas.setLineWidth(thickness)
        canvas.setStrokeColorRGB(*colour)
        canvas.drawPath(PDFPathObject([operators]), stroke=1, fill=0)
        canvas.setStrokeColorRGB(*BLACK)

    @contextmanager
    def coordinates(self, x: float, y: float, unit: float) -> Iterator[None]:
        """Draw with the origin at (x, y), *unit* mm long steps, and y upwards."""
        self._canvas.saveState()
        self._canvas.transform(unit * mm, 0, 0, unit * mm, x * mm, self._up(y))
        yield
        self._canvas.restoreState()

    @contextmanager
    def only_in(self, box: Box) -> Iterator[None]:
        """Draw nothing outside of *box*."""
        self._canvas.saveState()
        path = self._canvas.beginPath()
        path.rect(box.x * mm, self._up(box.bottom), box.width * mm, box.height * mm)
        self._canvas.clipPath(path, stroke=0, fill=0)
        yield
        self._canvas.restoreState()

    def _up(self, y: float) -> float:
        points: float = (self.paper.height - y) * mm
        return points
