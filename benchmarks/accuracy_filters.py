"""Filters: gain in signal-to-noise ratio and harm, beside the peers."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from accuracy_records import Noise, at_ratio, clean_ptbxl
from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt

from cardioserver.signal.filters import daplf, drift, tremor

RATE = 500.0
RECORDS = 40
Filter = Callable[[np.ndarray], np.ndarray]


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of all three filters."""
    count = min(limit or RECORDS, RECORDS)
    parts = [
        _table("daplf", _mains_filters(), clean_ptbxl(data, (48, 52), count), _mains_noises()),
        _table("drift", _drift_filters(), clean_ptbxl(data, (0.05, 0.5), count), _nstdb(data, ("bw", "em"))),
        _table("tremor", _muscle_filters(), clean_ptbxl(data, (60, 150), count), _nstdb(data, ("ma",))),
        _impulse(),
        _time(),
    ]
    return "\n".join(parts)


def _each_lead(method: Callable[[np.ndarray], np.ndarray]) -> Filter:
    return lambda signal: np.array([method(lead) for lead in signal])


def _peer(name: str) -> bool:
    return find_spec(name) is not None


def _mains_filters() -> dict[str, Filter]:
    filters: dict[str, Filter] = {"daplf": lambda signal: daplf(signal, RATE)}
    for quality in (10, 30):
        b, a = iirnotch(50, quality, RATE)
        filters[f"scipy iirnotch Q={quality}"] = lambda signal, b=b, a=a: filtfilt(b, a, signal, axis=1)
    if _peer("neurokit2"):
        import neurokit2

        filters["NeuroKit2 powerline"] = _each_lead(
            lambda lead: neurokit2.signal_filter(lead, RATE, method="powerline", powerline=50)
        )
    return filters


def _drift_filters() -> dict[str, Filter]:
    filters: dict[str, Filter] = {"drift": lambda signal: drift(signal, RATE)}
    for edge in (0.5, 0.67):
        sos = butter(2, edge, "high", fs=RATE, output="sos")
        filters[f"scipy Butterworth {edge} Hz"] = lambda signal, sos=sos: sosfiltfilt(sos, signal, axis=1)
    if _peer("neurokit2"):
        import neurokit2

        filters["NeuroKit2 ecg_clean"] = _each_lead(lambda lead: neurokit2.ecg_clean(lead, RATE))
    if _peer("biosppy"):
        from biosppy.signals.tools import filter_signal

        filters["BioSPPy FIR 0.67 Hz"] = _each_lead(
            lambda lead: filter_signal(lead, "FIR", "highpass", int(1.5 * RATE) | 1, 0.67, RATE)["signal"]
        )
    return filters


def _muscle_filters() -> dict[str, Filter]:
    filters: dict[str, Filter] = {"tremor": lambda signal: tremor(signal, RATE)}
    for edge in (25, 35):
        sos = butter(4, edge, "low", fs=RATE, output="sos")
        filters[f"scipy Butterworth {edge} Hz"] = lambda signal, sos=sos: sosfiltfilt(sos, signal, axis=1)
    if _peer("neurokit2"):
        import neurokit2

        filters["NeuroKit2 biosppy-style"] = _each_lead(
            lambda lead: neurokit2.ecg_clean(lead, RATE, method="biosppy")
        )
    if _peer("biosppy"):
        from biosppy.signals.tools import filter_signal

        filters["BioSPPy FIR 45 Hz"] = _each_lead(
            lambda lead: filter_signal(lead, "FIR", "lowpass", int(0.3 * RATE) | 1, 45, RATE)["signal"]
        )
    return filters


Noises = dict[str, Callable[[np.ndarray], np.ndarray]]


def _mains_noises() -> Noises:
    random = np.random.default_rng(50)

    def mains(clean: np.ndarray, peak: float, wander: float, harmonics: bool) -> np.ndarray:
        seconds = np.arange(clean.shape[1]) / RATE
        hertz = 50 + wander * np.sin(2 * np.pi * 0.1 * seconds + random.uniform(0, 2 * np.pi))
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        start = random.uniform(0, 2 * np.pi, (len(clean), 1))
        swell = 1 + 0.2 * np.sin(2 * np.pi * 0.1 * seconds + random.uniform(0, 2 * np.pi, (len(clean), 1)))
        wave = np.sin(phase + start)
        if harmonics:
            wave = wave + 0.2 * np.sin(2 * phase + 1 + start) + 0.3 * np.sin(3 * phase + 2 + start)
        return clean + peak * swell * wave

    return {
        "0.1 mV": lambda clean: mains(clean, 100, 0, False),
        "0.1 mV, ±1 Hz": lambda clean: mains(clean, 100, 1, False),
        "0.1 mV, harmonics": lambda clean: mains(clean, 100, 0, True),
        "0.3 mV, ±1 Hz, harmonics": lambda clean: mains(clean, 300, 1, True),
    }


def _nstdb(data: Path, kinds: tuple[str, ...]) -> Noises:
    noises: Noises = {}
    for kind in kinds:
        source = Noise(data, kind, high_pass=5 if kind == "ma" else None)
        for decibel in (12, 6, 0):
            noises[f"{kind} {decibel} dB"] = lambda clean, source=source, decibel=decibel: at_ratio(
                clean, source.spans(*clean.shape), decibel
            )
    return noises


