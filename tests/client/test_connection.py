"""Connecting, asking, and what happens when the other side does not behave."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from cardioserver.client import ONCE, Client, Retry, Timeouts
from cardioserver.client.errors import (
    ClientClosed,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    LoginRejected,
    NotFound,
    ProtocolViolation,
    ReplyTimeout,
    Unavailable,
)
from cardioserver.ecg.patient import Patient
from cardioserver.protocol import messages as m
from tests.client.peer import LIMITS, NOW, Peer, Talk

FAST = Retry(attempts=4, first=0.01, longest=0.05)
HASTY = Timeouts(connect=0.3, reply=0.3)


def client(port: int, retry: Retry = FAST, timeouts: Timeouts | None = None) -> Client:
    return Client("127.0.0.1", port, login="recorder", password="secret", retry=retry, timeouts=timeouts)


async def answer_pings(talk: Talk) -> None:
    await talk.greet()
    while True:
        talk.reply(await talk.receive(m.Ping), m.Pong(NOW))


async def ignore(talk: Talk) -> None:
    await talk.greet()
    await talk.receive()
    await asyncio.Event().wait()


# ---------------------------------------------------------------- connecting


async def test_nobody_listens(free_port: int) -> None:
    with pytest.raises(ConnectError, match=f"127.0.0.1:{free_port}: nobody listens") as caught:
        await client(free_port).connect()
    assert "никто не слушает" in caught.value.say("ru")


async def test_unknown_host() -> None:
    with pytest.raises(ConnectError, match="unknown host name"):
        await Client("no-such-host.invalid", retry=ONCE).connect()


async def test_silent_listener_costs_only_the_connect_timeout() -> None:
    async def silent(talk: Talk) -> None:
        await asyncio.Event().wait()

    async with Peer(silent).listening() as peer:
        with pytest.raises(ConnectTimeout, match=r"within 0\.3 s"):
            await client(peer.port, timeouts=HASTY).connect()


async def test_other_protocol() -> None:
    async def http(talk: Talk) -> None:
        talk.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with Peer(http).listening() as peer:
        with pytest.raises(ProtocolViolation, match="does not speak the protocol"):
            await client(peer.port).connect()


async def test_server_is_full() -> None:
    async def full(talk: Talk) -> None:
        await talk.receive(m.Hello)
        talk.fail(None, m.ErrorCode.TOO_MANY_CONNECTIONS)
        await asyncio.Event().wait()

    async with Peer(full).listening() as peer:
        with pytest.raises(Unavailable) as caught:
            await client(peer.port).connect()
    assert caught.value.code is m.ErrorCode.TOO_MANY_CONNECTIONS


async def test_wrong_password_is_not_tried_again() -> None:
    async def refuse(talk: Talk) -> None:
        await talk.greet(login=False)
        talk.fail(await talk.receive(m.Login), m.ErrorCode.LOGIN_FAILED)
        await talk.until_end()

    async with Peer(refuse).listening() as peer:
        with pytest.raises(LoginRejected):
            await client(peer.port).ping()
        assert peer.connections == 1


async def test_password_is_in_no_repr_and_no_error(free_port: int) -> None:
    person = client(free_port, retry=ONCE)
    with pytest.raises(ConnectError) as caught:
        await person.ping()
    assert "secret" not in repr(vars(person)) + repr(caught.value)


# ---------------------------------------------------------------- asking


async def test_many_requests_on_one_connection_answered_in_any_order() -> None:
    async def backwards(talk: Talk) -> None:
        await talk.greet()
        for request in reversed([await talk.receive(m.ListConclusions) for _ in range(20)]):
            number = request.message.exam_id
            said = m.Conclusion(number, UUID(int=1), number, 1, "", 1, NOW, str(number))
            talk.reply(request, m.Conclusions((said,)))
        await talk.until_end()

    async with Peer(backwards).listening() as peer, client(peer.port) as person:
        replies = await asyncio.gather(*(person.list_conclusions(number) for number in range(1, 21)))
        assert [reply[0].text for reply in replies] == [str(number) for number in range(1, 21)]
        assert peer.connections == 1


async def test_no_more_requests_under_way_than_the_server_allows() -> None:
    async def in_pairs(talk: Talk) -> None:
        await talk.greet()
        for _ in range(5):  # a third request before a reply would be refused by the protocol
            for request in [await talk.receive(m.Ping) for _ in range(2)]:
                talk.reply(request, m.Pong(NOW))
        await talk.until_end()

    limits = replace(LIMITS, max_in_flight=2)
    async with Peer(in_pairs, limits=limits).listening() as peer, client(peer.port) as person:
        await asyncio.gather(*(person.ping() for _ in range(10)))


async def test_a_request_that_was_given_up_keeps_its_place_until_its_reply() -> None:
    given_up = asyncio.Event()

    async def late(talk: Talk) -> None:
        await talk.greet()
        first = await talk.receive(m.ListHcfs)
        await given_up.wait()
        talk.reply(first, m.Hcfs(()))
        talk.reply(await talk.receive(m.Ping), m.Pong(NOW))
        await talk.until_end()

    limits = replace(LIMITS, max_in_flight=1)
    async with Peer(late, limits=limits).listening() as peer, client(peer.port) as person:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await person.list_hcfs()
        ping = asyncio.create_task(person.ping())
        given_up.set()
        assert (await ping).server_time == NOW
        assert peer.connections == 1


async def test_error_reply_says_code_and_both_texts() -> None:
    async def deny(talk: Talk) -> None:
        await talk.greet()
        talk.fail(await talk.receive(m.GetExam), m.ErrorCode.NOT_FOUND)
        await talk.until_end()

    async with Peer(deny).listening() as peer, client(peer.port) as person:
        with pytest.raises(NotFound) as caught:
            await person.get_exam(5)
    assert caught.value.code is m.ErrorCode.NOT_FOUND
    assert (caught.value.say("en"), caught.value.say("ru")) == ("No.", "Нет.")


async def test_pages_are_followed_to_the_end() -> None:
    async def pages(talk: Talk) -> None:
        await talk.greet()
        for cursor, following in (("", "a"), ("a", "b"), ("b", "")):
            request = await talk.receive(m.FindPatients)
            assert (request.message.cursor, request.message.number) == (cursor, "4")
            talk.reply(request, m.PatientPage((m.PatientRecord(1, 1, Patient(f"4{cursor}")),), following))
        await talk.until_end()

    async with Peer(pages).listening() as peer, client(peer.port) as person:
        found = [record.patient.number async for record in person.find_patients(m.FindPatients(number="4"))]
    assert found == ["4", "4a", "4b"]


# ---------------------------------------------------------------- broken connections


async def test_reads_are_repeated_on_a_new_connection_after_a_new_login() -> None:
    async def drop(talk: Talk) -> None:
        await talk.greet()
        await talk.receive(m.Ping)
        talk.drop()

    async with Peer(drop, drop, answer_pings).listening() as peer, client(peer.port) as person:
        assert (await person.ping()).server_time == NOW
        assert peer.connections == 3


async def test_waiting_requests_share_one_reconnect() -> None:
    async def drop(talk: Talk) -> None:
        await talk.greet()
        for _ in range(8):
            await talk.receive(m.Ping)
        talk.drop()

    async with Peer(drop, answer_pings).listening() as peer, client(peer.port) as person:
        await asyncio.gather(*(person.ping() for _ in range(8)))
        assert peer.connections == 2


async def test_an_order_is_not_sent_twice() -> None:
    async def drop(talk: Talk) -> None:
        await talk.greet()
        await talk.receive(m.CreateOrder)
        talk.drop()

    async with Peer(drop, answer_pings).listening() as peer, client(peer.port) as person:
        with pytest.raises(ConnectionLost, match="broke"):
            await person.create_order(m.CreateOrder(Patient("1")))
        await person.ping()
        assert peer.connections == 2


async def test_what_the_server_refused_to_begin_is_sent_again() -> None:
    patient = Patient("1")

    async def busy(talk: Talk) -> None:
        await talk.greet()
        talk.fail(await talk.receive(m.CreateOrder), m.ErrorCode.BUSY)
        request = await talk.receive(m.CreateOrder)
        talk.reply(request, m.Order(9, "A1", 1, m.OrderStatus.NEW, patient, NOW, None, "", 0, 0, ""))
        await talk.until_end()

    async with Peer(busy).listening() as peer, client(peer.port) as person:
        assert (await person.create_order(m.CreateOrder(patient))).order_id == 9


async def test_attempts_end() -> None:
    async def busy(talk: Talk) -> None:
        await talk.greet()
        for _ in range(FAST.attempts):
            talk.fail(await talk.receive(m.Ping), m.ErrorCode.BUSY)
        await talk.until_end()

    async with Peer(busy).listening() as peer, client(peer.port) as person:
        with pytest.raises(Unavailable):
            await person.ping()


async def test_advice_to_wait_is_followed() -> None:
    async def wait(talk: Talk) -> None:
        await talk.greet()
        talk.fail(await talk.receive(m.Ping), m.ErrorCode.BUSY, retry_after=1)
        talk.reply(await talk.receive(m.Ping), m.Pong(NOW))
        await talk.until_end()

    async with Peer(wait).listening() as peer, client(peer.port) as person:
        before = asyncio.get_running_loop().time()
        await person.ping()
        assert asyncio.get_running_loop().time() - before >= 1


async def test_dead_connection_is_found_out_and_replaced() -> None:
    async with Peer(ignore, answer_pings).listening() as peer, client(peer.port, timeouts=HASTY) as person:
        assert (await person.ping()).server_time == NOW
        assert peer.connections == 2


async def test_slow_reply_on_a_live_connection_is_no_reason_to_drop_it() -> None:
    async def slow(talk: Talk) -> None:
        await talk.greet()
        while True:
            request = await talk.receive()
            if isinstance(request.message, m.Ping):
                talk.reply(request, m.Pong(NOW))

    async with Peer(slow).listening() as peer, client(peer.port, timeouts=HASTY) as person:
        listing = asyncio.create_task(person.list_hcfs())
        while not listing.done():
            await person.ping()
        with pytest.raises(ReplyTimeout, match="ListHcfs"):
            await listing
        await person.ping()
        assert peer.connections == 1


async def test_slow_reply_without_other_traffic_is_told_from_a_dead_connection() -> None:
    """The client asks by itself whether the server lives."""

    async def slow(talk: Talk) -> None:
        await talk.greet()
        while True:
            request = await talk.receive()
            if isinstance(request.message, m.Ping):
                talk.reply(request, m.Pong(NOW))

    async with Peer(slow).listening() as peer, client(peer.port, timeouts=HASTY) as person:
        with pytest.raises(ReplyTimeout, match="ListHcfs"):
            await person.list_hcfs()
        assert peer.connections == 1


async def test_idle_connection_is_kept_alive() -> None:
    pinged = asyncio.Event()

    async def expect_ping(talk: Talk) -> None:
        await talk.greet()
        talk.reply(await talk.receive(m.Ping), m.Pong(NOW))
        pinged.set()
        await asyncio.Event().wait()

    timeouts = Timeouts(keep_alive=0.05)
    async with Peer(expect_ping).listening() as peer, client(peer.port, timeouts=timeouts):
        async with asyncio.timeout(30):
            await pinged.wait()


async def test_server_stops_with_a_word() -> None:
    async def stop(talk: Talk) -> None:
        await talk.greet()
        await talk.receive(m.Ping)
        talk.fail(None, m.ErrorCode.SHUTTING_DOWN)
        await talk.until_end()

    async with Peer(stop, answer_pings).listening() as peer, client(peer.port) as person:
        await person.ping()
        assert peer.connections == 2


# ---------------------------------------------------------------- the end


async def test_close_ends_what_is_awaited() -> None:
    async with Peer(ignore).listening() as peer:
        person = client(peer.port)
        await person.connect()
        waiting = asyncio.create_task(person.list_hcfs())
        await asyncio.sleep(0)
        await person.close()
        with pytest.raises((ConnectionLost, ClientClosed)):
            await waiting
        with pytest.raises(ClientClosed):
            await person.ping()


async def test_second_login_ends_the_first_session() -> None:
    async def sessions(talk: Talk) -> None:
        await talk.greet()
        talk.reply(await talk.receive(m.Logout), m.Done())
        request = await talk.receive(m.Login)
        assert request.message.login == "doctor"
        talk.reply(request, m.LoggedIn(m.Account(8, "doctor", m.Role.DOCTOR, 1, ""), "", 0))
        talk.drop()

    async def again(talk: Talk) -> None:
        await talk.greet(login=False)
        request = await talk.receive(m.Login)
        assert request.message.login == "doctor"  # the session that is restored is the last one
        talk.reply(request, m.LoggedIn(m.Account(8, "doctor", m.Role.DOCTOR, 1, ""), "", 0))
        talk.reply(await talk.receive(m.Ping), m.Pong(NOW))
        await talk.until_end()

    async with Peer(sessions, again).listening() as peer, client(peer.port) as person:
        await person.login("doctor", "another secret")
        assert person.account is not None
        assert person.account.account.role is m.Role.DOCTOR
        await person.ping()


def test_errors_are_one_tree() -> None:
    """The tree in the docstring is the tree of the classes."""
    from cardioserver.client import errors

    assert errors.__doc__ is not None
    drawn = {word for line in errors.__doc__.splitlines() for word in line.split()[:4] if word[:1].isupper()}
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    named = {name for name in classes if issubclass(getattr(errors, name), errors.ClientError)}
    assert named <= drawn
    assert Path(errors.__file__).name == "errors.py"
