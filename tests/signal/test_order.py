"""Order statistics are those of numpy."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.signal.order import FEW, median, quantile, sorted_quantile


@pytest.mark.parametrize("count", [1, 2, 5, 12, FEW, FEW + 1, 200])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_the_median_is_that_of_numpy(count: int, axis: int) -> None:
    values = np.random.default_rng(count).normal(size=(count, count, 3))
    assert np.array_equal(median(values, axis), np.median(values, axis=axis))
    assert np.array_equal(median(values.astype(np.float32), axis), np.median(values.astype("f4"), axis=axis))


@pytest.mark.parametrize("share", [0.0, 0.025, 0.5, 0.8, 1.0])
def test_quantiles_are_those_of_numpy(share: float) -> None:
    values = np.sort(np.random.default_rng(1).normal(size=(4, 9)), axis=1)
    expected = np.quantile(values, share, axis=1)
    assert np.allclose(sorted_quantile(values, share), expected)
    assert np.allclose([quantile(row, share) for row in values[:, ::-1].tolist()], expected)
