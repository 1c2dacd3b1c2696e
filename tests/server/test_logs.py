"""The log: JSON lines, no personal data, friendly to rotation."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardioserver.server.logs import Log, open_log
from cardioserver.settings.config import LogSettings

log = Log("cardioserver.test")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    root, own = logging.getLogger(), logging.getLogger("cardioserver")
    before = (root.handlers[:], root.level, own.level)
    file = tmp_path / "logs" / "server.log"
    handler = open_log(LogSettings(file=file))
    yield file
    handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def entries(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_one_object_a_line(file: Path) -> None:
    log.info("login", account=7, address="10.0.0.1")
    log.debug("too much")
    (entry,) = entries(file)
    assert (entry["level"], entry["event"], entry["account"]) == ("info", "login", 7)
    assert str(entry["time"]).endswith("+00:00")


def test_an_exception_is_a_place_and_not_its_text(file: Path) -> None:
    try:
        try:
            raise KeyError("Ivanova")
        except KeyError as error:
            raise ValueError("patient Ivanova, born 1961") from error
    except ValueError as error:
        log.error("request failed", error=error, request="Upload")
    (entry,) = entries(file)
    assert "Ivanova" not in file.read_text(encoding="utf-8")
    assert [cause["type"] for cause in entry["error"]] == ["builtins.ValueError", "builtins.KeyError"]
    assert "test_logs.py" in entry["error"][0]["at"][0]


def test_other_libraries_loggers_too(file: Path) -> None:
    try:
        raise RuntimeError("Ivanova")
    except RuntimeError:
        logging.getLogger("some.library").exception("it failed")
    assert "Ivanova" not in file.read_text(encoding="utf-8")
    assert entries(file)[0]["event"] == "it failed"


def test_a_line_break_does_not_make_two_entries(file: Path) -> None:
    log.info("hello", software="recorder\n1.0")
    assert len(entries(file)) == 1


def test_a_rotated_file_is_reopened(file: Path) -> None:
    log.info("before")
    file.rename(file.with_suffix(".1"))
    log.info("after")
    assert [entry["event"] for entry in entries(file)] == ["after"]
