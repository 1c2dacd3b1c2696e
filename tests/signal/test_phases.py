"""Where in a beat each block lies, and the average beat."""

from __future__ import annotations

import numpy as np

from cardioserver.signal.likeness import UNLIKE
from cardioserver.signal.phases import Phases

BEATS = np.arange(20, 360, 40)
COUNT = 375  # after the last beat comes most of an interval
NORMAL = np.zeros(len(BEATS), dtype=np.intp)


def levels(beats: np.ndarray, count: int = COUNT) -> np.ndarray:
    """A wave of 100 µV two blocks after each beat, in one lead."""
    signal = np.zeros((count, 1))
    signal[beats + 2] = 100.0
    return signal


def test_the_average_beat_put_at_each_beat_is_the_signal() -> None:
    phases = Phases.of(BEATS, NORMAL, COUNT)
    signal = levels(BEATS)
    assert np.array_equal(phases.beats(signal, np.ones_like(signal))[phases.phase], signal)


def test_each_kind_has_its_own_average() -> None:
    kinds = np.arange(len(BEATS)) % 2
    signal = levels(BEATS)
    signal[BEATS[1::2] + 2] = -300.0
    phases = Phases.of(BEATS, kinds, COUNT)
    assert np.array_equal(phases.beats(signal, np.ones_like(signal))[phases.phase], signal)


def test_a_beat_of_no_kind_has_no_phase() -> None:
    kinds = NORMAL.copy()
    kinds[4] = UNLIKE
    phases = Phases.of(BEATS, kinds, COUNT)
    outside = np.flatnonzero(phases.phase == phases.count)
    assert outside.min() == BEATS[4] - 15  # 38 % of the interval belongs to the coming beat
    assert outside.max() == BEATS[5] - 16


def test_what_is_seen_once_tells_nothing_of_the_level_between_beats() -> None:
    """Many recorders end a recording with a pulse."""
    signal = levels(BEATS)
    signal[-5:] = 1000.0
    phases = Phases.of(BEATS, NORMAL, COUNT)
    beat = phases.beats(signal, np.ones_like(signal))[phases.phase]
    assert np.array_equal(beat[:370], signal[:370])


def test_weights_keep_what_is_broken_out_of_the_average() -> None:
    signal = levels(BEATS)
    weights = np.ones_like(signal)
    broken = signal.copy()
    broken[100:160] += 5000.0
    weights[100:160] = 0.0
    phases = Phases.of(BEATS, NORMAL, COUNT)
    assert np.allclose(phases.beats(broken, weights)[phases.phase], signal)
