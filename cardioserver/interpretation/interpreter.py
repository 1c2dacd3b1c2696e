"""From a recording to its document."""

from __future__ import annotations

from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.document import Document, document_of
from cardioserver.interpretation.narrative import narrate
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.signal.analysis import analyse

UNKNOWN = Person()


def interpret(recording: Recording, person: Person = UNKNOWN) -> Document:
    """Analyse a recording and state what it shows."""
    case = Case(recording.format, analyse(recording), person)
    statements = read(case)
    return document_of(case, statements, narrate(statements))
