"""Pauses: of the sinus node, or of whatever drives the ventricles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.beatseries import BeatSeries
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.rules import rhythm
from cardioserver.interpretation.rules.avblock import SECOND_DEGREE
from cardioserver.interpretation.rules.fibrillation import FIBRILLATION, FLUTTER
from cardioserver.interpretation.rules.rhythm import ARRHYTHMIA, SUDDEN
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass

Mask = npt.NDArray[np.bool_]

SOURCE = "ACC/AHA/HRS 2018 on bradycardia (F. Kusumoto et al., Circulation 140:e382), table 1"
SINUS_PAUSE_S, PAUSE_S, WILD_PAUSE_S = 1.5, 2.0, 3.0  # of sinus rhythm, of others, of fibrillation
NO_QRS_S = 10.0  # longer than the heart pauses without an escape beat or syncope
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
NO_QRS = Term(
    "QRS_NONE", Section.RHYTHM, Severity.ABNORMAL,
    "No QRS complexes in parts of the record: {count:.0f}, the longest of {longest:.0f} s; "
    "exclude ventricular fibrillation, asystole and a lost signal",
    "Участки без комплексов QRS: {count:.0f}, наибольший {longest:.0f} с; "
    "исключить фибрилляцию желудочков, асистолию, потерю сигнала", SOURCE,
)  # fmt: skip
TERMS = (PAUSE, SINOATRIAL, LONG_RR, NO_QRS)


def pauses(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Pauses that no early beat, no blocked P wave and no lead that was off explains."""
    series = BeatSeries.of(case)
    usual = series.usual
    if usual is None:
        return
    ectopic = series.are(BeatClass.VENTRICULAR) | series.are(BeatClass.SUPRAVENTRICULAR)
    seen = _seen(case)
    none = series.intervals[seen & (series.intervals > NO_QRS_S)]
    if len(none):
        longest = float(none.max())
        yield NO_QRS.state(
            Fact("rr.longest", longest, "s", f"> {NO_QRS_S:g}"), count=len(none), longest=longest
        )
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


def _seen(case: Case) -> Mask:
    """Which RR intervals hold no place where every lead was off."""
    beats = case.analysis.beats.samples
    marks = case.format.lead_off
    if not marks:
        return np.ones(len(beats) - 1, dtype=np.bool_)
    edges = np.array([(mark.start, 1) for mark in marks] + [(mark.stop, -1) for mark in marks])
    edges = edges[np.lexsort(edges.T[::-1])]
    dark = np.cumsum(edges[:, 1]) >= len(case.format.leads)  # from this edge to the next
    starts, stops = edges[:-1, 0][dark[:-1]], edges[1:, 0][dark[:-1]]
    seen: Mask = np.searchsorted(starts, beats[1:]) == np.searchsorted(stops, beats[:-1], side="right")
    return seen
