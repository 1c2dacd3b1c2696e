"""What a worker process is asked, and what it answers.

Apart from what does it: a server that has its workers interpret needs none of that in its own memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cardioserver.ecg.recording import SignalFormat
from cardioserver.interpretation.person import Person
from cardioserver.language import Phrase


@dataclass(frozen=True, slots=True)
class Job:
    """An interpretation to make, of samples that come apart; or to check, of a document that comes apart.

    Attributes
    ----------
    earlier
        The document of the patient's last ECG, to compare with.
    seconds
        Of processor time.
    memory_bytes
        Of data, beyond what the worker had at its first job.
    is_made
        Whether the data are a document that another machine made of such a signal and person.
    """

    signal: SignalFormat
    person: Person
    earlier: bytes | None
    seconds: float
    memory_bytes: int
    is_made: bool = False


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a machine makes of an ECG."""

    text: Phrase = field(repr=False)  # with the comparison
    document: bytes = field(repr=False)  # JSON, see :mod:`cardioserver.interpretation.document`
