"""What the atria do, from made signals: any rate, any number of leads, any length."""

from __future__ import annotations

import numpy as np
import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.signal.atrial import Atrial, AtrialActivity, find_atrial, without_p
from cardioserver.signal.beats import BeatClass, Beats, find_beats
from cardioserver.signal.cancellation import Ventricles, band_limited, slowed, without_qrs, without_t
from cardioserver.signal.fiducials import NAMES, NONE, Fiducials, find_fiducials
from cardioserver.signal.intervals import likeness
from cardioserver.signal.trace import Trace

SHARE = np.array([0.6, 1.0, 0.4, -0.8, 0.1, 0.7, -0.6, -0.4, 0.4, 1.2, 1.1, 0.9])
ATRIAL_SHARE = np.array([0.2, 0.8, 0.6, -0.5, -0.2, 0.7, 0.6, 0.3, 0.2, 0.2, 0.1, 0.1])


def bell(time: np.ndarray, at: float, half: float) -> np.ndarray:
    return np.where(np.abs(time - at) < half, 0.5 + 0.5 * np.cos(np.pi * (time - at) / half), 0.0)


def heart(rate: float, qrs: list[float], p: list[float], seconds: float, leads: int = 12) -> np.ndarray:
    """QRS and T at *qrs* and P waves at *p* s, µV, with a little noise."""
    time = np.arange(round(seconds * rate)) / rate
    rows = np.random.default_rng(5).normal(size=(12, len(time))) * 4
    for at in qrs:
        near = np.abs(time - at) < 0.6
        here = time[near]
        wave = (
            1100 * bell(here, at, 0.024)
            - 250 * bell(here, at + 0.034, 0.02)
            + 260 * bell(here, at + 0.27, 0.09)
        )
        rows[:, near] += np.outer(SHARE, wave)
    for at in p:
        near = np.abs(time - at) < 0.1
        rows[:, near] += np.outer(ATRIAL_SHARE, 130 * bell(time[near], at, 0.05))
    return rows[:leads]


def fibrillatory(rate: float, seconds: float, size: float = 60.0) -> np.ndarray:
    count = round(seconds * rate)
    frequency = np.fft.rfftfreq(count, 1 / rate)
    random = np.random.default_rng(3)
    spectrum = random.normal(size=len(frequency)) + 1j * random.normal(size=len(frequency))
    waves = np.fft.irfft(spectrum * ((frequency >= 4) & (frequency <= 9)), count)
    return np.outer(ATRIAL_SHARE, size * waves / waves.std())


def irregular(mean: float, seconds: float, start: float = 0.4) -> list[float]:
    random = np.random.default_rng(11)
    times = [start]
    while times[-1] < seconds - 0.4:
        times.append(times[-1] + max(mean * random.uniform(0.6, 1.4), 0.3))
    return times[:-1]


def look(samples: np.ndarray, rate: float) -> tuple[Atrial, Beats, Fiducials]:
    trace = Trace(samples)
    beats = find_beats(samples, rate)
    fiducials = find_fiducials(trace, rate, beats)
    return find_atrial(trace, rate, TWELVE_LEADS[: len(samples)], beats, fiducials), beats, fiducials


@pytest.mark.parametrize("rate", [125.0, 250.0, 360.0, 1000.0])
@pytest.mark.parametrize("leads", [1, 3, 12])
def test_p_waves_and_fibrillation_at_any_rate(rate: float, leads: int) -> None:
    steady = list(np.arange(0.5, 9.6, 0.8))
    calm, *_ = look(heart(rate, steady, [at - 0.15 for at in steady], 10, leads), rate)
    assert calm.share(AtrialActivity.P_WAVES) == 1.0
    wild = heart(rate, irregular(0.75, 10), [], 10, leads) + fibrillatory(rate, 10)[:leads]
    assert look(wild, rate)[0].share(AtrialActivity.FIBRILLATION, AtrialActivity.FLUTTER) == 1.0


def test_an_irregular_rhythm_with_p_waves_is_no_fibrillation() -> None:
    times = irregular(0.85, 10, 0.6)
    (span,) = look(heart(500.0, times, [at - 0.15 for at in times], 10), 500.0)[0].spans
    assert span.activity is AtrialActivity.P_WAVES
    assert span.odds is not None
    assert span.odds < 0
    assert span.in_step is not None
    assert span.in_step > 0.8


def test_flutter_tells_its_cycle_and_ratio() -> None:
    place = (np.arange(5000) / 500 / 0.21) % 1
    saw = np.outer(
        ATRIAL_SHARE, 110 * np.where(place < 0.7, 1 - 2 * place / 0.7, -1 + 2 * (place - 0.7) / 0.3)
    )
    (span,) = look(heart(500.0, list(np.arange(0.4, 9.7, 0.84)), [], 10) + saw, 500.0)[0].spans
    assert (span.activity, span.ratio) == (AtrialActivity.FLUTTER, 4)
    assert span.cycle == pytest.approx(0.21, abs=0.008)


