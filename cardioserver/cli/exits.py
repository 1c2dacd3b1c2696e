"""Exit statuses of the command, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum

from cardioserver.language import Phrase


class ExitCode(IntEnum):
    """Why the command ended; ``docs/cli.md`` lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    REFUSED = 5
    NOT_RUNNING = 6
    INTERRUPTED = 130


class Failure(Exception):
    """The command cannot do what it was asked; *phrase* says why and what to do."""

    def __init__(self, phrase: Phrase, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase
        self.code = code
