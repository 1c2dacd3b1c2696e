"""Signs of what the atria do, in a part of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal import cancellation, intervals
from cardioserver.signal.atrialwaves import (
    P_BAND_HZ,
    WaveTrain,
    oneness,
    shapes_of,
    size_of,
    steps,
    wave_train,
    windows_before,
)
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.cancellation import Ventricles
from cardioserver.signal.fiducials import NONE, Fiducials
from cardioserver.signal.flutterwaves import AtrialCycle, conducted_cycle, flutter_band, free_cycle, wave_size
from cardioserver.signal.order import median
from cardioserver.signal.pacing import without_spikes

Signal = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

FEWEST_BEATS = 3
ON_TIME = 0.8  # of the mean interval; beats that come earlier may have P waves of their own
FEWEST_ON_TIME = 4
REGULAR = 0.85  # likeness of the RR intervals from which on T waves cannot be cancelled
IN_STEP = 0.45  # correlation of what precedes the QRS above which it is a P wave
LEAST_P_UV = 25.0  # of what all beats have in common; a quarter of a millimetre on paper
FIBRILLATION = (5.3, -9.4, -6.9)
"""Log odds of fibrillation: constant, one wave in step, likeness of the RR intervals. By logistic regression
on ten-second pieces of two-lead ambulatory records; twelve-lead records had no part in it."""
SLOW_S = 1.1  # RR interval from which on two P waves may go with one QRS
PAUSE = 1.5  # of the usual RR interval
TRAIN_WINDOW_S = 12.0
ANOTHER_RATE = 0.12  # by which the atria are faster or slower than the ventricles
QRS_S = (0.05, 0.06)  # about the place of a beat, where it was not delineated
T_END_S = 0.36


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a record: its samples, µV, and the numbers of its beats."""

    samples: Signal
    first: int
    beats: Index


@dataclass(frozen=True, slots=True, eq=False)
class AtrialSigns:
    """What speaks for P waves, for fibrillation and for flutter.

    Attributes
    ----------
    rr
        RR intervals of the conducted beats, s.
    alike
        Share of their pairs that are alike (:func:`~cardioserver.signal.intervals.likeness`).
    in_step
        Median correlation of what precedes a QRS with what precedes the others.
    oneness
        Share of the energy of what they have in common that lies within one wave.
    p_size
        Height of what they have in common before them, in the lead that shows most, µV.
    p_shapes
        How many shapes the P waves have that several beats share.
    wave_size
        Root mean square of the flutter band, µV.
    conducted
        The atrial cycle of which a whole number makes an RR interval.
    free
        The atrial cycle in an irregular rhythm, without T.
    free_with_t
        The same with T: flutter waves that the QRS keeps step with are cancelled together with T.
    train
        P waves in step with each other at a rate that is not that of the QRS complexes.
    pr
        From each wave of the train to the QRS that follows it next, s.
    """

    rr: Signal
    alike: float | None
    in_step: float | None
    oneness: float
    p_size: float
    p_shapes: int
    wave_size: float
    conducted: AtrialCycle | None
    free: AtrialCycle | None
    free_with_t: AtrialCycle | None
    train: WaveTrain | None = None
    pr: Signal | None = None

    @property
    def is_regular(self) -> bool:
        """Whether the RR intervals are alike; said of few beats, too."""
        return self.alike is None or self.alike >= REGULAR

    @property
    def odds(self) -> float | None:
        """Logarithm of the odds of fibrillation against P waves; ``None`` in a regular rhythm."""
        if self.is_regular or self.alike is None or self.in_step is None:
            return None
        constant, steady, returning = FIBRILLATION
        return constant + steady * self.in_step * self.oneness + returning * self.alike

    @property
    def has_p_waves(self) -> bool:
        """Whether something is seen before the QRS that keeps step with it."""
        return self.in_step is not None and self.in_step >= IN_STEP and self.p_size >= LEAST_P_UV

    @property
    def needs_train(self) -> bool:
        """Whether there may be P waves apart from the QRS complexes, or more of them."""
        doubtful = not self.has_p_waves or (self.odds is not None and self.odds > 0)
        usual = float(median(self.rr))
        return doubtful or usual >= SLOW_S or float(self.rr.max()) >= PAUSE * usual


