"""What started each beat: evidence from shape, width, timing, P and T wave, weighed by logistic regression.

The weights are not negative: evidence for an ectopic beat never speaks against it. The kinds of evidence are
those of P. de Chazal, M. O'Dwyer, R. Reilly, "Automatic classification of heartbeats using ECG morphology and
heartbeat interval features", IEEE Trans. Biomed. Eng. 51:1196, 2004. ``benchmarks/train_classes.py`` finds
the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.signal.order import median
from cardioserver.signal.shapes import (
    AFTER,
    BEFORE,
    MARGIN,
    P_WAVE,
    SLACK,
    Kinds,
    likeness,
    shifted_qrs,
)

Signal = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

INTERVALS_S = (0.2, 4.0)  # RR intervals beyond are taken for these
USUAL_BEATS = 8  # on each side, whose median RR is the usual one
RUN_BEATS = 25  # the same, longer than most runs of ectopic beats
IRREGULAR_BEATS = 10
COMMON_SHARE = 0.12  # of the commonest kind; a kind this common may be the normal one
BROAD_KIND = 8.0  # samples of the grid by which a kind that is broader is that much rarer the normal one
COUPLED_KIND = 3.0
REFERENCE_BEATS = 400  # of the normal kind are enough for its P and T wave
REGULAR = 0.08  # median deviation of RR from the usual one, relative; more is atrial fibrillation
CLEARLY_UNLIKE = 0.25
MOST_EARLY = 0.6  # logarithms of ratios count up to here
MOST_WIDER = 0.8
CHUNK = 4096  # beats compared at once
STEEP_SHARE = 0.2  # of the steepest place: what is less steep is not of the QRS


BIAS = "prior"
VENTRICULAR = {
    "rare shape": 3.04,
    "rare and unusual shape": 1.82,
    "rare and broad": 0.9,
    "its kind is early": 2.98,
    "its kind is followed by a pause": 6.07,
    "odd and early": 1.72,
    "odd and followed by a pause": 3.58,
    "odd without P": 0.35,
    "broad without P": 1.15,
    "clean": 0.45,
    BIAS: -5.31,
}
SUPRAVENTRICULAR = {
    "early": 3.78,
    "rather early": 2.89,
    "early in a run": 5.82,
    "earlier than the last": 3.9,
    "P unlike": 1.7,
    "P rather unlike": 4.72,
    "followed by a pause": 2.71,
    "usual shape": 2.53,
    BIAS: -5.88,
}


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of each beat.

    Attributes
    ----------
    likeness
        Correlation of each QRS with the normal one, -1 to 1.
    regular
        Whether the rhythm about a beat is regular enough for an early beat to mean something; in atrial
        fibrillation it is not.
    columns
        Each kind of evidence, for each beat.
    """

    likeness: Floats
    regular: Mask
    columns: dict[str, Signal]


