"""What tests of the server send, and how they wait."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol import messages as m


async def eventually(condition: Callable[[], bool], what: str, deadline: float = 30.0) -> None:
    """Return once *condition* holds."""
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110  any condition, not only those with an event
            await asyncio.sleep(0.005)


def upload(samples: int = 500, filler: bytes = b"\x01\x00") -> m.Upload:
    """An exam with *samples* samples in each of twelve leads."""
    started = datetime.now(UTC)
    signal = SignalFormat(500.0, TWELVE_LEADS, (5.0,) * 12, 16, samples)
    data = filler * (signal.byte_count // 2)
    exam = Exam(uuid4(), Patient("1"), started, started + timedelta(seconds=samples / 500))
    return m.Upload(exam, signal, hashlib.sha256(data).digest(), data)


def signal_of(samples: int) -> m.Signal:
    """The answer to a read of *samples* samples in each of twelve leads."""
    whole = upload(samples)
    return m.Signal(1, 0, whole.signal, whole.digest, whole.data)
