"""Where a lead's name is in no trace's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cardioserver.reports.chart import Chart
from cardioserver.reports.montage import Cell
from cardioserver.reports.paper import Box

RISES_MM = (5.0, 6.0, 7.0, 4.0, 3.0, 8.0, 9.0, 10.0, 2.0, 1.2, 12.0, 14.0)
"""Heights over the baseline that are tried, the best first; then farther right, then below."""
SHIFTS_MM = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)
DROPS_MM = (-4.0, -5.0, -6.0, -8.0, -10.0)
NEAR = 0.5  # of the distance to the next baseline: a label must not seem to be that row's
INDENT_MM = 1.0
HEIGHT_MM = 2.6  # of letters at the size of labels
CLEAR_MM = 0.8  # a J goes below its line


class Labels:
    """Free places on a chart."""

    def __init__(self, chart: Chart) -> None:
        self._baselines = [line.baseline for line in chart.lines]
        heights, gain = np.array(self._baselines)[:, None], chart.scale.gain
        self._tops = heights - gain * np.array([line.envelope.high for line in chart.lines])
        self._bottoms = heights - gain * np.array([line.envelope.low for line in chart.lines])
        self._box = chart.box
        self._speed = chart.scale.speed
        self._taken: list[Box] = []

    def find(self, row: int, cell: Cell, width: float) -> Box:
        """A box for a label *width* mm wide near the beginning of a cell of the row."""
        baseline = self._baselines[row]
        above, below = [self._box.y, *self._baselines][row], [*self._baselines, self._box.bottom][row + 1]
        upper = baseline - (baseline - above) * (NEAR if row else 1.0)
        lower = baseline + (below - baseline) * NEAR
        longest = (cell.stop - cell.start) * self._speed / 2
        places = [(shift, rise) for shift in SHIFTS_MM for rise in RISES_MM if shift <= longest]
        places += [(0.0, drop) for drop in DROPS_MM]
        x = cell.x + INDENT_MM
        boxes = [Box(x + shift, baseline - rise - HEIGHT_MM, width, HEIGHT_MM) for shift, rise in places]
        near = [box for box in boxes if upper <= box.bottom and box.y >= self._box.y and box.y <= lower]
        best = self._freest(near or boxes)
        self._taken.append(best)
        return best

    def _freest(self, boxes: Sequence[Box]) -> Box:
        """The first with nothing in it, or else the first with least."""
        best, least = boxes[0], self._collisions(boxes[0])
        for box in boxes[1:]:
            if not least:
                break
            collisions = self._collisions(box)
            if collisions < least:
                best, least = box, collisions
        return best

    def _collisions(self, box: Box) -> int:
        columns = slice(int(box.x), int(np.ceil(box.right)) + 1)
        crossed = self._tops[:, columns] < box.bottom + CLEAR_MM
        crossed &= self._bottoms[:, columns] > box.y - CLEAR_MM
        beside = [
            taken
            for taken in self._taken
            if taken.x < box.right and box.x < taken.right and taken.y < box.bottom and box.y < taken.bottom
        ]
        return int(crossed.sum()) + 100 * len(beside)
