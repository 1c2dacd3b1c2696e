"""What a worker process does: one interpretation after another, each within its limits."""

from __future__ import annotations

from dataclasses import replace

from cardioserver.bounds import limit_job
from cardioserver.ecg.errors import EcgError
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.comparison import compare
from cardioserver.interpretation.document import Document, Signal, abridge, decode, encode
from cardioserver.interpretation.errors import Crashed, Refused, TooLarge, Unavailable
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.job import Interpretation, Job
from cardioserver.interpretation.narrative import with_comparison
from cardioserver.trace import place_of


def work(job: Job, data: memoryview) -> Interpretation:
    """Interpret, or check what was interpreted elsewhere.

    Raises
    ------
    Refused, TooLarge, Crashed
        The system ends the process if it computes for too long.
    Unavailable
        What was interpreted elsewhere is no interpretation of this signal.
    """
    limit_job(job.seconds, job.memory_bytes)
    try:
        document = _received(job, data) if job.is_made else _made(job, data)
        return _compared(document, job.earlier)
    except EcgError as error:
        raise Refused(str(error)) from None
    except MemoryError:
        raise TooLarge from None
    except Unavailable:
        raise
    except Exception as error:
        raise Crashed(f"{type(error).__name__} at {place_of(error)}") from None


def _made(job: Job, data: memoryview) -> Document:
    return abridge(interpret(Recording.from_bytes(job.signal, data), job.person))


def _received(job: Job, data: memoryview) -> Document:
    try:
        document = decode(bytes(data))
    except ValueError:
        raise Unavailable("the service answered with no interpretation") from None
    signal = Signal(job.signal.rate, job.signal.sample_count, job.signal.leads)
    if (document.signal, document.person) != (signal, job.person):
        raise Unavailable("the service answered with the interpretation of another ECG")
    return document


def _compared(document: Document, earlier: bytes | None) -> Interpretation:
    try:
        comparison = None if earlier is None else compare(decode(earlier), document)
    except ValueError:  # it was made by another version of this program
        comparison = None
    text = document.text if comparison is None else with_comparison(document.text, comparison.text)
    return Interpretation(text, encode(replace(document, comparison=comparison)))
