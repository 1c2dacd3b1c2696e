"""The QT interval, corrected for rate, sex and a wide QRS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import WIDE_QRS_MS
from cardioserver.interpretation.norms import Norm, Quantity, norm
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term
from cardioserver.language import Phrase
from cardioserver.signal.measurements import Measurements

AHA = "AHA/ACCF/HRS 2009, part IV (P. Rautaharju et al., Circulation 119:e241)"
ESC = "ESC 2015 guidelines on ventricular arrhythmias (S. Priori et al., Eur. Heart J. 36:2793)"
LONG_MS = {Sex.MALE: 450.0, Sex.FEMALE: 460.0}
CLEAR_MS = 20.0  # so far beyond the limit it is no matter of the method
SHORT_MS = 340.0
FAST = 100.0  # beats a minute; above, no formula makes a short QT believable

LONG = Term(
    "LNGQT", Section.QT, Severity.ABNORMAL,
    "Prolonged QT interval (QTc = {qtc:.0f} ms, {formula})",
    "Удлинение интервала QT (QTc = {qtc:.0f} мс, {formula})", AHA,
)  # fmt: skip
UPPER = Term(
    "QT_UPPER", Section.QT, Severity.BORDERLINE,
    "Borderline prolonged QT interval (QTc = {qtc:.0f} ms, {formula})",
    "Пограничное удлинение интервала QT (QTc = {qtc:.0f} мс, {formula})", AHA,
)  # fmt: skip
SHORT = Term(
    "QT_SHORT", Section.QT, Severity.ABNORMAL,
    "Short QT interval (QTc = {qtc:.0f} ms, {formula})",
    "Укорочение интервала QT (QTc = {qtc:.0f} мс, {formula})", ESC,
)  # fmt: skip
TERMS = (LONG, UPPER, SHORT)

FRIDERICIA = Phrase("Fridericia", "по Фридеричиа")
BAZETT = Phrase("Bazett", "по Базетту")
RAUTAHARJU = Phrase("Rautaharju, for the wide QRS", "по Раутахарью, с поправкой на широкий QRS")


def qt(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Long, at the limit, or short.

    Adults by Fridericia's formula, less wrong than Bazett's far from 60 a minute; children by Bazett's, as
    their limits are.
    """
    if not case.is_readable:
        return
    child = norm(case.person, Quantity.QTC)
    value, formula = _corrected(case, child)
    if value is None:
        return
    limit = LONG_MS.get(case.person.sex, max(LONG_MS.values())) if child is None else child.high
    if value >= limit + CLEAR_MS:
        term, bound = LONG, f"≥ {limit + CLEAR_MS:g}"
    elif value >= limit:
        term, bound = UPPER, f"≥ {limit:g}"
    elif value <= SHORT_MS and formula is not RAUTAHARJU and (case.measurements.rate or 0.0) <= FAST:
        term, bound = SHORT, f"≤ {SHORT_MS:g}"
    else:
        return
    yield term.state(
        Fact("qtc", value, "ms", bound),
        certainty=Certainty.PROBABLE if term is SHORT else Certainty.DEFINITE,
        source="" if child is None or term is SHORT else child.source,
        qtc=value,
        formula=formula,
    )


def _corrected(case: Case, child: Norm | None) -> tuple[float | None, Phrase]:
    measured = case.measurements
    if child is not None:
        return measured.qtc_bazett, BAZETT
    if (measured.qrs or 0.0) >= WIDE_QRS_MS:
        return qtc_for_wide_qrs(measured, case.person.sex), RAUTAHARJU
    return measured.qtc_fridericia, FRIDERICIA


def qtc_for_wide_qrs(measured: Measurements, sex: Sex) -> float | None:
    """QT corrected for rate and QRS duration, ms.

    P. Rautaharju et al., Am. J. Cardiol. 93:1017, 2004: QT − 155 (60/rate − 1) − 0.93 (QRS − 139) + k with
    k of −22 ms in men and −34 ms in women; of unknown sex, the latter.
    """
    if measured.qt is None or measured.rr is None or measured.qrs is None:
        return None
    offset = -22.0 if sex is Sex.MALE else -34.0
    return measured.qt - 155 * (measured.rr / 1000 - 1) - 0.93 * (measured.qrs - 139) + offset
