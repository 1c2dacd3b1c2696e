"""What errors say to people."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cardioserver
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.errors import MalformedMessage
from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.texts import TEXTS, error_message, error_of

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
SOURCES = Path(cardioserver.__file__).parent
ROOMS = ("ecg", "protocol", "archive", "server")


def allowed_phrases() -> set[str]:
    """What is allowed, of every ``InvalidField(…)`` that can reach the wire, with numbers for its gaps."""
    phrases = set()
    for path in (path for room in ROOMS for path in (SOURCES / room).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id != "InvalidField" or len(node.args) != 3:
                continue
            text = node.args[2]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                phrases.add(text.value)
            elif isinstance(text, ast.JoinedStr):
                phrases.add("".join(map(_piece, text.values)))
    return phrases


def _piece(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "7"


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name)
def test_every_error_has_a_text_in_both_languages(code: ErrorCode) -> None:
    english, russian = TEXTS[code]
    assert not CYRILLIC.search(english)
    assert CYRILLIC.search(russian)
    assert english.endswith(".")
    assert russian.endswith(".")
    assert error_message(code, retry_after=3, detail=4).retry_after == 3


def test_the_phrases_are_found() -> None:
    assert {"7 to 7 Hz", "not after the exam", "at most 7 characters"} <= allowed_phrases()


@pytest.mark.parametrize("phrase", sorted(allowed_phrases()))
def test_what_is_allowed_is_told_in_russian_too(phrase: str) -> None:
    error = error_of(InvalidField("signal.rate", 0, phrase))
    assert phrase in error.text_en
    told = error.text_ru.partition("допустимо: ")[2]
    translated = CYRILLIC.search(told) or not re.search("[a-z]{3}", told)
    assert translated, f"add {phrase!r} to the phrases in cardioserver/protocol/texts.py"


def test_an_impossible_value_is_not_repeated() -> None:
    error = error_of(InvalidField("patient.family_name", "Иванова", "at most 100 characters"))
    assert error.field == "patient.family_name"
    assert "Иванова" not in error.text_en + error.text_ru


def test_a_malformed_message_says_where() -> None:
    error = error_of(MalformedMessage("exam.patient", "the message ends inside this field"))
    assert (error.code, error.field) == (ErrorCode.MALFORMED_MESSAGE, "exam.patient")
    assert error.text_en.startswith("exam.patient: ")
    assert error.text_ru.startswith("exam.patient: ")
