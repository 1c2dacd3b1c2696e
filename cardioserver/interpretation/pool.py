"""Interpretation in processes of its own: a crash or a hang costs that one interpretation."""

from __future__ import annotations

from dataclasses import replace

from cardioserver.child import ChildLate, ChildLost, Data, Kind
from cardioserver.children import Children, NoChild
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.errors import Busy, Crashed, TooLarge, TooLong
from cardioserver.interpretation.job import Interpretation, Job
from cardioserver.interpretation.limits import Limits, samples_of
from cardioserver.interpretation.person import Person

WORK = "cardioserver.interpretation.worker"

ROOM = 1 << 20
"""Bytes of samples for which memory is kept: 40 seconds of twelve leads at 1000 Hz."""

IDLE_SECONDS = 300.0
"""A worker, about 100 MB, that had nothing to do for so long is ended; starting one takes seconds."""

NICENESS = 10
"""Recorders wait for their uploads, nobody waits for an interpretation."""


class Pool:
    """Worker processes that start when they are needed; thread-safe.

    Parameters
    ----------
    most
        Workers at once.
    module
        What the workers run.
    """

    def __init__(self, most: int, limits: Limits, *, module: str = WORK) -> None:
        self.limits = limits
        self._children = Children(Kind(module, ROOM, niceness=NICENESS, outlives=False), most, IDLE_SECONDS)

    def interpret(self, recording: Recording, person: Person, earlier: bytes | None = None) -> Interpretation:
        """Interpret, and compare with the document of an *earlier* ECG; waits for a worker.

        Raises
        ------
        Refused, TooLarge, TooLong, Crashed
            Nothing else has suffered.
        Busy
            The system has no process to spare.
        """
        return self._ask(self._job(recording.format, person, earlier), recording.samples.data.cast("B"))

    def check(
        self, document: bytes, signal: SignalFormat, person: Person, earlier: bytes | None = None
    ) -> Interpretation:
        """The interpretation that another machine has made of such a signal.

        Raises
        ------
        Unavailable
            It is none.
        TooLarge, TooLong, Crashed, Busy
            As :meth:`interpret`.
        """
        return self._ask(replace(self._job(signal, person, earlier), is_made=True), document)

    def _job(self, signal: SignalFormat, person: Person, earlier: bytes | None) -> Job:
        samples = samples_of(signal)
        return Job(signal, person, earlier, self.limits.seconds_of(samples), self.limits.memory_of(samples))

    def _ask(self, job: Job, data: Data) -> Interpretation:
        try:
            # What a job too large had allocated may be in pieces all over the worker's memory.
            answer: Interpretation = self._children.ask(job, data, job.seconds, spoils=(TooLarge,))
        except NoChild as error:
            raise Busy(f"no process can be started: {error}", retry_after=10.0) from None
        except ChildLate:
            raise TooLong(f"{job.seconds:.0f} s") from None
        except ChildLost:
            raise Crashed("its process ended") from None
        return answer

    def retire(self) -> None:
        """End the workers that had nothing to do for a while."""
        self._children.retire()

    def close(self) -> None:
        """End all; what is at work fails."""
        self._children.kill()
        self._children.close()
