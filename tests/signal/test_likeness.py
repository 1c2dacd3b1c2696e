"""Which beats look alike."""

from __future__ import annotations

import numpy as np

from cardioserver.signal.likeness import UNLIKE, kinds_of

RNG = np.random.default_rng(3)
SHAPES = RNG.normal(size=(3, 60))


def test_beats_are_told_apart_and_the_usual_kind_is_first() -> None:
    pattern = [0, 1, 0, 0, 1, 0, 1, 0]
    kinds = kinds_of(SHAPES[pattern] + 0.2 * RNG.normal(size=(8, 60)), 0.7)
    assert kinds.tolist() == pattern


def test_a_beat_without_company_is_unlike() -> None:
    kinds = kinds_of(SHAPES[[0, 0, 2, 0, 1, 1, 0]], 0.7)
    assert kinds.tolist() == [0, 0, UNLIKE, 0, UNLIKE, UNLIKE, 0]


def test_a_larger_beat_of_the_same_shape_is_another_kind() -> None:
    kinds = kinds_of(SHAPES[[0] * 7] * np.array([1, 1, 1, 1, 4, 4, 4])[:, None], 0.7)
    assert kinds.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_too_few_beats_make_no_kind() -> None:
    assert kinds_of(SHAPES[[0, 0]], 0.7).tolist() == [UNLIKE, UNLIKE]
    assert len(kinds_of(np.empty((0, 60)), 0.7)) == 0
