"""The three filters: what they take away, and what they must leave alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import LeadOff, SignalFormat
from cardioserver.signal.filters import daplf, drift, missing_of, tremor

FILTERS = [daplf, drift, tremor]
RATES = [125.0, 257.0, 360.0, 500.0, 1000.0, 2000.0]


# waves of a beat (seconds from the R peak, width, µV): P. McSharry et al., IEEE Trans. Biomed. Eng. 50, 2003
P = [(-0.18, 0.025, 120)]
QRS_T = [(-0.025, 0.009, -90), (0.0, 0.011, 1000), (0.028, 0.01, -200), (0.25, 0.05, 250)]
BEATS = {
    "N": P + QRS_T,
    "V": [(-0.03, 0.03, 1400), (0.05, 0.035, -700), (0.32, 0.07, -500)],
    "F": QRS_T,  # of flutter
}
LEADS = [0.5, 0.8, -1.0]


def placed(time: np.ndarray, beats: list[tuple[float, str]]) -> np.ndarray:
    """One lead of a rhythm; a beat is a time and a kind."""
    signal = np.zeros_like(time)
    for at, kind in beats:
        for offset, width, height in BEATS[kind]:
            signal += height * np.exp(-((time - at - offset) ** 2) / 2 / width**2)
    return signal


def made_ecg(rate: float, seconds: float = 10.0, leads: int = 3, bpm: float = 70.0) -> np.ndarray:
    """Sinus rhythm, µV."""
    time = np.arange(round(rate * seconds)) / rate
    beats = [(0.15 + number * 60 / bpm, "N") for number in range(-1, round(seconds * bpm / 60) + 2)]
    return np.outer(np.linspace(0.5, 1.2, leads), placed(time, beats))


def made_rhythm(rate: float, pattern: str, seconds: float = 10.0) -> np.ndarray:
    """Normal (N) and premature ventricular (V) beats in the order of *pattern*, three leads, µV."""
    beats = []
    at = 0.3
    for number in range(round(2 * seconds)):
        beats.append((at, pattern[number % len(pattern)]))
        following = pattern[(number + 1) % len(pattern)]
        at += 0.5 if following == "V" else 1.2 if beats[-1][1] == "V" else 0.85
    return np.outer(LEADS, placed(np.arange(round(rate * seconds)) / rate, beats))


def made_flutter(rate: float, hertz: float) -> tuple[np.ndarray, np.ndarray]:
    """Atrial flutter with a varying block, and its flutter waves alone, three leads, µV."""
    time = np.arange(round(rate * 10)) / rate
    block = np.array([2, 3, 4, 2, 5, 3, 3, 2, 4, 3, 5, 2, 2, 3, 4, 3, 2, 4, 3, 3])
    beats = [(float(at), "F") for at in 0.3 + np.cumsum(block) / hertz]
    waves = sum(150 / k * np.exp(-k / 3) * np.sin(2 * np.pi * k * hertz * time) for k in (1, 2, 3))
    return np.outer(LEADS, placed(time, beats) + waves), np.outer(LEADS, waves)


def wander(count: int, rate: float) -> np.ndarray:
    """Baseline wander of about 0.3 mV, µV."""
    time = np.arange(count) / rate
    return 400 * np.sin(2 * np.pi * 0.21 * time + 1) + 150 * np.sin(2 * np.pi * 0.43 * time)


def hum(count: int, rate: float) -> np.ndarray:
    """Mains of 0.1 mV, µV."""
    return 100 * np.sin(2 * np.pi * 50.2 * np.arange(count) / rate)


def muscle_noise(shape: tuple[int, ...], rate: float, rms: float, seed: int = 1) -> np.ndarray:
    """Noise between 15 and 100 Hz, µV."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=shape))
    frequency = np.fft.rfftfreq(shape[-1], 1 / rate)
    noise = np.fft.irfft(spectrum * ((frequency > 15) & (frequency < 100)), shape[-1])
    return rms * noise / noise.std()


def without_level(change: np.ndarray) -> np.ndarray:
    return change - np.median(change, axis=1, keepdims=True)


