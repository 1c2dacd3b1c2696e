"""The documents: links that lead somewhere, and the README's map of rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    file
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "examples" / "recorder")
    for file in folder.glob("*.md")
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_map_has_every_room() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = {file.parent.name for file in (ROOT / "cardioserver").glob("*/__init__.py")}
    assert {room for room in rooms if f"`cardioserver/{room}`" not in text} == set()


def test_the_two_commands_are_on_the_first_screen() -> None:
    for name in ("README.md", "README.ru.md"):
        screen = (ROOT / name).read_text(encoding="utf-8").splitlines()[:16]
        assert any(line.startswith("./cardioserver3 demo") for line in screen)
        assert any(line.startswith("tests/run") for line in screen)
