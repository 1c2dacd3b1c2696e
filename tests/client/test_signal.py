"""Reading samples back."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cardioserver.client import Client, Retry
from cardioserver.client.errors import DigestError
from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import Request
from tests.client.peer import Peer, Talk, recording

FAST = Retry(attempts=3, first=0.01, longest=0.05)
ECG = recording(20_000)
DATA = ECG.samples.tobytes()
WHOLE = m.Signal(5, 0, ECG.format, hashlib.sha256(DATA).digest(), DATA)


def client(port: int) -> Client:
    return Client("127.0.0.1", port, login="doctor", password="secret", retry=FAST)


def reply_in_parts(talk: Talk, request: Request, signal: m.Signal, parts: int) -> None:
    """All parts but the last; the caller sends that, or does not."""
    size = len(signal.data) // parts
    for number in range(parts - 1):
        part = replace(signal, data=signal.data[number * size : (number + 1) * size])
        talk.reply(request, part, more=True)


def last_part(signal: m.Signal, parts: int) -> m.Signal:
    return replace(signal, data=signal.data[len(signal.data) // parts * (parts - 1) :])


@pytest.mark.parametrize("parts", [1, 2, 7])
async def test_parts_are_joined(parts: int) -> None:
    async def send(talk: Talk) -> None:
        await talk.greet()
        request = await talk.receive(m.GetSignal)
        reply_in_parts(talk, request, WHOLE, parts)
        talk.reply(request, last_part(WHOLE, parts))
        await talk.until_end()

    async with Peer(send).listening() as peer, client(peer.port) as doctor:
        ecg = await doctor.get_signal(5)
    assert ecg.format == ECG.format
    assert np.array_equal(ecg.samples, ECG.samples)


async def test_parts_of_two_signals_may_mix() -> None:
    import asyncio

    async def send(talk: Talk) -> None:
        await talk.greet()
        first, second = await talk.receive(m.GetSignal), await talk.receive(m.GetSignal)
        other = replace(WHOLE, exam_id=6)
        for request, signal in ((first, WHOLE), (second, other)):
            reply_in_parts(talk, request, signal, 3)
        for request, signal in ((second, other), (first, WHOLE)):
            talk.reply(request, last_part(signal, 3))
        await talk.until_end()

    async with Peer(send).listening() as peer, client(peer.port) as doctor:
        for ecg in await asyncio.gather(doctor.get_signal(5), doctor.get_signal(6)):
            assert np.array_equal(ecg.samples, ECG.samples)


async def test_wrong_digest_is_noticed() -> None:
    async def lie(talk: Talk) -> None:
        await talk.greet()
        request = await talk.receive(m.GetSignal)
        talk.reply(request, replace(WHOLE, data=b"\0\0" + DATA[2:]))
        await talk.until_end()

    async with Peer(lie).listening() as peer, client(peer.port) as doctor:
        with pytest.raises(DigestError, match="exam 5"):
            await doctor.get_signal(5)


async def test_signal_that_broke_off_is_read_again_from_its_beginning() -> None:
    async def half(talk: Talk) -> None:
        await talk.greet()
        reply_in_parts(talk, await talk.receive(m.GetSignal), WHOLE, 2)
        talk.drop()

    async def whole(talk: Talk) -> None:
        await talk.greet()
        talk.reply(await talk.receive(m.GetSignal), WHOLE)
        await talk.until_end()

    async with Peer(half, whole).listening() as peer, client(peer.port) as doctor:
        assert np.array_equal((await doctor.get_signal(5)).samples, ECG.samples)
