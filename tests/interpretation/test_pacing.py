"""Rhythms of a pacemaker."""

from __future__ import annotations

from tests.interpretation.rhythms import recorded, statements, steady

BEATS = steady(0.85)


def test_ventricles_paced_without_the_atria() -> None:
    found = statements(recorded(BEATS, 10, p=[], broad=range(40), spikes=[at - 0.06 for at in BEATS]))
    assert found["PACE"].ru == "Ритм электрокардиостимулятора, стимуляция желудочков"
    assert not found.keys() & {"SR", "JESCR", "ACVR", "WQTAC", "PACED", "1AVB", "PVC"}


def test_ventricles_paced_after_each_p_wave() -> None:
    waves = [at - 0.22 for at in BEATS]
    found = statements(recorded(BEATS, 10, p=waves, broad=range(40), spikes=[at - 0.06 for at in BEATS]))
    assert found["PACE"].en.startswith("Paced rhythm, ventricular")


def test_both_chambers_paced() -> None:
    spikes = sorted(at - ahead for at in BEATS for ahead in (0.06, 0.22))
    found = statements(recorded(BEATS, 10, broad=range(40), spikes=spikes))
    assert found["PACE"].ru == "Ритм электрокардиостимулятора, двухкамерная стимуляция"


def test_atria_paced() -> None:
    found = statements(recorded(BEATS, 10, spikes=[at - 0.19 for at in BEATS]))
    assert found["PACE"].ru == "Ритм электрокардиостимулятора, стимуляция предсердий"


def test_pacing_on_demand() -> None:
    times = [0.5, 1.2, 1.9, 2.6, 3.3, 4.3, 5.3, 6.3, 7.3, 8.3, 9.3]
    paced = range(5, 11)
    found = statements(recorded(times, 10, broad=paced, spikes=[times[n] - 0.06 for n in paced]))
    assert found["PACED"].ru == "Стимуляция в режиме «по требованию»: навязано 6 из 11 комплексов"


def test_a_beat_of_the_paced_form_whose_spike_was_not_seen_is_no_demand() -> None:
    spikes = [at - 0.06 for n, at in enumerate(BEATS) if n != 5]
    found = statements(recorded(BEATS, 10, p=[], broad=range(40), spikes=spikes))
    assert "PACE" in found
    assert "PACED" not in found


def test_spikes_that_nothing_answers() -> None:
    spikes = [at - 0.06 for at in BEATS]
    lost = [at for n, at in enumerate(BEATS) if n not in (4, 8)]
    found = statements(recorded(lost, 10, p=[], broad=range(40), spikes=spikes))
    assert found["EPFC"].en == "Pacemaker spikes without capture: 2"
    every = statements(recorded(BEATS, 10, p=[], broad=range(40), spikes=spikes))
    assert "EPFC" not in every