def gain_db(clean: np.ndarray, noisy: np.ndarray, filtered: np.ndarray) -> float:
    """How much less noise there is, dB; a constant offset does not count."""
    before, after = noisy - clean, filtered - clean
    return 10 * math.log10(before.var(axis=1).mean() / after.var(axis=1).mean())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_daplf_takes_drifting_mains_away(rate: float, mains: float) -> None:
    clean = made_ecg(rate)
    time = np.arange(clean.shape[1]) / rate
    phase = 2 * np.pi * np.cumsum(mains + np.sin(2 * np.pi * 0.1 * time)) / rate
    noisy = clean + 100 * np.sin(phase) * (1 + 0.2 * np.sin(2 * np.pi * 0.07 * time))
    near_nyquist = mains > 0.45 * rate
    assert gain_db(clean, noisy, daplf(noisy, rate, mains=mains)) > (15 if near_nyquist else 20)


def test_daplf_takes_harmonics_away() -> None:
    clean = made_ecg(500.0)
    phase = 2 * np.pi * 49.6 * np.arange(clean.shape[1]) / 500
    noisy = clean + 60 * np.sin(phase) + 20 * np.sin(2 * phase + 1) + 20 * np.sin(3 * phase + 2)
    assert gain_db(clean, noisy, daplf(noisy, 500.0)) > 20


def test_daplf_set_to_the_other_mains_leaves_the_signal_alone() -> None:
    clean = made_ecg(500.0)
    noisy = clean + 100 * np.sin(2 * np.pi * 50 * np.arange(clean.shape[1]) / 500)
    assert gain_db(clean, noisy, daplf(noisy, 500.0, mains=60.0)) < 3


@pytest.mark.parametrize("rate", RATES)
def test_drift_takes_wander_away(rate: float) -> None:
    clean = made_ecg(rate)
    time = np.arange(clean.shape[1]) / rate
    noisy = clean + 800 * np.sin(2 * np.pi * 0.2 * time + 1) + 300 * np.sin(2 * np.pi * 0.37 * time)
    assert gain_db(clean, noisy, drift(noisy, rate)) > 18


@pytest.mark.parametrize("rate", RATES)
def test_tremor_takes_muscle_noise_away(rate: float) -> None:
    clean = made_ecg(rate)
    noisy = clean + muscle_noise(clean.shape, rate, 60)
    assert gain_db(clean, noisy, tremor(noisy, rate)) > 8


@pytest.mark.parametrize("leads", [1, 2])
def test_one_or_two_leads_are_enough(leads: int) -> None:
    clean = made_ecg(250.0, leads=leads)
    count = clean.shape[1]
    assert gain_db(clean, clean + hum(count, 250), daplf(clean + hum(count, 250), 250.0)) > 30
    assert gain_db(clean, clean + wander(count, 250), drift(clean + wander(count, 250), 250.0)) > 20
    noisy = clean + muscle_noise(clean.shape, 250, 60)
    assert gain_db(clean, noisy, tremor(noisy, 250.0)) > 6


@pytest.mark.parametrize(("seconds", "gains"), [(2.0, (30, 6, 2)), (3.0, (30, 12, 3)), (5.0, (30, 18, 8))])
def test_short_records(seconds: float, gains: tuple[float, float, float]) -> None:
    clean = made_ecg(500.0, seconds=seconds)
    count = clean.shape[1]
    noises = [hum(count, 500), wander(count, 500), muscle_noise(clean.shape, 500, 60)]
    for method, noise, gain in zip(FILTERS, noises, gains, strict=True):
        assert gain_db(clean, clean + noise, method(clean + noise, 500.0)) > gain


def test_daplf_follows_a_change_of_amplitude() -> None:
    clean = made_ecg(500.0)
    time = np.arange(clean.shape[1]) / 500
    swelling = clean + hum(len(time), 500) * (1 + 0.5 * np.sin(np.pi * time))
    assert gain_db(clean, swelling, daplf(swelling, 500.0)) > 30
    plugged = clean + hum(len(time), 500) * np.where(time > 4.3, 1, 0)
    assert gain_db(clean, plugged, daplf(plugged, 500.0)) > 20


