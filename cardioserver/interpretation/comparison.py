"""What changed since the patient's previous ECG.

The classes of change and their limits are those of AHA/ACCF/HRS 2007, part II, "comparison statements"
(J. Mason et al., Circulation 115:1325): intervals count when they are abnormal and differ by more than a
tenth, the rate when it differs by more than 20 a minute and is below 50 or above 100, QTc from 60 ms on,
statements when they come or go, except variants of normal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.complexes import WIDE_QRS_MS, st_level, t_height
from cardioserver.interpretation.narrative import DOUBT, begun_small, clause
from cardioserver.interpretation.rules.axis import degrees
from cardioserver.interpretation.rules.quality import REVERSED
from cardioserver.interpretation.statement import Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import contiguous, named
from cardioserver.language import Language, Phrase
from cardioserver.signal.measurements import Measurements
from cardioserver.signal.quality import Grade

if TYPE_CHECKING:
    from cardioserver.interpretation.document import Document

AHA = "AHA/ACCF/HRS 2007, part II (J. Mason et al., Circulation 115:1325)"
RATE, SLOW, FAST = 20.0, 50.0, 100.0
SHARE = 0.1
LONG_PR_MS, QTC_MS = 200.0, 60.0
AXIS = 30.0  # degrees; from one day to the next it moves by less
ST_UV, T_UV = 100.0, 100.0


def _term(code: str, severity: Severity, en: str, ru: str) -> Term:
    return Term(f"CHANGE_{code}", Section.COMPARISON, severity, en, ru, AHA)


NONE = _term("NONE", Severity.NORMAL, "No significant change", "Без существенной динамики")
LIMITED = _term(
    "LIMITED", Severity.NORMAL,
    "The comparison is limited by the quality or the leads of the recordings",
    "Сравнение ограничено качеством записей или набором отведений",
)  # fmt: skip
RHYTHM = _term("RHYTHM", Severity.BORDERLINE, "Change in rhythm: {what}", "Изменение ритма: {what}")
ISCHAEMIA = _term(
    "ISCHEMIA", Severity.ABNORMAL,
    "New or worsened ischemia or infarction: {what}",
    "Появление или усиление признаков ишемии, инфаркта: {what}",
)  # fmt: skip
REGRESSION = _term(
    "REGRESSION", Severity.NORMAL,
    "Signs of ischemia or infarction no longer seen: {what}",
    "Не определяются признаки ишемии, инфаркта: {what}",
)  # fmt: skip
CONDUCTION = _term(
    "CONDUCTION", Severity.BORDERLINE, "Change in conduction: {what}", "Изменение проводимости: {what}"
)
REPOLARISATION = _term(
    "REPOLARISATION", Severity.BORDERLINE,
    "Significant repolarization change: {what}", "Изменение реполяризации: {what}",
)  # fmt: skip
STATUS = _term(
    "STATUS", Severity.BORDERLINE,
    "Change in axis, voltage or hypertrophy: {what}", "Изменение оси, вольтажа или гипертрофии: {what}",
)  # fmt: skip
TERMS = (NONE, LIMITED, RHYTHM, ISCHAEMIA, REGRESSION, CONDUCTION, REPOLARISATION, STATUS)

CLASSES = {
    Section.RHYTHM: RHYTHM,
    Section.PACING: RHYTHM,
    Section.CONDUCTION: CONDUCTION,
    Section.AXIS: STATUS,
    Section.HYPERTROPHY: STATUS,
    Section.INFARCTION: ISCHAEMIA,
    Section.REPOLARISATION: REPOLARISATION,
    Section.QT: REPOLARISATION,
}
"""What it changes when a statement of a section comes or goes."""
HEADING = Phrase("Compared with the previous ECG: ", "По сравнению с предыдущей ЭКГ: ")
ARROWS = {
    "rate": Phrase("HR {:.0f} → {:.0f} bpm", "ЧСС {:.0f} → {:.0f} уд/мин"),
    "pr": Phrase("PR {:.0f} → {:.0f} ms", "PQ {:.0f} → {:.0f} мс"),
    "qrs": Phrase("QRS {:.0f} → {:.0f} ms", "QRS {:.0f} → {:.0f} мс"),
    "qtc": Phrase("QTc {:.0f} → {:.0f} ms", "QTc {:.0f} → {:.0f} мс"),
    "axis": Phrase("QRS axis {}° → {}°", "ось QRS {}° → {}°"),
}

Change = tuple[Term, Phrase]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes since an earlier ECG, as statements of the section ``comparison`` and as a text."""

    statements: tuple[Statement, ...]
    text: Phrase


def compare(previous: Document, current: Document) -> Comparison:
    """What changed from *previous* to *current*, two ECGs of one person."""
    changes = [
        *_numbers(previous.measurements, current.measurements),
        *_waves(previous, current),
        *_statements(previous.statements, current.statements),
    ]
    statements = [
        term.state(what=Phrase("; ".join(what.en for what in parts), "; ".join(what.ru for what in parts)))
        for term in TERMS
        if (parts := [what for kind, what in changes if kind is term])
    ]
    if _is_doubtful(previous) or _is_doubtful(current) or _leads(previous) != _leads(current):
        statements.insert(0, LIMITED.state())
    elif not statements:
        statements.append(NONE.state())
    return Comparison(tuple(statements), Phrase(_text(statements, "en"), _text(statements, "ru")))


