"""Printing in processes of its own: a crash or a hang costs that one page."""

from __future__ import annotations

from dataclasses import replace

from cardioserver.child import ChildLate, ChildLost, Kind
from cardioserver.children import Children, NoChild
from cardioserver.ecg.recording import Recording
from cardioserver.integration.errors import Retryable
from cardioserver.integration.pages import PageJob
from cardioserver.interpretation.limits import Limits, samples_of

WORK = "cardioserver.integration.pageworker"
LIMITS = Limits(seconds=60.0)
"""Of a short exam, which takes a tenth of a second; a day of three leads takes 20 of the 384 s it may."""

MOST = 2
"""Processes at once: a page that takes its time does not hold up all others."""

ROOM = 1 << 20
"""Bytes of samples for which memory is kept: 40 seconds of twelve leads at 1000 Hz."""

IDLE_SECONDS = 300.0
NICENESS = 10
"""Recorders wait for their uploads, nobody waits for a page."""


class Printer:
    """Worker processes that print; they start when they are needed. Thread-safe.

    Parameters
    ----------
    module
        What the workers run.
    """

    def __init__(self, limits: Limits = LIMITS, *, module: str = WORK) -> None:
        self.limits = limits
        self._children = Children(Kind(module, ROOM, niceness=NICENESS, outlives=False), MOST, IDLE_SECONDS)

    def print(self, job: PageJob, recording: Recording) -> tuple[bytes, ...]:
        """The document: a PDF, or a picture of each page. Waits for a worker.

        Raises
        ------
        Permanent
            The exam cannot be printed.
        Retryable
            The worker crashed, took too long or too much memory, or there is none to be had. Nothing else
            has suffered.
        """
        samples = samples_of(job.signal)
        seconds, memory = self.limits.seconds_of(samples), self.limits.memory_of(samples)
        job = replace(job, seconds=seconds, memory_bytes=memory)
        try:
            printed: tuple[bytes, ...] = self._children.ask(
                job, recording.samples.data.cast("B"), seconds, spoils=(Retryable,)
            )
        except NoChild as error:
            raise Retryable(f"no process can be started to print: {error}") from None
        except ChildLate:
            raise Retryable(f"printing takes longer than {seconds:.0f} s") from None
        except ChildLost:
            raise Retryable("printing has failed: its process ended") from None
        return printed

    def retire(self) -> None:
        """End the workers that had nothing to do for a while."""
        self._children.retire()

    def close(self) -> None:
        """End all; what is at work fails."""
        self._children.kill()
        self._children.close()
