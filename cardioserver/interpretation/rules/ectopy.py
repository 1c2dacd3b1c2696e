"""Early beats, alone and in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.beatseries import BeatSeries, Run, repeats, runs
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.rules import escape
from cardioserver.interpretation.rules.fibrillation import FIBRILLATION, FLUTTER
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term, said
from cardioserver.language import Phrase
from cardioserver.signal.beats import BeatClass

Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), categories D, F and G"
FREQUENT_A_MINUTE, FREQUENT_AT_LEAST = 5.0, 3
LATE = 1.2  # of the RR interval about it; a ventricular beat so late has escaped, it is not premature
ESCAPE_S, WILD_ESCAPE_S = 1.0, 1.5  # of no less; ventricles escape at 20–50 a minute; in fibrillation
INTERPOLATED = 1.15  # of it: the beats about an interpolated one are no further apart
LEAST_FORM = 0.1  # of all early ventricular beats
FEWEST_REPEATS = 3  # of a bigeminal or trigeminal pattern
RUN = 3  # beats in a row (AHA/ACC/HRS 2017, ventricular arrhythmias)
TACHYCARDIA_S = 0.6  # RR interval of 100 a minute
SUSTAINED_S = 30.0

VENTRICULAR = Term(
    "PVC", Section.RHYTHM, Severity.ABNORMAL,
    "Ventricular premature complexes: {count:.0f}{manner_en}",
    "Желудочковая экстрасистолия{manner_ru} ({count:.0f})", SOURCE,
)  # fmt: skip
VENTRICULAR_PAIRS = Term(
    "PVPCS", Section.RHYTHM, Severity.ABNORMAL,
    "Paired ventricular premature complexes: {count:.0f}", "Парные желудочковые экстрасистолы: {count:.0f}",
    SOURCE,
)  # fmt: skip
POLYMORPHIC = Term(
    "PVC_POLYMORPHIC", Section.RHYTHM, Severity.ABNORMAL,
    "Ventricular premature complexes of {forms:.0f} forms",
    "Полиморфные желудочковые экстрасистолы (форм: {forms:.0f})", SOURCE,
)  # fmt: skip
INTERPOLATED_VENTRICULAR = Term(
    "VIC", Section.RHYTHM, Severity.ABNORMAL,
    "Interpolated ventricular premature complexes: {count:.0f}",
    "Вставочные (интерполированные) желудочковые экстрасистолы: {count:.0f}", SOURCE,
)  # fmt: skip
NONSUSTAINED = Term(
    "NSVT", Section.RHYTHM, Severity.ABNORMAL,
    "Nonsustained ventricular tachycardia: {count:.0f}, the longest of {longest:.0f} beats at {rate:.0f} bpm",
    "Неустойчивая желудочковая тахикардия: пробежек {count:.0f}, "
    "самая длинная из {longest:.0f} комплексов с ЧСС {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
SUSTAINED = Term(
    "VTACH", Section.RHYTHM, Severity.ABNORMAL,
    "Sustained ventricular tachycardia, {rate:.0f} bpm",
    "Устойчивая желудочковая тахикардия, ЧСС {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
SLOW_RUNS = Term(
    "RVPCS", Section.RHYTHM, Severity.ABNORMAL,
    "Runs of ventricular complexes up to 100 bpm: {count:.0f}",
    "Групповые желудочковые комплексы с частотой до 100 уд/мин: {count:.0f}", SOURCE,
)  # fmt: skip
ESCAPES = Term(
    "VEC", Section.RHYTHM, Severity.ABNORMAL,
    "Ventricular escape complexes: {count:.0f}", "Замещающие желудочковые комплексы: {count:.0f}", SOURCE,
)  # fmt: skip
SUPRAVENTRICULAR = Term(
    "PAC", Section.RHYTHM, Severity.BORDERLINE,
    "Supraventricular premature complexes: {count:.0f}{manner_en}",
    "Наджелудочковая экстрасистолия{manner_ru} ({count:.0f})", SOURCE,
)  # fmt: skip
SUPRAVENTRICULAR_PAIRS = Term(
    "PAPCS", Section.RHYTHM, Severity.ABNORMAL,
    "Paired supraventricular premature complexes: {count:.0f}",
    "Парные наджелудочковые экстрасистолы: {count:.0f}", SOURCE,
)  # fmt: skip
SUPRAVENTRICULAR_RUNS = Term(
    "PSVT", Section.RHYTHM, Severity.ABNORMAL,
    "Runs of supraventricular tachycardia: {count:.0f}, the longest of {longest:.0f} beats at {rate:.0f} bpm",
    "Пробежки наджелудочковой тахикардии: {count:.0f}, "
    "самая длинная из {longest:.0f} комплексов с ЧСС {rate:.0f} уд/мин", SOURCE,
)  # fmt: skip
BIGEMINY = Term(
    "BIGU", Section.RHYTHM, Severity.ABNORMAL, "{origin_en} bigeminy", "{origin_ru} бигеминия", SOURCE
)
TRIGEMINY = Term(
    "TRIGU", Section.RHYTHM, Severity.ABNORMAL, "{origin_en} trigeminy", "{origin_ru} тригеминия", SOURCE
)
TERMS = (
    VENTRICULAR, VENTRICULAR_PAIRS, POLYMORPHIC, INTERPOLATED_VENTRICULAR, NONSUSTAINED, SUSTAINED,
    SLOW_RUNS, ESCAPES, SUPRAVENTRICULAR, SUPRAVENTRICULAR_PAIRS, SUPRAVENTRICULAR_RUNS,
    BIGEMINY, TRIGEMINY,
)  # fmt: skip

WITHOUT_ORDER = (FIBRILLATION, FLUTTER, escape.IRREGULAR, escape.UNDETERMINED, escape.WIDE_TACHYCARDIA)
"""Rhythms in which an early narrow beat is no premature one."""
ALONE, FREQUENT = Phrase("isolated", "одиночная"), Phrase("frequent", "частая")
FROM_VENTRICLES = Phrase("Ventricular", "Желудочковая")
FROM_ABOVE = Phrase("Supraventricular", "Наджелудочковая")


def ectopy(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Premature and escape complexes by origin, number and pattern."""
    series = BeatSeries.of(case)
    if case.dominant not in (BeatClass.VENTRICULAR, None):
        yield from _ventricular(series, wild=said(found, FIBRILLATION))
    if case.dominant is BeatClass.NORMAL and not said(found, *WITHOUT_ORDER):
        yield from _supraventricular(series)


