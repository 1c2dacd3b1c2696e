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


def made_ecg(rate: float, seconds: float = 10.0, leads: int = 3, bpm: float = 70.0) -> np.ndarray:
    """A beat of Gaussian waves (P. McSharry et al., IEEE Trans. Biomed. Eng. 50:289, 2003), µV."""
    time = np.arange(round(rate * seconds)) / rate
    phase = (time + 0.2) % (60 / bpm) - 0.35
    waves = [
        (-0.18, 0.025, 120), (-0.025, 0.009, -90), (0.0, 0.011, 1000), (0.028, 0.01, -200), (0.25, 0.05, 250),
    ]  # fmt: skip
    beat = sum(height * np.exp(-((phase - at) ** 2) / 2 / width**2) for at, width, height in waves)
    return np.outer(np.linspace(0.5, 1.2, leads), beat)


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
    rng = np.random.default_rng(1)
    spectrum = np.fft.rfft(rng.normal(size=clean.shape))
    frequency = np.fft.rfftfreq(clean.shape[1], 1 / rate)
    noise = np.fft.irfft(spectrum * ((frequency > 15) & (frequency < 100)), clean.shape[1])
    noisy = clean + 60 * noise / noise.std()
    assert gain_db(clean, noisy, tremor(noisy, rate)) > 4


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
