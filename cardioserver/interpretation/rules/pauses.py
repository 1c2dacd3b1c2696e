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
from cardioserver.interpretation.rules.silence import NO_QRS_S, seen_between
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass

SOURCE = "ACC/AHA/HRS 2018 on bradycardia (F. Kusumoto et al., Circulation 140:e382), table 1"
SINUS_PAUSE_S, PAUSE_S, WILD_PAUSE_S = 1.5, 2.0, 3.0  # of sinus rhythm, of others, of fibrillation
MULTIPLE = 0.1  # by which a sinoatrial pause may differ from a whole number of intervals
SINUS = (rhythm.SINUS, rhythm.BRADYCARDIA, rhythm.TACHYCARDIA)

PAUSE = Term(
    "SPAUS", Section.RHYTHM, Severity.ABNORMAL,
    "Sinus pause: {count:.0f}, the longest of {longest} s; sinus arrest cannot be excluded",
    "Паузы синусового ритма: {count:.0f}, наибольшая {longest} с; не исключена остановка синусового узла",
    SOURCE,
)  # fmt: skip
SINOATRIAL = Term(
    "SABLK", Section.RHYTHM, Severity.ABNORMAL,
    "Sinoatrial block, second degree (pauses: {count:.0f}, the longest of {longest} s)",
    "Синоатриальная блокада II степени (пауз: {count:.0f}, наибольшая {longest} с)", SOURCE,
)  # fmt: skip
LONG_RR = Term(
    "LRR", Section.RHYTHM, Severity.ABNORMAL,
    "Long RR intervals: {count:.0f}, the longest of {longest} s",
    "Паузы R–R: {count:.0f}, наибольшая {longest} с", SOURCE,
)  # fmt: skip
TERMS = (PAUSE, SINOATRIAL, LONG_RR)


def pauses(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Pauses that no early beat, no blocked P wave and no lead that was off explains."""
    series = BeatSeries.of(case)
    usual = series.usual
    if usual is None:
        return
    ectopic = series.are(BeatClass.VENTRICULAR) | series.are(BeatClass.SUPRAVENTRICULAR)
    seen = seen_between(case, case.analysis.beats.samples)
    if said(found, SECOND_DEGREE):
        return
    wild = said(found, FIBRILLATION, FLUTTER)
    sinus = said(found, *SINUS) and not wild
    least = WILD_PAUSE_S if wild else SINUS_PAUSE_S if sinus else PAUSE_S
    least = max(least, SUDDEN * usual)
    lengths = series.intervals[seen & (series.intervals <= NO_QRS_S) & ~ectopic[:-1]]
    lengths = lengths[lengths >= least]
    if not len(lengths):
        return
    longest = float(lengths.max())
    multiples = lengths / usual
    whole = bool((np.abs(multiples - np.round(multiples)) <= MULTIPLE).all())
    term = LONG_RR if not sinus else SINOATRIAL if whole and not said(found, ARRHYTHMIA) else PAUSE
    yield term.state(
        Fact("rr.pause", 1000 * longest, "ms", f"≥ {1000 * least:.0f}"),
        certainty=Certainty.POSSIBLE if term is SINOATRIAL else Certainty.DEFINITE,
        count=len(lengths),
        longest=Phrase(f"{longest:.1f}", f"{longest:.1f}".replace(".", ",")),
    )
