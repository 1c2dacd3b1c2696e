"""Conduction from the atria to the ventricles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.signal.atrial import AtrialActivity, AtrialSpan

Signal = npt.NDArray[np.float64]

GUIDELINE = "ACC/AHA/HRS 2018 on bradycardia (F. Kusumoto et al., Circulation 140:e382), table 1"
TWO_TO_ONE = (1.75, 2.25)  # PP intervals in one RR interval
DROPPED = 1.6  # PP intervals in an RR interval that holds a blocked P wave
LONGER_S = 0.04  # by which PR grows before a blocked wave in a Wenckebach period

SECOND_DEGREE = Term(
    "2AVB", Section.CONDUCTION, Severity.ABNORMAL,
    "Second-degree AV block (atrial rate {atrial:.0f}, ventricular rate {ventricular:.0f} bpm)",
    "АВ-блокада II степени (частота предсердий {atrial:.0f}, желудочков {ventricular:.0f} в мин)", GUIDELINE,
)  # fmt: skip
WENCKEBACH = Term(
    "WENCK", Section.CONDUCTION, Severity.ABNORMAL,
    "Type Mobitz I (Wenckebach)", "Тип Мобитц I (периодика Самойлова–Венкебаха)", GUIDELINE,
)  # fmt: skip
MOBITZ_II = Term("MOBI2", Section.CONDUCTION, Severity.ABNORMAL, "Type Mobitz II", "Тип Мобитц II", GUIDELINE)
HALF = Term(
    "B2T1", Section.CONDUCTION, Severity.ABNORMAL, "2:1 AV conduction", "АВ-проведение 2:1", GUIDELINE
)
THIRD_DEGREE = Term(
    "3AVB", Section.CONDUCTION, Severity.ABNORMAL,
    "Third-degree (complete) AV block (atrial rate {atrial:.0f}, ventricular rate {ventricular:.0f} bpm)",
    "АВ-блокада III степени, полная (частота предсердий {atrial:.0f}, желудочков {ventricular:.0f} в мин)",
    GUIDELINE,
)  # fmt: skip
DISSOCIATION = Term(
    "AVDIS", Section.CONDUCTION, Severity.ABNORMAL,
    "AV dissociation (atrial rate {atrial:.0f}, ventricular rate {ventricular:.0f} bpm)",
    "АВ-диссоциация (частота предсердий {atrial:.0f}, желудочков {ventricular:.0f} в мин)", GUIDELINE,
)  # fmt: skip
TERMS = (
    SECOND_DEGREE, WENCKEBACH, MOBITZ_II, HALF, THIRD_DEGREE, DISSOCIATION,
)  # fmt: skip


class _Type(Enum):
    """How conduction fails."""

    COMPLETE = auto()
    DISSOCIATED = auto()
    HALF = auto()
    WENCKEBACH = auto()
    MOBITZ_II = auto()


TYPES = {_Type.HALF: HALF, _Type.WENCKEBACH: WENCKEBACH, _Type.MOBITZ_II: MOBITZ_II}


def blocks(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """AV block of second and third degree, and dissociation: P waves that are not conducted."""
    failures = [(failure, span) for span in case.analysis.atrial.spans if (failure := _failure(case, span))]
    for term in dict.fromkeys(_degree(failure) for failure, _ in failures):
        mine = [(failure, span) for failure, span in failures if _degree(failure) is term]
        atrial = float(np.median([60 / span.p_interval for _, span in mine if span.p_interval]))
        ventricular = float(np.median([60 / _rr(case, span).mean() for _, span in mine]))
        yield term.state(
            Fact("atrial.rate", atrial, "/min"),
            Fact("ventricular.rate", ventricular, "/min"),
            certainty=Certainty.PROBABLE,
            atrial=atrial,
            ventricular=ventricular,
        )
        for failure in dict.fromkeys(failure for failure, _ in mine if failure in TYPES):
            yield TYPES[failure].state(certainty=Certainty.PROBABLE)


def _degree(failure: _Type) -> Term:
    return {_Type.COMPLETE: THIRD_DEGREE, _Type.DISSOCIATED: DISSOCIATION}.get(failure, SECOND_DEGREE)


def _rr(case: Case, span: AtrialSpan) -> Signal:
    """RR intervals within *span*, s."""
    beats = case.analysis.beats.samples
    return np.diff(beats[(beats >= span.start) & (beats < span.stop)]) / case.format.rate


def _failure(case: Case, span: AtrialSpan) -> _Type | None:
    """How the P waves of *span* are blocked, if they are."""
    rr = _rr(case, span)
    if span.p_interval is None or len(rr) < 2:
        return None
    waves = rr / span.p_interval
    if span.activity is AtrialActivity.DISSOCIATED:
        return _Type.COMPLETE if float(waves.mean()) > 1 else _Type.DISSOCIATED
    if span.activity is not AtrialActivity.P_WAVES or not (waves > DROPPED).any():
        return None
    if bool(((waves > TWO_TO_ONE[0]) & (waves < TWO_TO_ONE[1])).mean() > 0.8):
        return _Type.HALF
    return _Type.WENCKEBACH if _grows(case, span) else _Type.MOBITZ_II


def _grows(case: Case, span: AtrialSpan) -> bool:
    """Whether the PR interval is longer before a blocked wave than after it."""
    beats = case.analysis.beats.samples / case.format.rate
    waves = np.array(span.p_places) / case.format.rate
    pauses = np.flatnonzero(np.diff(beats) > DROPPED * (span.p_interval or np.inf))
    changes = [
        _pr(beats[pause], waves) - _pr(beats[pause + 1], waves)
        for pause in pauses
        if span.start <= beats[pause] * case.format.rate < span.stop
    ]
    known = [change for change in changes if np.isfinite(change)]
    return bool(known) and float(np.median(known)) >= LONGER_S


def _pr(beat: float, waves: Signal) -> float:
    """From the last P wave to a QRS, s."""
    before = waves[waves < beat]
    return float(beat - before[-1]) if len(before) else np.nan
