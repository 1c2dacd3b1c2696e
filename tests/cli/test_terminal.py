"""What only a terminal shows: prompts for passwords, the progress bar, tables that fold."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import Command

DEADLINE = 60.0


def on_a_terminal(*arguments: object, answers: tuple[tuple[str, str], ...] = ()) -> tuple[int, str]:
    """Run the command on a pseudo-terminal, typing each answer once its prompt is there."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CARDIOSERVER_", "LC_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "cardioserver", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment | {"LANG": "C.UTF-8", "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown, seen, todo, end = "", 0, list(answers), time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # Linux says so when the last one has closed the terminal
                break
        if todo and todo[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(ours, f"{todo.pop(0)[1]}\n".encode())
    os.close(ours)
    return process.wait(DEADLINE), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)


def test_new_password_is_asked_for_until_it_is_typed_twice_the_same(admin: Command, tmp_path: Path) -> None:
    hcf = admin("hcf", "add", "Clinic", "--json").json()["hcf_id"]
    where = ("--data", tmp_path / "data")
    status, shown = on_a_terminal(
        "account", "add", "petrova", "--role", "doctor", "--hcf", hcf, *where,
        answers=(
            ("New password of petrova: ", "first password"),
            ("Once more: ", "other password"),
            ("New password of petrova: ", "correct horse 7"),
            ("Once more: ", "correct horse 7"),
        ),
    )  # fmt: skip
    assert status == 0, shown
    assert "They differ." in shown
    assert "Added account" in shown
    assert "correct horse" not in shown  # not echoed


def test_bank_verify_shows_a_bar(admin: Command, tmp_path: Path) -> None:
    assert admin("bank", "verify").status == 0
    status, shown = on_a_terminal("bank", "verify", "--data", tmp_path / "data")
    assert status == 0, shown
    assert re.search(r"Verifying .*0/0", shown)
    assert "faults: 0" in shown


def test_a_table_fits_the_terminal(admin: Command, tmp_path: Path) -> None:
    admin("hcf", "add", "N" * 200)
    piped = admin("hcf", "list").out
    assert "N" * 200 in piped  # a row is a line in a pipe
    _, shown = on_a_terminal("hcf", "list", "--data", tmp_path / "data")
    assert shown.count("N") >= 200
    assert max(map(len, shown.splitlines())) <= 100
