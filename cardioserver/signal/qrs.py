"""Where the QRS complexes are.

A network (:mod:`cardioserver.signal.qrs_net`) gives each lead's opinion for every 20 ms; the leads then vote,
the surer of them with more weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from cardioserver.signal.flutter import in_flutter
from cardioserver.signal.grid import RATE_HZ, scaled, usual_slope
from cardioserver.signal.order import median
from cardioserver.signal.qrs_net import FRAME_S, log_odds

Signal = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

MOST_LEADS = 6  # more of them cost time and add nothing
LEAST_ODDS = -2.0  # natural log; below 0, as moments on both sides of a true peak share the odds
SURE_ODDS = 2.0  # what is so likely is a QRS, even in a rhythm that looks like ventricular flutter
LIKELY_ODDS = 1.0
SMALL = 0.18  # a P wave is less steep than this, against a QRS
SMALL_ABOUT_S = 10.0
LEAST_UV = 50.0  # height in the largest lead of a doubtful one; IEC 60601-2-27 lets monitors pass over 150 µV
APART_S = 0.2  # the ventricles are refractory for longer
SURENESS_S = 8.0
SURENESS_POWER = 2.0
LEAST_SURENESS = 1e-3
CLEAR_SHARE = 0.5  # of the surest lead's weight: a lead in which a QRS is clear
REACH = round(0.06 * RATE_HZ)  # the network finds the peak of a QRS with such a standard error at most
PEAK_SPREAD_S = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Complexes:
    """QRS complexes.

    Attributes
    ----------
    places
        Indices into the grid, ascending, each where the leads together deflect most.
    odds
        Natural log odds that each is one, after the vote of the leads.
    seen
        Whether each is clear in each lead, shape ``(places, leads)``.
    """

    places: Index
    odds: Signal
    seen: Mask


def find_qrs(grid: Signal, missing: Mask | None = None) -> Complexes:
    """The QRS complexes of a stretch.

    In ventricular flutter and fibrillation only what is surely a QRS counts. A doubtful one far less steep
    than the sure ones about it is a P wave: in AV block nothing follows it that would tell.

    Parameters
    ----------
    grid
        From :func:`~cardioserver.signal.grid.to_grid`.
    missing
        True where a lead was off, same shape; it has no vote there.
    """
    count = grid.shape[1]
    if count < RATE_HZ:
        return Complexes(np.empty(0, dtype=np.intp), np.zeros(0), np.zeros((0, len(grid)), dtype=np.bool_))
    usual = usual_slope(grid)
    clearest = _clearest(grid, usual)
    votes = log_odds(scaled(grid[clearest], usual[clearest]))
    weights = _sureness(votes)
    if missing is not None:
        weights[missing[clearest, ::2]] = 0.0
    total = weights.sum(axis=0)
    together = np.where(total > 0, (weights * votes).sum(axis=0) / np.maximum(total, 1e-9), -np.inf)
    frames = _peaks(together)
    shares = weights[:, frames]
    clear = (shares >= CLEAR_SHARE * shares.max(axis=0)).T if len(frames) else np.zeros(shares.T.shape, bool)
    places, odds = 2 * frames, together[frames]
    doubtful = odds <= SURE_ODDS
    real = ~doubtful
    size = _steepness(grid[clearest], places, clear)
    real[doubtful] = ~(_small(places, size, odds)[doubtful] | in_flutter(grid, places[doubtful]))
    real &= (_height(grid[clearest], places) >= LEAST_UV) | ~doubtful
    seen = np.zeros((int(real.sum()), len(grid)), dtype=np.bool_)
    seen[:, clearest] = clear[real]
    return Complexes(_centred(grid[clearest], places[real], clear[real]), odds[real], seen)


def _steepness(leads: Signal, places: Index, clear: Mask) -> Signal:
    """How steep the *clear* leads together are at most near each place."""
    near = np.maximum(_near(places, leads.shape[1]), 1)
    slope = np.abs(leads[:, near] - leads[:, near - 1]).max(axis=2)
    steepness: Signal = np.sqrt((slope**2 * clear.T).sum(axis=0))
    return steepness


def _height(leads: Signal, places: Index) -> Signal:
    """From the lowest to the highest about each place, in the lead where that is most, µV."""
    height: Signal = np.ptp(leads[:, _near(places, leads.shape[1])], axis=2).max(axis=0)
    return height


def _near(places: Index, count: int) -> Index:
    """The indices about each place, of *count*: shape ``(places, 2 * REACH + 1)``."""
    near: Index = np.clip(places[:, None] + np.arange(-REACH, REACH + 1), 0, count - 1)
    return near


def _small(places: Index, size: Signal, odds: Signal) -> Mask:
    """Which places are far less steep than likely ones about them."""
    about = round(SMALL_ABOUT_S * RATE_HZ)
    likely = odds > LIKELY_ODDS
    small = np.zeros(len(places), dtype=np.bool_)
    for number in np.flatnonzero(odds <= SURE_ODDS):
        first, last = np.searchsorted(places, (places[number] - about, places[number] + about))
        others = np.sort(size[first:last][likely[first:last]])
        if len(others):
            small[number] = size[number] < SMALL * others[-2:][0]  # the largest may be an artefact
    return small


def _clearest(grid: Signal, usual: Signal) -> Index:
    """The leads whose QRS stands out most, at most :data:`MOST_LEADS`."""
    if len(grid) <= MOST_LEADS:
        return np.arange(len(grid))
    rest = median(np.abs(np.diff(grid[:, ::2], axis=1)))
    contrast = usual.mean(axis=1) / (rest + 1.0)
    chosen: Index = np.sort(np.argsort(-contrast, kind="stable")[:MOST_LEADS])
    return chosen


def _sureness(votes: Floats) -> Signal:
    """Weight of each lead's vote: how near to one its odds come where it sees a QRS at all."""
    if len(votes) == 1:
        return np.ones(votes.shape)
    chance = 1.0 / (1.0 + np.exp(-votes.astype(np.float64)))
    width = round(SURENESS_S / FRAME_S)
    strong = uniform_filter1d(chance**2, width, axis=1, mode="nearest")
    seen = uniform_filter1d(chance, width, axis=1, mode="nearest")
    sureness: Signal = (
        np.maximum(strong, 0) / (np.maximum(seen, 0) + 1e-4)
    ) ** SURENESS_POWER + LEAST_SURENESS
    return sureness


def _peaks(together: Signal) -> Index:
    """Frames in which the odds are highest and high enough."""
    smooth = together.copy()
    smooth[1:-1] = (together[:-2] + 2 * together[1:-1] + together[2:]) / 4
    padded = np.pad(smooth, 1, constant_values=-np.inf)
    found = find_peaks(padded, height=LEAST_ODDS, distance=round(APART_S / FRAME_S))[0]
    frames: Index = found - 1
    return frames


def _centred(leads: Signal, places: Index, clear: Mask) -> Index:
    """Each place moved to where its *clear* leads together deflect most nearby."""
    near = _near(places, leads.shape[1])
    nearness = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / (PEAK_SPREAD_S * RATE_HZ)) ** 2)
    size = np.sqrt((leads[:, near] ** 2 * clear.T[:, :, None]).sum(axis=0)) * nearness
    centred: Index = near[np.arange(len(places)), size.argmax(axis=1)]
    return centred
