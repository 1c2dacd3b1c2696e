"""Low voltage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import peak_to_peak
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term
from cardioserver.interpretation.territory import CHEST

SOURCE = "B. Surawicz and T. Knilans, Chou's Electrocardiography in Clinical Practice, 6th ed."
LIMB_UV, CHEST_UV = 500.0, 1000.0

LOW = Term(
    "LVOLT", Section.HYPERTROPHY, Severity.BORDERLINE,
    "Low QRS voltage in limb and chest leads",
    "Низкий вольтаж QRS в отведениях от конечностей и в грудных отведениях", SOURCE,
)  # fmt: skip
LOW_LIMB = Term(
    "LVOLT_LIMB", Section.HYPERTROPHY, Severity.NORMAL,
    "Low QRS voltage in limb leads", "Снижение вольтажа QRS в отведениях от конечностей", SOURCE,
)  # fmt: skip
TERMS = (LOW, LOW_LIMB)


def voltage(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """No limb lead reaches 0.5 mV from peak to peak; no chest lead 1 mV."""
    if not case.is_readable:
        return
    limb = _largest(case, tuple(lead for lead in TWELVE_LEADS if lead not in CHEST))
    chest = _largest(case, CHEST)
    if limb is None or limb >= LIMB_UV:
        return
    fact = Fact("limb_qrs", limb, "µV", f"< {LIMB_UV:g}")
    if chest is not None and chest < CHEST_UV:
        yield LOW.state(fact, Fact("chest_qrs", chest, "µV", f"< {CHEST_UV:g}"))
    else:
        yield LOW_LIMB.state(fact)


def _largest(case: Case, names: tuple[Lead, ...]) -> float | None:
    """The largest QRS of *names*; ``None`` unless all of them can be read."""
    leads = [case.lead(name) for name in names]
    return None if None in leads else max(peak_to_peak(lead) for lead in leads)
