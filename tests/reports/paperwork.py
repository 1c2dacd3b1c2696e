"""Looking at documents: rasters measured in mm, text as poppler extracts it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pypdfium2
import pytest

from cardioserver.reports import ecgpage
from cardioserver.reports.header import HEIGHTS_MM, Header
from cardioserver.reports.paper import Box, Paper

INCH_MM = 25.4
DARK = 128  # grey levels below are ink; the grid is lighter


@dataclass(frozen=True)
class Scan:
    """A page as a scanner sees it: grey levels, and how fine."""

    grey: np.ndarray
    dpi: int

    def pixels(self, mm: float) -> int:
        return round(mm / INCH_MM * self.dpi)

    def ink(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """Which pixels of a rectangle (mm) are ink."""
        rows = slice(self.pixels(top), self.pixels(bottom))
        return self.grey[rows, self.pixels(left) : self.pixels(right)] < DARK

    def mm(self, pixels: float) -> float:
        return pixels * INCH_MM / self.dpi


def scan(pdf: bytes, page: int = 1, dpi: int = 600) -> Scan:
    with pypdfium2.PdfDocument(pdf) as document:
        bitmap = document[page - 1].render(scale=dpi / 72, grayscale=True)
        return Scan(bitmap.to_numpy()[:, :, 0] if bitmap.to_numpy().ndim == 3 else bitmap.to_numpy(), dpi)


def runs(ink: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of True, as first and past-the-last place."""
    edges = np.flatnonzero(np.diff(ink.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return [(int(start), int(stop)) for start, stop in edges]


def poppler(tool: str, pdf: bytes, *arguments: str) -> str:
    """What a tool of poppler says of a document."""
    if shutil.which(tool) is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs poppler-utils")
        pytest.skip("no poppler-utils on this machine")
    done = subprocess.run([tool, *arguments, "-", *(["-"] if tool == "pdftotext" else [])],
                          input=pdf, capture_output=True, check=True)  # fmt: skip
    return done.stdout.decode()


def text_of(pdf: bytes, page: int | None = None) -> str:
    """The text, in the order in which it is read; lines joined by spaces."""
    pages = () if page is None else ("-f", str(page), "-l", str(page))
    return " ".join(poppler("pdftotext", pdf, "-layout", *pages).split())


def chart_box(portrait: bool = False) -> Box:
    """Where the traces of a first page stand, below a head of usual height."""
    paper = Paper(portrait)
    return ecgpage.chart_box(paper, Header.on(paper, HEIGHTS_MM[portrait][0]))