def _table(title: str, filters: dict[str, Filter], records: list[np.ndarray], noises: Noises) -> str:
    noisy = {name: [noise(clean) for clean in records] for name, noise in noises.items()}
    lines = [
        f"### {title} ({len(records)} records)",
        "",
        "| filter | " + " | ".join(noises) + " | R, % | ST, µV | QRS, ms |",
        "|---" * (len(noises) + 4) + "|",
    ]
    for name, method in filters.items():
        filtered = [method(clean) for clean in records]
        gains = [
            np.mean([_gain(*item, method) for item in zip(records, filtered, several, strict=True)])
            for several in noisy.values()
        ]
        harms = [_harm(clean, after) for clean, after in zip(records, filtered, strict=True)]
        harm = np.nanmean([item for item in harms if item], axis=0)
        figures = [f"{gain:+.1f}" for gain in gains] + [f"{harm[0]:.2f}", f"{harm[1]:.1f}", f"{harm[2]:.1f}"]
        lines.append(f"| {name} | " + " | ".join(figures) + " |")
    return "\n".join([*lines, ""])


def _gain(clean: np.ndarray, filtered: np.ndarray, noisy: np.ndarray, method: Filter) -> float:
    """Power of the noise over what the filter leaves of it, dB, mean over leads."""
    left = method(noisy) - filtered
    return float(np.mean(10 * np.log10((noisy - clean).var(axis=1) / left.var(axis=1))))


def _harm(clean: np.ndarray, filtered: np.ndarray) -> tuple[float, float, float] | None:
    """|change| of QRS height (%, mean of leads), ST at J+60/J+80 (µV, worst lead) and QRS duration (ms)."""
    peaks = _fiducials(clean)
    if len(peaks) < 4:
        return None
    before, after = _mean_beat(clean, peaks), _mean_beat(filtered, peaks)
    heights = np.ptp(before[:, 110:200], axis=1)
    change = np.abs(np.ptp(after[:, 110:200], axis=1) / heights - 1)[heights > 200]
    st = np.abs((after - before)[:, [205, 215]]).max()
    return 100 * float(change.mean()), float(st), abs(_duration(after) - _duration(before))


def _fiducials(clean: np.ndarray) -> np.ndarray:
    from wfdb.processing import xqrs_detect

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = xqrs_detect(clean[1] / 1000, RATE, verbose=False)
    speed = np.convolve(np.abs(np.diff(clean, axis=1)).sum(axis=0), np.ones(40), "same")
    found = [max(at - 60, 0) + int(np.argmax(speed[max(at - 60, 0) : at + 60])) for at in found]
    return np.array([at for at in found if 150 <= at < clean.shape[1] - 350])


def _mean_beat(signal: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Mean beat against its PR level; the fiducial point is sample 150, J about sample 175."""
    beat = np.mean([signal[:, at - 150 : at + 350] for at in peaks], axis=0)
    return beat - beat[:, 85:105].mean(axis=1, keepdims=True)


def _duration(beat: np.ndarray) -> float:
    """Width of the QRS in ms: where the spatial speed stays above 6 % of its peak."""
    speed = np.convolve(np.sqrt((np.diff(beat, axis=1) ** 2).sum(axis=0)), np.ones(5) / 5, "same")
    fast = speed > 0.06 * speed[110:200].max()
    at = 110 + int(np.argmax(speed[110:200]))
    onset = at - int(np.argmin(fast[at::-1]))
    offset = at + int(np.argmin(fast[at:]))
    return (offset - onset) * 1000 / RATE


def plot(data: Path, target: Path) -> None:
    """Draw what is left of a 50 µV sine added to a real ECG, for each filter."""
    import matplotlib.pyplot as plt

    clean = clean_ptbxl(data, (60, 150), 1)[0]
    seconds = np.arange(clean.shape[1]) / RATE
    hertz = np.concatenate([np.geomspace(0.1, 45, 45), np.linspace(46, 54, 33), np.geomspace(55, 150, 12)])
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for method in (daplf, drift, tremor):
        base = method(clean, RATE)
        left = []
        for frequency in hertz:
            sine = 50 * np.sin(2 * np.pi * frequency * seconds)
            left.append((method(clean + sine, RATE) - base).std() / sine.std())
        axes.semilogx(hertz, left, label=method.__name__)
    axes.set(xlabel="Hz", ylabel="share left", ylim=(0, 1.2))
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(target, dpi=80)


def _impulse() -> str:
    """The impulse of IEC 60601-2-25: 3 mV for 100 ms."""
    lines = ["### Impulse of 3 mV × 100 ms", "", "| filter | offset, mV | slope, mV/s |", "|---|---|---|"]
    impulse = np.zeros((1, 10_000))
    impulse[:, 5000:5050] = 3000
    for filters in (_mains_filters(), _drift_filters(), _muscle_filters()):
        for name, method in filters.items():
            after = method(impulse)[0, 5055:] / 1000
            slope = np.abs(after[25:] - after[:-25]).max() * RATE / 25
            lines.append(f"| {name} | {np.abs(after).max():.3f} | {slope:.3f} |")
    return "\n".join([*lines, ""])


def _time() -> str:
    """Milliseconds for 24 s of 12 leads at 500 Hz, best of twenty."""
    signal = np.random.default_rng(0).normal(size=(12, 12_000)).cumsum(axis=1) + np.tile(
        1000 * (np.arange(12_000) % 400 < 20), (12, 1)
    )
    lines = ["### Time for 24 s × 12 leads × 500 Hz", "", "| filter | ms |", "|---|---|"]
    total = 0.0
    for method in (daplf, drift, tremor):
        best = min(_seconds(lambda method=method: method(signal, RATE)) for _ in range(20))
        total += best
        lines.append(f"| {method.__name__} | {1000 * best:.1f} |")
    return "\n".join([*lines, f"| all three | {1000 * total:.1f} |", ""])


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