def test_p_waves_on_their_own_are_found_wherever_they_fall() -> None:
    waves = list(np.arange(0.3, 9.8, 0.7))
    (span,) = look(heart(500.0, list(np.arange(0.6, 9.7, 1.5)), waves, 10), 500.0)[0].spans
    assert span.activity is AtrialActivity.DISSOCIATED
    assert span.p_interval == pytest.approx(0.7, abs=0.01)
    assert len(span.p_places) >= len(waves) - 4
    assert all(min(abs(place / 500 - at) for at in waves) < 0.03 for place in span.p_places)


def test_a_long_record_is_read_span_by_span() -> None:
    seconds, onset, end = 300.0, 120.0, 180.0
    before = list(np.arange(0.5, onset, 0.8))
    during = [onset + at for at in irregular(0.7, end - onset)]
    after = list(np.arange(end + 0.4, seconds - 0.4, 0.8))
    samples = heart(250.0, before + during + after, [at - 0.15 for at in before + after], seconds, 2)
    samples[:, round(onset * 250) : round(end * 250)] += fibrillatory(250.0, end - onset)[:2]
    atrial, beats, fiducials = look(samples, 250.0)
    wild = [span for span in atrial.spans if span.activity is AtrialActivity.FIBRILLATION]
    assert [(span.start, span.stop) for span in wild] == [(onset * 250, end * 250)]
    assert atrial.share(AtrialActivity.P_WAVES) == pytest.approx(0.8)
    waves = without_p(fiducials, beats, atrial).of("p_on")
    inside = (beats.samples >= onset * 250) & (beats.samples < end * 250)
    assert (waves[inside] == NONE).all()
    assert (waves[~inside] != NONE).mean() > 0.9


def test_nothing_is_said_of_nothing() -> None:
    (span,) = look(np.zeros((2, 2500)), 250.0)[0].spans
    assert span.activity is AtrialActivity.UNKNOWN
    assert span.odds is None


def test_ventricular_beats_alone_say_nothing_of_the_atria() -> None:
    beats = Beats(
        np.arange(1, 6) * 400,
        (BeatClass.VENTRICULAR,) * 5,
        np.empty(0, dtype=np.intp),
        np.ones(5),
        np.zeros(5, dtype=np.intp),
    )
    trace = Trace(heart(500.0, [], [], 5.0, 2))
    fiducials = Fiducials(np.full((5, len(NAMES)), NONE, dtype=np.intp), None, None)
    (span,) = find_atrial(trace, 500.0, TWELVE_LEADS[:2], beats, fiducials).spans
    assert (span.activity, span.in_step) == (AtrialActivity.UNKNOWN, None)


def test_likeness_of_intervals() -> None:
    assert likeness(np.full(10, 0.8)) == 1.0
    assert likeness(np.array([0.8, 0.5, 0.9])) is None
    bigeminy = likeness(np.array([0.6, 1.0] * 6))
    assert bigeminy is not None
    assert 0.4 < bigeminy < 0.5
    wild = likeness(np.array([0.4, 0.52, 0.65, 0.79, 0.94, 1.1, 1.3]))
    assert wild == 0.0


def test_a_band_does_not_shift_and_takes_the_wander() -> None:
    time = np.arange(1250) / 125
    wave = np.sin(2 * np.pi * 6 * time)[None]
    wander = 50 * np.sin(2 * np.pi * 0.2 * time)[None]
    left = band_limited(wave + wander, 125.0, (1.0, 20.0))
    assert np.abs(left - wave)[:, 125:-125].max() < 0.15


def test_cancellation_leaves_the_atria_and_takes_the_ventricles() -> None:
    times = irregular(0.9, 10)
    ventricular = heart(500.0, times, [], 10)
    atrial = fibrillatory(500.0, 10, 50.0)
    thin, work = slowed(ventricular + atrial, 500.0)
    at = np.array(times) * work
    ventricles = Ventricles(
        (at - 0.05 * work).astype(np.intp),
        (at + 0.08 * work).astype(np.intp),
        round(0.3 * work),
        np.zeros(len(at), dtype=np.intp),
    )
    left = without_t(without_qrs(thin, work, ventricles), ventricles)
    truth, _ = slowed(atrial, 500.0)
    lead = TWELVE_LEADS.index(Lead.II)
    seen = left.open
    error = (band_limited(left.samples, work, (3.5, 20.0)) - band_limited(truth, work, (3.5, 20.0)))[
        lead, seen
    ]
    before = (band_limited(thin, work, (3.5, 20.0)) - band_limited(truth, work, (3.5, 20.0)))[lead, seen]
    assert error.std() < 0.45 * truth[lead].std()
    assert error.std() < 0.3 * before.std()