def weigh(times: Signal, beats: Halves, seen: Mask, kinds: Kinds) -> Evidence:
    """The evidence for each beat.

    Parameters
    ----------
    times
        s, ascending.
    beats, seen
        As for :func:`~cardioserver.signal.shapes.sort_shapes`.
    """
    rhythm = _Rhythm.of(times)
    spread = _spread(beats, seen)
    normal = _normal_kind(kinds, rhythm.coupled, spread)
    like, p_like = _compare(beats, seen, kinds, normal)
    looseness = float(median(1 - like[kinds.of == normal]))
    wider = np.log(spread / float(median(spread[kinds.of == normal])))
    unlike = _between(1 - like, 1.0)
    odd = _between(unlike / CLEARLY_UNLIKE, 1.0)  # what is timed like an ectopic beat may still be conducted
    unusual = _between((unlike - looseness) / (9 * looseness + 0.15), 1.0)  # for this record
    rare = 1 - _between(_sizes(kinds) / _sizes(kinds)[kinds.of == normal].max(), 1.0)
    broad = _between(wider, MOST_WIDER)
    p_unlike = _between(1 - p_like, 1.5)
    no_p = _between(p_unlike, 1.0)
    early, pause = _between(-rhythm.late, MOST_EARLY), _between(rhythm.late_next, MOST_EARLY)
    columns = {
        "rare shape": unlike * rare,
        "rare and unusual shape": odd * unusual * rare,
        "rare and broad": odd * broad * rare,
        "its kind is early": odd * _between(-_mean_of_kind(rhythm.late, kinds), MOST_EARLY),
        "its kind is followed by a pause": odd * _between(_mean_of_kind(rhythm.coupled, kinds), 1.0),
        "odd and early": odd * early,
        "odd and followed by a pause": odd * pause,
        "odd without P": odd * no_p,
        "broad without P": odd * broad * no_p,
        "early": early,
        "rather early": np.minimum(early, 0.2),
        "early in a run": _between(-rhythm.late_in_run, MOST_EARLY),
        "earlier than the last": _between(-rhythm.change, 0.5),
        "P unlike": p_unlike,
        "P rather unlike": np.minimum(p_unlike, 0.5),
        "followed by a pause": pause,
        "usual shape": -unlike,
        "clean": np.full(len(times), -min(looseness, 0.2)),
    }
    return Evidence(like, rhythm.irregular <= REGULAR, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Rhythm:
    """Logarithms of ratios of RR intervals, for each beat.

    ``late`` compares the interval before it with the usual one, ``late_in_run`` with that of a longer
    stretch, ``late_next`` the interval after it with the usual one, ``change`` the interval before it with
    the one before that, ``coupled`` the interval after it with that before it; ``irregular`` is how far
    intervals about it are from the usual one.
    """

    late: Signal
    late_in_run: Signal
    late_next: Signal
    change: Signal
    coupled: Signal
    irregular: Signal

    @classmethod
    def of(cls, times: Signal) -> _Rhythm:
        """The rhythm of beats at *times*, s."""
        intervals = np.clip(np.diff(times), *INTERVALS_S) if len(times) > 1 else np.ones(1)
        before = np.concatenate([intervals[:1], intervals])[: len(times)]
        after = np.concatenate([intervals, intervals[-1:]])[: len(times)]
        usual = _median_about(before, USUAL_BEATS)
        late = np.log(before / usual)
        return cls(
            late,
            np.log(before / _median_about(before, RUN_BEATS)),
            np.log(after / usual),
            np.log(before / np.concatenate([before[:1], before[:-1]])),
            np.clip(np.log(after / before), -1, 1),
            _median_about(np.abs(late), IRREGULAR_BEATS),
        )


def _between(values: npt.NDArray[np.floating], most: float) -> Signal:
    """*values* limited to 0 … *most*."""
    limited: Signal = np.clip(values, 0.0, most).astype(np.float64)
    return limited


def ventricular(evidence: Evidence) -> Mask:
    """Whether each beat is ventricular."""
    return _odds(evidence, VENTRICULAR) > 0


def supraventricular(evidence: Evidence) -> Mask:
    """Whether each beat, if it is not ventricular, is an early supraventricular one."""
    return (_odds(evidence, SUPRAVENTRICULAR) > 0) & evidence.regular


def _odds(evidence: Evidence, weights: dict[str, float]) -> Signal:
    """Log odds: the weighed evidence."""
    parts = [weight * evidence.columns[name] for name, weight in weights.items() if name != BIAS]
    odds: Signal = np.sum(parts, axis=0) + weights[BIAS]
    return odds


def _median_about(values: Signal, each_side: int) -> Signal:
    """Running median; fewer neighbours for a short series."""
    each_side = min(each_side, (len(values) - 1) // 2)
    padded = np.pad(values, each_side, mode="reflect") if each_side else values
    medians: Signal = median(np.lib.stride_tricks.sliding_window_view(padded, 2 * each_side + 1))
    return medians


def _sizes(kinds: Kinds) -> Signal:
    """How many beats are of the same kind as each; a beat of no kind is alone."""
    sizes = np.bincount(kinds.of + 1, minlength=1).astype(np.float64)
    sizes[0] = 1.0
    same: Signal = sizes[kinds.of + 1]
    return same


def _mean_of_kind(values: Signal, kinds: Kinds) -> Signal:
    """The mean of *values* over the beats of the same kind; a beat of no kind has its own."""
    sums = np.bincount(kinds.of + 1, values, minlength=1)
    means: Signal = np.where(kinds.of >= 0, sums[kinds.of + 1] / _sizes(kinds), values)
    return means


def _spread(beats: Halves, seen: Mask) -> Signal:
    """For how many samples of the grid each QRS is steep."""
    margin = SLACK + 1
    first, last = MARGIN - BEFORE - margin, MARGIN + AFTER + margin + 1
    steep = np.empty((len(beats), last - first - 1), dtype=np.float32)
    for start in range(0, len(beats), CHUNK):
        part = slice(start, start + CHUNK)
        slope = np.diff(beats[part, :, first:last].astype(np.float32), axis=2) ** 2
        steep[part] = np.sqrt((slope * seen[part, :, None]).sum(axis=1))
    above = steep > STEEP_SHARE * steep.max(axis=1, keepdims=True)
    width = above.shape[1] - above[:, ::-1].argmax(axis=1) - above.argmax(axis=1)
    spread: Signal = np.maximum(width, 1).astype(np.float64)
    return spread


def _normal_kind(kinds: Kinds, coupled: Signal, spread: Signal) -> int:
    """The kind of the normal beats: common, not coupled to the beat before, narrow."""
    sizes = np.bincount(kinds.of[kinds.of >= 0])
    common = np.flatnonzero(sizes >= COMMON_SHARE * sizes.max())
    width = np.array([median(spread[kinds.of == kind]) for kind in common])
    pause = np.array([coupled[kinds.of == kind].mean() for kind in common])
    score = sizes[common] * np.exp(-COUPLED_KIND * np.maximum(pause, 0) - (width - width.min()) / BROAD_KIND)
    return int(common[score.argmax()])


def _compare(beats: Halves, seen: Mask, kinds: Kinds, normal: int) -> tuple[Floats, Floats]:
    """Correlation of each beat's QRS and of its P wave with those of the normal kind."""
    count = len(beats)
    like, p_like = np.ones(count, dtype=np.float32), np.ones(count, dtype=np.float32)
    mine = np.flatnonzero(kinds.of == normal)
    mine = mine[:: -(-len(mine) // REFERENCE_BEATS)]
    reference = median(_p_wave(beats[mine], seen[mine], kinds.shift[mine]), axis=0)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        shifted = shifted_qrs(beats[part], seen[part])
        like[part] = likeness(shifted, seen[part], kinds.templates[normal]).max(axis=1)
        own = _p_wave(beats[part], seen[part], kinds.shift[part])
        energy = np.sqrt(seen[part] @ (reference**2).sum(axis=1)) * np.sqrt((own**2).sum(axis=(1, 2)))
        p_like[part] = (own * reference).sum(axis=(1, 2)) / np.maximum(energy, 1e-6)
    return like, p_like


def _p_wave(beats: Halves, seen: Mask, shift: Floats) -> Floats:
    """The stretch before each QRS, moved to where its kind has it; unseen leads zero."""
    places = np.round(shift).astype(np.intp)[:, None] + np.arange(MARGIN + P_WAVE[0], MARGIN + P_WAVE[1] + 1)
    places = np.broadcast_to(places[:, None], (*beats.shape[:2], places.shape[1]))
    stretch = np.take_along_axis(beats, places, axis=2).astype(np.float32)
    stretch -= stretch.mean(axis=2, keepdims=True)
    stretch *= seen[:, :, None]
    return stretch
