"""Sending one exam: whole in one frame, or in chunks that go on where a broken connection stopped."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cardioserver.client.link import Link
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import ErrorCode

SINGLE_FRAME_BYTES = 1 << 20
"""Samples up to here go in one frame: sending them again costs less than a second round trip."""

CHUNK_BYTES = 128 << 10
"""Samples in one chunk: what a broken connection may cost at most, beside what is under way."""

CHUNKS_UNDER_WAY = 4

RESTARTED = frozenset(
    {
        ErrorCode.UPLOAD_UNKNOWN,
        ErrorCode.UPLOAD_OFFSET,
        ErrorCode.UPLOAD_INCOMPLETE,
        ErrorCode.DIGEST_MISMATCH,
    }
)
"""Answers after which asking the server how far it came, and going on from there, helps."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An exam ready to be sent."""

    exam: Exam
    signal: SignalFormat
    digest: bytes
    data: memoryview

    @classmethod
    def pack(cls, exam: Exam, recording: Recording) -> Parcel:
        """View the samples as bytes and take their digest."""
        samples: Any = np.ascontiguousarray(recording.samples)
        data = memoryview(samples).cast("B")
        return cls(exam, recording.format, hashlib.sha256(data).digest(), data)

    def fits_one_frame(self, limits: m.Limits) -> bool:
        """Whether to send it whole; the metadata get the other half of the largest frame."""
        return len(self.data) <= min(SINGLE_FRAME_BYTES, limits.max_payload // 2)


async def send_whole(link: Link, parcel: Parcel) -> m.ExamStored:
    """Send an exam in one frame."""
    message = m.Upload(parcel.exam, parcel.signal, parcel.digest, parcel.data)
    return cast(m.ExamStored, await link.request(message))


class ChunkedUpload:
    """Sends an exam in chunks, as often as it takes.

    Attributes
    ----------
    received
        Bytes that the server is known to hold: whoever tries again sees from it whether trying helps.
    """

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.received = 0

    async def send(self, link: Link) -> m.ExamStored:
        """Ask how far the server came, send the rest, and have it stored."""
        parcel = self.parcel
        begin = m.UploadBegin(parcel.exam, parcel.signal, parcel.digest)
        state = cast(m.UploadState, await link.request(begin))
        if state.status is m.UploadStatus.STORED:
            return m.ExamStored(state.exam_id, parcel.exam.uuid, already_stored=True)
        self.received = state.received
        async for reply in self._chunks(link, state.received):
            self.received = reply.received
        return cast(m.ExamStored, await link.request(m.UploadCommit(parcel.exam.uuid)))

    async def _chunks(self, link: Link, start: int) -> AsyncIterator[m.UploadState]:
        size = min(CHUNK_BYTES, link.info.limits.max_payload // 2)
        under_way: deque[asyncio.Task[object]] = deque()
        try:
            for offset in range(start, len(self.parcel.data), size):
                data = self.parcel.data[offset : offset + size]
                chunk = m.UploadChunk(self.parcel.exam.uuid, offset, data)
                under_way.append(asyncio.create_task(link.request(chunk)))
                if len(under_way) == CHUNKS_UNDER_WAY:
                    yield cast(m.UploadState, await under_way.popleft())
            while under_way:
                yield cast(m.UploadState, await under_way.popleft())
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
