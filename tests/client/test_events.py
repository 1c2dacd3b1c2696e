"""Events: each once, in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio

import pytest

from cardioserver.client import Client, Retry, events
from cardioserver.client.errors import NotAllowed
from cardioserver.protocol import messages as m
from tests.client.peer import NOW, Peer, Talk

FAST = Retry(attempts=3, first=0.01, longest=0.05)


def client(port: int) -> Client:
    return Client("127.0.0.1", port, login="doctor", password="secret", retry=FAST)


def event(number: int) -> m.Event:
    return m.Event(number, m.EventKind.EXAM_STORED, NOW, number, 0, 1)


async def subscribed(talk: Talk, newest: int) -> int:
    """Greet and answer one subscription; returns what it asked for."""
    await talk.greet()
    request = await talk.receive(m.Subscribe)
    after = int(request.message.after_event_id)
    talk.reply(request, m.Subscribed(after or newest))
    return after


async def take(stream: events.EventStream, count: int) -> list[int]:
    async with asyncio.timeout(10):
        return [(await anext(stream)).event_id for _ in range(count)]


async def test_events_are_pushed() -> None:
    async def push(talk: Talk) -> None:
        await subscribed(talk, newest=10)
        for number in (11, 12, 13):
            talk.push(event(number))
        talk.reply(await talk.receive(m.Unsubscribe), m.Done())
        await talk.until_end()

    async with Peer(push).listening() as peer, client(peer.port) as doctor, doctor.events() as stream:
        assert await take(stream, 3) == [11, 12, 13]


async def test_after_a_break_it_goes_on_behind_the_last_event() -> None:
    asked: list[int] = []
    given_up = asyncio.Event()

    async def first(talk: Talk) -> None:
        asked.append(await subscribed(talk, newest=10))
        talk.push(event(11))
        talk.push(event(12))
        await talk.receive(m.Ping)
        await given_up.wait()  # or the ping would be repeated on the next connection
        talk.drop()

    async def second(talk: Talk) -> None:
        asked.append(await subscribed(talk, newest=99))
        for number in (13, 14):
            talk.push(event(number))
        await asyncio.Event().wait()

    async with Peer(first, second).listening() as peer, client(peer.port) as doctor:
        stream = doctor.events(m.EventKind.EXAM_STORED)
        assert await take(stream, 2) == [11, 12]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await doctor.ping()
        given_up.set()
        assert await take(stream, 2) == [13, 14]
    assert asked == [0, 12]


async def test_break_before_the_first_event_loses_nothing() -> None:
    asked: list[int] = []

    async def first(talk: Talk) -> None:
        asked.append(await subscribed(talk, newest=10))
        talk.drop()

    async def second(talk: Talk) -> None:
        asked.append(await subscribed(talk, newest=20))  # ten events happened in between
        talk.push(event(11))
        await asyncio.Event().wait()

    async with Peer(first, second).listening() as peer, client(peer.port) as doctor:
        assert await take(doctor.events(), 1) == [11]
    assert asked == [0, 10]


async def test_slow_reader_gets_all_events_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_WAITING", 5)
    asked: list[int] = []

    async def flood(talk: Talk) -> None:
        asked.append(await subscribed(talk, newest=0))
        for number in range(1, 21):
            talk.push(event(number))
        while True:
            request = await talk.receive()
            if isinstance(request.message, m.Ping):
                talk.reply(request, m.Pong(NOW))
                continue
            asked.append(request.message.after_event_id)
            talk.push(event(20))  # still of the old subscription
            talk.reply(request, m.Subscribed(request.message.after_event_id))
            for number in range(asked[-1] + 1, asked[-1] + 7):  # one more than fits
                talk.push(event(number))

    async with Peer(flood).listening() as peer, client(peer.port) as doctor:
        stream = doctor.events(after_event_id=-1)
        await stream.subscribe()
        await doctor.ping()  # everything pushed before has arrived
        assert await take(stream, 15) == list(range(1, 16))
    assert asked == [-1, 5, 10]


async def test_account_without_events_is_told() -> None:
    async def deny(talk: Talk) -> None:
        await talk.greet()
        talk.fail(await talk.receive(m.Subscribe), m.ErrorCode.ACCESS_DENIED)
        await talk.until_end()

    async with Peer(deny).listening() as peer, client(peer.port) as recorder:
        with pytest.raises(NotAllowed):
            await anext(recorder.events())


async def test_stream_outlives_an_outage_longer_than_the_attempts_of_a_request() -> None:
    async def drop(talk: Talk) -> None:
        talk.drop()

    async def push(talk: Talk) -> None:
        await subscribed(talk, newest=1)
        talk.push(event(2))
        await asyncio.Event().wait()

    outage = [drop] * 5
    async with Peer(*outage, push).listening() as peer:
        doctor = client(peer.port)
        stream = events.EventStream(
            doctor.ready, m.EventKind.EXAM_STORED, 0, Retry(attempts=100, first=0.01, longest=0.02)
        )
        doctor._events = stream
        assert await take(stream, 1) == [2]
        await doctor.close()


async def test_closing_the_client_ends_the_iteration() -> None:
    async def quiet(talk: Talk) -> None:
        await subscribed(talk, newest=1)
        await asyncio.Event().wait()

    async with Peer(quiet).listening() as peer:
        doctor = client(peer.port)
        stream = doctor.events()
        await stream.subscribe()
        reader = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0)
        await doctor.close()
        with pytest.raises((StopAsyncIteration, RuntimeError)):  # anext in a comprehension
            await reader


async def test_one_stream_a_client() -> None:
    async with Peer(subscribed_forever).listening() as peer, client(peer.port) as doctor:
        stream = doctor.events()
        await stream.subscribe()
        with pytest.raises(RuntimeError, match="already"):
            doctor.events()


async def subscribed_forever(talk: Talk) -> None:
    await subscribed(talk, newest=1)
    await asyncio.Event().wait()
