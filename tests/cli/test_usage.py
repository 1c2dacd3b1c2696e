"""Help, wrong usage, languages, and how fast it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cardioserver.cli.commands import app
from cardioserver.cli.exits import ExitCode
from cardioserver.cli.help import squeezed
from cardioserver.cli.russian import HELP
from tests.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "cli.md"


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """All commands with their names, e.g. ``exam list``; the groups too."""
    command = command or typer.main.get_command(app)
    yield " ".join(path), command
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from commands(subcommand, (*path, name))


def leaves() -> dict[str, Any]:
    return {path: command for path, command in commands() if not hasattr(command, "commands")}


def cyrillic(text: str) -> bool:
    return any("а" <= letter <= "я" for letter in text.lower())


def test_every_text_of_the_help_has_its_russian() -> None:
    texts = {squeezed(p.help) for _, c in commands() for p in c.params} | {
        squeezed(c.help) for _, c in commands()
    }
    assert texts - set(HELP) == set()
    assert set(HELP) - texts == set()
    assert all(cyrillic(russian) for russian in HELP.values())


def test_every_command_describes_itself_and_its_options() -> None:
    for path, command in commands():
        assert command.help, path
        assert all(parameter.help for parameter in command.params), path


@pytest.mark.parametrize("path", ["", *(path for path, _ in commands() if path)])
def test_help_in_both_languages(command: Command, path: str) -> None:
    english = command(*path.split(), "--help")
    russian = command("--language", "ru", *path.split(), "--help")
    assert (english.status, russian.status) == (0, 0)
    assert "Usage: " in english.out
    assert not cyrillic(english.out)
    assert "Использование: " in russian.out
    for word in ("Usage", "Options", "Commands", "Arguments", "[required]", "[default", "env var"):
        assert word not in russian.out


@pytest.mark.parametrize(
    ("arguments", "english", "russian"),
    [
        (["exam", "list", "--colour"], "No such option: --colour", "Нет параметра --colour"),
        (["fly"], "No such command 'fly'", "Нет команды fly"),
        (["account", "disable"], "Missing argument 'LOGIN'", "Не указан аргумент LOGIN"),
        (["account", "add", "x", "--hcf", "1"], "Missing option '--role'", "Не указан параметр --role"),
        (["exam", "list", "--limit", "many"], "Invalid value for '--limit'", "Недопустимое значение --limit"),
        (["hcf", "list", "here"], "unexpected extra argument", "Лишние аргументы: here"),
        (["serve", "--port"], "requires an argument", "нужно значение"),
        (["start"], "start --embedded", "start --embedded"),
        (["exam", "show", "x", "--login", "y"], "no UUID", "не UUID"),
        (["exam", "list"], "--login or CARDIOSERVER_LOGIN", "--login или CARDIOSERVER_LOGIN"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], english: str, russian: str) -> None:
    told = command(*arguments)
    assert told.status == ExitCode.USAGE
    assert english in told.err
    assert not told.out
    told = command("--language=ru", *arguments)
    assert told.status == ExitCode.USAGE
    assert russian in told.err


def test_without_arguments_it_shows_the_help(command: Command) -> None:
    shown = command()
    assert shown.status == 0
    assert "Commands:" in shown.out


def test_language_of_the_system(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert "Использование" in command("--help").out
    assert "Usage" in command("--language", "en", "--help").out


def test_version(command: Command) -> None:
    from cardioserver import __version__

    assert command("--version").out.strip() == f"cardioserver {__version__}"


def test_terminal_without_cyrillic_gets_question_marks_and_no_traceback() -> None:
    environment = os.environ | {"LANG": "ru_RU", "LC_ALL": "ru_RU", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "cardioserver", "exam", "list"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert b"--login" in done.stderr
    assert b"Traceback" not in done.stderr


def test_output_that_nobody_reads_any_more_is_no_fault() -> None:
    done = subprocess.run(
        f"{sys.executable} -m cardioserver --help | true", shell=True, capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr


def test_start_loads_nothing_heavy() -> None:
    """A command imports what it needs when it runs."""
    program = "import cardioserver.cli.commands, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "sqlalchemy", "alembic", "pydantic", "pydicom", "wfdb", "rich", "uvloop", "asyncio"}
    assert not heavy & set(done.stdout.split())


# ---------------------------------------------------------------- the document


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """Command → its section in docs/cli.md."""
    parts = DOCUMENT.read_text(encoding="utf-8").split("\n### `")[1:]
    return {part.partition("`")[0].removeprefix("cardioserver "): part for part in parts}


def test_the_document_has_a_section_for_each_command(sections: dict[str, str]) -> None:
    assert set(sections) == set(leaves())


@pytest.mark.parametrize("path", leaves())
def test_the_document_has_every_option(sections: dict[str, str], path: str) -> None:
    own = sections.get(path, "")
    text = DOCUMENT.read_text(encoding="utf-8")
    shared = {
        "over the wire": text.partition("## Options of commands that speak to a server")[2].partition(
            "\n## "
        )[0],
        "administration": text.partition("## Options of administration commands")[2].partition("\n## ")[0],
        "patient": text.partition("## Options that describe a patient")[2].partition("\n## ")[0],
    }
    allowed = own + "".join(part for name, part in shared.items() if f"*{name}*" in own)
    for parameter in leaves()[path].params:
        for name in parameter.opts if parameter.opts[0].startswith("-") else [parameter.metavar]:
            assert f"`{name}" in allowed, f"{path}: {name}"


def test_the_document_has_every_exit_status() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {code.value} |" in text, code


def test_every_value_of_an_ecg_has_a_word_for_people() -> None:
    from cardioserver.cli.terms import EXAM_TYPES, GRADES, SEXES
    from cardioserver.ecg.exam import ExamType
    from cardioserver.ecg.patient import Sex
    from cardioserver.signal.quality import Grade

    assert set(SEXES) == {each.name for each in Sex}
    assert set(GRADES) == {each.value for each in Grade}
    assert set(EXAM_TYPES) == {each.name for each in ExamType}
