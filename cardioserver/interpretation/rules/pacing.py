"""Rhythms of a pacemaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.beatseries import BeatSeries
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.language import Phrase
from cardioserver.signal.atrial import AtrialActivity
from cardioserver.signal.beats import BeatClass

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), category N"
ATRIAL_S = (0.08, 0.35)  # from an atrial spike to the QRS
FUSED_S = 0.05  # the same spike may fall into a QRS that began by itself
REFRACTORY_S = 0.3  # a spike so soon after a QRS could not have captured

PACED = Term(
    "PACE", Section.RHYTHM, Severity.ABNORMAL,
    "Paced rhythm, {chambers_en}", "Ритм электрокардиостимулятора, {chambers_ru}", SOURCE,
)  # fmt: skip
DEMAND = Term(
    "PACED", Section.PACING, Severity.ABNORMAL,
    "Demand pacing: {paced:.0f} of {beats:.0f} beats paced",
    "Стимуляция в режиме «по требованию»: навязано {paced:.0f} из {beats:.0f} комплексов", SOURCE,
)  # fmt: skip
NO_CAPTURE = Term(
    "EPFC", Section.PACING, Severity.ABNORMAL,
    "Pacemaker spikes without capture: {count:.0f}",
    "Неэффективные стимулы электрокардиостимулятора: {count:.0f}", SOURCE,
)  # fmt: skip
TERMS = (PACED, DEMAND, NO_CAPTURE)

VENTRICULAR = Phrase("ventricular", "стимуляция желудочков")
ATRIAL = Phrase("atrial", "стимуляция предсердий")
DUAL = Phrase("atrioventricular", "двухкамерная стимуляция")
TRACKING = Phrase("ventricular, tracking the P waves", "P-синхронная стимуляция желудочков")


def pacing(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Which chambers are paced, whether always, and whether they follow."""
    series = BeatSeries.of(case)
    marked, count = series.are(BeatClass.PACED), len(series.classes)
    if not marked.any():
        return
    chambers = _chambers(case, series)
    own = _own(series, narrow=chambers is ATRIAL)
    paced = int((marked | (~own & ~series.are(BeatClass.VENTRICULAR))).sum())
    fact = Fact("beats.paced", float(paced), "", f"of {count}")
    yield PACED.state(fact, chambers_en=chambers.en, chambers_ru=chambers.ru)
    if own.any():
        yield DEMAND.state(fact, paced=paced, beats=count)
    lost = _lost(case, series)
    if lost:
        yield NO_CAPTURE.state(Fact("spikes.lost", float(lost)), count=lost, certainty=Certainty.POSSIBLE)


def _own(series: BeatSeries, *, narrow: bool) -> Mask:
    """Which beats the heart conducts itself; one of the form of the paced ones was paced by an unseen spike.

    Not so if the paced beats are *narrow*: from the atria on they are conducted as the others are.
    """
    paced = series.are(BeatClass.PACED)
    own = series.are(BeatClass.NORMAL) | series.are(BeatClass.SUPRAVENTRICULAR)
    alike = np.isin(series.forms, series.forms[paced & (series.forms >= 0)])
    return own if narrow else own & ~alike


def _spikes_before(case: Case, series: BeatSeries) -> list[list[float]]:
    """For each paced beat how long before its QRS the spikes come, s."""
    spikes = case.analysis.beats.spikes / case.format.rate
    places = series.times[series.are(BeatClass.PACED)]
    first = np.searchsorted(spikes, places - ATRIAL_S[1], side="right")
    last = np.searchsorted(spikes, places)
    return [(at - spikes[i:k]).tolist() for at, i, k in zip(places, first, last, strict=True)]


def _chambers(case: Case, series: BeatSeries) -> Phrase:
    """One spike just before a wide QRS paces the ventricles, one before a P wave the atria, two both."""
    spikes = _spikes_before(case, series)
    if np.median([len(each) for each in spikes]) >= 2:
        return DUAL
    qrs = case.measurements.qrs
    nearest = float(np.median([min(each) for each in spikes if each] or [0.0]))
    if nearest >= ATRIAL_S[0] and (qrs is None or qrs < WIDE_QRS_MS):
        return ATRIAL
    in_step = case.analysis.atrial.share(AtrialActivity.P_WAVES) > 0.5 and case.measurements.pr is not None
    return TRACKING if in_step else VENTRICULAR


def _lost(case: Case, series: BeatSeries) -> int:
    """Spikes marked by the recorder that no QRS follows although the ventricles could have answered."""
    rate, times = case.format.rate, series.times
    spikes = np.intersect1d(case.analysis.beats.spikes, case.format.pacemaker_spikes) / rate
    answered = _any_between(times, spikes - FUSED_S, spikes + ATRIAL_S[1])
    refractory = _any_between(times, spikes - REFRACTORY_S, spikes)
    inside = spikes + ATRIAL_S[1] < case.format.sample_count / rate
    return int((~answered & ~refractory & inside).sum())


def _any_between(times: Signal, start: Signal, stop: Signal) -> Mask:
    """Whether any of *times*, ascending, lies between *start* and *stop*, for each of these."""
    found: Mask = np.searchsorted(times, stop, side="right") > np.searchsorted(times, start)
    return found
