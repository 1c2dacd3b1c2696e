"""The documents: links that lead somewhere, and the README's map of rooms."""

from __future__ import annotations

import re
import tomllib
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


def test_the_map_has_every_room_in_the_order_in_which_they_may_import() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    order = [layer.strip("()") for layer in layers["contracts"][0]["layers"]]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    mapped = re.findall(r"^\| `cardioserver/(\w+)(?:\.py)?`", text, re.MULTILINE)
    assert mapped == [name for name in reversed(order) if name in mapped]
    rooms = {file.parent.name for file in (ROOT / "cardioserver").glob("*/__init__.py")}
    assert rooms <= set(mapped)
    beside = {file.name for file in (ROOT / "cardioserver").glob("*.py")} - {"__init__.py", "__main__.py"}
    for document in ("README.md", "docs/development.md"):
        said = (ROOT / document).read_text(encoding="utf-8")
        assert {name for name in beside if f"{name}`" not in said} - {"app.py"} == set()


def test_the_two_commands_are_on_the_first_screen() -> None:
    for name in ("README.md", "README.ru.md"):
        screen = (ROOT / name).read_text(encoding="utf-8").splitlines()[:16]
        assert any(line.startswith("./cardioserver3 demo") for line in screen)
        assert any(line.startswith("tests/run") for line in screen)
