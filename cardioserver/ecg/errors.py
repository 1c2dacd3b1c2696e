"""Errors of the ECG values.

::

    EcgError
    ├── InvalidField     a value that cannot be true (birthday in the future, 0 Hz)
    ├── FormatError      a file of another system that cannot be read
    └── CodecError       encoded samples that cannot be decoded
"""

from __future__ import annotations

from cardioserver.language import Phrase


class EcgError(Exception):
    """Base of all errors of :mod:`cardioserver.ecg`."""


class InvalidField(EcgError, ValueError):
    """A field holds a value that cannot be true.

    Parameters
    ----------
    field
        Dotted name as in documents and on the wire, e.g. ``patient.birthday``.
    value
        What was given. Never printed by :meth:`__str__`: it may be personal data.
    allowed
        What would have been accepted, in English, e.g. ``125 to 2000 Hz``.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}: allowed is {self.allowed}"


class FormatError(EcgError):
    """A file is not what its name or beginning says, or is damaged.

    Parameters
    ----------
    english, russian
        What is wrong with it.
    """

    def __init__(self, english: str, russian: str) -> None:
        super().__init__(english, russian)
        self.phrase = Phrase(english, russian)

    def __str__(self) -> str:
        return self.phrase.en


class CodecError(EcgError):
    """Encoded samples are damaged, or were written by an unknown codec."""
