"""The mains filter, ``daplf``."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from cardioserver.signal.order import median
from cardioserver.signal.smoothing import Value, smooth

Signal = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

MAX_DRIFT_HZ = 1.5  # EN 50160 allows 50 Hz ± 1 Hz; generators drift further
HARMONICS = 5
NYQUIST_SHARE = 0.49  # lines above are left to the recorder's anti-aliasing filter
TRACKING_HZ = 0.4  # how fast the mains frequency may wander
AMPLITUDE_HZ = 2.0  # how fast the amplitude of the mains in a lead may change
SUDDEN_HZ = 5.0  # the same where something was switched or touched
OUTLIER = 3.0  # times the typical misfit; beyond lies a QRS
AROUND_S = 0.4  # longer than a QRS, shorter than what a slow course misses of a sudden change
LAGS = (1, 3)  # pairs of blocks: the first is never ambiguous, the second is more exact
ROUNDS = 2
LOCAL_DEGREE = 3  # of the polynomial that stands for the ECG within three mains periods
CHANCE = 3.0  # how often the power of chance a line must have to be taken for mains
SUDDEN_CHANCE = 12.0  # the same for a sudden change
LASTING = 2  # pairs of blocks; the windows of nearer ones overlap, so noise looks alike in them
LASTING_SHARE = 0.1


def remove_mains(samples: Signal, rate: float, mains: float) -> Signal:
    """*samples* without the mains and its harmonics.

    Sines of slowly changing amplitude, phase and frequency are fitted to all leads together and taken
    away; nothing else at these frequencies is touched, so the QRS does not ring. Where the sines do not
    fit (in the QRS) they are bridged from both sides: the subtraction procedure (C. Levkov et al.,
    "Removal of power-line interference from the ECG: a review of the subtraction procedure", BioMed. Eng.
    OnLine 4:50, 2005) with robust least squares in place of its threshold. The frequency comes from the
    phase advance between blocks of one mains period, weighted by the power of the mains in each lead.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, without gaps.
    rate
        Hz.
    mains
        Nominal mains frequency, 50 or 60 Hz.

    Returns
    -------
    array
        µV, same shape. Records shorter than a quarter of a second come back as they are.
    """
    rows, count = samples.shape
    block = math.ceil(rate / mains)
    if count < max(12 * block, 0.25 * rate):
        return samples.copy()
    orders = np.arange(1, HARMONICS + 1)
    orders = orders[orders * mains < NYQUIST_SHARE * rate]
    omega: Signal = 2 * math.pi * mains / rate * orders.astype(np.float64)
    blocks = -(-count // block)
    padded = np.empty((rows, blocks * block))
    padded[:, :count] = samples
    padded[:, count:] = samples[:, -1:]
    centre_phase = np.arange(blocks)[:, None, None] * block * omega
    lines = _local_lines(padded.reshape(rows, blocks, block), omega) * np.exp(-1j * centre_phase)
    inside = np.zeros((blocks + 1) // 2 * 2)
    inside[1 : count // block - 1] = 0.5  # the first and last are no measurements
    inside = inside[::2] + inside[1::2]
    pair_rate = rate / block / 2
    turn, weights = _phase(_pairs(lines[:, :, 0]), inside, pair_rate)
    turns = np.exp(1j * _of_each(turn, blocks)[:, None, None] * orders)
    steady = _pairs(lines * turns.conj())
    kept = _lasting(steady, weights)
    present = np.flatnonzero(kept.any(axis=0))
    if not len(present):
        return samples.copy()
    course = np.zeros_like(steady)
    course[:, kept] = _course(steady[:, kept], weights, inside, pair_rate)
    each = _of_each(course[:, :, present], blocks)
    local = each * (turns * np.exp(1j * centre_phase))[:, :, present]
    return np.subtract(samples, _waves(local, omega[present], block)[:, :count])


def _phase(line: Complex, inside: Signal, pair_rate: float) -> tuple[Signal, Signal]:
    """Phase of the mains against its nominal phase at each pair, radians, and the weight of each pair."""
    turn = np.zeros(len(inside))
    weights = inside
    for _ in range(ROUNDS):
        turn = _follow(line, weights, turn, pair_rate)
        steady = line * np.exp(-1j * turn)[:, None]
        weights = inside * _trust(_worst(steady - smooth(steady, weights, AMPLITUDE_HZ / pair_rate)))
    return turn, weights


def _pairs(lines: Complex) -> Complex:
    """Means of two blocks, enough for whatever changes slowly; an odd last one stands for itself."""
    odd = np.concatenate([lines[1::2], lines[len(lines) // 2 * 2 :]])
    pairs: Complex = 0.5 * (lines[::2] + odd)
    return pairs


def _of_each(pairs: npt.NDArray[Value], blocks: int) -> npt.NDArray[Value]:
    """The values of the blocks on straight lines through those of the pairs."""
    step = np.concatenate([pairs[1:2] - pairs[:1], np.diff(pairs, axis=0), pairs[-1:] - pairs[-2:-1]]) / 4
    each = np.empty((2 * len(pairs), *pairs.shape[1:]), dtype=pairs.dtype)
    each[::2] = pairs - step[:-1]
    each[1::2] = pairs + step[1:]
    return each[:blocks]


def _local_lines(blocks: Signal, omega: Signal) -> Complex:
    """Complex amplitudes of the frequencies around each block, shape ``(blocks, leads, lines)``.

    Least squares over three blocks under a Hann window; a polynomial takes up the ECG. The sine is
    ``Re(amplitude * exp(iω(t - centre)))``. First and last block are copies of their neighbours.
    """
    rows, count, block = blocks.shape
    time = np.arange(3 * block) - (3 * block - 1) / 2
    window = np.sqrt(0.5 + 0.5 * np.cos(2 * math.pi * time / (3 * block + 1)))
    polynomial = (time / time[-1])[:, None] ** np.arange(LOCAL_DEGREE + 1)
    angle = np.outer(time, omega)
    design = np.hstack([np.cos(angle), -np.sin(angle), polynomial])
    solver = np.linalg.pinv(design * window[:, None])[: 2 * len(omega)] * window
    parts = solver.reshape(2, -1, 3, block).transpose(3, 2, 1, 0).reshape(block, -1)
    parted = (blocks.reshape(-1, block) @ parts).view(np.complex128).reshape(rows, count, 3, -1)
    lines = np.empty((count, rows, len(omega)), dtype=np.complex128)
    inner = parted[:, :-2, 0] + parted[:, 1:-1, 1] + parted[:, 2:, 2]
    lines[1:-1] = inner.transpose(1, 0, 2)
    lines[0] = lines[1]
    lines[-1] = lines[-2]
    return lines


def _follow(line: Complex, weights: Signal, turn: Signal, pair_rate: float) -> Signal:
    """The phase of the mains; *turn* is the last guess."""
    limit = 2 * math.pi * MAX_DRIFT_HZ / pair_rate
    cutoff = TRACKING_HZ / pair_rate
    power = _power(line).sum(axis=1)
    for lag in LAGS:
        steady = line * np.exp(-1j * turn)[:, None]
        pairs = weights[lag:] * weights[:-lag]
        advance = np.einsum("bl,bl->b", steady[lag:], steady[:-lag].conj())
        level = (power[lag:] + power[:-lag]) / 2
        mean, level = smooth(np.column_stack([advance, level]), pairs, cutoff).T
        coherence = np.abs(mean) / np.maximum(level.real, 1e-9)
        step = np.clip(np.angle(mean) / lag, -limit, limit) * np.clip(2 * coherence - 0.5, 0, 1)
        speed = np.interp(np.arange(1, len(turn)), np.arange(len(step)) + (lag + 1) / 2, step)
        turn = turn + np.concatenate([[0.0], np.cumsum(speed)])
    return turn


def _worst(misfit: Complex) -> Signal:
    """How badly the sines fit in the worst lead, in units of what is typical of that lead."""
    size = np.sqrt(_power(misfit))
    typical = median(size[::2], axis=0)  # half of them are enough to know
    worst: Signal = (size / (typical + 1e-3)).max(axis=1)
    return worst


def _trust(misfit: Signal) -> Signal:
    """Weight of each pair of blocks, 0 to 1 (Geman-McClure)."""
    weights: Signal = 1 / (1 + (misfit / OUTLIER) ** 2) ** 2
    return weights


def _power(lines: Complex) -> Signal:
    power: Signal = lines.real**2 + lines.imag**2
    return power


def _lasting(steady: Complex, weights: Signal) -> npt.NDArray[np.bool_]:
    """In which leads which lines keep their phase from one pair to a later one, shape ``(leads, lines)``."""
    pairs = weights[LASTING:] * weights[:-LASTING]
    kept = np.abs(np.einsum("b,blo,blo->lo", pairs, steady[LASTING:], steady[:-LASTING].conj()))
    power = np.einsum("b,blo->lo", weights, _power(steady))
    lasting: npt.NDArray[np.bool_] = kept * weights.sum() > LASTING_SHARE * power * pairs.sum()
    return lasting


def _course(steady: Complex, weights: Signal, inside: Signal, pair_rate: float) -> Complex:
    """The course of each line: what is slow, and where that misses for longer than a QRS, what is sudden."""
    course = _beyond_chance(steady, weights, AMPLITUDE_HZ / pair_rate, CHANCE)
    missed = steady - course
    misfit = _worst(missed)
    around = median_filter(misfit, size=round(AROUND_S * pair_rate), mode="mirror")
    weights = inside * _trust(misfit / (1 + around))
    return course + _beyond_chance(missed, weights, SUDDEN_HZ / pair_rate, SUDDEN_CHANCE)


def _beyond_chance(lines: Complex, weights: Signal, cutoff: float, often: float) -> Complex:
    """The smooth course of each line, as far as it is mains rather than chance (Wiener)."""
    course = smooth(lines, weights, cutoff)
    noise = weights @ _power(lines - course) / (weights.sum() + 1e-9)
    chance = often * 2.2 * cutoff * noise  # 2.2 cutoff: share of white noise that passes the smoother
    power = _power(course)
    course *= np.clip(1 - chance / np.maximum(power, 1e-9), 0, 1)
    return course


def _waves(local: Complex, omega: Signal, block: int) -> Signal:
    """The sum of the sines at each sample; between two centres one sine is faded into the next."""
    blocks, rows, lines = local.shape
    share = (np.arange(block) + (0.5 if block % 2 == 0 else 0.0)) / block
    ahead = np.exp(1j * np.outer(omega, share * block)) * (1 - share)
    back = np.exp(1j * np.outer(omega, share * block - block)) * share
    synthesis = np.concatenate([ahead, back]).conj()
    fade = np.stack([synthesis.real, synthesis.imag], axis=1).reshape(4 * lines, block)
    parts = np.empty((rows, blocks + 1, 2, lines), dtype=np.complex128)
    parts[:, 1:, 0] = parts[:, :-1, 1] = local.transpose(1, 0, 2)
    parts[:, 0, 0] = parts[:, 0, 1] * np.exp(-1j * omega * block)
    parts[:, -1, 1] = parts[:, -1, 0] * np.exp(1j * omega * block)
    waves: Signal = (parts.view(np.float64).reshape(-1, 4 * lines) @ fade).reshape(rows, -1)
    return waves[:, block - block // 2 :]


def mains_sizes(samples: Signal, rate: float) -> Signal:
    """Amplitude of 50 and of 60 Hz in each lead, median over seconds; µV, shape ``(leads, 2)``.

    What the ECG itself has five hertz higher is taken away.
    """
    width = round(rate)
    seconds = samples.shape[1] // width
    if not seconds:
        return np.zeros((len(samples), 2))
    slopes = np.diff(samples[:, : seconds * width], prepend=samples[:, :1])
    waves, gain = _probes(rate, width)
    parts = (slopes.reshape(-1, width) @ waves).reshape(len(samples), seconds, 2, -1)
    size = median(np.hypot(parts[:, :, 0], parts[:, :, 1]), axis=1)
    sizes: Signal = np.maximum(size[:, ::2] - size[:, 1::2], 0) / gain[::2]
    return sizes


@lru_cache(maxsize=8)
def _probes(rate: float, width: int) -> tuple[Signal, Signal]:
    """Windowed cosines and sines of 50, 55, 60 and 65 Hz, and what each answers to the slopes of 1 µV."""
    phase = 2 * np.pi * np.arange(width) / rate
    window = np.hanning(width)
    hertz = np.array([50.0, 55.0, 60.0, 65.0])
    waves = np.hstack([np.cos(np.outer(phase, hertz)), np.sin(np.outer(phase, hertz))]) * window[:, None]
    return waves, window.sum() * np.sin(np.pi * hertz / rate)
