"""Beats are found, and only beats."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.signal.beats import BeatClass, find_beats

RATES = [125.0, 250.0, 360.0, 500.0, 1000.0, 2000.0]


def made_ecg(
    rate: float, times: list[float], seconds: float, wide: tuple[int, ...] = (), leads: int = 2
) -> np.ndarray:
    """An ECG with R peaks at *times*; those numbered in *wide* are ventricular."""
    time = np.arange(round(seconds * rate)) / rate
    signal = np.zeros_like(time)
    for number, at in enumerate(times):
        narrow = [
            (-0.16, 0.022, 120),
            (-0.025, 0.008, -100),
            (0, 0.01, 1000),
            (0.028, 0.01, -200),
            (0.26, 0.05, 200),
        ]
        broad = [(0.02, 0.035, -1300), (0.09, 0.03, 500), (0.3, 0.06, 350)]
        for shift, width, height in broad if number in wide else narrow:
            signal += height * np.exp(-((time - at - shift) ** 2) / 2 / width**2)
    return np.outer(np.linspace(1, 0.6, leads), signal)


def near(found: np.ndarray, times: list[float], rate: float) -> bool:
    return len(found) == len(times) and bool(np.all(np.abs(found / rate - np.array(times)) < 0.05))


REGULAR = [0.4 + 0.85 * n for n in range(12)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("leads", [1, 3, 12])
def test_each_beat_is_found_once_at_any_rate(rate: float, leads: int) -> None:
    beats = find_beats(made_ecg(rate, REGULAR, 10.5, leads=leads), rate)
    assert near(beats.samples, REGULAR, rate)
    assert set(beats.classes) == {BeatClass.NORMAL}


@pytest.mark.parametrize("height", [0.05, 0.15, 5.0])
def test_low_and_high_voltage(height: float) -> None:
    beats = find_beats(height * made_ecg(500.0, REGULAR, 10.5), 500.0)
    assert near(beats.samples, REGULAR, 500.0)


@pytest.mark.parametrize("bpm", [30, 45, 120, 180, 220])
def test_slow_and_fast_hearts(bpm: int) -> None:
    times = list(np.arange(0.5, 19.5, 60 / bpm))
    beats = find_beats(made_ecg(500.0, times, 20.0) if bpm < 150 else _fast(times), 500.0)
    assert len(beats.samples) == len(times)


def _fast(times: list[float]) -> np.ndarray:
    time = np.arange(10_000) / 500
    return np.array([sum(1000 * np.exp(-((time - at) ** 2) / 2 / 0.01**2) for at in times)])


def test_an_early_broad_beat_is_ventricular_and_an_early_narrow_one_supraventricular() -> None:
    times = list(REGULAR)
    times[4] -= 0.3
    times[8] -= 0.3
    beats = find_beats(made_ecg(500.0, times, 10.5, wide=(4,)), 500.0)
    assert len(beats.classes) == 12
    assert beats.classes[4] is BeatClass.VENTRICULAR
    assert beats.classes[8] is BeatClass.SUPRAVENTRICULAR
    assert beats.classes.count(BeatClass.NORMAL) == 10
    assert not beats.dominant[4]


def test_noise_at_6_db_costs_no_beat() -> None:
    clean = made_ecg(500.0, REGULAR, 10.5)
    noise = np.random.default_rng(3).normal(size=clean.shape) * clean.std() / 2
    assert near(find_beats(clean + noise, 500.0).samples, REGULAR, 500.0)


def test_no_beats_where_all_leads_are_off_and_all_elsewhere() -> None:
    signal = made_ecg(500.0, REGULAR, 10.5)
    missing = np.zeros(signal.shape, dtype=bool)
    missing[:, 2000:3000] = True
    signal[missing] = 30_000.0
    beats = find_beats(signal, 500.0, missing=missing)
    expected = [at for at in REGULAR if not 3.9 < at < 6.1]
    assert near(beats.samples, expected, 500.0)


def test_one_lead_off_leaves_the_beats_of_the_other() -> None:
    signal = made_ecg(500.0, REGULAR, 10.5)
    signal[0] = np.nan
    assert near(find_beats(signal, 500.0).samples, REGULAR, 500.0)


def test_a_noisy_lead_does_no_harm() -> None:
    signal = made_ecg(500.0, REGULAR, 10.5)
    signal[1] = np.random.default_rng(1).normal(size=signal.shape[1]) * 1500
    assert near(find_beats(signal, 500.0).samples, REGULAR, 500.0)


@pytest.mark.parametrize("marked", [True, False])
def test_paced_beats_from_marks_and_from_the_signal(marked: bool) -> None:
    signal = made_ecg(500.0, REGULAR, 10.5, wide=tuple(range(12)))
    spikes = [round((at - 0.06) * 500) for at in REGULAR]
    signal[:, spikes] += 1500
    beats = find_beats(signal, 500.0, spikes=spikes if marked else ())
    assert set(beats.classes) == {BeatClass.PACED}
    assert np.abs(beats.spikes - spikes).max() <= 1


@pytest.mark.parametrize(
    "signal", [np.zeros((2, 5000)), np.full((1, 5000), np.nan), np.zeros((1, 3)), np.zeros((1, 300))]
)
def test_nothing_is_found_in_nothing(signal: np.ndarray) -> None:
    beats = find_beats(signal, 500.0)
    assert len(beats.samples) == 0
    assert beats.classes == ()


def test_ventricular_fibrillation_has_no_beats() -> None:
    time = np.arange(15_000) / 500
    phase = 2 * np.pi * np.cumsum(4.5 + 0.4 * np.sin(2 * np.pi * 0.3 * time)) / 500
    assert len(find_beats(np.array([600 * np.sin(phase)]), 500.0).samples) == 0


def test_a_long_record_has_no_beat_lost_or_doubled_between_sections() -> None:
    times = list(np.arange(0.5, 1199, 0.83))
    beats = find_beats(made_ecg_long(times, 1200.0), 125.0)
    assert len(beats.samples) == len(times)


def made_ecg_long(times: list[float], seconds: float) -> np.ndarray:
    signal = np.zeros(round(seconds * 125))
    beat = made_ecg(125.0, [0.4], 0.8, leads=1)[0]
    for at in times:
        start = round((at - 0.4) * 125)
        stop = min(start + len(beat), len(signal))
        signal[max(start, 0) : stop] += beat[max(-start, 0) : stop - start]
    return signal[None]