def find_signs(
    part: Part, rate: float, leads: Sequence[Lead], beats: Beats, fiducials: Fiducials
) -> AtrialSigns:
    """Look for signs in a *part* of a record that holds three beats or more.

    Parameters
    ----------
    rate
        Hz.
    beats, fiducials
        Of the whole record.
    """
    at = beats.samples[part.beats]
    last = part.first + part.samples.shape[1]
    spikes = beats.spikes[(beats.spikes >= part.first) & (beats.spikes < last)] - part.first
    thin, work = cancellation.slowed(without_spikes(part.samples, rate, spikes), rate)
    ventricles = _ventricles(part, (rate, work), thin.shape[1], beats, fiducials)
    conducted = _conducted([beats.classes[beat] for beat in part.beats])
    rr = intervals.between(at, rate, usable=conducted)
    alike = intervals.likeness(rr)
    regular = alike is None or alike >= REGULAR
    with_t = cancellation.without_qrs(thin, work, ventricles)
    atrial = with_t if regular else cancellation.without_t(with_t, ventricles)
    waves_with_t = flutter_band(with_t, leads)
    waves = waves_with_t if regular else flutter_band(atrial, leads)
    on_time = conducted & (np.diff(at, prepend=-np.inf) >= ON_TIME * rr.mean() * rate)
    telling = on_time if on_time.sum() >= FEWEST_ON_TIME else conducted
    windows = windows_before(atrial.band(P_BAND_HZ), work, ventricles.onsets, telling)
    in_step = steps(windows)
    found = AtrialSigns(
        rr=rr,
        alike=alike,
        in_step=float(median(in_step)) if len(in_step) else None,
        oneness=oneness(windows, work),
        p_size=size_of(windows),
        p_shapes=shapes_of(windows, work),
        wave_size=wave_size(waves),
        conducted=conducted_cycle(waves_with_t, ventricles),
        free=None if regular else free_cycle(waves),
        free_with_t=None if regular else free_cycle(waves_with_t),
    )
    if not found.needs_train:
        return found
    free = cancellation.without_t(with_t, ventricles) if regular else atrial
    start, stop = _train_window(ventricles.onsets, thin.shape[1], work)
    train = wave_train(free.part(start, stop), ventricles.part(start, stop))
    if train is not None:
        train = replace(train, places=train.places + start)
    return _with_train(found, train, ventricles, (part.first, rate, work))


def _conducted(classes: Sequence[BeatClass]) -> Mask:
    """Beats that the atria have sent; in a record of paced beats all that are not ventricular."""
    ventricular = np.array([each is BeatClass.VENTRICULAR for each in classes])
    paced = np.array([each is BeatClass.PACED for each in classes])
    own = ~(ventricular | paced)
    return own if own.sum() > FEWEST_ON_TIME else ~ventricular


def _train_window(onsets: Index, count: int, work: float) -> tuple[int, int]:
    """Where to look for a train: about the longest RR interval; no rhythm keeps its pace for a minute."""
    length = round(TRAIN_WINDOW_S * work)
    longest = int(np.diff(onsets).argmax())
    middle = int(onsets[longest] + onsets[longest + 1]) // 2
    start = min(max(middle - length // 2, 0), max(count - length, 0))
    return start, min(start + length, count)


def _with_train(
    signs: AtrialSigns, train: WaveTrain | None, ventricles: Ventricles, scale: tuple[int, float, float]
) -> AtrialSigns:
    """*signs* with *train*, in samples of the record, unless it is that of the QRS complexes."""
    if train is None:
        return signs
    first, rate, work = scale
    usual = float(median(signs.rr))
    same = abs(usual / train.interval - 1) < ANOTHER_RATE and float(signs.rr.max()) < PAUSE * usual
    if same and signs.is_regular:
        return signs
    ahead = (ventricles.onsets[:, None] - train.places) / work
    pr = np.where(ahead > 0, ahead, np.inf).min(axis=1)
    places = np.round(train.places * rate / work).astype(np.intp) + first
    return replace(signs, train=replace(train, places=places), pr=pr[pr < train.interval])


def _ventricles(
    part: Part, rates: tuple[float, float], count: int, beats: Beats, fiducials: Fiducials
) -> Ventricles:
    """QRS complexes and T waves of *part* after it was thinned to *count* samples.

    *rates* are those of the record and of the thinned part, Hz.
    """
    rate, work = rates
    step = rate / work
    at = (beats.samples[part.beats] - part.first) / step
    marks = fiducials.marks
    usual = (marks.qrs_on / step, marks.qrs_off / step) if marks else (-QRS_S[0] * work, QRS_S[1] * work)
    on, off = fiducials.of("qrs_on")[part.beats], fiducials.of("qrs_off")[part.beats]
    onsets = np.where(on == NONE, at + usual[0], np.minimum((on - part.first) / step, at + usual[0]))
    offsets = np.where(off == NONE, at + usual[1], np.maximum((off - part.first) / step, at + usual[1]))
    onsets = np.clip(onsets - cancellation.MARGIN_S[0] * work, 0, count - 2)
    offsets = np.clip(np.ceil(offsets + cancellation.MARGIN_S[1] * work), onsets + 1, count - 1)
    t_end = marks.t_off / step - usual[1] if marks and marks.t_off is not None else T_END_S * work
    kinds = cancellation.kinds_of([beats.classes[beat] for beat in part.beats], beats.likeness[part.beats])
    return Ventricles(onsets.astype(np.intp), offsets.astype(np.intp), max(round(t_end), 1), kinds)
