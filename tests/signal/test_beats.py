"""Beats are found, and only beats."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.signal.beats import BeatClass, beats_of, find_beats
from cardioserver.signal.fiducials import find_fiducials
from cardioserver.signal.pacing import plausible, without_spikes
from cardioserver.signal.qrs_net import log_odds
from cardioserver.signal.shapes import MARGIN, sort_shapes
from cardioserver.signal.trace import Trace

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


def found_of(found: np.ndarray, times: list[float], rate: float) -> tuple[int, int]:
    """How many of *times* were found within 75 ms, and how many that were found are none of them."""
    apart = np.abs(found[:, None] / rate - np.array(times)) <= 0.075
    return int(apart.any(axis=0).sum()), int((~apart.any(axis=1)).sum())


TEN = [0.6 + 0.8 * n for n in range(12)]
NUMBER = 5000
TIME = np.arange(NUMBER) / 500


def walk(seed: int, lowest: float, highest: float, size: float) -> np.ndarray:
    """Noise of *size* µV rms between two frequencies."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.normal(size=NUMBER))
    frequency = np.fft.rfftfreq(NUMBER, 1 / 500)
    spectrum[(frequency < lowest) | (frequency > highest)] = 0
    noise = np.fft.irfft(spectrum, NUMBER)
    return noise * size / noise.std()


