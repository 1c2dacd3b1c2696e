"""Errors of interpretations.

::

    InterpretationError
    ├── Refused       what was sent cannot be interpreted, now or later
    ├── TooLarge      it needs more memory, or is larger, than allowed
    ├── TooLong       it takes more time than allowed
    ├── Crashed       what interpreted it has ended or failed
    ├── Busy          too many at once; see ``retry_after``
    └── Unavailable   no service answers as it should; see ``retry_after``
"""

from __future__ import annotations

from typing import ClassVar

from cardioserver.language import Phrase


class InterpretationError(Exception):
    """Base of all.

    Parameters
    ----------
    note
        What exactly; never personal data.
    retry_after
        Seconds after which trying again makes sense; 0: no advice.
    """

    code: ClassVar[str]
    phrase: ClassVar[Phrase]

    def __init__(self, note: str = "", retry_after: float = 0.0) -> None:
        super().__init__(note, retry_after)
        self.note = note
        self.retry_after = retry_after

    def say(self) -> Phrase:
        """What to tell a person."""
        note = f" ({self.note})" if self.note else ""
        return Phrase(self.phrase.en + note, self.phrase.ru + note)

    def __str__(self) -> str:
        return self.say().en


class Refused(InterpretationError):
    code = "refused"
    phrase = Phrase("This recording cannot be interpreted", "Эту запись нельзя интерпретировать")


class TooLarge(InterpretationError):
    code = "too_large"
    phrase = Phrase(
        "The interpretation needs more memory than allowed",
        "Интерпретации нужно больше памяти, чем разрешено",
    )


class TooLong(InterpretationError):
    code = "too_long"
    phrase = Phrase("The interpretation takes longer than allowed", "Интерпретация длится дольше, чем можно")


class Crashed(InterpretationError):
    code = "crashed"
    phrase = Phrase("The interpretation has failed", "Интерпретация прервалась из-за сбоя")


class Busy(InterpretationError):
    code = "busy"
    phrase = Phrase("Too many interpretations at once", "Слишком много интерпретаций одновременно")


class Unavailable(InterpretationError):
    code = "unavailable"
    phrase = Phrase("No interpretation service answers", "Ни одна служба интерпретации не отвечает")


BY_CODE = {error.code: error for error in (Refused, TooLarge, TooLong, Crashed, Busy, Unavailable)}