def _is_doubtful(document: Document) -> bool:
    return document.quality.grade is Grade.POOR or said(document.statements, REVERSED)


def _leads(document: Document) -> set[Lead]:
    """Those recorded, and those that follow from them."""
    return {lead.lead for lead in document.leads}


def _text(statements: Sequence[Statement], language: Language) -> str:
    first, *others = [clause(statement, language) for statement in statements]
    return HEADING.say(language) + " ".join(f"{sentence}." for sentence in (begun_small(first), *others))


def _numbers(before: Measurements, now: Measurements) -> Iterator[Change]:
    rates = [rate for rate in (before.rate, now.rate) if rate is not None]
    if (
        len(rates) == 2
        and abs(rates[1] - rates[0]) > RATE
        and not all(SLOW <= rate <= FAST for rate in rates)
    ):
        yield RHYTHM, _arrow("rate", rates[0], rates[1])
    for name, long, old, new in (
        ("pr", LONG_PR_MS, before.pr, now.pr),
        ("qrs", WIDE_QRS_MS, before.qrs, now.qrs),
    ):
        if old is not None and new is not None and max(old, new) > long and abs(new - old) > SHARE * old:
            yield CONDUCTION, _arrow(name, old, new)
    old, new = before.qtc_fridericia, now.qtc_fridericia
    if old is not None and new is not None and abs(new - old) > QTC_MS:
        yield REPOLARISATION, _arrow("qtc", old, new)
    if before.qrs_axis is not None and now.qrs_axis is not None:
        turn = abs((now.qrs_axis - before.qrs_axis + 180) % 360 - 180)
        if turn >= AXIS:
            yield STATUS, _arrow("axis", degrees(before.qrs_axis), degrees(now.qrs_axis))


def _arrow(name: str, before: float | str, now: float | str) -> Phrase:
    both = ARROWS[name]
    return Phrase(both.en.format(before, now), both.ru.format(before, now))


def _waves(before: Document, now: Document) -> Iterator[Change]:
    """ST that moved by 0.1 mV and T that changed its direction in contiguous leads.

    Not if either ECG has a wide QRS: ST and T follow from it.
    """
    if max(before.measurements.qrs or 0.0, now.measurements.qrs or 0.0) >= WIDE_QRS_MS:
        return
    old = {lead.lead: lead for lead in before.leads if lead.lead is not Lead.aVR}
    pairs = [(each.lead, old[each.lead], each) for each in now.leads if each.lead in old]
    raised = contiguous(name for name, one, other in pairs if st_level(other) - st_level(one) >= ST_UV)
    lowered = contiguous(name for name, one, other in pairs if st_level(one) - st_level(other) >= ST_UV)
    for leads, en, ru in (
        (raised, "ST higher in {}", "ST выше в {}"),
        (lowered, "ST lower in {}", "ST ниже в {}"),
    ):
        if leads:
            away = [abs(st_level(other)) > abs(st_level(one)) for name, one, other in pairs if name in leads]
            term = ISCHAEMIA if sum(away) * 2 > len(away) else REGRESSION
            yield term, Phrase(en.format(named(leads)), ru.format(named(leads)))
    for first, second, term, en, ru in (
        (1, -1, ISCHAEMIA, "T inverted in {}", "инверсия T в {}"),
        (-1, 1, REGRESSION, "T upright again in {}", "T снова положительный в {}"),
    ):
        turned = contiguous(
            name
            for name, one, other in pairs
            if first * t_height(one) >= T_UV and second * t_height(other) >= T_UV
        )
        if turned:
            yield term, Phrase(en.format(named(turned)), ru.format(named(turned)))


def _statements(before: Sequence[Statement], now: Sequence[Statement]) -> Iterator[Change]:
    """Statements that came or went, but for variants of normal."""
    old, new = _findings(before), _findings(now)
    for code, statement in new.items():
        if code not in old:
            yield _class(statement), _came(statement)
    for code, statement in old.items():
        if code not in new:
            kind = _class(statement)
            gone = Phrase(f"gone: {begun_small(statement.en)}", f"исчезло: {begun_small(statement.ru)}")
            yield REGRESSION if kind is ISCHAEMIA else kind, gone


def _findings(statements: Sequence[Statement]) -> dict[str, Statement]:
    return {
        one.code: one for one in statements if one.severity is not Severity.NORMAL and one.section in CLASSES
    }


def _class(statement: Statement) -> Term:
    return ISCHAEMIA if statement.code.startswith("ISC") else CLASSES[statement.section]


def _came(statement: Statement) -> Phrase:
    doubt = DOUBT[statement.certainty]
    how = Phrase(f" ({doubt.en})", f" ({doubt.ru})") if doubt.en else doubt
    return Phrase(
        f"new{how.en}: {begun_small(statement.en)}", f"появилось{how.ru}: {begun_small(statement.ru)}"
    )