def _ventricular(series: BeatSeries, *, wild: bool) -> Iterator[Statement]:
    marked = series.are(BeatClass.VENTRICULAR)
    late = marked & _late(series, WILD_ESCAPE_S if wild else ESCAPE_S)
    early = marked & ~late
    if late.any():
        yield ESCAPES.state(Fact("beats.escape", float(late.sum())), count=late.sum())
    if not early.any():
        return
    yield _counted(VENTRICULAR, early, series)
    groups = runs(early)
    pairs = sum(run.length == 2 for run in groups)
    if pairs:
        yield VENTRICULAR_PAIRS.state(Fact("beats.couplets", float(pairs)), count=pairs)
    forms = _forms(series, early)
    if forms > 1:
        yield POLYMORPHIC.state(Fact("beats.forms", float(forms), "", "≥ 2"), forms=forms)
    between = 0 if wild else _interpolated(series, groups)
    if between:
        yield INTERPOLATED_VENTRICULAR.state(Fact("beats.interpolated", float(between)), count=between)
    yield from _patterns(early, FROM_VENTRICLES)
    yield from _runs(series, [run for run in groups if run.length >= RUN])


def _supraventricular(series: BeatSeries) -> Iterator[Statement]:
    marked = series.are(BeatClass.SUPRAVENTRICULAR)
    if not marked.any():
        return
    yield _counted(SUPRAVENTRICULAR, marked, series)
    groups = runs(marked)
    pairs = sum(run.length == 2 for run in groups)
    if pairs:
        yield SUPRAVENTRICULAR_PAIRS.state(Fact("beats.couplets", float(pairs)), count=pairs)
    yield from _patterns(marked, FROM_ABOVE)
    fast = [run for run in groups if run.length >= RUN and _interval(series, run) < TACHYCARDIA_S]
    if fast:
        longest = max(fast, key=lambda run: run.length)
        yield SUPRAVENTRICULAR_RUNS.state(
            Fact("beats.runs", float(len(fast))),
            count=len(fast), longest=longest.length, rate=60 / _interval(series, longest),
        )  # fmt: skip


