"""The statements as a text to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cardioserver.interpretation.statement import Certainty, Statement
from cardioserver.language import Phrase

DOUBT = {
    Certainty.DEFINITE: Phrase("", ""),
    Certainty.PROBABLE: Phrase("Probable: ", "Вероятно: "),
    Certainty.POSSIBLE: Phrase("Possible: ", "Возможно: "),
}


def narrate(statements: Sequence[Statement]) -> Phrase:
    """One line for each section, one sentence for each statement."""
    lines = [list(group) for _, group in groupby(statements, key=lambda statement: statement.section)]
    return Phrase(
        "\n".join(" ".join(_sentence(one.en, DOUBT[one.certainty].en) for one in line) for line in lines),
        "\n".join(" ".join(_sentence(one.ru, DOUBT[one.certainty].ru) for one in line) for line in lines),
    )


def _sentence(text: str, doubt: str) -> str:
    return f"{doubt}{text[0].lower()}{text[1:]}." if doubt else f"{text}."
