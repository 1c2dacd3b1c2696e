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
ENOUGH_BEATS = 4
Filter = Callable[[np.ndarray], np.ndarray]


def tables(data: Path, limit: int | None) -> str:
    """Markdown tables of all three filters."""
    count = min(limit or RECORDS, RECORDS)
    parts = [
        _table("daplf", _mains_filters(), clean_ptbxl(data, (48, 52), count), _mains_noises()),
        _table("drift", _drift_filters(), clean_ptbxl(data, (0.05, 0.5), count), _drift_noises(data)),
        _limits(data, count),
        _table("tremor", _muscle_filters(), clean_ptbxl(data, (60, 150), count), _muscle_noises(data)),
        _impulse(),
        _time(data),
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
    sos = butter(2, (48, 52), "bandstop", fs=RATE, output="sos")
    filters["scipy Butterworth 48 to 52 Hz"] = lambda signal: sosfiltfilt(sos, signal, axis=1)
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
    for edge in (25, 35, 40):
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

    def mains(clean: np.ndarray, peak: float, wander: float, *, harmonics: bool, touched: bool) -> np.ndarray:
        seconds = np.arange(clean.shape[1]) / RATE
        hertz = 50 + wander * np.sin(2 * np.pi * 0.1 * seconds + random.uniform(0, 2 * np.pi))
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        start = random.uniform(0, 2 * np.pi, (len(clean), 1))
        swell = 1 + 0.2 * np.sin(2 * np.pi * 0.1 * seconds + random.uniform(0, 2 * np.pi, (len(clean), 1)))
        if touched:
            swell = np.where(seconds > random.uniform(3, 7), swell, 0.3 * swell)
        wave = np.sin(phase + start)
        if harmonics:
            wave = wave + 0.2 * np.sin(2 * phase + 1 + start) + 0.3 * np.sin(3 * phase + 2 + start)
        return clean + peak * swell * wave

    return {
        "0.1 mV": lambda clean: mains(clean, 100, 0, harmonics=False, touched=False),
        "0.1 mV, ±1 Hz": lambda clean: mains(clean, 100, 1, harmonics=False, touched=False),
        "0.1 mV, harmonics": lambda clean: mains(clean, 100, 0, harmonics=True, touched=False),
        "0.1 mV, step": lambda clean: mains(clean, 100, 0, harmonics=False, touched=True),
        "0.3 mV, ±1 Hz, harmonics": lambda clean: mains(clean, 300, 1, harmonics=True, touched=False),
    }


def _drift_noises(data: Path) -> Noises:
    return _at_ratios({kind: Noise(data, kind) for kind in ("bw", "em")})


def _limits(data: Path, count: int) -> str:
    """What is left to a filter of baseline wander: harm without any, and with part of the noise known."""
    records, noises = clean_ptbxl(data, (0.05, 0.5), count), _drift_noises(data)
    peaks = [_fiducials(clean) for clean in records]
    noisy = {name: [noise(clean) for clean in records] for name, noise in noises.items()}
    chosen = {name: noisy[name] for name in ("bw 0 dB", "em 0 dB")}
    lines = [
        "Harm with the noise itself known below a frequency and taken away exactly, nothing above it",
        "",
    ]
    lines += ["| known below | " + " | ".join(chosen) + " |", "|---" * (len(chosen) + 1) + "|"]
    for edge in (None, 0.67, 1.0, 5.0, 10.0):
        cells = []
        for several in chosen.values():
            left = [clean + _above(one - clean, edge) for clean, one in zip(records, several, strict=True)]
            height, st, _ = _mean_harm(records, left, peaks)
            cells.append(f"{height:.2f} / {st:.1f}")
        lines.append(f"| {f'{edge:g} Hz' if edge else 'nothing'} | " + " | ".join(cells) + " |")
    again = []
    for name, method in _drift_filters().items():
        once = [method(clean) for clean in records]
        height, st, _ = _mean_harm(once, [method(clean) for clean in once], peaks)
        again.append(f"{name} {height:.2f} / {st:.1f}")
    lines += [
        "",
        f"Harm of a second pass over a filter's own output, without wander: {'; '.join(again)}.",
        "",
    ]
    return "\n".join(lines)


def _above(noise: np.ndarray, edge: float | None) -> np.ndarray:
    """*noise* above *edge*, Hz."""
    if edge is None:
        return noise
    return sosfiltfilt(butter(4, edge, "high", fs=RATE, output="sos"), noise, axis=1)


def _muscle_noises(data: Path) -> Noises:
    noise = Noise(data, "ma", high_pass=5)
    noises = _at_ratios({"ma": noise})
    noises["ma 0 dB, in all leads the same"] = lambda clean: at_ratio(
        clean, np.repeat(noise.spans(1, clean.shape[1]), len(clean), axis=0), 0
    )
    return noises


def _at_ratios(sources: dict[str, Noise]) -> Noises:
    return {
        f"{kind} {decibel} dB": lambda clean, source=source, decibel=decibel: at_ratio(
            clean, source.spans(*clean.shape), decibel
        )
        for kind, source in sources.items()
        for decibel in (12, 6, 0)
    }


def _table(title: str, filters: dict[str, Filter], records: list[np.ndarray], noises: Noises) -> str:
    """Gain, harm, and where a peer is better in either."""
    noisy = {name: [noise(clean) for clean in records] for name, noise in noises.items()}
    peaks = [_fiducials(clean) for clean in records]
    figures = {name: _figures(method, records, peaks, noisy) for name, method in filters.items()}
    head = "| filter | " + " | ".join(noises) + " |"
    lines = [
        f"### {title} ({len(records)} records)",
        "",
        "Gain, dB",
        "",
        head,
        "|---" * (len(noises) + 1) + "|",
    ]
    for name, (gains, _) in figures.items():
        cells = [f"{relative:+.1f} / {absolute:+.1f}" for relative, absolute in gains.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "Harm: QRS height, % / ST, µV (on clean ECGs also QRS duration, ms)", ""]
    lines += [head.replace("| filter |", "| filter | clean |"), "|---" * (len(noises) + 2) + "|"]
    for name, (_, harms) in figures.items():
        cells = [f"{height:.2f} / {st:.1f}" for height, st, _ in harms.values()]
        cells[0] += f" / {harms['clean'][2]:.1f}"
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", _better_peers(title, figures), ""])


Figures = tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float, float]]]


