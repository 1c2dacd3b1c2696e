"""What a worker process does: one interpretation after another, each within its limits."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cardioserver.ecg.errors import EcgError
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.document import abridge, encode
from cardioserver.interpretation.errors import Crashed, Refused, TooLarge
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.person import Person
from cardioserver.trace import place_of

_SPARE_SECONDS = 5
"""More processor time than time: the clock ends an interpretation, this only one whose server was killed."""


@dataclass(frozen=True, slots=True)
class Job:
    """An interpretation to make, of samples that come apart.

    Attributes
    ----------
    seconds
        Processor time.
    memory_bytes
        Of data, beyond what this process had at its first job.
    """

    signal: SignalFormat
    person: Person
    seconds: float
    memory_bytes: int


def work(job: Job, data: memoryview) -> bytes:
    """Interpret; returns the document as JSON.

    Raises
    ------
    Refused, TooLarge, Crashed
        The system ends the process if it computes for too long.
    """
    _limit(job)
    try:
        return encode(abridge(interpret(Recording.from_bytes(job.signal, data), job.person)))
    except EcgError as error:
        raise Refused(str(error)) from None
    except MemoryError:
        raise TooLarge from None
    except Exception as error:
        raise Crashed(f"{type(error).__name__} at {place_of(error)}") from None


def _limit(job: Job) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would leave an ECG on the disk
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + job.seconds) + _SPARE_SECONDS)
    _set_soft(resource.RLIMIT_DATA, _own_bytes() + job.memory_bytes)


def _set_soft(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


@cache
def _own_bytes() -> int:
    """What RLIMIT_DATA counted of this process at its first job; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmData:")), "VmData: 0 kB")
    return int(line.split()[1]) * 1024
