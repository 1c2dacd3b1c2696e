"""The help and the complaints about usage, in both languages.

Commands describe themselves in English where they are defined; :mod:`cardioserver.cli.russian` has the
Russian for each of these texts.
"""

from __future__ import annotations

import re
from typing import Any

import typer

from cardioserver.cli.russian import EXTRAS, HEADINGS, HELP, REASONS, USAGE
from cardioserver.language import Language


def prepare(command: Any, language: Language) -> None:
    """Have a command and its subcommands show their help in *language*."""
    command.context_class = _RussianContext if language == "ru" else _Context
    if language == "ru":
        command.help = HELP.get(squeezed(command.help), command.help)
        for parameter in command.params:
            parameter.help = HELP.get(squeezed(parameter.help), parameter.help)
    for subcommand in getattr(command, "commands", {}).values():
        prepare(subcommand, language)


def squeezed(text: str | None) -> str:
    """A text without the line breaks of the code it comes from."""
    return " ".join((text or "").split())


def usage_in_russian(said: str) -> str:
    """What typer says of wrong arguments."""
    for english, russian in USAGE:
        match = re.match(english, said)
        if match:
            said = match.expand(russian) + said[match.end() :]
            break
    for english, russian in REASONS:
        said = re.sub(english, russian, said)
    return said


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc,valid-type]
    """Help without the Python types of arguments."""

    def write_dl(self, rows: Any, *layout: Any, **more: Any) -> None:
        super().write_dl([(re.sub(r" <[^|>]+>$", "", name), text) for name, text in rows], *layout, **more)


class _RussianFormatter(_Formatter):
    """Help with Russian headings and remarks."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        args = args.replace("[OPTIONS]", "[ПАРАМЕТРЫ]").replace("COMMAND [ARGS]", "КОМАНДА [АРГУМЕНТЫ]")
        super().write_usage(prog, args, "Использование: ")

    def section(self, name: str) -> Any:
        return super().section(HEADINGS.get(name, name))

    def write_dl(self, rows: Any, *layout: Any, **more: Any) -> None:
        super().write_dl([(name, _remarks(text)) for name, text in rows], *layout, **more)


def _remarks(text: str) -> str:
    for english, russian in EXTRAS:
        text = re.sub(english, russian, text)
    return text


class _Context(typer.Context):
    formatter_class = _Formatter


class _RussianContext(typer.Context):
    formatter_class = _RussianFormatter
