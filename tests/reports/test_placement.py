"""Rows keep apart, stay on the grid, and the gain is lowered only where they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.reports.placement import best_placement, envelope, place

X = np.arange(0, 250, 0.05)


def spiky(high: float, low: float) -> object:
    """A row with a beat each 20 mm, in µV."""
    signal = np.zeros_like(X)
    signal[(X % 20 > 5) & (X % 20 < 7)] = high
    signal[(X % 20 > 7) & (X % 20 < 9)] = low
    return envelope([(X, signal)], 250)


def test_equal_rows_stand_at_equal_distances_on_lines_of_the_grid() -> None:
    placed = place([spiky(500, -200)] * 4, 140.0, 10.0)
    assert placed.baselines == (18.0, 53.0, 88.0, 122.0) or np.ptp(np.diff(placed.baselines)) <= 1
    assert all(each == round(each) for each in placed.baselines)


def test_a_deep_row_gets_the_room_it_needs() -> None:
    rows = [spiky(500, -200), spiky(500, -8000), spiky(500, -200)]
    placed = place(rows, 140.0, 10.0)
    assert placed.baselines[2] - placed.baselines[1] >= 85
    assert placed.baselines[2] - placed.baselines[1] > placed.baselines[1] - placed.baselines[0]


def test_gain_is_lowered_only_when_rows_would_run_into_each_other() -> None:
    gains = (10.0, 5.0)
    assert best_placement([spiky(1500, -1000)] * 4, 140.0, gains)[0] == 10.0
    assert best_placement([spiky(4000, -3500)] * 4, 140.0, gains)[0] == 5.0
    assert best_placement([spiky(40_000, -30_000)] * 4, 140.0, gains)[0] == 5.0


def test_a_lone_artefact_lowers_no_gain() -> None:
    calm = np.zeros_like(X)
    calm[(X > 100) & (X < 101)] = 11_000
    rows = [spiky(800, -500), envelope([(X, calm)], 250), spiky(800, -500)]
    assert best_placement(rows, 140.0, (10.0, 5.0))[0] == 10.0


@pytest.mark.parametrize("height", [0.0, 700.0, 3000.0, 9000.0])
@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_baselines_descend_within_the_room(count: int, height: float) -> None:
    placed = place([spiky(height, -height)] * count, 140.0, 10.0)
    assert len(placed.baselines) == count
    assert all(0 < each < 140 for each in placed.baselines)
    assert all(np.diff(placed.baselines) > 0)


def test_rows_with_nothing_in_them_have_a_place_too() -> None:
    empty = envelope([(X, np.full_like(X, np.nan))], 250)
    assert len(place([empty, spiky(500, -500), empty], 140.0, 10.0).baselines) == 3
