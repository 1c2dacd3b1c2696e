"""One connection: what a peer may do, and what it costs."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from uuid import uuid4

import pytest

from cardioserver.archive.errors import UploadOffset
from cardioserver.protocol import messages as m
from cardioserver.protocol.frames import Flags, frame
from cardioserver.protocol.messages import ErrorCode
from tests.server.conftest import Serve
from tests.server.peer import Peer
from tests.server.samples import eventually, signal_of, upload


async def test_hello_login_ping(serve: Serve) -> None:
    served = await serve(server={"server_type": "branch", "update_url": "https://updates.example"})
    async with served.peer() as peer:
        info = await peer.hello()
        assert (info.server_id, info.server_type, info.update_url) == (7, "branch", "https://updates.example")
        assert info.capabilities == m.Capability.ALL
        assert isinstance(await peer.ask(m.Ping()), m.Pong)
        logged_in = await peer.ask(m.Login("doctor", "secret"))
        assert logged_in.account.role is m.Role.DOCTOR
        assert isinstance(await peer.ask(m.Ping()), m.Pong)


async def test_a_wrong_password_leaves_the_connection(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.hello()
        assert (await peer.ask(m.Login("doctor", "guess"))).code is ErrorCode.LOGIN_FAILED
        assert isinstance(await peer.ask(m.Login("doctor", "secret")), m.LoggedIn)


async def test_logout_ends_the_session_only(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("doctor")
        assert await peer.ask(m.Logout()) == m.Done()
        assert isinstance(await peer.ask(m.Ping()), m.Pong)
        assert isinstance(await peer.ask(m.Login("viewer", "secret")), m.LoggedIn)


async def test_changing_the_password(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("doctor")
        assert (await peer.ask(m.ChangePassword("wrong", "new"))).code is ErrorCode.LOGIN_FAILED
        assert await peer.ask(m.ChangePassword("secret", "new")) == m.Done()


async def test_replies_come_as_they_are_ready(serve: Serve) -> None:
    served = await serve()
    hold = threading.Event()
    served.fakes.archive.answers[m.ListHcfs] = lambda *_: hold.wait(20) and m.Hcfs(())
    async with served.peer() as peer:
        await peer.login("doctor")
        slow = peer.send(m.ListHcfs())
        quick = peer.send(m.Ping())
        await peer.reply(quick)
        hold.set()
        assert await peer.reply(slow) == m.Hcfs(())
        assert peer.answered[-2:] == [quick, slow]


async def test_an_error_names_field_and_offset(serve: Serve) -> None:
    served = await serve()

    def refuse(*_: object) -> None:
        raise UploadOffset("here", detail=4096)

    served.fakes.archive.answers[m.ListHcfs] = refuse
    async with served.peer() as peer:
        await peer.login("doctor")
        error = await peer.ask(m.ListHcfs())
        assert (error.code, error.detail) == (ErrorCode.UPLOAD_OFFSET, 4096)
        assert error.text_en
        assert error.text_ru


async def test_a_failure_of_the_server_tells_nothing_and_is_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve()

    def fail(*_: object) -> None:
        raise RuntimeError("Ivanova Maria 1961")

    served.fakes.archive.answers[m.ListHcfs] = fail
    async with served.peer() as peer:
        await peer.login("doctor")
        error = await peer.ask(m.ListHcfs())
        assert error.code is ErrorCode.INTERNAL
        assert "Ivanova" not in error.text_en + error.text_ru
        assert isinstance(await peer.ask(m.Ping()), m.Pong)
    assert any(record.getMessage() == "request failed" for record in caplog.records)


async def test_an_unsendable_reply_is_an_error_and_not_silence(serve: Serve) -> None:
    served = await serve()
    served.fakes.archive.answers[m.ListHcfs] = lambda *_: m.Done()
    async with served.peer() as peer:
        await peer.login("doctor")
        assert (await peer.ask(m.ListHcfs())).code is ErrorCode.INTERNAL


async def test_bad_input_costs_one_request(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("recorder")
        good = upload()
        bad = replace(good, data=bytes(good.data)[:-2])
        answer = await peer.ask(bad)
        assert (answer.code, answer.field) == (ErrorCode.INVALID_FIELD, "signal.sample_count")
        assert isinstance(await peer.ask(good), m.ExamStored)


async def test_an_unknown_message_costs_one_request(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("recorder")
        peer.send_bytes(b"".join(frame(0x7777, Flags.NONE, 99, [b"what is this"])))
        peer.connection._in_flight[99] = 0x7777
        assert (await peer.reply(99)).code is ErrorCode.UNKNOWN_MESSAGE
        assert isinstance(await peer.ask(m.Ping()), m.Pong)


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.BAD_MAGIC),
        (b"\x89ECG" + b"\xff" * 20, ErrorCode.BAD_CRC),
        (b"".join(frame(2, Flags.NONE, 0, [b""])), ErrorCode.BAD_HEADER),
        (b"".join(frame(2, Flags.REPLY, 5, [b""])), ErrorCode.BAD_HEADER),
    ],
)
@pytest.mark.parametrize("logged_in", [False, True])
async def test_a_broken_stream_is_told_why_and_closed(
    serve: Serve, garbage: bytes, code: ErrorCode, logged_in: bool
) -> None:
    served = await serve()
    async with served.peer() as peer:
        if logged_in:
            await peer.login("recorder")
        peer.send_bytes(garbage + b"x" * 100_000)  # what follows must not reset the last words away
        words = await peer.last_words()
        assert words is not None
        assert words.code is code
    async with served.peer() as peer:
        await peer.hello()


async def test_a_frame_beyond_the_limit(serve: Serve) -> None:
    served = await serve(limits={"frame_bytes": 64 * 1024})
    async with served.peer() as peer:
        await peer.login("recorder")
        header = frame(0x13, Flags.NONE, 9, [b"\0" * 65_537])[0][:24]
        peer.send_bytes(header)
        words = await peer.last_words()
        assert words is not None
        assert words.code is ErrorCode.FRAME_TOO_LARGE


async def test_before_the_login_only_login(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.hello()
        peer.connection.state = peer.connection.state.AUTHENTICATED
        assert (await peer.ask(m.ListHcfs())).code is ErrorCode.LOGIN_REQUIRED
        assert served.fakes.archive.calls == []


async def test_a_role_without_the_right_uploads_nothing(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("viewer")
        whole = upload()
        steps = (
            m.UploadBegin(whole.exam, whole.signal, whole.digest),
            m.UploadChunk(whole.exam.uuid, 0, b"\0\0"),
            m.UploadCommit(whole.exam.uuid),
            m.UploadAbort(whole.exam.uuid),
        )
        for request in (whole, *steps):
            assert (await peer.ask(request)).code is ErrorCode.ACCESS_DENIED
        assert (served.fakes.ingest.stored, served.fakes.ingest.steps) == ([], [])


async def test_upload_steps_are_done_in_the_order_sent(serve: Serve) -> None:
    served = await serve()
    whole = upload(5000)
    uuid, data = whole.exam.uuid, bytes(whole.data)
    async with served.peer() as peer:
        await peer.login("recorder")
        ids = [peer.send(m.UploadBegin(whole.exam, whole.signal, whole.digest))]
        ids += [peer.send(m.UploadChunk(uuid, at, data[at : at + 4000])) for at in range(0, len(data), 4000)]
        ids.append(peer.send(m.UploadCommit(uuid)))
        answers = [await peer.reply(request_id) for request_id in ids]
    assert isinstance(answers[-1], m.ExamStored)
    steps = served.fakes.ingest.steps
    assert [type(step) for step in steps] == [m.UploadBegin] + [m.UploadChunk] * 30 + [m.UploadCommit]
    assert b"".join(bytes(step.data) for step in steps[1:-1]) == data


async def test_a_long_signal_comes_in_parts(serve: Serve) -> None:
    served = await serve()
    signal = signal_of(100_000)
    served.fakes.archive.answers[m.GetSignal] = lambda *_: signal
    async with served.peer() as peer:
        await peer.login("doctor")
        parts = await peer.parts(peer.send(m.GetSignal(1)))
        assert len(parts) > 1
        assert b"".join(bytes(part.data) for part in parts) == bytes(signal.data)


async def test_requests_beyond_the_limit_wait(serve: Serve) -> None:
    served = await serve(limits={"requests_in_flight": 4})
    served.fakes.ingest.open.clear()
    async with served.peer() as peer:
        await peer.login("recorder")
        peer.connection.info = replace(  # a client that does not keep to the limit
            peer.connection.info, limits=replace(peer.connection.info.limits, max_in_flight=1000)
        )
        uploads = [peer.send(upload()) for _ in range(10)]
        await eventually(lambda: len(served.fakes.ingest.stored) == 4, "four uploads are taken")
        await asyncio.sleep(0.1)
        assert len(served.fakes.ingest.stored) == 4
        served.fakes.ingest.open.set()
        served.fakes.ingest.let_go()
        for request_id in uploads:
            assert isinstance(await peer.reply(request_id), m.ExamStored)


async def test_upload_bytes_of_all_connections_are_bounded(serve: Serve) -> None:
    served = await serve(limits={"upload_bytes_in_flight": 1 << 20, "frame_bytes": 1 << 20})
    ingest = served.fakes.ingest
    ingest.open.clear()
    peers = [served.peer() for _ in range(6)]
    try:
        for peer in peers:
            await peer.__aenter__()
            await peer.login("recorder")
        uploads = [peer.send(upload(16_000)) for peer in peers]  # 384 000 bytes each: two fit
        await eventually(lambda: len(ingest.stored) == 2, "two uploads are taken")
        await asyncio.sleep(0.1)
        assert len(ingest.stored) == 2
        ingest.open.set()
        ingest.let_go()
        for peer, request_id in zip(peers, uploads, strict=True):
            assert isinstance(await peer.reply(request_id), m.ExamStored)
        assert served.server.upload_bytes_in_flight == 0
    finally:
        for peer in peers:
            await peer.__aexit__()


async def test_a_vanished_peer_gives_its_bytes_back(serve: Serve) -> None:
    served = await serve(limits={"upload_bytes_in_flight": 1 << 20, "frame_bytes": 1 << 20})
    async with served.peer() as half:
        await half.login("recorder")
        _, buffers = half.connection.send_request(upload(30_000))
        half.send_bytes(b"".join(buffers)[:100_000])
        await eventually(lambda: served.server.upload_bytes_in_flight > 700_000, "the frame has its room")
        async with served.peer() as other:
            await other.login("recorder")
            request_id = other.send(upload(30_000))
            await asyncio.sleep(0.1)
            assert served.fakes.ingest.stored == []
            half.writer.transport.abort()
            assert isinstance(await other.reply(request_id), m.ExamStored)
    await eventually(lambda: served.server.upload_bytes_in_flight == 0, "all is given back")


async def test_replies_that_nobody_reads_are_not_made(serve: Serve) -> None:
    served = await serve(limits={"write_bytes": 64 * 1024})
    signal = signal_of(400_000)  # 9.6 MB
    served.fakes.archive.answers[m.GetSignal] = lambda *_: signal
    async with served.peer() as peer:
        await peer.login("doctor")
        peer.writer.transport.pause_reading()
        ids = [peer.send(m.GetSignal(1)) for _ in range(40)]
        await eventually(lambda: len(served.fakes.archive.calls) > 0, "the first is read")
        await asyncio.sleep(0.2)
        assert len(served.fakes.archive.calls) == 1
        peer.writer.transport.resume_reading()
        parts = await peer.parts(ids[0])
        assert sum(len(part.data) for part in parts) == len(signal.data)


async def test_signals_being_sent_to_all_are_bounded(serve: Serve) -> None:
    served = await serve(limits={"write_bytes": 64 * 1024, "signal_bytes_in_flight": 1 << 20})
    signal = signal_of(400_000)  # 9.6 MB
    served.fakes.archive.answers[m.GetSignal] = lambda *_: signal
    async with served.peer() as lazy, served.peer() as eager:
        await lazy.login("doctor")
        await eager.login("doctor")
        lazy.writer.transport.pause_reading()
        lazy.send(m.GetSignal(1))
        await eventually(lambda: len(served.fakes.archive.calls) == 1, "the first is read")
        await asyncio.sleep(0.1)
        request_id = eager.send(m.GetSignal(1))
        await asyncio.sleep(0.1)
        assert len(served.fakes.archive.calls) == 1
        lazy.writer.transport.abort()
        parts = await eager.parts(request_id)
        assert sum(len(part.data) for part in parts) == len(signal.data)


async def test_a_peer_that_stops_sending_still_gets_its_replies(serve: Serve) -> None:
    served = await serve()
    served.fakes.ingest.open.clear()
    async with served.peer() as peer:
        await peer.login("recorder")
        request_id = peer.send(upload())
        peer.writer.write_eof()
        await eventually(lambda: bool(served.fakes.ingest.waiting), "the upload is taken")
        served.fakes.ingest.let_go()
        assert isinstance(await peer.reply(request_id), m.ExamStored)
        assert await peer.reader.read() == b""


async def told(peer: Peer) -> ErrorCode | None:
    words = await peer.last_words()
    return None if words is None else words.code


async def test_time_to_hello(serve: Serve) -> None:
    served = await serve(limits={"hello_seconds": 0.2})
    async with served.peer() as peer:
        assert await told(peer) is ErrorCode.TIMEOUT


async def test_time_to_login(serve: Serve) -> None:
    served = await serve(limits={"hello_seconds": 0.2, "login_seconds": 0.2})
    async with served.peer() as peer:
        await peer.hello()
        await peer.ask(m.Ping())
        assert await told(peer) is ErrorCode.TIMEOUT


async def test_a_login_that_waits_its_turn_is_not_cut(serve: Serve) -> None:
    served = await serve(limits={"hello_seconds": 0.1, "login_seconds": 0.1})
    served.fakes.authenticator.held.clear()
    async with served.peer() as peer:
        await peer.hello()
        request_id = peer.send(m.Login("recorder", "secret"))
        await asyncio.sleep(1.2)
        served.fakes.authenticator.held.set()
        assert isinstance(await peer.reply(request_id), m.LoggedIn)


async def test_idle(serve: Serve) -> None:
    served = await serve(limits={"idle_seconds": 1.0})
    async with served.peer() as idle, served.peer() as busy:
        await idle.login("recorder")
        await busy.login("recorder")
        waiting = asyncio.create_task(told(idle))
        while not waiting.done():
            assert isinstance(await busy.ask(m.Ping()), m.Pong)
            await asyncio.sleep(0.1)
        assert await waiting is ErrorCode.TIMEOUT


async def test_a_frame_that_comes_too_slowly(serve: Serve) -> None:
    served = await serve(limits={"stall_seconds": 0.5, "bytes_per_second": 10_000})
    async with served.peer() as peer:
        await peer.login("recorder")
        _, buffers = peer.connection.send_request(upload())
        data = b"".join(buffers)

        async def drip() -> None:
            for byte in data:
                peer.send_bytes(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await told(peer) is ErrorCode.TIMEOUT
        dripping.cancel()
    assert served.fakes.ingest.stored == []


async def test_a_slow_line_is_borne(serve: Serve) -> None:
    served = await serve(limits={"stall_seconds": 0.5, "bytes_per_second": 5_000})
    async with served.peer() as peer:
        await peer.login("recorder")
        request_id, buffers = peer.connection.send_request(upload())
        data = b"".join(buffers)  # 12 kB in 1.2 s
        for start in range(0, len(data), 1000):
            peer.send_bytes(data[start : start + 1000])
            await asyncio.sleep(0.1)
        assert isinstance(await peer.reply(request_id), m.ExamStored)


async def test_waiting_for_the_server_is_not_held_against_the_peer(serve: Serve) -> None:
    served = await serve(
        limits={
            "stall_seconds": 0.3,
            "idle_seconds": 0.3,
            "upload_bytes_in_flight": 1 << 20,
            "frame_bytes": 1 << 20,
        }
    )
    served.fakes.ingest.open.clear()
    async with served.peer() as first, served.peer() as second:
        await first.login("recorder")
        await second.login("recorder")
        one, two = first.send(upload(40_000)), second.send(upload(40_000))
        await asyncio.sleep(1.5)
        served.fakes.ingest.open.set()
        served.fakes.ingest.let_go()
        assert isinstance(await first.reply(one), m.ExamStored)
        assert isinstance(await second.reply(two), m.ExamStored)


async def test_a_peer_that_never_reads_is_cut(serve: Serve) -> None:
    served = await serve(limits={"write_bytes": 64 * 1024, "stall_seconds": 0.5})
    served.fakes.archive.answers[m.GetSignal] = lambda *_: signal_of(400_000)
    async with served.peer() as peer:
        await peer.login("doctor")
        peer.writer.transport.pause_reading()
        peer.send(m.GetSignal(1))
        await eventually(lambda: served.server.connections == 0, "the connection is cut")


async def test_too_many_connections(serve: Serve) -> None:
    served = await serve(limits={"connections": 2})
    async with served.peer() as first, served.peer(address="127.0.0.2"):
        await first.hello()
        async with served.peer(address="127.0.0.3") as third:
            assert await told(third) is ErrorCode.TOO_MANY_CONNECTIONS
    await eventually(lambda: served.server.connections == 0, "the first two are gone")
    async with served.peer() as fourth:
        await fourth.hello()


async def test_too_many_connections_from_one_address(serve: Serve) -> None:
    served = await serve(limits={"connections_per_address": 1})
    async with served.peer() as first:
        await first.hello()
        async with served.peer() as second:
            assert await told(second) is ErrorCode.TOO_MANY_CONNECTIONS
        async with served.peer(address="127.0.0.2") as other:
            await other.hello()


async def test_a_disabled_account_is_out_at_its_next_request(serve: Serve) -> None:
    served = await serve()
    served.fakes.archive.answers[m.ListHcfs] = lambda *_: m.Hcfs(())
    async with served.peer() as peer:
        account = (await peer.login("doctor")).account
        assert await peer.ask(m.ListHcfs()) == m.Hcfs(())
        served.fakes.authenticator.disabled.add(account.account_id)
        peer.send(m.ListHcfs())
        assert await told(peer) is ErrorCode.SESSION_ENDED
    assert len(served.fakes.archive.calls) == 1


async def test_a_full_pool_says_busy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardioserver.server.server.MOST_REQUESTS_WAITING", 0)
    served = await serve(database={"pool_size": 1})
    hold = threading.Event()
    served.fakes.archive.answers[m.ListHcfs] = lambda *_: hold.wait(20) and m.Hcfs(())
    async with served.peer() as peer:
        await peer.login("doctor")
        slow, refused = peer.send(m.ListHcfs()), peer.send(m.ListHcfs())
        error = await peer.reply(refused)
        hold.set()
        assert error.code is ErrorCode.BUSY
        assert error.retry_after > 0
        assert await peer.reply(slow) == m.Hcfs(())


async def test_unknown_uploads_are_aborted_without_harm(serve: Serve) -> None:
    served = await serve()
    async with served.peer() as peer:
        await peer.login("recorder")
        assert await peer.ask(m.UploadAbort(uuid4())) == m.Done()
