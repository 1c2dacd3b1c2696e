"""Waves are bounded where they were put, and nothing is marked where nothing is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from scipy.signal import resample_poly

from cardioserver.ecg.lead import Lead
from cardioserver.signal.beats import BeatClass, Beats, find_beats
from cardioserver.signal.fiducials import NAMES, NONE, Fiducials, find_fiducials
from cardioserver.signal.markorder import in_order
from cardioserver.signal.measurements import measure_leads
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


@pytest.mark.parametrize("rate", [125.0, 250.0])
def test_a_slow_sampling_rate_does_not_lengthen_intervals(rate: float) -> None:
    slow, fast = marks_in_ms(made_ecg(rate, REGULAR), rate), marks_in_ms(made_ecg(500.0, REGULAR), 500.0)
    for first, last in (("p_on", "p_off"), ("p_on", "qrs_on"), ("qrs_on", "qrs_off"), ("qrs_on", "t_off")):
        change = (slow[last] - slow[first]) - (fast[last] - fast[first])
        assert abs(change) <= 1, (first, last)


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


def marks_of_one_beat(extra: np.ndarray | float = 0.0, **kinds: float) -> dict[str, float]:
    return marks_in_ms(made_ecg(500.0, REGULAR, **kinds) + extra, 500.0)


def beside(at: float, half: float, size: float, *, period: float | None = None) -> np.ndarray:
    """A wave of that size beside every QRS, or one every *period* seconds from the first on."""
    time = np.arange(round((REGULAR[-1] + 1) * 500)) / 500
    places = np.arange(0.1, time[-1], period) if period else np.array(REGULAR) + at
    return sum(size * bump(time, place, half) for place in places)


def test_flutter_waves_in_step_with_the_qrs_are_no_p_waves() -> None:
    """Four to one: the wave before the QRS is like those before and after it."""
    found = marks_of_one_beat(beside(0, 0.09, 100, period=0.85 / 4), p=0.0)
    assert np.isnan(found["p_peak"])


@pytest.mark.parametrize("half", [0.004, 0.01])
def test_an_atrial_spike_is_no_p_wave(half: float) -> None:
    assert np.isnan(marks_of_one_beat(beside(-0.16, half, 300), p=0.0)["p_peak"])


def test_a_u_wave_does_not_prolong_qt() -> None:
    without = marks_of_one_beat()
    with_u = marks_of_one_beat(beside(0.46, 0.08, 60))
    assert with_u["t_off"] == pytest.approx(without["t_off"], abs=15)
    assert with_u["p_on"] == pytest.approx(without["p_on"], abs=10)


@pytest.mark.parametrize("at", [0.46, 0.49, 0.52])
@pytest.mark.parametrize("size", [60, 110])
def test_a_u_wave_as_high_as_the_t_wave_is_not_taken_for_it(at: float, size: float) -> None:
    """As in hypokalaemia; wherever it stands it lends nothing to the level either."""
    found = marks_of_one_beat(beside(at, 0.07, size), t=100.0)
    assert found["t_peak"] == pytest.approx(280, abs=15)
    assert found["t_off"] == pytest.approx(370, abs=25)


def test_a_late_t_wave_with_nothing_before_it_is_found() -> None:
    """A long QT: the usual place tells only which of several waves is T."""
    found = marks_of_one_beat(beside(0.42, 0.09, 150), t=0.0)
    assert found["t_peak"] == pytest.approx(420, abs=15)
    assert found["t_off"] == pytest.approx(510, abs=25)


def test_a_t_wave_that_swings_through_the_baseline_ends_with_its_second_phase() -> None:
    found = marks_of_one_beat(beside(0.22, 0.06, -300) + beside(0.33, 0.06, 200), t=0.0)
    assert found["t_off"] == pytest.approx(390, abs=25)


def test_the_terminal_phase_belongs_to_the_p_wave() -> None:
    found = marks_of_one_beat(beside(-0.19, 0.03, 100) + beside(-0.13, 0.03, -100), p=0.0)
    assert found["p_on"] == pytest.approx(-220, abs=15)
    assert found["p_off"] == pytest.approx(-100, abs=15)


def test_a_wide_qrs_is_measured_whole() -> None:
    """A left bundle branch block of 160 ms: slow at its ends, with a notch."""
    wide = beside(0.0, 0.05, 900) + beside(0.06, 0.05, 800)
    found = marks_in_ms(made_ecg(500.0, REGULAR)[:1] * 0 + wide + beside(-0.2, 0.05, 120), 500.0)
    assert found["qrs_off"] - found["qrs_on"] == pytest.approx(160, abs=15)
    assert found["p_peak"] == pytest.approx(-200, abs=12)


def test_leads_in_scales_of_their_own_give_the_same_marks() -> None:
    signal = made_ecg(500.0, REGULAR)
    scaled = signal * np.random.default_rng(1).uniform(0.3, 3, size=(12, 1))
    before, after = marks_in_ms(signal, 500.0), marks_in_ms(scaled, 500.0)
    for name in NAMES:
        assert after[name] == pytest.approx(before[name], abs=6), name


@pytest.mark.parametrize("seconds", [2.0, 2.5, 4.0])
@pytest.mark.parametrize("rate", [125.0, 1000.0])
def test_a_record_of_two_seconds_has_waves(rate: float, seconds: float) -> None:
    signal = made_ecg(rate, REGULAR, leads=3)[:, : round(seconds * rate)]
    fiducials = find_fiducials(Trace(signal), rate, find_beats(signal, rate))
    assert len(fiducials.samples) >= 2
    for name in ("qrs_on", "r_peak", "qrs_off", "t_peak"):
        assert fiducials.of(name)[0] != NONE, name


def test_order_of_marks_and_edges_of_the_record() -> None:
    signal = made_ecg(500.0, REGULAR)[:, 270:-560]
    fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
    for row in fiducials.samples:
        known = row[row != NONE]
        assert np.all(np.diff(known) >= 0)
        assert known.min() >= 0
        assert known.max() < signal.shape[1]
        assert all((row[first : first + 3] == NONE).sum() in (0, 3) for first in (0, 3, 6))
    assert (fiducials.of("r_peak") != NONE).all()


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


def test_a_spike_within_a_qrs_does_not_move_its_onset() -> None:
    """A pacemaker that did not see the QRS fires into it; the QRS has begun before."""
    signal = made_ecg(500.0, REGULAR)
    alone = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
    beats = find_beats(signal, 500.0)
    within = replace(beats, spikes=beats.samples - 1)
    assert (find_fiducials(Trace(signal), 500.0, within).of("qrs_on") <= beats.samples - 10).all()
    assert (np.abs(find_fiducials(Trace(signal), 500.0, within).of("qrs_on") - alone.of("qrs_on")) <= 6).all()


def test_what_a_pacemaker_pulse_leaves_behind_is_no_level() -> None:
    """After the pulse the electrode tissue discharges: ST is measured against what was before the pulse."""
    wide = beside(0.0, 0.05, 900) + beside(0.06, 0.05, 800)
    spikes = np.round((np.array(REGULAR) - 0.075) * 500).astype(np.intp)
    pulse, discharge = np.zeros_like(wide), np.zeros_like(wide)
    for at in spikes:
        pulse[at] = 2500
        discharge[at:] += -400 * np.exp(-np.arange(len(wide) - at) / (0.02 * 500))
    signal = (wide + pulse + discharge)[None]
    beats = find_beats(signal, 500.0, spikes=spikes.tolist())
    assert set(beats.classes) == {BeatClass.PACED}
    fiducials = find_fiducials(Trace(signal), 500.0, beats)
    (lead,) = measure_leads([Lead.II], fiducials)
    assert lead.st80 == pytest.approx(0, abs=25)
    assert lead.r1 == pytest.approx(900, abs=60)


def test_a_spike_beyond_a_qrs_leaves_it_as_it_is() -> None:
    """A beat that noise has put beside its QRS: the spike between the two is not what caused it."""
    signal = made_ecg(500.0, REGULAR)
    beats = find_beats(signal, 500.0)
    beside = replace(beats, samples=beats.samples + 45, spikes=beats.samples + 36)
    rows = in_order(find_fiducials(Trace(signal), 500.0, beside), beside).samples
    assert (rows[:, NAMES.index("qrs_on")] < rows[:, NAMES.index("qrs_off")]).all()


def test_beats_nearer_than_their_qrs_is_long_are_marked() -> None:
    samples = np.arange(100, 2400, 100)
    beats = Beats(samples, (BeatClass.NORMAL,) * 23, samples[:0], np.ones(23), np.zeros(23, dtype=np.intp))
    wide = sum(1000 * bump(np.arange(2500) / 500, at / 500, 0.16) for at in samples)[None]
    marks = in_order(find_fiducials(Trace(wide), 500.0, beats), beats).samples
    on, peak, off = (marks[:, NAMES.index(name)] for name in ("qrs_on", "r_peak", "qrs_off"))
    assert (on <= samples).all()
    assert (samples <= off).all()
    assert (off[:-1] <= on[1:]).all()
    assert ((on <= peak) & (peak <= off)).all()


def with_an_escape_beat(shape: float | None) -> np.ndarray:
    """The sixth beat comes late; *shape* is its P wave, against the others, or ``None`` for no such wave."""
    times = list(REGULAR)
    times[5] += 0.3
    signal = made_ecg(500.0, times)
    time = np.arange(signal.shape[1]) / 500
    at = times[5] + P_AT
    signal -= np.outer(np.linspace(0.5, 1.3, 12), 120 * bump(time, at, P_HALF))
    if shape is not None:
        signal += np.outer(np.linspace(0.5, 1.3, 12), 120 * shape * bump(time, at, P_HALF))
    return signal + np.random.default_rng(0).normal(size=signal.shape) * 8


@pytest.mark.parametrize(("shape", "has_p"), [(None, False), (1.0, True), (0.6, True), (-0.8, True)])
def test_an_escape_beat_has_no_p_wave_unless_one_is_seen(shape: float | None, has_p: bool) -> None:
    signal = with_an_escape_beat(shape)
    beats = find_beats(signal, 500.0)
    p_on = find_fiducials(Trace(signal), 500.0, beats).of("p_on")
    assert len(p_on) == len(REGULAR)
    assert (p_on[5] != NONE) == has_p
    assert (np.delete(p_on, 5) != NONE).all()


def test_qrs_complexes_that_part_keep_a_length() -> None:
    """Even where one is overrun as far as the place of its beat, which is its last sample."""
    none = (NONE,) * 3
    rows = np.array([(*none, 180, 200, 330, *none), (*none, 280, 295, 300, *none)])
    beats = Beats(
        np.array([200, 300]), (BeatClass.NORMAL,) * 2, np.zeros(0, np.intp), np.ones(2), np.zeros(2, np.intp)
    )
    marks = in_order(Fiducials(rows, None, None), beats)
    assert marks.of("qrs_off")[0] <= marks.of("qrs_on")[1] < marks.of("qrs_off")[1]


@pytest.mark.parametrize(
    ("t", "p", "t_off", "p_on"),
    [
        ((250, 300, 380), (350, 390, 420), 350, 350),  # T ends where P begins
        ((250, 300, 380), (290, 390, 420), 380, 380),  # P begins on the way up of T: it comes out behind T
        ((250, 300, 380), (290, 330, 370), 380, NONE),  # P within T
        ((250, 300, 480), (NONE, NONE, NONE), 430, NONE),  # T ends where the QRS begins
        ((250, 440, 480), (NONE, NONE, NONE), NONE, NONE),  # T within the next QRS
    ],
)
def test_waves_of_neighbours_part(
    t: tuple[int, int, int], p: tuple[int, int, int], t_off: int, p_on: int
) -> None:
    rows = np.array([(NONE, NONE, NONE, 180, 200, 230, *t), (*p, 430, 450, 470, NONE, NONE, NONE)])
    beats = Beats(
        np.array([200, 450]), (BeatClass.NORMAL,) * 2, np.zeros(0, np.intp), np.ones(2), np.zeros(2, np.intp)
    )
    marks = in_order(Fiducials(rows, None, None), beats)
    assert marks.of("t_off")[0] == t_off
    assert marks.of("p_on")[1] == p_on
    assert marks.of("qrs_off").tolist() == [230, 470]


def test_real_ecgs_measure_the_same_at_half_their_rate(shared_ecg: Path) -> None:
    """The mean PQ and QT intervals to a millisecond, although marks lie 4 ms apart."""
    changes = []
    for path in sorted((shared_ecg / "ludb").glob("[1-3]?.hea")):
        full = wfdb.rdrecord(str(path.with_suffix("")), physical=False).d_signal.T.astype(float)
        fast, slow = pq_and_qt(full, 500.0), pq_and_qt(resample_poly(full, 1, 2, axis=1), 250.0)
        changes.append((slow[0] - fast[0], slow[1] - fast[1]))
    assert np.abs(np.nanmean(changes, axis=0)).max() < 1


def pq_and_qt(signal: np.ndarray, rate: float) -> tuple[float, float]:
    """Medians over the beats, ms."""
    found = find_fiducials(Trace(signal), rate, find_beats(signal, rate))
    on, known_p, known_t = found.of("qrs_on"), found.of("p_on") != NONE, found.of("t_off") != NONE
    pq = float(np.median((on - found.of("p_on"))[known_p])) if known_p.any() else np.nan
    return pq * 1000 / rate, float(np.median((found.of("t_off") - on)[known_t])) * 1000 / rate
