"""What all findings make of the ECG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.statement import Section, Severity, Statement, Term
from cardioserver.interpretation.territory import CHEST
from cardioserver.signal.quality import Grade

SOURCE = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325)"

NORMAL = Term("NORM", Section.SUMMARY, Severity.NORMAL, "Normal ECG", "ЭКГ в пределах нормы", SOURCE)
BORDERLINE = Term(
    "ECG_BORDERLINE",
    Section.SUMMARY,
    Severity.BORDERLINE,
    "Borderline ECG",
    "Пограничные изменения ЭКГ",
    SOURCE,
)
ABNORMAL = Term(
    "ECG_ABNORMAL", Section.SUMMARY, Severity.ABNORMAL, "Abnormal ECG", "ЭКГ отклоняется от нормы", SOURCE
)
PARTIAL = Term(
    "ECG_PARTIAL", Section.SUMMARY, Severity.NORMAL,
    "No abnormality in the recorded leads; twelve leads are needed to call an ECG normal",
    "В записанных отведениях патологии не выявлено; для заключения о норме нужны 12 отведений", SOURCE,
)  # fmt: skip
UNREADABLE = Term(
    "ECG_UNREADABLE", Section.SUMMARY, Severity.BORDERLINE,
    "The ECG cannot be judged for its quality", "Заключение невозможно из-за качества записи", SOURCE,
)  # fmt: skip
TERMS = (NORMAL, BORDERLINE, ABNORMAL, PARTIAL, UNREADABLE)
NEEDED = (Lead.I, Lead.II, *CHEST)


def summary(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """The worst of what was found; normal only if everything that matters could be seen."""
    worst = {statement.severity for statement in found}
    if Severity.ABNORMAL in worst:
        yield ABNORMAL.state()
    elif case.analysis.quality.grade is Grade.POOR or case.measurements.qrs is None:
        yield UNREADABLE.state()
    elif Severity.BORDERLINE in worst:
        yield BORDERLINE.state()
    elif any(case.lead(lead) is None for lead in NEEDED):
        yield PARTIAL.state()
    else:
        yield NORMAL.state()
