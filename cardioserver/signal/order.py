"""Order statistics, slopes and corners of a few values, without the overhead of numpy's general forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]

FEW = 64  # values that are sorted faster than their middle is looked for


def median(values: npt.NDArray[Any], axis: int = -1) -> Any:
    """The median along one axis, of at least one value and of numbers only; as ``numpy.median``."""
    count = values.shape[axis]
    low, high = (count - 1) // 2, count // 2
    ordered = np.sort(values, axis) if count <= FEW else np.partition(values, (low, high), axis)
    middle = ordered.take(high, axis)
    return middle if low == high else (ordered.take(low, axis) + middle) / 2


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which *share* of *values* lie, between two of them by a straight line."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def sorted_quantile(ordered: Signal, share: float) -> Signal:
    """The same for each row of values that are already in order."""
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[1] - 1)
    between: Signal = ordered[:, low] + (ordered[:, high] - ordered[:, low]) * (place - low)
    return between


def row_quantiles(rows: Signal, share: float) -> Signal:
    """That value of each row below which about *share* of them lie."""
    place = int(share * (rows.shape[1] - 1))
    chosen: Signal = np.partition(rows, place, axis=1)[:, place]
    return chosen


def slope_of(line: Signal) -> Signal:
    """Central differences along the last axis, one-sided at the ends; two values at least."""
    slopes = np.empty_like(line)
    slopes[..., 1:-1] = (line[..., 2:] - line[..., :-2]) / 2
    slopes[..., 0] = line[..., 1] - line[..., 0]
    slopes[..., -1] = line[..., -1] - line[..., -2]
    return slopes


def corner_of(line: Signal) -> int:
    """Where *line* lies farthest below the chord from its first value to its last."""
    chord = line[0] + (line[-1] - line[0]) / max(len(line) - 1, 1) * np.arange(len(line))
    return int((chord - line).argmax())
