"""Where a lead's name is in no trace's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cardioserver.reports.paper import Box
from cardioserver.reports.placement import Envelope

RISES_MM = (5.0, 6.0, 7.0, 4.0, 3.0, 8.0, 9.0, 10.0, 2.0, 1.2, 12.0, 14.0, -4.0, -5.0, -6.0, -8.0, -10.0)
"""Heights over the baseline that are tried, the best first."""
NEAR = 0.5  # of the distance to the next baseline: a label must not seem to be that row's
INDENT_MM = 1.0
HEIGHT_MM = 2.6  # of letters at the size of labels
CLEAR_MM = 0.4


class Labels:
    """Free places on a chart.

    Parameters
    ----------
    envelopes, baselines
        Of all rows, mV and mm.
    gain
        mm/mV.
    box
        Of the chart; labels stay inside.
    """

    def __init__(
        self, envelopes: Sequence[Envelope], baselines: Sequence[float], gain: float, box: Box
    ) -> None:
        heights = np.array(baselines)[:, None]
        self._baselines = baselines
        self._tops = heights - gain * np.array([each.high for each in envelopes])
        self._bottoms = heights - gain * np.array([each.low for each in envelopes])
        self._box = box
        self._taken: list[Box] = []

    def find(self, row: int, x: float, width: float) -> Box:
        """A box for a label *width* mm wide near the beginning of the row's trace at *x*."""
        baseline = self._baselines[row]
        above, below = [self._box.y, *self._baselines][row], [*self._baselines, self._box.bottom][row + 1]
        upper = baseline - (baseline - above) * (NEAR if row else 1.0)
        lower = baseline + (below - baseline) * NEAR
        boxes = [Box(x + INDENT_MM, baseline - rise - HEIGHT_MM, width, HEIGHT_MM) for rise in RISES_MM]
        near = [box for box in boxes if upper <= box.bottom and box.y >= self._box.y and box.y <= lower]
        best = min(near or boxes, key=self._collisions)
        self._taken.append(best)
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
