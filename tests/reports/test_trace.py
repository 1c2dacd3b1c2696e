"""Traces: thinned for the finest printer, but no peak is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardioserver.reports.trace import UNIT_MM, Scale, operators, paths, straightened, thinned

SCALE = Scale(25.0, 10.0)


@pytest.mark.parametrize("rate", [125, 500, 1000, 2000])
@pytest.mark.parametrize("speed", [25.0 / 6, 25.0, 50.0])
def test_every_column_keeps_its_highest_and_lowest_sample(rate: int, speed: float) -> None:
    noise = np.random.default_rng(rate).normal(0, 500, 10 * rate)
    places = np.rint(np.arange(len(noise)) / rate * speed / UNIT_MM)
    exact = np.column_stack([places, np.rint(noise)]).astype(np.int64)
    points = thinned(exact)
    for extreme in (np.maximum, np.minimum):
        assert np.array_equal(_by_column(exact, extreme), _by_column(points, extreme))
    assert len(points) <= 4 * (len(np.unique(_columns(exact))))


def _columns(points: np.ndarray) -> np.ndarray:
    return points[:, 0] * 600 // 2540  # dots of 600 to the inch in steps of 10 µm


def _by_column(points: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    columns = _columns(points)
    begins = np.flatnonzero(np.diff(columns, prepend=-1))
    return np.column_stack([columns[begins], extreme.reduceat(points[:, 1], begins)])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300), st.integers(1, 12))
def test_what_is_left_out_lies_on_the_line_or_within_the_column(values: list[int], step: int) -> None:
    points = np.column_stack([np.arange(len(values)) * step, values]).astype(np.int64)
    kept = thinned(points)
    assert set(map(tuple, kept.tolist())) <= set(map(tuple, points.tolist()))
    assert np.array_equal(kept[[0, -1]], points[[0, -1]])
    assert np.array_equal(_by_column(points, np.maximum), _by_column(kept, np.maximum))
    straight = straightened(kept)
    assert np.allclose(np.interp(kept[:, 0], straight[:, 0], straight[:, 1]), kept[:, 1])


def test_a_flat_line_is_two_points_and_a_single_sample_a_dot() -> None:
    [points] = paths(np.zeros(5000), np.arange(5000) / 500, SCALE)
    assert len(points) == 2
    [dot] = paths(np.zeros(1), np.zeros(1), SCALE)
    assert operators(dot).split() == ["0", "0", "m", "0", "0", "l"]


def test_gaps_are_gaps() -> None:
    signal = np.arange(100.0) ** 2
    signal[[0, 40, 41, 42, 99]] = np.nan
    pieces = [points[:, 0] * UNIT_MM / 25 * 500 for points in paths(signal, np.arange(100) / 500, SCALE)]
    assert [(round(piece[0]), round(piece[-1])) for piece in pieces] == [(1, 39), (43, 98)]
    assert list(paths(np.full(10, np.nan), np.arange(10) / 500, SCALE)) == []