def _figures(
    method: Filter, records: list[np.ndarray], peaks: list[np.ndarray], noisy: dict[str, list[np.ndarray]]
) -> Figures:
    """Gains and harms of a filter by noise, means over records."""
    filtered = [method(clean) for clean in records]
    gains = {}
    harms = {"clean": _mean_harm(records, filtered, peaks)}
    for name, several in noisy.items():
        after = [method(one) for one in several]
        both = [_gains(*item) for item in zip(records, filtered, several, after, strict=True)]
        relative, absolute = np.mean(both, axis=0)
        gains[name] = (float(relative), float(absolute))
        harms[name] = _mean_harm(records, after, peaks)
    return gains, harms


def _better_peers(title: str, figures: dict[str, Figures]) -> str:
    """A sentence that names each figure, as it is printed, in which a peer is better."""
    gains, harms = figures[title]
    better = []
    for name, (peer_gains, peer_harms) in figures.items():
        for noise, pair in peer_gains.items():
            kinds = ("gain", "gain against the clean record")
            for kind, ours, theirs in zip(kinds, gains[noise], pair, strict=True):
                if round(theirs, 1) > round(ours, 1):
                    better.append(f"{name}: {kind} at {noise}")
        for noise, triple in peer_harms.items():
            for kind, digits, ours, theirs in zip(("QRS", "ST"), (2, 1), harms[noise], triple, strict=False):
                if round(theirs, digits) < round(ours, digits):
                    better.append(f"{name}: {kind}, {noise}")
    return (
        f"A peer is better in: {'; '.join(better)}."
        if better
        else "No peer is better in any of these figures."
    )


def _gains(
    clean: np.ndarray, filtered: np.ndarray, noisy: np.ndarray, after: np.ndarray
) -> tuple[float, float]:
    """Power of the noise over that of what is left of it, dB, mean over leads.

    What is left is the difference to the filtered clean ECG, or to the clean ECG itself.
    """
    noise = (noisy - clean).var(axis=1)
    relative, absolute = (
        float(np.mean(10 * np.log10(noise / (after - reference).var(axis=1))))
        for reference in (filtered, clean)
    )
    return relative, absolute


def _mean_harm(
    records: list[np.ndarray], after: list[np.ndarray], peaks: list[np.ndarray]
) -> tuple[float, float, float]:
    harms = [_harm(*item) for item in zip(records, after, peaks, strict=True) if len(item[2]) >= ENOUGH_BEATS]
    height, st, duration = np.nanmean(harms, axis=0)
    return float(height), float(st), float(duration)


def _harm(clean: np.ndarray, filtered: np.ndarray, peaks: np.ndarray) -> tuple[float, float, float]:
    """|change| of QRS height (%, mean of leads), ST at J+60/J+80 (µV, worst lead) and QRS duration (ms)."""
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


def _time(data: Path) -> str:
    """Milliseconds of processor time for 24 s of 12 leads at 500 Hz with all three noises, best of fifty."""
    record = clean_ptbxl(data, (0.05, 0.5), 1)[0]
    signal = at_ratio(np.tile(record, (1, 3))[:, :12_000], Noise(data, "bw").spans(12, 12_000), 0)
    signal = _mains_noises()["0.1 mV, harmonics"](
        at_ratio(signal, Noise(data, "ma", 5).spans(12, 12_000), 12)
    )
    lines = ["### Time for 24 s × 12 leads × 500 Hz, with mains, wander and muscle noise", ""]
    lines += ["| filter | ms |", "|---|---|"]
    total = 0.0
    for method in (daplf, drift, tremor):
        best = min(_seconds(lambda method=method: method(signal, RATE)) for _ in range(50))
        total += best
        lines.append(f"| {method.__name__} | {1000 * best:.1f} |")
    return "\n".join([*lines, f"| all three | {1000 * total:.1f} |", ""])


def _seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
