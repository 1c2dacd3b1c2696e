"""Waves are bounded where they were put, and nothing is marked where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.signal.beats import BeatClass, find_beats
from cardioserver.signal.fiducials import NAMES, NONE, find_fiducials
from cardioserver.signal.trace import Trace

RATES = [125.0, 250.0, 500.0, 1000.0, 2000.0]
P_AT, P_HALF, T_AT, T_HALF = -0.16, 0.05, 0.28, 0.09


def bump(time: np.ndarray, at: float, half: float) -> np.ndarray:
    """A raised cosine: begins and ends exactly *half* seconds from *at*."""
    inside = np.abs(time - at) < half
    return np.where(inside, 0.5 + 0.5 * np.cos(np.pi * (time - at) / half), 0.0)


def made_ecg(
    rate: float, times: list[float], *, p: float = 120.0, t: float = 300.0, leads: int = 12
) -> np.ndarray:
    time = np.arange(round((times[-1] + 1) * rate)) / rate
    signal = np.zeros_like(time)
    for at in times:
        signal += p * bump(time, at + P_AT, P_HALF) + t * bump(time, at + T_AT, T_HALF)
        signal += (
            -150 * bump(time, at - 0.026, 0.014)
            + 1100 * bump(time, at, 0.024)
            - 250 * bump(time, at + 0.03, 0.016)
        )
    return np.outer(np.linspace(0.5, 1.3, leads), signal)


REGULAR = [0.6 + 0.85 * n for n in range(11)]


def marks_in_ms(signal: np.ndarray, rate: float) -> dict[str, float]:
    """Median place of each mark against the R peak that was made, ms."""
    fiducials = find_fiducials(Trace(signal), rate, find_beats(signal, rate))
    true = np.array(REGULAR)
    places = {}
    for name in NAMES:
        found = fiducials.of(name)
        known = found != NONE
        places[name] = float(np.median(found[known] / rate - true[known]) * 1000) if known.any() else np.nan
    return places


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("leads", [1, 2, 12])
def test_marks_lie_where_the_waves_begin_and_end(rate: float, leads: int) -> None:
    found = marks_in_ms(made_ecg(rate, REGULAR, leads=leads), rate)
    step = 1000 / rate
    expected = {
        "p_on": (-210, 15), "p_peak": (-160, 10), "p_off": (-110, 20), "qrs_on": (-40, 12), "r_peak": (0, 8),
        "qrs_off": (46, 14), "t_on": (190, 40), "t_peak": (280, 12), "t_off": (370, 25),
    }  # fmt: skip
    for name, (place, tolerance) in expected.items():
        assert found[name] == pytest.approx(place, abs=tolerance + step), name


def test_no_p_wave_is_marked_where_there_is_none() -> None:
    rng = np.random.default_rng(4)
    signal = made_ecg(500.0, REGULAR, p=0.0)
    time = np.arange(signal.shape[1]) / 500
    signal += 25 * np.sin(2 * np.pi * np.cumsum(6 + 0.6 * rng.normal(size=len(time)).cumsum() / 60) / 500)
    found = marks_in_ms(signal + rng.normal(size=signal.shape) * 10, 500.0)
    assert np.isnan(found["p_peak"])
    assert found["t_peak"] == pytest.approx(280, abs=15)


def test_a_ventricular_beat_has_no_p_wave_and_its_own_qrs() -> None:
    times = list(REGULAR)
    times[5] -= 0.25
    own = made_ecg(500.0, [*times[:5], *times[6:]])
    time = np.arange(own.shape[1]) / 500
    broad = -1400 * bump(time, times[5] + 0.03, 0.08) + 700 * bump(time, times[5] + 0.3, 0.12)
    signal = own + broad
    beats = find_beats(signal, 500.0)
    fiducials = find_fiducials(Trace(signal), 500.0, beats)
    assert beats.classes[5] is BeatClass.VENTRICULAR
    assert fiducials.of("p_on")[5] == NONE
    width = (fiducials.of("qrs_off") - fiducials.of("qrs_on")) / 500
    assert width[5] > 0.12
    assert width[4] < 0.11


@pytest.mark.parametrize("kind", ["mains", "muscle", "wander"])
def test_noise_of_iec_60601_2_25_moves_intervals_by_a_few_milliseconds(kind: str) -> None:
    clean = made_ecg(500.0, REGULAR)
    time = np.arange(clean.shape[1]) / 500
    noise = {
        "mains": 25 * np.sin(2 * np.pi * 50 * time)[None],
        "muscle": np.random.default_rng(0).normal(size=clean.shape) * 25,
        "wander": 500 * np.sin(2 * np.pi * 0.3 * time)[None],
    }[kind]
    before, after = marks_in_ms(clean, 500.0), marks_in_ms(clean + noise, 500.0)
    for first, last in (("p_on", "p_off"), ("p_on", "qrs_on"), ("qrs_on", "qrs_off"), ("qrs_on", "t_off")):
        change = (after[last] - after[first]) - (before[last] - before[first])
        assert abs(change) <= 15, (first, last)


def test_order_of_marks_and_edges_of_the_record() -> None:
    signal = made_ecg(500.0, REGULAR)[:, 270:-560]
    fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
    for row in fiducials.samples:
        known = row[row != NONE]
        assert np.all(np.diff(known) >= 0)
        assert known.min() >= 0
        assert known.max() < signal.shape[1]


@pytest.mark.parametrize("signal", [np.zeros((2, 5000)), np.zeros((1, 10))])
def test_without_beats_there_is_nothing(signal: np.ndarray) -> None:
    fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
    assert fiducials.samples.shape == (0, 9)
    assert fiducials.average is None


def test_a_long_record_is_delineated_in_chunks() -> None:
    times = list(np.arange(0.6, 239, 0.85))
    signal = made_ecg(250.0, times, leads=2)
    fiducials = find_fiducials(Trace(signal), 250.0, find_beats(signal, 250.0))
    assert (fiducials.of("t_off") != NONE).mean() > 0.99
    offset = fiducials.of("t_peak") / 250 - np.array(times)
    assert np.abs(offset - 0.28).max() < 0.03
