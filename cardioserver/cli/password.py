"""Passwords: from a file, the environment or a prompt; never from an argument, which everybody can see."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.output import complain, language
from cardioserver.language import Phrase

VARIABLE = "CARDIOSERVER_PASSWORD"
PROMPTS = 3


def ask(login: str, file: Path | None) -> str:
    """The password of an account that exists.

    Raises
    ------
    Failure
        There is no file, no variable and no terminal to ask on.
    """
    given = _given(file)
    if given is not None:
        return given
    return _prompt(Phrase(f"Password of {login}: ", f"Пароль {login}: "))


def choose(login: str, file: Path | None) -> str:
    """A new password; on a terminal it is asked for twice.

    Raises
    ------
    Failure
        As :func:`ask`, or it was not typed twice the same.
    """
    given = _given(file)
    if given is not None:
        return given
    for _ in range(PROMPTS):
        first = _prompt(Phrase(f"New password of {login}: ", f"Новый пароль {login}: "))
        if first == _prompt(Phrase("Once more: ", "Ещё раз: ")):
            return first
        complain(Phrase("They differ.", "Пароли различаются."))
    raise Failure(Phrase("No password was chosen.", "Пароль не выбран."))


def _given(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(VARIABLE)
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise Failure(
            Phrase(f"The password file {file}: {reason}.", f"Файл с паролем {file}: {reason}."),
            ExitCode.USAGE,
        ) from None


def _prompt(text: Phrase) -> str:
    if not sys.stdin.isatty():
        raise Failure(
            Phrase(
                f"A password is needed: use --password-file or {VARIABLE}, or run this on a terminal.",
                f"Нужен пароль: укажите --password-file или {VARIABLE} либо запустите команду в терминале.",
            ),
            ExitCode.USAGE,
        )
    return getpass.getpass(text.say(language()))
