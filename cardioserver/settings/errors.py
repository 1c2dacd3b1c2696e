"""Errors of configuration files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cardioserver.language import Language, Phrase


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration.

    ``path`` is the JSON path, e.g. ``server.port`` or ``exporters[0].type`` (empty: the whole file).
    ``value`` is what was found, as JSON; ``None`` when there is none or it may be a secret.
    """

    path: str
    value: str | None
    allowed: Phrase

    def say(self, language: Language) -> str:
        """One line for a person."""
        found = ""
        if self.value is not None:
            found = f" = {self.value}"
        what = self.path + found
        return f"{what}: {self.allowed.say(language)}" if what else self.allowed.say(language)


class ConfigError(Exception):
    """A configuration that must not start.

    Parameters
    ----------
    file
        Where it was read from; ``None`` for values given otherwise (command line).
    problems
        Everything that is wrong, not only the first.
    """

    def __init__(self, file: Path | None, problems: tuple[Problem, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def say(self, language: Language) -> str:
        """The message for a person: file, JSON paths, values, what is allowed."""
        opening = _OPENING_FILE if self.file else _OPENING
        lines = [opening.say(language).format(file=self.file)]
        lines += [f"  {problem.say(language)}" for problem in self.problems]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.say("en")


_OPENING_FILE = Phrase(
    en="The configuration in {file} cannot be used:", ru="Настройки в файле {file} использовать нельзя:"
)
_OPENING = Phrase(en="This configuration cannot be used:", ru="Эти настройки использовать нельзя:")
