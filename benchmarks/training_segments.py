"""What the QRS network learns from: stretches of one lead with their beats, made worse in many ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from accuracy_records import BEAT_SYMBOLS, LEARNED_NOISE, ludb, mitdb, ptbxl, qtdb
from scipy.signal import resample_poly

from cardioserver.signal.grid import RATE_HZ, scaled, to_grid, usual_slope

SEGMENT = 1024  # samples of the grid
NEAR_S = 0.05  # so near to the annotated peak a moment counts as QRS
STRETCH = (0.85, 1.18)  # slower and faster hearts, narrower and wider complexes
RARE_SHARE = 0.35  # of the segments of a record lie about an ectopic beat
BLOCKED_SHARE = 0.12  # of the segments
QRS_BEFORE_S, QRST_S = 0.06, 0.45  # what lies about the peak of a QRS and belongs to the ventricles
RARE = frozenset("VEFaAJS!")
SHARES = {"mitdb": 0.4, "qtdb": 0.2, "ptbxl": 0.25, "ludb": 0.15}  # of the segments
NOISE_KINDS = ("em", "ma", "bw")


@dataclass(frozen=True)
class Record:
    """A record with its beats; ``span`` is what was annotated of it."""

    source: str
    name: str
    signal: np.ndarray
    rate: float
    beats: np.ndarray
    rare: np.ndarray
    span: tuple[int, int]


def annotated_records(data: Path) -> Iterator[Record]:
    """Records with beats marked by people: MIT-BIH, QTDB and LUDB."""
    for source, rate, records in (("mitdb", 360.0, mitdb(data)), ("qtdb", 250.0, qtdb(data))):
        for name, signal, marks in records:
            symbols = np.array(marks.symbol)
            beats = marks.sample[[symbol in BEAT_SYMBOLS for symbol in symbols]]
            rare = marks.sample[[symbol in RARE for symbol in symbols]]
            yield Record(source, name, np.nan_to_num(signal), rate, beats, rare, (0, signal.shape[1]))
    for name, signal in ludb(data):
        marks = wfdb.rdann(str(data / "ludb" / name), "ii")
        beats = marks.sample[np.array(marks.symbol) == "N"]
        span = (int(marks.sample.min()), int(marks.sample.max()))
        yield Record("ludb", name, signal, 500.0, beats, beats[:0], span)


def ptbxl_records(data: Path, find: Callable[[np.ndarray, float], np.ndarray]) -> Iterator[Record]:
    """PTB-XL, whose beats nobody has marked: *find* finds them in all twelve leads together."""
    for row, signal in ptbxl(data):
        beats = find(signal, 500.0)
        yield Record("ptbxl", row["ecg_id"], signal, 500.0, beats, beats[:0], (0, signal.shape[1]))


class Segments:
    """Endless random segments of *records*."""

    def __init__(self, data: Path, records: list[Record], random: np.random.Generator) -> None:
        self._records = records
        self._random = random
        sources = [record.source for record in records]
        chances = np.array([SHARES[source] / sources.count(source) for source in sources])
        self._chances = chances / chances.sum()
        self._noise = {}
        for kind in NOISE_KINDS:
            noise = wfdb.rdrecord(str(data / "nstdb" / kind)).p_signal.T
            noise = noise[:, : int(noise.shape[1] * LEARNED_NOISE)]
            for rate in {record.rate for record in records}:
                self._noise[kind, rate] = resample_poly(noise, int(rate), 360, axis=1)

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, answers (1 at a QRS) and weights (0 where nothing is known), a row a segment."""
        rows = [self._segment() for _ in range(count)]
        inputs, answers, weights = (np.array(column, dtype=np.float32) for column in zip(*rows, strict=True))
        return inputs, answers, weights

    def _segment(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = self._random
        record = self._records[random.choice(len(self._records), p=self._chances)]
        length = record.signal.shape[1]
        count = int(SEGMENT / RATE_HZ * record.rate * random.uniform(*STRETCH))
        start = random.integers(max(1, length - count + 1))
        if len(record.rare) and random.random() < RARE_SHARE:
            start = int(
                np.clip(random.choice(record.rare) - random.integers(count), 0, max(0, length - count))
            )
        lead = record.signal[random.integers(len(record.signal)), start : start + count].copy()
        beats = record.beats[(record.beats >= start) & (record.beats < start + count)] - start
        lead, beats = self._worsen(lead, beats, record.rate)
        rate = count * RATE_HZ / SEGMENT if len(lead) == count else record.rate  # as if it lasted 10.24 s
        grid = to_grid(lead[None], rate)
        values = scaled(grid, usual_slope(grid))[0]
        if random.random() < 0.2:
            values *= 10 ** random.uniform(-0.15, 0.15)
        moments = (np.arange(SEGMENT // 2) * 2 + 0.5) / RATE_HZ
        answers = np.zeros(SEGMENT // 2)
        for beat in beats / rate:
            answers[np.abs(moments - beat) <= NEAR_S] = 1
        weights = np.ones(SEGMENT // 2)
        first, last = ((place - start) / rate for place in record.span)
        weights[(moments < first) | (moments > last) | (moments > len(values) / RATE_HZ)] = 0
        return np.pad(values, (0, max(SEGMENT - len(values), 0)))[:SEGMENT], answers, weights

    def _worsen(self, lead: np.ndarray, beats: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """The same lead as a bad recording would have it, or none of it at all."""
        random = self._random
        count = len(lead)
        if random.random() < 0.3:
            lead = -lead
        height = _qrs_height(lead, beats, rate)
        if random.random() < BLOCKED_SHARE:
            lead, beats = self._blocked(lead, beats, rate)
        chance = random.random()
        if chance < 0.02:
            lead, beats = 200 * self._mixed_noise(count, rate), beats[:0]
        elif chance < 0.04:
            lead, beats = self._fibrillation(count, rate), beats[:0]
        elif chance < 0.10:
            lead = lead + height * random.uniform(0.05, 0.3) * self._flutter(count, rate)
        power = max(height, 20.0) ** 2 / 8  # as NSTDB's own script has it: of a sine as high as the QRS
        if random.random() < 0.55:
            single = random.random() < 0.5
            noise = (
                self._noise_of(random.choice(NOISE_KINDS), count, rate)
                if single
                else self._mixed_noise(count, rate)
            )
            lead = lead + noise * np.sqrt(power / (noise.var() + 1e-9) / 10 ** (random.uniform(-4, 18) / 10))
        if random.random() < 0.15:
            lead = lead + random.normal(size=count) * np.sqrt(power) * 10 ** random.uniform(-1.3, -0.1)
        if random.random() < 0.15:
            mains = np.sin(2 * np.pi * random.choice([50, 60]) / rate * np.arange(count))
            lead = lead + mains * np.sqrt(power) * 10 ** random.uniform(-1, 0.3)
        if random.random() < 0.12:
            for _ in range(random.integers(1, 5)):  # electrodes that give way, and come back slowly or fast
                place = random.integers(count)
                decay = np.exp(-np.arange(count - place) / rate / random.choice([0.05, 0.3, 2.0, 100.0]))
                lead[place:] += random.normal() * 3 * height * decay
        if random.random() < 0.08:
            lead = np.clip(lead, *np.quantile(lead, [0.02, 0.98]))
        if random.random() < 0.06:
            first = random.integers(count)
            last = first + int(rate * random.uniform(0.5, 4.0))
            lead[first:last] = lead[first]
            beats = beats[(beats < first) | (beats >= last)]
        return lead, beats

    def _blocked(self, lead: np.ndarray, beats: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """AV block: some beats are cut out, their P waves stay."""
        lead = lead.copy()
        dropped = self._random.random(len(beats)) < self._random.uniform(0.3, 0.9)
        for number in np.flatnonzero(dropped):
            beat = beats[number]
            following = beats[number + 1] if number + 1 < len(beats) else beat + rate
            first = max(beat - round(QRS_BEFORE_S * rate), 0)
            last = min(beat + round(min(QRST_S * rate, 0.6 * (following - beat))), len(lead) - 1)
            lead[first : last + 1] = np.linspace(lead[first], lead[last], last - first + 1)
        return lead, beats[~dropped]

    def _noise_of(self, kind: str, count: int, rate: float) -> np.ndarray:
        channel = self._random.choice(self._noise[kind, rate])
        start = self._random.integers(len(channel) - count)
        noise = channel[start : start + count]
        return noise - noise.mean()

    def _mixed_noise(self, count: int, rate: float) -> np.ndarray:
        pieces = [self._noise_of(kind, count, rate) for kind in NOISE_KINDS]
        return sum(self._random.random() * piece / (piece.std() + 1e-9) for piece in pieces)

    def _fibrillation(self, count: int, rate: float) -> np.ndarray:
        """Ventricular flutter or fibrillation: a sine that wanders, without beats."""
        random = self._random
        time = np.arange(count) / rate
        pitch = random.uniform(3, 7) + np.cumsum(random.normal(size=count)) * 0.02 / np.sqrt(rate)
        swell = 1 + 0.4 * np.sin(2 * np.pi * random.uniform(0.1, 0.6) * time)
        return 400 * swell * np.sin(2 * np.pi * np.cumsum(pitch) / rate) + random.normal(size=count) * 10

    def _flutter(self, count: int, rate: float) -> np.ndarray:
        """Atrial flutter waves of height 1."""
        random = self._random
        phase = 2 * np.pi * random.uniform(3.6, 6.0) * np.arange(count) / rate + random.uniform(0, 2 * np.pi)
        return np.sin(phase) + random.uniform(0, 0.5) * np.sin(2 * phase + random.uniform(0, 2 * np.pi))


def _qrs_height(lead: np.ndarray, beats: np.ndarray, rate: float) -> float:
    reach = int(0.08 * rate)
    if not len(beats):
        return max(float(np.ptp(lead)), 50.0)
    return float(np.median([np.ptp(lead[max(0, beat - reach) : beat + reach]) for beat in beats]))
