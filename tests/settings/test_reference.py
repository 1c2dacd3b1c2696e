"""The documents about settings and metrics say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cardioserver.settings import load
from cardioserver.settings.reference import tables

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_document_holds_the_programs_tables() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert text.partition("<!-- reference -->\n")[2] == tables()


def test_the_example_can_be_used(tmp_path: Path) -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    example = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    for name in ("db.password", "tls.pem"):
        (tmp_path / name).write_text("x", encoding="ascii")
    example["database"]["password_file"] = "db.password"
    example["tls"]["certificate"] = "tls.pem"
    file = tmp_path / "config.json"
    file.write_text(json.dumps(example), encoding="utf-8")
    config = load(file)
    assert config.database_url.startswith("mysql+pymysql://cardioserver:x@db.hospital:3306/")
    assert config.exporters[0].name == "drop"
