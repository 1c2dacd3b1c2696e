"""The statements as a text to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from cardioserver.interpretation.statement import Certainty, Statement
from cardioserver.language import Language, Phrase

DOUBT = {
    Certainty.DEFINITE: Phrase("", ""),
    Certainty.PROBABLE: Phrase("probable", "вероятно"),
    Certainty.POSSIBLE: Phrase("possible", "возможно"),
}
UNCONFIRMED = Phrase(
    "Machine interpretation, not confirmed by a doctor.",
    "Машинная интерпретация, не подтверждена врачом.",
)
"""Ends every text: it is no conclusion until a doctor has signed."""


def narrate(statements: Sequence[Statement]) -> Phrase:
    """One line for each section, one sentence for each statement; the last line says who has not signed."""
    return Phrase(_text(statements, "en"), _text(statements, "ru"))


def _text(statements: Sequence[Statement], language: Language) -> str:
    lines = [
        " ".join(clause(statement, language) + "." for statement in section)
        for _, section in groupby(statements, key=lambda statement: statement.section)
    ]
    return "\n".join([*lines, UNCONFIRMED.say(language)])


def with_comparison(text: Phrase, comparison: Phrase) -> Phrase:
    """A text of :func:`narrate` with what changed since the previous ECG, before its last line."""
    return Phrase(
        f"{text.en.removesuffix(UNCONFIRMED.en)}{comparison.en}\n{UNCONFIRMED.en}",
        f"{text.ru.removesuffix(UNCONFIRMED.ru)}{comparison.ru}\n{UNCONFIRMED.ru}",
    )


def clause(statement: Statement, language: Language) -> str:
    """The statement with its doubt, without a full stop."""
    text = statement.ru if language == "ru" else statement.en
    doubt = DOUBT[statement.certainty].say(language)
    return f"{doubt.capitalize()}: {begun_small(text)}" if doubt else text


def begun_small(text: str) -> str:
    """*text* with a small first letter, unless it begins with an abbreviation: ``AV block``, ``S1S2S3``."""
    word = re.split(r"[ -]", text, maxsplit=1)[0]
    return text[0].lower() + text[1:] if word[1:].isalpha() and word[1:].islower() else text
