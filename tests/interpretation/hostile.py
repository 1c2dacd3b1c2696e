"""A worker whose interpretations do harm: what, the first sample of the recording says."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation import worker
from cardioserver.interpretation.document import Document
from cardioserver.interpretation.interpreter import interpret as honestly
from cardioserver.interpretation.person import Person

ABORT, HANG, BOMB, FAIL, REFUSE, TELL_PID = range(30_001, 30_007)


def hostile(recording: Recording, harm: int) -> Recording:
    """The recording, marked for harm."""
    samples = recording.samples.copy()
    samples[0, 0] = harm
    return replace(recording, samples=samples)


def interpret(recording: Recording, person: Person) -> Document:
    """Do the harm, or interpret."""
    match int(recording.samples[0, 0]):
        case harm if harm == ABORT:
            os.abort()
        case harm if harm == HANG:
            time.sleep(3600)
        case harm if harm == BOMB:
            np.ones(1 << 40, np.uint8)
        case harm if harm == FAIL:
            raise ZeroDivisionError("a text that nobody may see")
        case harm if harm == REFUSE:
            raise InvalidField("signal.sample_count", 1, "at least a beat")
        case harm if harm == TELL_PID:
            return replace(honestly(recording, person), program=str(os.getpid()))
    return honestly(recording, person)


worker.interpret = interpret
work = worker.work
