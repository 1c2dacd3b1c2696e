"""Pauses: of the sinus node, or of whatever drives the ventricles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cardioserver.interpretation.beatseries import BeatSeries
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.rules import rhythm
from cardioserver.interpretation.rules.avblock import SECOND_DEGREE
from cardioserver.interpretation.rules.fibrillation import FIBRILLATION, FLUTTER
from cardioserver.interpretation.rules.rhythm import ARRHYTHMIA, SUDDEN
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.beats import BeatClass

SOURCE = "ACC/AHA/HRS 2018 on bradycardia (F. Kusumoto et al., Circulation 140:e382), table 1"
SINUS_PAUSE_S, PAUSE_S, WILD_PAUSE_S = 1.5, 2.0, 3.0  # of sinus rhythm, of others, of fibrillation
MULTIPLE = 0.1  # by which a sinoatrial pause may differ from a whole number of intervals
SINUS = (rhythm.SINUS, rhythm.BRADYCARDIA, rhythm.TACHYCARDIA)

PAUSE = Term(
    "SPAUS", Section.RHYTHM, Severity.ABNORMAL,
    "Sinus pause: {count:.0f}, the longest of {longest:.1f} s; sinus arrest cannot be excluded",
    "Паузы синусового ритма: {count:.0f}, наибольшая {longest:.1f} с; не исключена остановка синусового узла",
    SOURCE,
)  # fmt: skip
SINOATRIAL = Term(
    "SABLK", Section.RHYTHM, Severity.ABNORMAL,
    "Sinoatrial block, second degree (pauses: {count:.0f}, the longest of {longest:.1f} s)",
    "Синоатриальная блокада II степени (пауз: {count:.0f}, наибольшая {longest:.1f} с)", SOURCE,
)  # fmt: skip
LONG_RR = Term(
    "LRR", Section.RHYTHM, Severity.ABNORMAL,
    "Long RR intervals: {count:.0f}, the longest of {longest:.1f} s",
    "Паузы R–R: {count:.0f}, наибольшая {longest:.1f} с", SOURCE,
)  # fmt: skip
TERMS = (PAUSE, SINOATRIAL, LONG_RR)


def pauses(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Pauses that no early beat and no blocked P wave explains."""
    series = BeatSeries.of(case)
    usual = series.usual
    if usual is None or said(found, SECOND_DEGREE):
        return
    sinus = said(found, *SINUS)
    least = WILD_PAUSE_S if said(found, FIBRILLATION, FLUTTER) else SINUS_PAUSE_S if sinus else PAUSE_S
    ectopic = series.are(BeatClass.VENTRICULAR) | series.are(BeatClass.SUPRAVENTRICULAR)
    intervals = series.intervals
    lengths = intervals[(intervals >= max(least, SUDDEN * usual)) & ~ectopic[:-1]]
    if not len(lengths):
        return
    longest = float(lengths.max())
    multiples = lengths / usual
    whole = bool((np.abs(multiples - np.round(multiples)) <= MULTIPLE).all())
    term = LONG_RR if not sinus else SINOATRIAL if whole and not said(found, ARRHYTHMIA) else PAUSE
    yield term.state(
        Fact("rr.pause", 1000 * longest, "ms", f"≥ {1000 * max(least, SUDDEN * usual):.0f}"),
        certainty=Certainty.POSSIBLE if sinus else Certainty.DEFINITE,
        count=len(lengths),
        longest=longest,
    )
