"""``docs/analysis.md`` and ``docs/statements.md`` say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cardioserver.interpretation.document import Document, decode
from cardioserver.interpretation.statement import Section
from cardioserver.interpretation.vocabulary import tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
ANALYSIS = (DOCS / "analysis.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = TypeAdapter(Document).json_schema(mode="serialization")


def documented(heading: str) -> list[str]:
    """The fields of the table below a heading."""
    section = ANALYSIS.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)


def test_every_field_of_the_document_is_described_in_order() -> None:
    assert documented("The object") == list(SCHEMA["properties"])


@pytest.mark.parametrize("name", [name for name, node in SCHEMA["$defs"].items() if "properties" in node])
def test_every_field_of_its_parts_is_described_in_order(name: str) -> None:
    assert documented(name) == list(SCHEMA["$defs"][name]["properties"])


@pytest.mark.parametrize("name", [name for name, node in SCHEMA["$defs"].items() if "enum" in node])
def test_every_word_a_field_may_hold_is_named(name: str) -> None:
    if name != "Reversal":  # described by examples
        assert [word for word in SCHEMA["$defs"][name]["enum"] if f"`{word}`" not in ANALYSIS] == []


def test_the_example_is_a_whole_document() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", ANALYSIS, flags=re.DOTALL)
    document = decode(example)
    assert list(json.loads(example)) == list(SCHEMA["properties"])
    assert set(json.loads(example)["leads"][0]) == set(SCHEMA["$defs"]["LeadMeasurements"]["properties"])
    assert {statement.section for statement in document.statements} <= set(Section)


def test_the_vocabulary_is_that_of_the_program() -> None:
    text = (DOCS / "statements.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"<!-- statements -->\n(.*)<!-- /statements -->", text, flags=re.DOTALL)
    assert written == tables(), "run python -m cardioserver.interpretation.vocabulary"