def test_tremor_keeps_the_qrs_under_noise() -> None:
    """At 0 dB the average beat keeps its height within a twentieth."""
    clean = made_ecg(500.0, leads=12)
    noisy = clean + muscle_noise(clean.shape, 500, 1.0) * clean.std(axis=1, keepdims=True)
    after = tremor(noisy, 500.0)
    peaks = np.flatnonzero(
        (clean[0] > 400) & (clean[0] >= np.roll(clean[0], 1)) & (clean[0] > np.roll(clean[0], -1))
    )
    inner = peaks[(peaks > 50) & (peaks < clean.shape[1] - 50)]
    heights = [
        np.ptp(np.mean([s[:, at - 40 : at + 40] for at in inner], axis=0), axis=1) for s in (clean, after)
    ]
    assert np.abs(heights[1] / heights[0] - 1).mean() < 0.05


def test_tremor_leaves_noise_alone_that_nobody_sees() -> None:
    quiet = made_ecg(500.0) + muscle_noise((3, 5000), 500, 1.5)
    assert np.abs(tremor(quiet, 500.0) - quiet).max() < 5


@pytest.mark.parametrize("pattern", ["NNNNNNNNNNNNNV", "NNNV", "NV"])
@pytest.mark.parametrize("method", FILTERS)
def test_ventricular_beats_keep_their_shape(method, pattern: str) -> None:
    clean = made_rhythm(360.0, pattern)
    change = without_level(method(clean, 360.0) - clean)
    assert np.abs(change).max() < 0.06 * np.ptp(clean)


def test_ventricular_beats_keep_their_shape_under_wander() -> None:
    clean = made_rhythm(360.0, "NNNV")
    change = without_level(drift(clean + wander(3600, 360), 360.0) - clean)
    assert np.abs(change).max() < 0.08 * np.ptp(clean)


@pytest.mark.parametrize("hertz", [8.3, 50 / 3, 25.0, 49.0])
def test_drift_leaves_what_is_fast_as_it_is(hertz: float) -> None:
    clean = made_ecg(500.0, leads=8)
    clean += wander(5000, 500)
    fast = 50 * np.sin(2 * np.pi * hertz * np.arange(5000) / 500)
    change = without_level(drift(clean + fast, 500.0) - drift(clean, 500.0) - fast)
    assert change.std() < 0.15 * fast.std()


@pytest.mark.parametrize("hertz", [4.2, 5.0, 5.6])
@pytest.mark.parametrize("method", FILTERS)
def test_flutter_waves_stay(method, hertz: float) -> None:
    clean, waves = made_flutter(500.0, hertz)
    for noisy in (clean, clean + wander(5000, 500), clean + muscle_noise(clean.shape, 500, 40)):
        lost = ((method(noisy, 500.0) - method(noisy - waves, 500.0) - waves) * waves).sum() / (
            waves**2
        ).sum()
        assert abs(lost) < 0.1


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("rate", [250.0, 500.0, 1000.0])
def test_pacemaker_spikes_stay(method, rate: float) -> None:
    """Those before a QRS, and those that are followed by none."""
    clean = made_ecg(rate, bpm=60) + muscle_noise((3, round(10 * rate)), rate, 20)
    spikes = np.array(
        [*(round((at + 0.07) * rate) for at in range(10)), round(3.6 * rate), round(6.7 * rate)]
    )
    paced = clean.copy()
    paced[:, spikes] += 2000
    height = (method(paced, rate) - method(clean, rate))[:, spikes]
    assert height.min() > 1900
    assert height.max() < 2100


@pytest.mark.parametrize("method", FILTERS)
def test_what_happens_in_one_lead_stays_there(method) -> None:
    clean = made_ecg(500.0, leads=4)
    stepped, saturated = clean.copy(), clean.copy()
    stepped[2, 2500:] += 5000
    saturated[2, 3000:3600] = 3276.7
    reference = method(clean, 500.0)
    for broken in (stepped, saturated):
        change = method(broken, 500.0) - reference
        assert np.abs(without_level(np.delete(change, 2, axis=0))).max() < 40
        assert np.abs(without_level(change[2:3, :1500])).max() < 100


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("rate", RATES)
def test_a_clean_ecg_keeps_its_qrs_and_st(method, rate: float) -> None:
    clean = made_ecg(rate, seconds=20)
    change = method(clean, rate) - clean
    change -= np.median(change, axis=1, keepdims=True)
    assert np.abs(change).max() <= 0.02 * np.ptp(clean, axis=1).max()


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("rate", RATES)
def test_impulse_of_iec_60601_2_25(method, rate: float) -> None:
    """3 mV for 100 ms: offset after it at most 0.1 mV, slope at most 0.3 mV/s."""
    impulse = np.zeros((2, round(10 * rate)))
    impulse[:, round(5 * rate) : round(5.1 * rate)] = 3000
    after = method(impulse, rate)[:, round(5.1 * rate) :]
    assert np.abs(after).max() <= 100
    step = round(0.05 * rate)
    assert np.abs(after[:, step:] - after[:, :-step]).max() * rate / step <= 300


