"""Atrial fibrillation and flutter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.rules.rate import FAST, SLOW
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.language import Phrase
from cardioserver.signal.atrial import AtrialActivity, AtrialSpan
from cardioserver.signal.atrialsigns import REGULAR

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), category E"
ESC = "ESC 2020 guidelines on atrial fibrillation (G. Hindricks et al., Eur. Heart J. 42:373)"
SURE_ODDS = 1.4  # natural logarithm: four to one
WHOLE = 0.95  # share of the record from which on no share is named
FEWEST_LEADS = 3  # fewer may hide P waves
LEAST_SHARE = 0.02  # of a long record; less is left to chance findings

FIBRILLATION = Term(
    "AFIB", Section.RHYTHM, Severity.ABNORMAL,
    "Atrial fibrillation{share_en}, {response_en}", "Фибрилляция предсердий{share_ru}, {response_ru}",
    SOURCE,
)  # fmt: skip
FLUTTER = Term(
    "AFLT", Section.RHYTHM, Severity.ABNORMAL,
    "Atrial flutter{share_en}, {conduction_en}", "Трепетание предсердий{share_ru}, {conduction_ru}",
    SOURCE,
)  # fmt: skip
TERMS = (FIBRILLATION, FLUTTER)

SLOW_RESPONSE = Phrase("slow ventricular response", "брадисистолическая форма")
NORMAL_RESPONSE = Phrase("controlled ventricular response", "нормосистолическая форма")
RAPID_RESPONSE = Phrase("rapid ventricular response", "тахисистолическая форма")
VARIABLE = Phrase("variable AV conduction", "неправильная форма")


def fibrillation(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Atria without P waves: fibrillating, or in flutter."""
    every = case.analysis.atrial.spans
    fibrillating = [span for span in every if span.activity is AtrialActivity.FIBRILLATION]
    flutter = [span for span in every if span.activity is AtrialActivity.FLUTTER]
    for spans, say in ((fibrillating, _fibrillation), (flutter, _flutter)):
        share = _length(spans) / max(_length(every), 1)
        if share > (LEAST_SHARE if len(every) > 1 else 0.0):
            yield say(case, spans, _share(share))
    if not fibrillating and not flutter and _is_without_p(case):
        response = _response(_rate(case, every))
        yield FIBRILLATION.state(
            *_facts(every),
            certainty=Certainty.POSSIBLE,
            source=ESC,
            share_en="", share_ru="", response_en=response.en, response_ru=response.ru,
        )  # fmt: skip


def _length(spans: Sequence[AtrialSpan]) -> int:
    return sum(span.stop - span.start for span in spans)


def _is_without_p(case: Case) -> bool:
    """Whether narrow beats are irregular throughout and no lead of several shows a P wave before them."""
    if len(case.format.leads) < FEWEST_LEADS or (case.measurements.qrs or 0.0) >= WIDE_QRS_MS:
        return False
    spans = case.analysis.atrial.spans
    irregular = all(span.alike is not None and span.alike < REGULAR for span in spans)
    unseen = all(span.activity is AtrialActivity.UNKNOWN for span in spans)
    return bool(spans) and irregular and unseen and case.measurements.pr is None and case.is_readable


def _share(share: float) -> Phrase:
    if share >= WHOLE:
        return Phrase("", "")
    return Phrase(f" during {100 * share:.0f} % of the record", f" ({100 * share:.0f} % записи)")


def _fibrillation(case: Case, spans: Sequence[AtrialSpan], share: Phrase) -> Statement:
    response = _response(_rate(case, spans))
    odds = float(np.median([span.odds or 0.0 for span in spans]))
    return FIBRILLATION.state(
        *_facts(spans),
        Fact("atrial.odds", odds, "", "> 0"),
        certainty=Certainty.DEFINITE if odds >= SURE_ODDS else Certainty.PROBABLE,
        share_en=share.en, share_ru=share.ru, response_en=response.en, response_ru=response.ru,
    )  # fmt: skip


def _response(rate: float | None) -> Phrase:
    if rate is None:
        return NORMAL_RESPONSE
    return SLOW_RESPONSE if rate < SLOW else RAPID_RESPONSE if rate > FAST else NORMAL_RESPONSE


def _flutter(case: Case, spans: Sequence[AtrialSpan], share: Phrase) -> Statement:
    ratios = Counter(span.ratio for span in spans)
    ratio = max(ratios, key=lambda each: ratios[each])
    conduction = VARIABLE
    if ratio is not None:
        conduction = Phrase(f"{ratio}:1 AV conduction", f"правильная форма, проведение {ratio}:1")
    return FLUTTER.state(
        *_facts(spans),
        share_en=share.en, share_ru=share.ru, conduction_en=conduction.en, conduction_ru=conduction.ru,
    )  # fmt: skip


def _facts(spans: Sequence[AtrialSpan]) -> Iterator[Fact]:
    """Medians over *spans* of what was seen of the atria."""
    values = (
        ("atrial.p_in_step", [span.in_step for span in spans], ""),
        ("rr.alike", [span.alike for span in spans], ""),
        ("atrial.rate", [60 / span.cycle if span.cycle else None for span in spans], "/min"),
        ("atrial.regularity", [span.regularity for span in spans], ""),
    )
    for name, each, unit in values:
        known = [value for value in each if value is not None]
        if known:
            yield Fact(name, float(np.median(known)), unit)


def _rate(case: Case, spans: Sequence[AtrialSpan]) -> float | None:
    """Ventricular rate within *spans*, beats a minute."""
    beats = case.analysis.beats.samples
    intervals = [
        np.diff(beats[(beats >= span.start) & (beats < span.stop)]) / case.format.rate for span in spans
    ]
    every = np.concatenate(intervals)
    return 60 / float(every.mean()) if len(every) else None
