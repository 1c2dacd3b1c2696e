"""Straight lines between the centres of blocks."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.signal.smoothing import between


@pytest.mark.parametrize("block", [1, 4, 5])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_lines_go_through_the_block_means_of_a_line(block: int, kind: type) -> None:
    line = np.arange(12 * block, dtype=kind)[None] * 3 + 7
    means = line.reshape(1, 12, block).mean(axis=2)
    lines = between(means, block)
    assert lines.dtype == kind
    assert lines.shape == line.shape
    assert np.allclose(lines[:, block:-block], line[:, block:-block], rtol=1e-6)
    assert lines.min() == pytest.approx(means.min(), rel=1e-6)
    assert lines.max() == pytest.approx(means.max(), rel=1e-6)
