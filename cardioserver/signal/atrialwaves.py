"""P waves beat by beat: whether they keep step with the QRS, and those that no QRS follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from cardioserver.signal.cancellation import AtrialSignal, Ventricles

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

WINDOW_S = 0.30  # before the QRS: an upper bound of the usual PR interval
FEWEST_BEATS = 3
LEAST_UV = 5.0  # a lead that shows less has no say
P_BAND_HZ = (1.0, 20.0)
WAVE_BAND_HZ = (2.0, 20.0)
WAVE_S = 0.14
IN_STEP = 0.3  # correlation of a beat that lends its P wave to the model
MATCH = 0.75  # correlation of a wave that is one of the atria's
SIZES = (0.5, 2.0)  # of the model
SEEN = 0.6  # share of a wave outside the QRS
OWN_S = 0.06
AFTER_T_S = 0.06
APART_S = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What precedes each QRS.

    Attributes
    ----------
    samples
        µV, shape ``(leads, beats, width)``, without slope.
    beats
        Which beats they belong to.
    """

    samples: Signal
    beats: Index


def windows_before(atrial: Signal, rate: float, onsets: Index, chosen: Mask) -> Windows:
    """The 300 ms before the QRS of each of the *chosen* beats that begin inside the record."""
    width = round(WINDOW_S * rate)
    beats = np.flatnonzero(chosen & (onsets >= width))
    cut = atrial[:, onsets[beats][:, None] + np.arange(-width, 0)]
    cut = cut - cut.mean(axis=2, keepdims=True)
    slope = np.linspace(-1, 1, width)
    cut -= (cut @ slope / (slope @ slope))[..., None] * slope
    return Windows(cut, beats)


def steps(windows: Windows) -> Signal:
    """Correlation of what precedes each QRS with the mean of the others, over all leads, -1 to 1.

    Near one where a P wave precedes each QRS at a steady distance, whatever its shape; near zero in
    fibrillation and dissociation, whatever the size of the waves.
    """
    count = len(windows.beats)
    if count < FEWEST_BEATS:
        return np.empty(0)
    size = np.sqrt((windows.samples**2).mean(axis=2, keepdims=True))
    scaled = windows.samples / (np.median(size, axis=1, keepdims=True) + LEAST_UV)
    scaled /= np.maximum(np.sqrt((scaled**2).mean(axis=(0, 2), keepdims=True)), 1)  # no beat counts more
    others = (scaled.sum(axis=1, keepdims=True) - scaled) / (count - 1)
    product = np.einsum("lbt,lbt->b", scaled, others)
    norms = np.einsum("lbt,lbt->b", scaled, scaled) * np.einsum("lbt,lbt->b", others, others)
    result: Signal = product / (np.sqrt(norms) + 1e-9)
    return result


def lone_waves(atrial: AtrialSignal, ventricles: Ventricles, in_step: Signal, windows: Windows) -> Index:
    """Waves between a T wave and the next QRS that look like the P waves but belong to no QRS.

    Parameters
    ----------
    in_step
        Of each of the *windows*, from :func:`steps`.

    Returns
    -------
    array
        Middles of the waves, in samples.
    """
    steady = in_step > IN_STEP
    if steady.sum() < FEWEST_BEATS:
        return np.empty(0, dtype=np.intp)
    rate, onsets = atrial.rate, ventricles.onsets
    waves = atrial.band(WAVE_BAND_HZ)
    width, before = round(WAVE_S * rate), round(WINDOW_S * rate)
    places = onsets[windows.beats][:, None] + np.arange(-before, 0)
    mean = np.median(waves[:, places[steady]], axis=1)
    energy = np.convolve((mean**2).sum(axis=0), np.ones(width), "valid")
    start = int(energy.argmax())
    model = mean[:, start : start + width]
    own = onsets[windows.beats] - before + start
    found = _matches(waves, atrial.open, model, rate)
    beat = np.searchsorted(onsets, found + width // 2) - 1
    inside = (beat >= 0) & (beat + 1 < len(onsets))
    found, beat = found[inside], beat[inside]
    t_ends = ventricles.offsets[beat] + ventricles.t_end + round(AFTER_T_S * rate)
    lone = (found > t_ends) & (found + width <= onsets[beat + 1])
    lone &= np.abs(found[:, None] - own).min(axis=1) > OWN_S * rate
    middles: Index = found[lone] + width // 2
    return middles


def _matches(waves: Signal, seen: Mask, model: Signal, rate: float) -> Index:
    """Where *waves* look like *model*, in shape over all leads and in size."""
    width = model.shape[1]
    here = seen.astype(np.float64)
    product = sum(np.correlate(line * here, part, "valid") for line, part in zip(waves, model, strict=True))
    energy = np.convolve((waves**2).sum(axis=0) * here, np.ones(width), "valid")
    own = np.correlate(here, (model**2).sum(axis=0), "valid")
    share = np.convolve(here, np.ones(width), "valid") / width
    alike = product / np.sqrt(energy * own + 1e-9)
    size = product / (own + 1e-9)
    alike[(share < SEEN) | (size < SIZES[0]) | (size > SIZES[1])] = 0.0
    peaks: Index = find_peaks(alike, height=MATCH, distance=max(1, round(APART_S * rate)))[0]
    return peaks
