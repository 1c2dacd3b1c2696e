"""Events: who hears of what, in which order, and after which breaks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cardioserver.archive.database import Database
from cardioserver.archive.events import record_event
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import ErrorCode, EventKind
from cardioserver.server import pushes
from tests.server.conftest import Serve
from tests.server.fakes import HCF_ID
from tests.server.samples import eventually

ORDER = EventKind.ORDER
ALL = ~EventKind(0)


@pytest.fixture(autouse=True)
def _quick_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "POLL_SECONDS", 0.1)


def happen(database: Database, subject_id: int, kind: EventKind = ORDER, hcf_id: int = HCF_ID) -> m.Event:
    """Write an event, as another server on this database would."""
    with database.write() as connection:
        event = m.Event(0, kind, datetime.now(UTC), 0, subject_id, hcf_id)
        return record_event(connection, event, ())


async def test_events_come_in_order_with_their_content(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("doctor")
        await peer.ask(m.Subscribe(ALL))
        written = [happen(served.fakes.database, number) for number in range(5)]
        assert [await peer.push() for _ in written] == written


async def test_only_the_kinds_asked_for(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("doctor")
        await peer.ask(m.Subscribe(EventKind.CONCLUSION))
        happen(served.fakes.database, 1, EventKind.EXAM_STORED)
        happen(served.fakes.database, 2, EventKind.CONCLUSION)
        assert (await peer.push()).subject_id == 2


async def test_only_what_the_account_may_see(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as doctor, served.peer() as root:
        await doctor.login("doctor")
        await root.login("super_administrator")
        await doctor.ask(m.Subscribe(ALL))
        await root.ask(m.Subscribe(ALL))
        happen(served.fakes.database, 1, hcf_id=HCF_ID + 1)
        happen(served.fakes.database, 2)
        assert (await doctor.push()).subject_id == 2
        assert [(await root.push()).subject_id for _ in range(2)] == [1, 2]


async def test_an_administrator_may_not_subscribe(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("administrator")
        assert (await peer.ask(m.Subscribe(ALL))).code is ErrorCode.ACCESS_DENIED


async def test_the_reply_tells_after_which_event_pushes_come(serve: Serve) -> None:
    served = await serve()
    last = happen(served.fakes.database, 1)
    async with served.peer() as peer:
        await peer.login("doctor")
        assert await peer.ask(m.Subscribe(ALL)) == m.Subscribed(last.event_id)
        fresh = happen(served.fakes.database, 2)
        assert await peer.push() == fresh


async def test_missed_events_come_first(serve: Serve) -> None:
    served = await serve()
    known, *missed = (happen(served.fakes.database, number) for number in range(6))
    async with served.peer() as peer:
        await peer.login("doctor")
        assert await peer.ask(m.Subscribe(ALL, known.event_id)) == m.Subscribed(known.event_id)
        fresh = happen(served.fakes.database, 9)
        assert [await peer.push() for _ in range(6)] == [*missed, fresh]


async def test_more_missed_events_than_one_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "BATCH", 3)
    served = await serve()
    events = [happen(served.fakes.database, number) for number in range(11)]
    async with served.peer() as late, served.peer() as live:
        for peer, after in ((late, events[0].event_id), (live, 0)):
            await peer.login("doctor")
            await peer.ask(m.Subscribe(ALL, after))
        fresh = [happen(served.fakes.database, number) for number in range(7)]
        assert [await late.push() for _ in range(17)] == events[1:] + fresh
        assert [await live.push() for _ in range(7)] == fresh


async def test_who_does_not_read_misses_nothing(serve: Serve) -> None:
    served = await serve(limits={"write_bytes": 65_536, "requests_in_flight": 1000})
    signal = m.Hcfs(tuple(m.HcfRecord(n, "x" * 200, "") for n in range(20_000)))
    served.fakes.archive.answers[m.ListHcfs] = lambda *_: signal
    async with served.peer() as peer:
        await peer.login("doctor")
        await peer.ask(m.Subscribe(ALL))
        peer.writer.transport.pause_reading()
        request_ids = [peer.send(m.ListHcfs()) for _ in range(3)]
        await eventually(lambda: len(served.fakes.archive.calls) > 0, "a long reply is on its way")
        written = [happen(served.fakes.database, number) for number in range(5)]
        peer.writer.transport.resume_reading()
        for request_id in request_ids:
            await peer.reply(request_id)
        assert [await peer.push() for _ in written] == written


async def test_unsubscribing(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer, served.peer() as witness:
        for subscriber in (peer, witness):
            await subscriber.login("doctor")
            await subscriber.ask(m.Subscribe(ALL))
        assert await peer.ask(m.Unsubscribe()) == m.Done()
        happen(served.fakes.database, 1)
        await witness.push()
        await peer.ask(m.Ping())
        assert peer.pushes == []


async def test_logging_out_unsubscribes(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer, served.peer() as witness:
        for subscriber in (peer, witness):
            await subscriber.login("doctor")
            await subscriber.ask(m.Subscribe(ALL))
        await peer.ask(m.Logout())
        happen(served.fakes.database, 1)
        await witness.push()
        await peer.ask(m.Ping())
        assert peer.pushes == []


async def test_a_disabled_account_hears_nothing_more(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        account = (await peer.login("doctor")).account
        await peer.ask(m.Subscribe(ALL))
        served.fakes.authenticator.disabled.add(account.account_id)
        words = await peer.last_words()
        assert words is not None
        assert words.code is ErrorCode.SESSION_ENDED
        happen(served.fakes.database, 1)
        assert peer.pushes == []
