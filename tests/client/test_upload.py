"""Uploads over connections that break, and servers that lose things."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from cardioserver.client import Client, Retry
from cardioserver.client.errors import Conflict, RequestRejected, Unavailable
from cardioserver.client.upload import CHUNK_BYTES, SINGLE_FRAME_BYTES
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.protocol import messages as m
from tests.client.peer import LIMITS, Peer, Talk, exam, recording

FAST = Retry(attempts=3, first=0.01, longest=0.05)
SMALL = recording(1000)
LARGE = recording(60_000)  # 1.44 MB
EXAM = exam()


def client(port: int) -> Client:
    return Client("127.0.0.1", port, login="recorder", password="secret", retry=FAST)


class Store:
    """What a server holds of the uploads; its methods are the steps of scripts."""

    def __init__(self) -> None:
        self.data: dict[UUID, bytearray] = {}
        self.stored: dict[UUID, bytes] = {}
        self.begins = 0
        self.chunk_bytes = 0

    async def serve(self, talk: Talk, *, chunks: int = 10**9) -> None:
        """Do all that a good server does, but break the connection after so many chunks."""
        await talk.greet()
        while True:
            request = await talk.receive()
            match request.message:
                case m.Upload() as upload:
                    self.stored[upload.exam.uuid] = bytes(upload.data)
                    assert hashlib.sha256(upload.data).digest() == upload.digest
                    talk.reply(request, m.ExamStored(77, upload.exam.uuid, False))
                case m.UploadBegin() as begin:
                    self.begins += 1
                    held = self.data.setdefault(begin.exam.uuid, bytearray())
                    talk.reply(request, m.UploadState(m.UploadStatus.RECEIVING, len(held), 0))
                case m.UploadChunk() as chunk:
                    if chunks == 0:
                        talk.drop()
                        return
                    chunks -= 1
                    self.chunk_bytes += len(chunk.data)
                    held = self.data[chunk.exam_uuid]
                    assert chunk.offset == len(held)
                    held += chunk.data
                    talk.reply(request, m.UploadState(m.UploadStatus.RECEIVING, len(held), 0))
                case m.UploadCommit(uuid):
                    self.stored[uuid] = bytes(self.data[uuid])
                    talk.reply(request, m.ExamStored(78, uuid, False))
                case other:
                    raise AssertionError(other)


def wire_bytes(ecg: Recording) -> bytes:
    return ecg.samples.tobytes()


async def test_small_exam_goes_in_one_frame() -> None:
    store = Store()
    async with Peer(store.serve).listening() as peer, client(peer.port) as recorder:
        stored = await recorder.upload(EXAM, SMALL)
    assert stored == m.ExamStored(77, EXAM.uuid, False)
    assert store.stored[EXAM.uuid] == wire_bytes(SMALL)
    assert store.begins == 0


async def test_large_exam_goes_in_chunks() -> None:
    assert LARGE.format.byte_count > SINGLE_FRAME_BYTES
    store = Store()
    async with Peer(store.serve).listening() as peer, client(peer.port) as recorder:
        stored = await recorder.upload(EXAM, LARGE)
    assert stored.exam_id == 78
    assert store.stored[EXAM.uuid] == wire_bytes(LARGE)


async def test_server_with_small_frames_gets_chunks() -> None:
    store = Store()
    limits = replace(LIMITS, max_payload=16_384)
    async with Peer(store.serve, limits=limits).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, SMALL)  # 24 KB
    assert store.stored[EXAM.uuid] == wire_bytes(SMALL)
    assert store.begins == 1


async def test_broken_upload_goes_on_where_it_stopped() -> None:
    store = Store()

    async def breaking(talk: Talk) -> None:
        await store.serve(talk, chunks=4)

    async with Peer(breaking, breaking, store.serve).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, LARGE)
    assert store.stored[EXAM.uuid] == wire_bytes(LARGE)
    assert store.chunk_bytes == LARGE.format.byte_count  # no byte was taken twice
    assert store.begins == 3


async def test_attempts_that_get_further_do_not_count() -> None:
    """One chunk a connection: far more connections than attempts, and yet it ends well."""
    store = Store()

    async def one_chunk(talk: Talk) -> None:
        await store.serve(talk, chunks=1)

    async with Peer(one_chunk).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, LARGE)
        assert peer.connections > FAST.attempts
    assert store.stored[EXAM.uuid] == wire_bytes(LARGE)
    assert LARGE.format.byte_count / CHUNK_BYTES > FAST.attempts


async def test_single_frame_that_broke_is_resumed() -> None:
    store = Store()

    async def drop(talk: Talk) -> None:
        await talk.greet()
        upload = (await talk.receive(m.Upload)).message
        store.data[upload.exam.uuid] = bytearray(upload.data[:5000])
        talk.drop()

    async with Peer(drop, store.serve).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, SMALL)
    assert store.stored[EXAM.uuid] == wire_bytes(SMALL)
    assert store.chunk_bytes == SMALL.format.byte_count - 5000


async def test_stored_but_the_answer_was_lost() -> None:
    async def drop(talk: Talk) -> None:
        await talk.greet()
        await talk.receive(m.Upload)
        talk.drop()

    async def has_it(talk: Talk) -> None:
        await talk.greet()
        request = await talk.receive(m.UploadBegin)
        talk.reply(request, m.UploadState(m.UploadStatus.STORED, SMALL.format.byte_count, 77))
        await talk.until_end()

    async with Peer(drop, has_it).listening() as peer, client(peer.port) as recorder:
        assert await recorder.upload(EXAM, SMALL) == m.ExamStored(77, EXAM.uuid, True)


@pytest.mark.parametrize(
    "code",
    [
        m.ErrorCode.UPLOAD_UNKNOWN,
        m.ErrorCode.UPLOAD_OFFSET,
        m.ErrorCode.UPLOAD_INCOMPLETE,
        m.ErrorCode.DIGEST_MISMATCH,
    ],
)
async def test_server_that_lost_its_place_is_asked_again(code: m.ErrorCode) -> None:
    store = Store()

    async def forgetful(talk: Talk) -> None:
        await talk.greet()
        begin = await talk.receive(m.UploadBegin)
        talk.reply(begin, m.UploadState(m.UploadStatus.RECEIVING, 0, 0))
        talk.fail(await talk.receive(m.UploadChunk), code)
        while True:
            request = await talk.receive()
            if isinstance(request.message, m.UploadBegin):
                talk.drop()  # asked again: let a good server go on
                return
            talk.fail(request, code)

    async with Peer(forgetful, store.serve).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, LARGE)
    assert store.stored[EXAM.uuid] == wire_bytes(LARGE)


async def test_upload_that_never_gets_further_is_given_up() -> None:
    async def hopeless(talk: Talk) -> None:
        await talk.greet()
        while True:
            talk.fail(await talk.receive(m.Upload), m.ErrorCode.DIGEST_MISMATCH)

    async with Peer(hopeless).listening() as peer, client(peer.port) as recorder:
        with pytest.raises(RequestRejected):
            await recorder.upload(EXAM, SMALL)


@pytest.mark.parametrize(
    ("code", "error"),
    [(m.ErrorCode.STORAGE_FULL, Unavailable), (m.ErrorCode.UUID_REUSED, Conflict)],
)
async def test_answers_that_trying_again_does_not_change(code: m.ErrorCode, error: type[Exception]) -> None:
    async def refuse(talk: Talk) -> None:
        await talk.greet()
        talk.fail(await talk.receive(m.Upload), code)
        await talk.until_end()

    async with Peer(refuse).listening() as peer, client(peer.port) as recorder:
        with pytest.raises(error):
            await recorder.upload(EXAM, SMALL)


async def test_many_uploads_at_once_on_one_connection() -> None:
    store = Store()
    exams = [exam(number) for number in range(1, 31)]
    ecgs = [recording(600 + number) for number in range(30)]
    async with Peer(store.serve).listening() as peer, client(peer.port) as recorder:
        await asyncio.gather(*map(recorder.upload, exams, ecgs))
        assert peer.connections == 1
    assert store.stored == {e.uuid: wire_bytes(r) for e, r in zip(exams, ecgs, strict=True)}


async def test_samples_go_lead_after_lead_whatever_their_memory_looks_like() -> None:
    store = Store()
    interleaved = np.arange(1000, dtype=np.int16).reshape(500, 2).T
    ecg = Recording(SignalFormat(500.0, (Lead.I, Lead.II), (1.0, 1.0), 16, 500), interleaved)
    async with Peer(store.serve).listening() as peer, client(peer.port) as recorder:
        await recorder.upload(EXAM, ecg)
    assert store.stored[EXAM.uuid][:6] == np.array([0, 2, 4], "<i2").tobytes()
