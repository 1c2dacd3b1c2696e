"""Sheets of paper and boxes on them, in mm from the top left corner."""

from __future__ import annotations

from dataclasses import dataclass

CHART_WIDTH = {False: 265.0, True: 190.0}
"""Of the grid on A4 landscape and portrait: 10 s and 7 s at 25 mm/s, and the calibration pulse."""
PULSE_MM = 15.0  # left of the traces: room for the calibration pulse at 50 mm/s
TOP_MM, BOTTOM_MM = 6.0, 6.0  # what printers leave free


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; ``y`` is its upper edge."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet of A4 (ISO 216)."""

    portrait: bool = False

    @property
    def width(self) -> float:
        """Of the sheet."""
        return 210.0 if self.portrait else 297.0

    @property
    def height(self) -> float:
        """Of the sheet."""
        return 297.0 if self.portrait else 210.0

    @property
    def inside(self) -> Box:
        """What is printed on."""
        width = CHART_WIDTH[self.portrait]
        return Box((self.width - width) / 2, TOP_MM, width, self.height - TOP_MM - BOTTOM_MM)
