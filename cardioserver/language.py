"""The language of messages for people at this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One text in both languages."""

    en: str
    ru: str

    def say(self, language: Language) -> str:
        """The text in *language*."""
        return self.ru if language == "ru" else self.en


def system_language() -> Language:
    """The language the environment asks for: Russian if the locale says so, else English.

    Reads ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` in the order of POSIX.1-2017, section 8.2.
    """
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "ru" if value.lower().startswith("ru") else "en"
    return "en"
