"""The muscle noise filter, ``tremor``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

EDGES_HZ = (40.0, 20.0, 10.0)  # muscle noise above, P and T below; the QRS alone reaches into it
ENERGY_S = 0.05
OWN_LIMIT = 4.0  # power over noise at which something is there, seen in one lead
POOLED_LIMIT = 2.5  # the same, seen in the mean of all leads
QRS_S = (0.10, 0.14)  # window about the fiducial point of a beat
REFRACTORY_S = 0.25
QRS_WIDTH_S = 0.08
ALIGN_S = 0.03  # how far the first guess of a fiducial point may be off
ALIGN_ROUNDS = 2
LIKENESS = 0.7
ENOUGH_BEATS = 4
MEAN_BY_MEDIAN = 1.2  # of the power of band-limited noise seen through ENERGY_S


def remove_muscle(samples: Signal, rate: float) -> Signal:
    """*samples* without most of the muscle noise.

    The signal is split into frequency bands. Below 10 Hz, where P and T are, nothing is touched. Above, a
    band passes only while its power rises out of its usual level, in the mean of all leads: so QRS
    complexes, spikes and notches stay whole and the noise between them goes (Wiener filtering in the
    time-frequency plane: S. Nikolaev, A. Gotchev et al., "Wavelet domain Wiener filtering for ECG
    denoising using improved signal estimate", ICASSP 2000). Within a QRS what is common to like beats is
    known better than one beat shows it (ensemble averaging: P. Laguna et al., "Adaptive filter for
    event-related bioelectric signals using an impulse correlated reference input", IEEE Trans. Biomed.
    Eng. 39:1032, 1992); only the difference to it must rise out of the noise to pass.

    Parameters
    ----------
    samples
        µV, shape ``(leads, samples)``, without gaps.
    rate
        Hz.

    Returns
    -------
    array
        µV, same shape.
    """
    bands = []
    rest = samples
    for edge in EDGES_HZ:
        lower = _low_pass(rest, rate, edge)
        bands.append(rest - lower)
        rest = lower
    noises = [_noise(band, rate) for band in bands]
    beats = _like_beats(bands, noises, rate)
    return rest + sum(_quiet(band, noise, beats, rate) for band, noise in zip(bands, noises, strict=True))


def _low_pass(samples: Signal, rate: float, edge: float) -> Signal:
    """Triangular smoothing: half of the amplitude passes at *edge* Hz."""
    width = max(1, round(0.443 * rate / edge / 2) * 2 + 1)
    once = uniform_filter1d(samples, width, axis=1, mode="mirror")
    twice: Signal = uniform_filter1d(once, width, axis=1, mode="mirror")
    return twice


def _noise(band: Signal, rate: float) -> Signal:
    """Usual power of the band in each lead, shape ``(leads, 1)``."""
    power = _power(band, rate)
    usual: Signal = (
        MEAN_BY_MEDIAN * np.median(power[:, :: max(1, round(0.02 * rate))], axis=1, keepdims=True) + 1e-3
    )
    return usual


def _power(band: Signal, rate: float) -> Signal:
    """Power of the band about each sample, µV²."""
    power: Signal = uniform_filter1d(band**2, max(1, round(ENERGY_S * rate)), axis=1, mode="mirror")
    return power


def _passing(power: Signal, noise: Signal) -> Signal:
    """Share that passes, 0 to 1, for each sample."""
    limit = OWN_LIMIT if len(power) == 1 else POOLED_LIMIT
    ratio = (power / noise).mean(axis=0)
    share: Signal = np.clip(1 - limit / np.maximum(ratio, limit), 0, 1)
    return share


def _quiet(band: Signal, noise: Signal, beats: Index, rate: float) -> Signal:
    """The band without noise: the common course of like beats, and whatever rises out of the noise."""
    quiet = band * _passing(_power(band, rate), noise)
    if len(beats) < ENOUGH_BEATS:
        return quiet
    where = beats[:, None] + _window(rate)
    each = band[:, where]
    common = each.mean(axis=1)
    chance = noise / len(beats)
    common *= np.clip(1 - chance / np.maximum(_power(common, rate), chance), 0, 1)
    own = each - common[:, None]
    power = _power(own.reshape(len(band), -1), rate)
    own *= _passing(power, noise).reshape(where.shape)
    quiet[:, where] = common[:, None] + own
    return quiet


def _window(rate: float) -> Index:
    """Sample numbers of a QRS against its fiducial point."""
    before, after = QRS_S
    window: Index = np.arange(-round(before * rate), round(after * rate), dtype=np.intp)
    return window


def _like_beats(bands: list[Signal], noises: list[Signal], rate: float) -> Index:
    """Fiducial samples of the beats that look alike, each aligned with their mean."""
    seen: Signal = sum(bands[1:], bands[0]) / np.sqrt(sum(noises[1:], noises[0]))
    slack = round(ALIGN_S * rate)
    offsets = _window(rate)
    wide_offsets = np.arange(offsets[0] - slack, offsets[-1] + slack + 1)
    beats = _loudest(seen, rate)
    beats = beats[(beats + wide_offsets[0] >= 0) & (beats + wide_offsets[-1] < seen.shape[1])]
    if len(beats) < ENOUGH_BEATS:
        return np.empty(0, dtype=np.intp)
    width = len(offsets)
    wide = seen[:, beats[:, None] + wide_offsets]
    shifted = np.lib.stride_tricks.sliding_window_view(wide, width, axis=2)
    model = wide[:, :, slack : slack + width].mean(axis=1)
    for _ in range(ALIGN_ROUNDS):
        score = np.tensordot(shifted, model, axes=([0, 3], [0, 1]))
        best = score.argmax(axis=1)
        picked = shifted[:, np.arange(len(beats)), best]
        norm = np.sqrt((picked**2).sum(axis=(0, 2)) * (model**2).sum())
        likeness = score.max(axis=1) / np.maximum(norm, 1e-9)
        alike = likeness > min(LIKENESS, float(np.median(likeness)) - 0.1)  # noise makes all less alike
        model = picked[:, alike].mean(axis=1)
    aligned: Index = (beats + best - slack)[alike]
    return aligned


def _loudest(seen: Signal, rate: float) -> Index:
    """Samples about which all leads together are loudest: the QRS complexes."""
    activity = uniform_filter1d((seen**2).mean(axis=0), max(1, round(QRS_WIDTH_S * rate)), mode="constant")
    ceiling = np.sort(activity)[-max(1, len(activity) // 50)]
    peaks: Index = find_peaks(
        activity, height=max(0.3 * ceiling, 1e-9), distance=max(1, round(REFRACTORY_S * rate))
    )[0]
    return peaks