def _counted(term: Term, marked: Mask, series: BeatSeries) -> Statement:
    count = int(marked.sum())
    minutes = max(float(series.times[-1] - series.times[0]) / 60, 1e-6)
    frequent = count >= FREQUENT_AT_LEAST and count / minutes >= FREQUENT_A_MINUTE
    alone = all(run.length == 1 for run in runs(marked))
    words = [
        *([ALONE if count > 1 else Phrase("single", "одиночная")] if alone else []),
        *([FREQUENT] if frequent else []),
    ]
    usual = term is SUPRAVENTRICULAR and not frequent  # in health, too
    return term.state(
        Fact("beats.ectopic", float(count), "", f"of {len(marked)}"),
        severity=Severity.NORMAL if usual else None,
        count=count,
        manner_en="".join(f", {word.en}" for word in words),
        manner_ru=(": " if words else "") + ", ".join(word.ru for word in words),
    )  # fmt: skip


def _patterns(marked: Mask, origin: Phrase) -> Iterator[Statement]:
    for term, between in ((BIGEMINY, 1), (TRIGEMINY, 2)):
        often = repeats(marked, between)
        if often >= FEWEST_REPEATS:
            yield term.state(
                Fact("beats.pattern", float(often), "", f"≥ {FEWEST_REPEATS}"),
                origin_en=origin.en, origin_ru=origin.ru,
            )  # fmt: skip


def _runs(series: BeatSeries, groups: Sequence[Run]) -> Iterator[Statement]:
    """Ventricular tachycardia, sustained from 30 s on, and slower runs."""
    fast = [run for run in groups if _interval(series, run) < TACHYCARDIA_S]
    slow = len(groups) - len(fast)
    if fast:
        longest = max(fast, key=lambda run: run.length)
        interval = _interval(series, longest)
        facts = (Fact("beats.runs", float(len(fast))), Fact("beats.longest_run", float(longest.length)))
        if interval * longest.length >= SUSTAINED_S:
            yield SUSTAINED.state(*facts, rate=60 / interval)
        else:
            yield NONSUSTAINED.state(*facts, count=len(fast), longest=longest.length, rate=60 / interval)
    if slow:
        yield SLOW_RUNS.state(Fact("beats.slow_runs", float(slow)), count=slow)


def _forms(series: BeatSeries, early: Mask) -> int:
    """How many forms the early beats have; among many, a form of few is left to chance."""
    of = series.forms[early]
    counts = np.unique(of[of >= 0], return_counts=True)[1]
    return int((counts >= LEAST_FORM * early.sum()).sum())


def _late(series: BeatSeries, least: float) -> Mask:
    """Beats that come later than the RR intervals about them let expect, and after *least* seconds."""
    late = np.zeros(len(series.times), dtype=np.bool_)
    late[1:] = (series.intervals > LATE * series.expected) & (series.intervals >= least)
    return late


def _interpolated(series: BeatSeries, groups: Sequence[Run]) -> int:
    """Single early beats between two others that are no further apart than without it."""
    expected, last = series.expected, len(series.times) - 1
    singles = [run.first for run in groups if run.length == 1 and 0 < run.first < last]
    return sum(series.times[at + 1] - series.times[at - 1] <= INTERPOLATED * expected[at] for at in singles)


def _interval(series: BeatSeries, run: Run) -> float:
    """Median RR interval within *run*, s."""
    return float(np.median(series.intervals[run.first : run.first + run.length - 1]))