BAD_LEADS = {
    "wander": 2500 * np.sin(2 * np.pi * 0.4 * TIME) + 1200 * np.sin(2 * np.pi * 0.13 * TIME),
    "muscle": walk(1, 20, 200, 150),
    "motion": walk(2, 0.5, 5, 400),
    "mains": 800 * np.sin(2 * np.pi * 50.7 * TIME),
    "steps": np.repeat(np.random.default_rng(3).normal(size=8) * 2000, NUMBER // 8),
}


@pytest.mark.parametrize("artefact", BAD_LEADS)
def test_a_single_bad_lead_keeps_its_beats(artefact: str) -> None:
    signal = made_ecg(500.0, TEN, 10.0, leads=1) + BAD_LEADS[artefact]
    right, wrong = found_of(find_beats(signal, 500.0).samples, TEN, 500.0)
    assert right >= 11
    assert wrong <= 1


def test_a_saturated_lead_keeps_its_beats() -> None:
    signal = made_ecg(500.0, TEN, 10.0, leads=1) + 1500 * np.sin(2 * np.pi * 0.3 * TIME)
    clipped = np.clip(signal, -1200, 1200)
    right, wrong = found_of(find_beats(clipped, 500.0).samples, TEN, 500.0)
    assert right >= 9
    assert wrong == 0


def waves(times: list[float], shift: float, width: float, height: float) -> np.ndarray:
    return height * sum(np.exp(-((TIME - at - shift) ** 2) / 2 / width**2) for at in times)


def test_tall_t_and_p_waves_are_no_beats() -> None:
    signal = made_ecg(500.0, TEN, 10.0) + waves(TEN, 0.28, 0.06, 1500) + waves(TEN, -0.17, 0.03, 350)
    assert near(find_beats(signal, 500.0).samples, TEN, 500.0)


def test_flutter_waves_are_no_beats() -> None:
    flutter = 250 * (np.sin(2 * np.pi * 5 * TIME) + 0.4 * np.sin(2 * np.pi * 10 * TIME))
    signal = made_ecg(500.0, TEN, 10.0) + flutter
    assert near(find_beats(signal, 500.0).samples, TEN, 500.0)


@pytest.mark.parametrize(("bpm", "broad"), [(20, False), (28, False), (35, False), (28, True), (35, True)])
def test_p_waves_of_a_complete_av_block_are_no_beats(bpm: int, broad: bool) -> None:
    times = [float(at) for at in np.arange(1.2, 9.5, 60 / bpm)]
    signal = made_ecg(500.0, times, 10.0, wide=tuple(range(len(times))) if broad else ())
    dissociated = [float(at) for at in np.arange(0.2, 9.9, 0.72)]
    signal = signal + waves(dissociated, 0.0, 0.022, 140)
    assert found_of(find_beats(signal, 500.0).samples, times, 500.0) == (len(times), 0)


@pytest.mark.parametrize("seed", range(4))
def test_an_irregular_rhythm_has_no_early_beats(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = list(np.cumsum(random.uniform(0.45, 1.1, size=11)))
    kept = [at for at in times if at < 9.6]
    signal = made_ecg(500.0, kept, 10.0) - waves(kept, -0.16, 0.022, 120)  # the P waves of the made ECG
    assert set(find_beats(signal, 500.0).classes) == {BeatClass.NORMAL}


def test_every_other_beat_ventricular() -> None:
    times = [0.5 + 0.9 * n - (0.25 if n % 2 else 0) for n in range(11)]
    wide = tuple(range(1, 11, 2))
    classes = find_beats(made_ecg(500.0, times, 10.0, wide=wide), 500.0).classes
    assert [kind is BeatClass.VENTRICULAR for kind in classes] == [n in wide for n in range(11)]


def test_a_bundle_branch_block_that_comes_and_goes_is_not_ventricular() -> None:
    times = [0.5 + 0.8 * n for n in range(75)]
    time = np.arange(30_000) / 500
    signal = np.zeros((2, len(time)))
    for number, at in enumerate(times):
        late = 600 * (20 <= number < 50)
        parts = [
            (-0.16, 0.022, 120),
            (0, 0.01, 1000),
            (0.035, 0.012, -300),
            (0.075, 0.02, late),
            (0.3, 0.05, 200),
        ]
        for shift, width, height in parts:
            signal += height * np.exp(-((time - at - shift) ** 2) / 2 / width**2)
    assert set(find_beats(signal, 500.0).classes) == {BeatClass.NORMAL}


@pytest.mark.parametrize("start", [0.9, 1.0, 1.05, 1.1])
def test_a_beat_cut_by_the_end_is_not_ventricular(start: float) -> None:
    first = round(start * 500)
    beats = find_beats(made_ecg(500.0, REGULAR, 10.5)[:, first : first + 4250], 500.0)
    assert set(beats.classes) == {BeatClass.NORMAL}


def test_beats_of_like_shape_are_marked_at_the_same_place() -> None:
    times = [0.4 + 0.8731 * n for n in range(11)]
    noise = np.random.default_rng(8).normal(size=(2, 5000)) * 20
    samples = find_beats(made_ecg(500.0, times, 10.0) + noise, 500.0).samples
    places = samples / 500 - np.array(times)
    assert np.ptp(places) <= 0.008


@pytest.mark.parametrize("leads", [1, 12])
def test_sharp_beats_and_giving_electrodes_are_no_pacing(leads: int) -> None:
    sharp = sum(1800 * np.exp(-((TIME - at) ** 2) / 2 / 0.007**2) for at in TEN)
    pops = np.zeros(NUMBER)
    for place in (777, 1903, 2950, 4111):
        pops[place:] += 900 * np.exp(-np.arange(NUMBER - place) / 40)
    beats = find_beats(np.outer(np.linspace(1, 0.6, leads), sharp + pops), 500.0)
    assert len(beats.spikes) == 0
    assert BeatClass.PACED not in beats.classes


def test_a_pulse_drawn_by_the_recorder_is_pacing() -> None:
    signal = made_ecg(500.0, TEN, 10.0, wide=tuple(range(12)))
    places = [round((at - 0.05) * 500) for at in TEN]
    for place in places:
        signal[:, place : place + 10] += 600
    beats = find_beats(signal, 500.0)
    assert set(beats.classes) == {BeatClass.PACED}
    assert np.abs(beats.spikes - places).max() <= 1


def test_a_trace_of_counts_gives_the_same_beats() -> None:
    counts = np.round(made_ecg(250.0, REGULAR, 10.5) / 2.5).astype(np.int16)
    trace = Trace(counts, (2.5, 2.5))
    expected = find_beats(counts * 2.5, 250.0)
    assert np.array_equal(beats_of(trace, 250.0).samples, expected.samples)
    assert beats_of(trace, 250.0).classes == expected.classes


def test_the_network_says_the_same_of_a_long_signal_and_of_its_middle() -> None:
    leads = np.random.default_rng(4).normal(size=(1, 40_000)).astype(np.float32)
    whole, part = log_odds(leads), log_odds(leads[:, 10_000:20_000])
    assert np.allclose(whole[:, 5200:9800], part[:, 200:4800], atol=1e-3)


def test_beats_of_which_nothing_is_left_have_a_kind_each() -> None:
    """Half precision, and leads in which no beat is clear, may leave a beat without any energy."""
    beats = np.zeros((4, 2, 2 * MARGIN + 1), dtype=np.float16)
    kinds = sort_shapes(beats, np.ones((4, 2), dtype=bool))
    assert (kinds.of >= 0).all()
    assert np.isfinite(kinds.templates).all()


def test_a_pacemaker_of_three_chambers_may_mark_and_a_marked_artefact_may_not() -> None:
    time = np.arange(0, 20, 60 / 130)
    marks = np.sort(np.round(500 * np.concatenate([time, time + 0.12, time + 0.2])).astype(np.intp))
    assert np.array_equal(plausible(marks, 500.0), marks)
    flood = np.arange(4000, 4500, 5)
    assert np.array_equal(plausible(np.union1d(marks[marks < 3000], flood), 500.0), marks[marks < 3000])


def test_spikes_that_follow_each_other_are_bridged_together() -> None:
    samples = np.tile(np.arange(1000.0), (3, 1))
    spikes = np.array([400, 406])
    spiky = samples.copy()
    spiky[:, [400, 401, 406, 407]] += 3000
    assert np.allclose(without_spikes(spiky, 500.0, spikes), samples)


def test_samples_that_are_no_numbers_cost_their_lead_only() -> None:
    signal = made_ecg(500.0, REGULAR, 10.5, leads=3)
    holed = signal.copy()
    holed[0] = np.nan
    holed[1, 1000:2000] = np.inf
    assert near(find_beats(holed, 500.0).samples, REGULAR, 500.0)
    marks = find_fiducials(Trace(holed), 500.0, find_beats(holed, 500.0))
    assert (marks.samples >= 0).sum() >= 8 * len(REGULAR)
    assert len(find_beats(np.full_like(signal, np.nan), 500.0).samples) == 0
