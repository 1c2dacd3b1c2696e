"""The frontal axis of the QRS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import s_depth
from cardioserver.interpretation.norms import Quantity, norm
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term

SOURCE = "AHA/ACCF/HRS 2009, part III (B. Surawicz et al., Circulation 119:e235)"
POSITIONS = "Classes of the position of the heart after V. Orlov, Manual of electrocardiography"
LEFTWARD, LEFT, MARKED, RIGHT, EXTREME = 0.0, -30.0, -45.0, 90.0, 180.0
HORIZONTAL, VERTICAL = 30.0, 70.0
DEEP_S_UV = 300.0  # in I, II and III at once

NORMAL = Term(
    "AXIS_NORMAL", Section.AXIS, Severity.NORMAL,
    "Normal QRS axis ({axis}°)", "Нормальное положение электрической оси сердца ({axis}°)", SOURCE,
)  # fmt: skip
HORIZONTAL_AXIS = Term(
    "AXIS_HORIZONTAL", Section.AXIS, Severity.NORMAL,
    "Normal QRS axis, horizontal ({axis}°)",
    "Горизонтальное положение электрической оси сердца ({axis}°)", POSITIONS,
)  # fmt: skip
VERTICAL_AXIS = Term(
    "AXIS_VERTICAL", Section.AXIS, Severity.NORMAL,
    "Normal QRS axis, vertical ({axis}°)",
    "Вертикальное положение электрической оси сердца ({axis}°)", POSITIONS,
)  # fmt: skip
LEFTWARD_AXIS = Term(
    "AXIS_LEFTWARD", Section.AXIS, Severity.NORMAL,
    "Leftward QRS axis within normal limits ({axis}°)",
    "Умеренное отклонение электрической оси сердца влево ({axis}°)", POSITIONS,
)  # fmt: skip
LEFT_AXIS = Term(
    "AXIS_LEFT", Section.AXIS, Severity.BORDERLINE,
    "Left axis deviation ({axis}°)",
    "Резкое отклонение электрической оси сердца влево ({axis}°)", SOURCE,
)  # fmt: skip
RIGHT_AXIS = Term(
    "AXIS_RIGHT", Section.AXIS, Severity.BORDERLINE,
    "Right axis deviation ({axis}°)",
    "Отклонение электрической оси сердца вправо ({axis}°)", SOURCE,
)  # fmt: skip
EXTREME_AXIS = Term(
    "AXIS_EXTREME", Section.AXIS, Severity.ABNORMAL,
    "Extreme axis deviation ({axis}°)",
    "Крайнее отклонение электрической оси сердца, северо-западная ось ({axis}°)", SOURCE,
)  # fmt: skip
S1S2S3 = Term(
    "S1S2S3_TYPE", Section.AXIS, Severity.BORDERLINE,
    "S1S2S3 pattern", "Тип SI–SII–SIII (глубокие зубцы S в I, II и III)",
    "B. Surawicz and T. Knilans, Chou's Electrocardiography in Clinical Practice, 6th ed.",
)  # fmt: skip
TERMS = (
    NORMAL, HORIZONTAL_AXIS, VERTICAL_AXIS, LEFTWARD_AXIS, LEFT_AXIS, RIGHT_AXIS, EXTREME_AXIS, S1S2S3,
)  # fmt: skip


def axis(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Where the heart's axis points, by the limits of the age; what is printed is what is judged."""
    if case.axis is None or not case.is_readable:
        return
    value = float(round(case.axis))
    usual = norm(case.person, Quantity.AXIS)
    if usual is None or usual.low is None:
        term, limit = _adult(value)
        yield term.state(Fact("qrs_axis", value, "°", limit), axis=degrees(value))
    else:
        turned = value + 360 if value < usual.low and usual.high > value + 360 else value
        term = NORMAL
        if not usual.low <= turned <= usual.high:
            term = LEFT_AXIS if -90 <= value < usual.low else RIGHT_AXIS if value > 0 else EXTREME_AXIS
        fact = Fact("qrs_axis", value, "°", usual.text(turned))
        yield term.state(fact, axis=degrees(value), source=usual.source)
    deep = [(lead, s_depth(case.lead(lead))) for lead in (Lead.I, Lead.II, Lead.III)]
    if all(depth >= DEEP_S_UV for _, depth in deep):
        facts = [Fact(f"{lead.label}.s", -depth, "µV", f"≤ -{DEEP_S_UV:g}") for lead, depth in deep]
        yield S1S2S3.state(*facts)


def degrees(value: float) -> str:
    """The whole number as texts write it, with a minus sign."""
    return f"{round(value)}".replace("-", "−")


def _adult(value: float) -> tuple[Term, str]:
    if value < -90:
        return EXTREME_AXIS, "-180 … -90"
    if value <= LEFT:
        return LEFT_AXIS, f"≤ {LEFT:g}"
    if value < LEFTWARD:
        return LEFTWARD_AXIS, f"{LEFT:g} … {LEFTWARD:g}"
    if value < HORIZONTAL:
        return HORIZONTAL_AXIS, f"{LEFTWARD:g} … {HORIZONTAL:g}"
    if value < VERTICAL:
        return NORMAL, f"{HORIZONTAL:g} … {VERTICAL:g}"
    return (VERTICAL_AXIS, f"{VERTICAL:g} … {RIGHT:g}") if value <= RIGHT else (RIGHT_AXIS, f"> {RIGHT:g}")
