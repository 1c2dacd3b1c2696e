"""The muscle noise filter, ``tremor``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.ndimage import uniform_filter1d

from cardioserver.signal.alignment import QRS_S, like_beats
from cardioserver.signal.likeness import ENOUGH, UNLIKE
from cardioserver.signal.order import median
from cardioserver.signal.smoothing import between

Signal = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]  # enough for noise, and half the memory to move
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

EDGES_HZ = (20.0, 10.0)  # muscle noise above, P, T and flutter waves below; the QRS reaches into it
EDGE_WIDTH = 0.6  # of the edge, on both sides: a steeper one rings
SPLIT_HZ = 100.0  # enough to know what lies below the highest edge
PADDING_S = 0.25
BLOCK_S = 0.02
POWER_BLOCKS = 3
USUAL_S = 1.0
MEAN_BY_MEDIAN = 1.2  # of the power of band-limited noise seen through POWER_BLOCKS
LEAST_POWER = 1e-3  # µV²; there is always some
UNSEEN_UV = 4.0  # rms in a band; less is not worth any change of the ECG

LIMIT = 15.0  # power over noise at which something is there, in one lead; less in the mean of several
AVERAGE_LIMIT = 4.0  # the same in the average beat, over what is left of the noise in it
LOW = 4.0  # power over noise that noise itself may have

BEAT_S = (0.25, 0.45)  # span of the average beat, shorter if beats are nearer
BEAT_SHARE = (0.38, 0.62)


def remove_muscle(samples: Signal, rate: float) -> Signal:
    """*samples* without most of the muscle noise.

    The signal is split into bands; below 10 Hz, where P, T and flutter waves are, nothing is touched.
    What is common to like beats is known better than one beat shows it and stays (ensemble averaging:
    P. Laguna et al., "Adaptive filter for event-related bioelectric signals using an impulse correlated
    reference input", IEEE Trans. Biomed. Eng. 39:1032, 1992), each time as large and as late as that beat
    shows it. Of the rest passes what rises far out of its usual level: ectopic beats, spikes, notches
    (Wiener filtering in the time-frequency plane: S. Nikolaev, A. Gotchev et al., "Wavelet domain Wiener
    filtering for ECG denoising using improved signal estimate", ICASSP 2000). Noise too small to be seen
    stays.

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
    count = samples.shape[1]
    block = max(1, round(BLOCK_S * rate))
    margin = math.ceil(max(BEAT_S) * rate / block) * block
    blocks = -(-count // block)
    bands = np.zeros((len(EDGES_HZ), len(samples), blocks * block + 2 * margin), dtype=np.float32)
    known = slice(margin, margin + count)
    _split(samples, rate, bands[..., known])
    beats, kinds = like_beats(bands, _power(bands, block, margin), margin, block, rate)
    averages = list(_take_averages(bands, beats, kinds, rate, known))
    power = _power(bands, block, margin)
    usual = _usual(power, round(count / rate / USUAL_S))
    independent = _independent(power / usual)
    for average in averages:
        at = np.clip((average.starts + average.fiducial - margin) // block, 0, blocks - 1)
        _fit(bands, average, usual[..., at], independent, rate)
    passing = _passing(_power(bands, block, margin) / usual, LIMIT, independent)
    noisy = (1 - passing) * (1 - np.minimum(UNSEEN_UV**2 / usual, 1))
    filtered = samples.copy()
    for band, share in zip(bands, noisy, strict=True):
        filtered -= between(share, block)[:, :count] * band[:, known]
    return filtered


def _split(samples: Signal, rate: float, bands: Single) -> None:
    """Fill *bands*, the highest first: what lies between its edge and that of the band before."""
    leads, count = samples.shape
    step = max(1, int(rate / SPLIT_HZ))
    slow = -(-count // step)
    padded = np.empty((leads, slow * step), dtype=np.float32)
    padded[:, :count] = samples
    padded[:, :count] -= samples[:, :1]
    padded[:, count:] = padded[:, count - 1 : count]
    means = (padded.reshape(-1, step) @ np.full(step, 1 / step, dtype=np.float32)).reshape(leads, slow)
    line = np.linspace(means[:, 0], means[:, -1], slow, axis=1)  # without it the ends meet
    around = round(PADDING_S * rate / step)
    size = next_fast_len(slow + 2 * around, real=True)
    reflected = np.pad(
        means - line, ((0, 0), (around, size - slow - around)), mode="reflect", reflect_type="odd"
    )
    spectrum = rfft(reflected)
    hertz = rfftfreq(size, step / rate)
    upper = padded
    for band, edge in zip(bands, EDGES_HZ, strict=True):
        slope = np.clip((hertz / edge - 1) / EDGE_WIDTH, -1, 1)
        low = irfft(spectrum * (0.5 - 0.5 * np.sin(np.pi / 2 * slope)), size)[:, around : around + slow]
        lower = between(low + line, step)
        np.subtract(upper[:, :count], lower[:, :count], out=band)
        upper = lower


def _power(bands: Single, block: int, margin: int) -> Single:
    """Power about each block, µV², shape ``(bands, leads, blocks)``."""
    parts = bands.reshape(*bands.shape[:2], -1, block)[:, :, margin // block : -(margin // block)]
    power: Single = uniform_filter1d(np.einsum("klnb,klnb->kln", parts, parts) / block, POWER_BLOCKS, axis=2)
    return power


def _usual(power: Single, seconds: int) -> Single:
    """The usual power about each block: medians over a second, smoothed over three."""
    blocks = power.shape[2]
    seconds = min(max(1, seconds), blocks)
    whole = power[..., : blocks // seconds * seconds]
    medians = median(whole.reshape(*power.shape[:2], seconds, -1))
    smooth = uniform_filter1d(MEAN_BY_MEDIAN * medians, 3, axis=2, mode="nearest") + LEAST_POWER
    at = np.clip((np.arange(blocks) + 0.5) * seconds / blocks - 0.5, 0, seconds - 1)
    before = np.minimum(at.astype(np.intp), max(seconds - 2, 0))
    after = np.minimum(before + 1, seconds - 1)
    share = (at - before).astype(np.float32)
    usual: Single = smooth[..., before] + (smooth[..., after] - smooth[..., before]) * share
    return np.maximum(usual, LEAST_POWER)  # rounding may take all of it where a strong noise ends


def _independent(ratio: Single) -> float:
    """To how many independent leads those in *ratio* amount: how much steadier their mean is."""
    low = np.minimum(ratio, LOW)
    return max(1.0, float(low.var(axis=2).mean() / (low.mean(axis=1).var(axis=1).mean() + 1e-9)))


def _passing(ratio: Single, limit: float, independent: float) -> Single:
    """Share that passes, 0 to 1, where the power is *ratio* times the noise; shape ``(bands, leads, …)``."""
    pooled = limit / independent**0.25
    share = np.maximum(ratio / limit, ratio.mean(axis=1, keepdims=True) / pooled) - 1
    passing: Single = np.clip(share, 0, 1) * (1 - 1 / np.maximum(ratio, 1))
    return passing


@dataclass(frozen=True, slots=True, eq=False)
class _Average:
    """The average of like beats.

    Attributes
    ----------
    starts
        First samples of the beats.
    fiducial
        Sample of the fiducial point in the average.
    shape
        µV, shape ``(bands, leads, samples)``.
    whole
        Of which beats it is the average; those at the ends of the record are not whole.
    """

    starts: Index
    fiducial: int
    shape: Single
    whole: Mask


def _take_averages(
    bands: Single, beats: Index, kinds: Index, rate: float, known: slice
) -> Iterator[_Average]:
    """Take the average of each kind of beat away from its beats."""
    nearest = float(np.diff(np.sort(beats[kinds != UNLIKE])).min(initial=bands.shape[2]))
    before, after = (
        round(min(seconds * rate, share * nearest)) for seconds, share in zip(BEAT_S, BEAT_SHARE, strict=True)
    )
    for kind in range(int(kinds.max(initial=UNLIKE)) + 1):
        starts = beats[kinds == kind] - before
        whole = (starts >= known.start) & (starts + before + after <= known.stop)
        if whole.sum() < ENOUGH:
            continue
        spans = [bands[..., start : start + before + after] for start in starts]
        shape = np.mean([spans[beat] for beat in np.flatnonzero(whole)], axis=0)
        for span in spans:
            np.subtract(span, shape, out=span)
        yield _Average(starts, before, shape, whole)


def _fit(bands: Single, average: _Average, noise: Single, independent: float, rate: float) -> None:
    """Leave in *bands* what is noise in the average; take away by how much each QRS is larger or later.

    The average is first corrected for how unlike the *noise* of the beats is, ``(bands, leads, beats)``.
    """
    spans = [bands[..., start : start + average.shape.shape[2]] for start in average.starts]
    trust = 1 / noise
    sure = trust[..., average.whole].sum(axis=2)
    shift = np.zeros_like(average.shape)
    for beat in np.flatnonzero(average.whole):
        shift += (trust[..., beat] / sure)[..., None] * spans[beat]
    shape = average.shape + shift
    chance = 1 / sure[..., None]
    ratio = uniform_filter1d(shape**2, round(POWER_BLOCKS * BLOCK_S * rate), axis=2) / chance
    kept = shape * _passing(ratio, AVERAGE_LIMIT, independent)
    before, after = (round(seconds * rate) for seconds in QRS_S)
    qrs = slice(max(average.fiducial - before, 0), average.fiducial + after)
    larger, later = kept[..., qrs], np.gradient(kept, axis=2)[..., qrs]
    for span, power in zip(spans, np.moveaxis(noise, 2, 0), strict=True):
        np.add(span, average.shape - kept, out=span)
        rest = span[..., qrs]
        for change in (larger, later):
            weight = change / power[..., None]
            rest -= change * (np.vdot(rest, weight) / (np.vdot(change, weight) + 1))