@pytest.mark.parametrize("method", FILTERS)
def test_no_transient_at_start_and_end(method) -> None:
    clean = made_ecg(500.0) + 5000.0
    change = method(clean, 500.0) - clean
    change -= np.median(change)
    assert np.abs(change[:, :200]).max() < 35
    assert np.abs(change[:, -200:]).max() < 35


@pytest.mark.parametrize("method", FILTERS)
def test_gaps_stay_gaps_and_do_not_leak(method) -> None:
    clean = made_ecg(500.0)
    missing = np.zeros(clean.shape, dtype=bool)
    missing[1, 2000:3000] = True
    broken = clean.copy()
    broken[missing] = 32767.0
    filtered = method(broken, 500.0, missing=missing)
    assert np.array_equal(filtered[missing], broken[missing])
    change = (filtered - clean)[~missing]
    assert np.abs(change - np.median(change)).max() < 60
    broken[missing] = np.nan
    nans = method(broken, 500.0)
    assert np.array_equal(np.isnan(nans), missing)
    assert np.array_equal(nans[~missing], filtered[~missing])


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("count", [1, 2, 3, 10, 60, 200])
def test_short_signals_come_back_finite(method, count: int) -> None:
    short = np.random.default_rng(0).normal(size=(2, count)) * 100
    filtered = method(short, 500.0)
    assert filtered.shape == short.shape
    assert np.isfinite(filtered).all()


@pytest.mark.parametrize("method", FILTERS)
def test_input_is_not_changed_and_output_is_the_same_each_time(method) -> None:
    noisy = made_ecg(500.0) + np.random.default_rng(2).normal(size=(3, 5000)) * 20
    before = noisy.copy()
    first = method(noisy, 500.0)
    assert np.array_equal(noisy, before)
    assert np.array_equal(method(noisy, 500.0), first)


@pytest.mark.parametrize("method", FILTERS)
def test_a_long_record_is_filtered_in_sections_without_seams(method) -> None:
    clean = made_ecg(250.0, seconds=400, leads=1)
    change = method(clean, 250.0) - clean
    change -= np.median(change)
    assert np.abs(change).max() < 16


def test_flat_leads_stay_flat() -> None:
    flat = np.full((2, 5000), 123.0)
    for method in FILTERS:
        assert np.ptp(method(flat, 500.0)) < 1e-6


def test_daplf_refuses_another_mains() -> None:
    with pytest.raises(InvalidField, match="daplf"):
        daplf(np.zeros((1, 1000)), 500.0, mains=55.0)


def test_missing_of_marks_lead_off_spans() -> None:
    signal_format = SignalFormat(
        rate=500.0,
        leads=(Lead.I, Lead.II),
        resolution=(1.0, 1.0),
        bits=16,
        sample_count=100,
        lead_off=(LeadOff(Lead.II, 10, 20),),
    )
    missing = missing_of(signal_format)
    assert missing is not None
    assert missing.sum() == 10
    assert missing[1, 10:20].all()


def test_silence_after_a_strong_noise_stays_silent() -> None:
    """Two seconds of it: the noise power, smoothed, ends there."""
    samples = np.random.default_rng(0).normal(size=(2, 5000)) * 3e4
    samples[:, 4000:] = 0
    assert np.abs(tremor(samples, 500.0)[:, 4600:]).max() < 1


def test_leads_with_many_gaps_are_filtered_as_if_each_were_alone() -> None:
    samples = made_ecg(500.0, leads=4) + np.random.default_rng(0).normal(size=(4, 5000)) * 30
    missing = np.zeros(samples.shape, dtype=bool)
    missing[0, 2000:2100] = missing[2, 2000:2100] = missing[3, 4000:] = True
    for each in (daplf, drift):
        whole = each(samples, 500.0, missing=missing)
        alone = each(samples[[3]], 500.0, missing=missing[[3]])
        assert np.allclose(whole[3], alone[0])
        assert np.array_equal(whole[missing], samples[missing])
