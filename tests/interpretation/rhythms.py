"""ECGs whose rhythm is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.statement import Statement
from cardioserver.signal.analysis import analyse

RATE = 500.0
GROWN_UP = Person(age=50.0)

# share of each wave in the twelve leads; I + III = II, and the augmented leads follow
P = (0.6, 1.0, 0.4, -0.8, 0.1, 0.7, 0.5, 0.6, 0.6, 0.6, 0.5, 0.5)
QRS = (0.6, 1.0, 0.4, -0.8, 0.1, 0.7, -0.6, -0.4, 0.4, 1.2, 1.1, 0.9)
BROAD = (0.7, -0.6, -1.3, -0.05, 1.0, -0.95, -1.2, -1.5, -1.0, 0.6, 0.9, 1.0)
T = (0.5, 0.8, 0.3, -0.65, 0.1, 0.55, 0.2, 0.6, 0.8, 0.8, 0.7, 0.6)
F = (0.15, 0.75, 0.6, -0.45, -0.2, 0.68, 0.6, 0.3, 0.2, 0.15, 0.1, 0.1)


def bell(time: np.ndarray, at: float, half: float) -> np.ndarray:
    """A hump of 1 that ends *half* s before and after *at*."""
    return np.where(np.abs(time - at) < half, 0.5 + 0.5 * np.cos(np.pi * (time - at) / half), 0.0)


def recorded(
    qrs: Sequence[float],
    seconds: float,
    *,
    p: Sequence[float] | None = None,
    broad: Collection[int] = (),
    waves: np.ndarray | None = None,
    pr: float = 0.16,
    p_share: Sequence[float] | Sequence[Sequence[float]] = P,
    leads: tuple[Lead, ...] = TWELVE_LEADS,
    spikes: Sequence[float] = (),
    noise: float = 4.0,
) -> Recording:
    """An ECG of QRS complexes at *qrs* s.

    Parameters
    ----------
    p
        Middles of the P waves; without it one for each narrow QRS, which begins *pr* s before it.
    p_share
        Of the P wave in the twelve leads; several take turns.
    broad
        Numbers of the QRS complexes that are ventricular: broad, and without a P wave of their own.
    waves
        Fibrillatory or flutter waves, µV.
    """
    time = np.arange(round(seconds * RATE)) / RATE
    rows = np.random.default_rng(7).normal(size=(12, len(time))) * noise
    for number, at in enumerate(qrs):
        if number in broad:
            rows += np.outer(BROAD, 1100 * bell(time, at + 0.03, 0.085) - 350 * bell(time, at + 0.29, 0.12))
        else:
            spike = 1100 * bell(time, at, 0.024) - 120 * bell(time, at - 0.03, 0.014)
            rows += np.outer(QRS, spike - 250 * bell(time, at + 0.032, 0.018))
            rows += np.outer(T, 260 * bell(time, at + 0.27, 0.09))
    if p is None:
        p = [at - pr + 0.008 for number, at in enumerate(qrs) if number not in broad]
    shapes = np.atleast_2d(p_share)
    for number, at in enumerate(p):
        rows += np.outer(shapes[number % len(shapes)], 130 * bell(time, at, 0.05))
    if waves is not None:
        rows += np.outer(F, waves)
    chosen = rows[[TWELVE_LEADS.index(lead) for lead in leads]]
    counts = np.ascontiguousarray(np.round(chosen).astype("<i2"))
    marks = tuple(round(at * RATE) for at in spikes)
    return Recording(SignalFormat(RATE, leads, (1.0,) * len(leads), 16, counts.shape[1], (), marks), counts)


def steady(rr: float, seconds: float = 10.0, first: float = 0.5) -> list[float]:
    """Beats every *rr* s."""
    return list(np.arange(first, seconds - 0.3, rr))


def wild(mean: float, seconds: float = 10.0, seed: int = 1) -> list[float]:
    """Beats as atrial fibrillation sends them on."""
    random = np.random.default_rng(seed)
    times = [0.4]
    while times[-1] < seconds - 0.4:
        times.append(times[-1] + max(mean * random.uniform(0.6, 1.4), 0.3))
    return times[:-1]


def fibrillating(seconds: float = 10.0, size: float = 60.0, seed: int = 2) -> np.ndarray:
    """Waves of 4 to 9 Hz in no order, *size* µV rms."""
    count = round(seconds * RATE)
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    random = np.random.default_rng(seed)
    spectrum = random.normal(size=len(frequency)) + 1j * random.normal(size=len(frequency))
    waves = np.fft.irfft(spectrum * ((frequency >= 4) & (frequency <= 9)), count)
    return size * waves / waves.std()


def fluttering(cycle: float, seconds: float = 10.0, size: float = 110.0) -> np.ndarray:
    """A saw whose teeth follow each other every *cycle* s."""
    place = (np.arange(round(seconds * RATE)) / RATE / cycle) % 1.0
    return size * np.where(place < 0.7, 1 - 2 * place / 0.7, -1 + 2 * (place - 0.7) / 0.3)


def statements(recording: Recording, person: Person = GROWN_UP) -> dict[str, Statement]:
    """What is stated of *recording*, by code."""
    return {one.code: one for one in read(Case(recording.format, analyse(recording), person))}
