"""Stopping: nothing that was begun is lost, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import ErrorCode
from tests.server.conftest import Serve
from tests.server.samples import eventually, upload


async def test_idle_clients_are_told(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer, served.peer() as stranger:
        await peer.login("recorder")
        await stranger.hello()
        stopping = asyncio.create_task(served.server.stop(100))
        for each in (peer, stranger):
            words = await each.last_words()
            assert words is not None
            assert words.code is ErrorCode.SHUTTING_DOWN
            each.writer.close()
        async with asyncio.timeout(30):
            await stopping


async def test_requests_in_flight_are_finished(serve: Serve) -> None:
    served = await serve()
    served.fakes.ingest.open.clear()
    async with served.peer() as peer:
        await peer.login("recorder")
        request_id = peer.send(upload())
        await eventually(lambda: bool(served.fakes.ingest.waiting), "the upload is taken")
        stopping = asyncio.create_task(served.server.stop(10))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        served.fakes.ingest.let_go()
        assert isinstance(await peer.reply(request_id), m.ExamStored)
        words = await peer.last_words()
        assert words is not None
        assert words.code is ErrorCode.SHUTTING_DOWN
        peer.writer.close()
        await stopping


async def test_new_requests_are_not_begun(serve: Serve) -> None:
    served = await serve()
    served.fakes.ingest.open.clear()
    async with served.peer() as peer:
        await peer.login("recorder")
        first = peer.send(upload())
        await eventually(lambda: bool(served.fakes.ingest.waiting), "the upload is taken")
        stopping = asyncio.create_task(served.server.stop(10))
        await asyncio.sleep(0.05)
        peer.send(upload())
        await asyncio.sleep(0.05)
        served.fakes.ingest.let_go()
        assert isinstance(await peer.reply(first), m.ExamStored)
        await peer.read_to_end()
        peer.writer.close()
        await stopping
        assert len(served.fakes.ingest.stored) == 1


async def test_nobody_is_let_in_any_more(serve: Serve) -> None:
    served = await serve()
    await served.server.stop(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", served.port))


async def test_the_deadline_cuts_what_is_unfinished(serve: Serve) -> None:
    served = await serve()
    served.fakes.ingest.open.clear()
    async with served.peer() as peer:
        await peer.login("recorder")
        peer.send(upload())
        await eventually(lambda: bool(served.fakes.ingest.waiting), "the upload is taken")
        async with asyncio.timeout(30):
            await served.server.stop(0.2)
        assert await peer.read_to_end() == b""
        assert served.server.connections == 0
