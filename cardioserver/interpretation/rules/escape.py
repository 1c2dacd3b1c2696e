"""Rhythms whose beats no P wave precedes: of the AV junction, of the ventricles, or undetermined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.rules.fibrillation import FIBRILLATION, FLUTTER
from cardioserver.interpretation.rules.pacing import PACED
from cardioserver.interpretation.rules.rate import limits
from cardioserver.interpretation.rules.rhythm import BRADYCARDIA, ECTOPIC, RETROGRADE, SINUS
from cardioserver.interpretation.rules.rhythm import TACHYCARDIA as SINUS_TACHYCARDIA
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.signal.atrialsigns import REGULAR
from cardioserver.signal.quality import Grade

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325), categories C, D, F and G"
IDIOVENTRICULAR = 50.0  # beats a minute, upper limit
TOLD = (PACED, FIBRILLATION, FLUTTER, SINUS, BRADYCARDIA, SINUS_TACHYCARDIA, ECTOPIC, RETROGRADE)

JUNCTIONAL_ESCAPE = Term(
    "JESCR", Section.RHYTHM, Severity.ABNORMAL,
    "Junctional escape rhythm", "Замещающий ритм АВ-соединения", SOURCE,
)  # fmt: skip
JUNCTIONAL_ACCELERATED = Term(
    "ACJR", Section.RHYTHM, Severity.ABNORMAL,
    "Accelerated junctional rhythm", "Ускоренный ритм АВ-соединения", SOURCE,
)  # fmt: skip
SUPRAVENTRICULAR = Term(
    "SVTAC", Section.RHYTHM, Severity.ABNORMAL,
    "Supraventricular tachycardia", "Наджелудочковая тахикардия", SOURCE,
)  # fmt: skip
IDIOVENTRICULAR_RHYTHM = Term(
    "IDIOR", Section.RHYTHM, Severity.ABNORMAL,
    "Idioventricular rhythm", "Идиовентрикулярный ритм", SOURCE,
)  # fmt: skip
VENTRICULAR_ACCELERATED = Term(
    "ACVR", Section.RHYTHM, Severity.ABNORMAL,
    "Accelerated idioventricular rhythm", "Ускоренный идиовентрикулярный ритм", SOURCE,
)  # fmt: skip
WIDE_TACHYCARDIA = Term(
    "WQTAC", Section.RHYTHM, Severity.ABNORMAL,
    "Wide-QRS tachycardia; ventricular tachycardia is to be excluded",
    "Тахикардия с широкими комплексами QRS; исключить желудочковую тахикардию", SOURCE,
)  # fmt: skip
IRREGULAR = Term(
    "ARRHY", Section.RHYTHM, Severity.ABNORMAL,
    "Irregular rhythm of undetermined origin", "Неправильный ритм неуточнённого происхождения", SOURCE,
)  # fmt: skip
UNDETERMINED = Term(
    "UNRHY", Section.RHYTHM, Severity.BORDERLINE,
    "The rhythm cannot be determined", "Ритм определить невозможно", SOURCE,
)  # fmt: skip
VENTRICULAR = (IDIOVENTRICULAR_RHYTHM, VENTRICULAR_ACCELERATED, WIDE_TACHYCARDIA)
"""Rhythms that may begin in a ventricle."""
TERMS = (
    JUNCTIONAL_ESCAPE, JUNCTIONAL_ACCELERATED, SUPRAVENTRICULAR, IDIOVENTRICULAR_RHYTHM,
    VENTRICULAR_ACCELERATED, WIDE_TACHYCARDIA, IRREGULAR, UNDETERMINED,
)  # fmt: skip


def escape(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """What beats without P waves, by rate and width of the QRS."""
    if said(found, *TOLD):
        return
    rate, qrs = case.measurements.rate, case.measurements.qrs
    if rate is None or qrs is None:
        yield UNDETERMINED.state()
        return
    usual = norm(case.person, Quantity.QRS)
    least = WIDE_QRS_MS if usual is None else usual.high
    wide = qrs >= least
    term, certainty = _named(case, rate, wide)
    if case.analysis.quality.grade is Grade.POOR:
        if term is not WIDE_TACHYCARDIA:
            yield UNDETERMINED.state()
            return
        certainty = Certainty.POSSIBLE  # noise may look like this, but so may what kills
    facts = (
        Fact("rate", rate, "/min"),
        Fact("qrs", qrs, "ms", f"{'≥' if wide else '<'} {least:g}"),
        Fact("atrial.p_in_step", in_step, "") if (in_step := _in_step(case)) is not None else None,
    )
    yield term.state(*(fact for fact in facts if fact is not None), certainty=certainty)


def _named(case: Case, rate: float, wide: bool) -> tuple[Term, Certainty]:
    """The rhythm by its rate, for the age, and the width of the QRS."""
    alike = [span.alike for span in case.analysis.atrial.spans if span.alike is not None]
    irregular = bool(alike) and min(alike) < REGULAR
    slow, fast, _ = limits(case)
    if round(rate) > fast and wide:
        return WIDE_TACHYCARDIA, Certainty.POSSIBLE if irregular else Certainty.DEFINITE
    if irregular:
        return IRREGULAR, Certainty.POSSIBLE
    if round(rate) > fast:
        return SUPRAVENTRICULAR, Certainty.PROBABLE
    if wide:
        escaped = rate < IDIOVENTRICULAR
        return (IDIOVENTRICULAR_RHYTHM if escaped else VENTRICULAR_ACCELERATED), Certainty.POSSIBLE
    return (JUNCTIONAL_ESCAPE if round(rate) < slow else JUNCTIONAL_ACCELERATED), Certainty.POSSIBLE


def _in_step(case: Case) -> float | None:
    steps = [span.in_step for span in case.analysis.atrial.spans if span.in_step is not None]
    return sum(steps) / len(steps) if steps else None
