"""Rhythms of the sinus node, and of places near it: each QRS follows a P wave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.beatseries import BeatSeries
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.rules.avblock import SECOND_DEGREE
from cardioserver.interpretation.rules.pacing import PACED
from cardioserver.interpretation.rules.rate import limits, severity
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.atrial import AtrialActivity

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), categories C and D"
VARIATION_MS = 160.0  # B. Surawicz, T. Knilans, Chou's electrocardiography in clinical practice
VARIATION_SHARE = 0.2  # of the mean interval; the tenth of textbooks is found in a third of all healthy ECGs
FEWEST_INTERVALS = 4
SUDDEN = 1.6  # times the usual interval: a pause, and no arrhythmia
INVERTED_UV = 50.0  # half a millimetre on paper
SHAPES = 3  # of P waves, that a pacemaker which wanders has at least
FEWEST_LEADS = 3  # in fewer, noise changes the shape of a P wave
RETROGRADE_PR_MS, LONG_PR_MS = 120.0, 200.0
FASTEST_SINUS = 220.0  # less the age in years, beats a minute
CLEARLY_WIDE_MS, CLEARLY_FAST = 160.0, 120.0
"""ms and beats a minute. A wider QRS, or a wide one with an axis up and to the right, speaks for a ventricle
even if it looks like a bundle-branch block (H. Wellens et al., Am. J. Med. 64:27, 1978); up to that rate a
sinus tachycardia remains likelier."""
NORTHWEST = -90.0  # degrees
SVT_RATE = 150.0  # beats a minute, from which on T and P cannot be told apart and other causes are likelier

SINUS = Term("SR", Section.RHYTHM, Severity.NORMAL, "Sinus rhythm", "Синусовый водитель ритма", SOURCE)
BRADYCARDIA = Term(
    "SBRAD", Section.RHYTHM, Severity.BORDERLINE, "Sinus bradycardia", "Синусовая брадикардия", SOURCE
)
TACHYCARDIA = Term(
    "STACH", Section.RHYTHM, Severity.BORDERLINE, "Sinus tachycardia", "Синусовая тахикардия", SOURCE
)
ARRHYTHMIA = Term(
    "SARRH", Section.RHYTHM, Severity.NORMAL,
    "Sinus arrhythmia (RR from {low:.0f} to {high:.0f} ms)",
    "Синусовая аритмия (R–R от {low:.0f} до {high:.0f} мс)", SOURCE,
)  # fmt: skip
ECTOPIC = Term(
    "EAR", Section.RHYTHM, Severity.ABNORMAL, "Ectopic atrial rhythm", "Эктопический предсердный ритм", SOURCE
)
RETROGRADE = Term(
    "JRHYT", Section.RHYTHM, Severity.ABNORMAL,
    "Junctional rhythm with retrograde P waves before the QRS",
    "Ритм АВ-соединения с предшествующим возбуждением предсердий", SOURCE,
)  # fmt: skip
WANDERING = Term(
    "WANDP", Section.RHYTHM, Severity.BORDERLINE,
    "Wandering atrial pacemaker ({shapes:.0f} shapes of P)",
    "Миграция водителя ритма по предсердиям (форм зубца P: {shapes:.0f})", SOURCE,
)  # fmt: skip
TERMS = (WANDERING, SINUS, BRADYCARDIA, TACHYCARDIA, ARRHYTHMIA, ECTOPIC, RETROGRADE)


def rhythm(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Sinus rhythm, its rates and its arrhythmia; rhythms with P waves from elsewhere."""
    blocked = said(found, SECOND_DEGREE)
    exact = _atrial_rate(case) if blocked else case.measurements.rate
    steps = [
        span.in_step or 0.0 for span in case.analysis.atrial.spans if span.activity is AtrialActivity.P_WAVES
    ]
    if exact is None or not steps or said(found, PACED):
        return
    rate = round(exact)
    slow, fast, source = limits(case)
    if rate > fast and _is_doubtful(case, rate):
        return
    seen = Fact("atrial.p_in_step", float(np.median(steps)))
    pr, axis = case.measurements.pr, case.measurements.p_axis
    hidden = pr is not None and pr > LONG_PR_MS  # so early a P wave begins in the T wave; its end is seen
    if rate <= fast and not hidden and _is_inverted(case):
        term = RETROGRADE if pr is not None and pr < RETROGRADE_PR_MS else ECTOPIC
        facts = (seen,) if axis is None else (seen, Fact("p_axis", axis, "°"))
        yield term.state(*facts, certainty=Certainty.PROBABLE)
        return
    term = BRADYCARDIA if rate < slow else TACHYCARDIA if rate > fast else SINUS
    yield term.state(
        seen,
        Fact("rate", exact, "/min", f"{slow:g}–{fast:g}"),
        certainty=Certainty.PROBABLE if pr is None or (hidden and _is_inverted(case)) else Certainty.DEFINITE,
        severity=severity(case, rate),
        source=source,
    )
    if blocked:
        return
    yield from _arrhythmia(case)
    shapes = max(span.p_shapes for span in case.analysis.atrial.spans)
    if rate <= fast and shapes >= SHAPES and len(case.format.leads) >= FEWEST_LEADS:
        yield WANDERING.state(
            Fact("p.shapes", float(shapes), "", f"≥ {SHAPES}"), certainty=Certainty.POSSIBLE, shapes=shapes
        )


