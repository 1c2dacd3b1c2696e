"""One thing an interpretation says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cardioserver.language import Phrase


class Certainty(StrEnum):
    """How sure the machine is; said in the text unless definite."""

    DEFINITE = "definite"
    PROBABLE = "probable"
    POSSIBLE = "possible"


class Section(StrEnum):
    """Where a statement stands; the order is that in which a cardiologist reads."""

    QUALITY = "quality"
    RHYTHM = "rhythm"
    RATE = "rate"
    CONDUCTION = "conduction"
    AXIS = "axis"
    HYPERTROPHY = "hypertrophy"
    INFARCTION = "infarction"
    REPOLARISATION = "repolarisation"
    QT = "qt"
    PACING = "pacing"
    SUMMARY = "summary"
    COMPARISON = "comparison"  # with an earlier ECG


class Severity(StrEnum):
    """What a statement makes of the whole ECG."""

    NORMAL = "normal"
    BORDERLINE = "borderline"
    ABNORMAL = "abnormal"


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a statement rests on, with the limit it was held against."""

    name: str  # of a measurement, with its lead: "qrs", "V1.r1"
    value: float | str
    unit: str = ""
    limit: str = ""  # "≥ 120"


@dataclass(frozen=True, slots=True)
class Statement:
    """A coded finding.

    Attributes
    ----------
    code
        Of its :class:`Term`.
    ru, en
        A sentence without its full stop.
    why
        The values it rests on.
    source
        The publication of the criterion.
    """

    code: str
    certainty: Certainty
    section: Section
    severity: Severity
    ru: str
    en: str
    why: tuple[Fact, ...] = ()
    source: str = ""


def said(found: Iterable[Statement], *terms: Term) -> bool:
    """Whether any of *terms* is among the statements *found*."""
    codes = {term.code for term in terms}
    return any(statement.code in codes for statement in found)


@dataclass(frozen=True, slots=True)
class Term:
    """A statement of the vocabulary.

    Attributes
    ----------
    code
        SCP-ECG universal statement code (EN 1064:2020, annex) where there is one; PTB-XL uses the same.
    en, ru
        Its text, without a full stop; it may name values in braces.
    source
        The publication of its criterion, unless that differs from case to case.
    """

    code: str
    section: Section
    severity: Severity
    en: str
    ru: str
    source: str = ""

    def state(
        self,
        *why: Fact,
        certainty: Certainty = Certainty.DEFINITE,
        severity: Severity | None = None,
        source: str = "",
        **values: float | str | Phrase,
    ) -> Statement:
        """This statement, with *values* put into its text, phrases in the language of the text.

        Raises
        ------
        KeyError
            A value that the text names is not given.
        """
        spoken = {name: value.ru if isinstance(value, Phrase) else value for name, value in values.items()}
        ru = self.ru.format(**spoken)
        spoken |= {name: value.en for name, value in values.items() if isinstance(value, Phrase)}
        en = self.en.format(**spoken)
        return Statement(
            self.code, certainty, self.section, severity or self.severity, ru, en, why, source or self.source
        )