def _atrial_rate(case: Case) -> float | None:
    """Of P waves that are not all conducted, beats a minute."""
    known = [span.p_interval for span in case.analysis.atrial.spans if span.p_interval]
    return 60 / float(np.median(known)) if known else None


def _is_doubtful(case: Case, rate: float) -> bool:
    """Whether a fast rhythm may well be no sinus tachycardia.

    Faster than sinus nodes are; with QRS complexes as ventricular ones are, before which anything may look
    like a P wave; or without measured P waves, and fast or with broad QRS complexes.
    """
    age, qrs = case.person.age, case.measurements.qrs
    if case.is_adult and rate > FASTEST_SINUS - (age or 0.0):
        return True
    northwest = case.axis is not None and case.axis < NORTHWEST
    if rate > CLEARLY_FAST and (qrs or 0.0) > (WIDE_QRS_MS if northwest else CLEARLY_WIDE_MS):
        return True
    broad = qrs is None or qrs >= WIDE_QRS_MS
    return case.measurements.pr is None and (rate > SVT_RATE or broad)


def _arrhythmia(case: Case) -> Iterator[Statement]:
    """PP intervals that differ by more than 160 ms and by more than a fifth, without early beats."""
    intervals = BeatSeries.of(case).basic * 1000
    intervals = intervals[intervals < SUDDEN * np.median(intervals)] if len(intervals) else intervals
    if len(intervals) < FEWEST_INTERVALS or len(case.analysis.atrial.spans) > 1:
        return
    low, high = float(intervals.min()), float(intervals.max())
    if high - low > max(VARIATION_MS, VARIATION_SHARE * float(intervals.mean())):
        yield ARRHYTHMIA.state(Fact("rr.range", high - low, "ms", f"> {VARIATION_MS:g}"), low=low, high=high)


def _is_inverted(case: Case) -> bool:
    """Whether P is upside down in the inferior leads, with the limb electrodes in place."""
    if any(reversal.value.startswith(("ra-", "la-")) for reversal in case.analysis.quality.reversals):
        return False
    leads = [case.lead(name) for name in (Lead.II, Lead.aVF)]
    sizes = [(lead.p_max or 0.0, lead.p_min or 0.0) for lead in leads if lead is not None]
    return bool(sizes) and all(-low >= INVERTED_UV and -low > 2 * high for high, low in sizes)
