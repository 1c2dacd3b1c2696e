"""Both ends of a connection: states, limits, errors that end it and errors that do not."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import (
    ClientConnection,
    Failure,
    Push,
    Rejected,
    Reply,
    Request,
    ServerConnection,
    State,
)
from cardioserver.protocol.errors import BrokenFrame, LocalProtocolError, MalformedMessage
from cardioserver.protocol.frames import Flags, crc32c, frame
from cardioserver.protocol.layout import serialise
from cardioserver.protocol.messages import Capability, ErrorCode
from cardioserver.protocol.texts import TEXTS, error_message
from tests.protocol.examples import DIGEST, EXAM, EXAM_UUID, SAMPLES, SIGNAL
from tests.protocol.pair import ACCOUNT, LIMITS, NOW, TYPE_NUMBERS, Pair, info, raw_request
from tests.protocol.strategies import messages

HELLO = m.Hello(1, 1, Capability.ALL, "test")
LOGIN = m.Login("k3", "secret")
EVENT = m.Event(1, m.EventKind.EXAM_STORED, NOW, 2, 0, 3)
REQUESTS: dict[type, object] = {
    m.Hello: HELLO,
    m.Login: LOGIN,
    m.Logout: m.Logout(),
    m.ChangePassword: m.ChangePassword("old", "new"),
    m.Ping: m.Ping(),
    m.UploadBegin: m.UploadBegin(EXAM, SIGNAL, DIGEST),
    m.UploadChunk: m.UploadChunk(EXAM_UUID, 0, SAMPLES),
    m.UploadCommit: m.UploadCommit(EXAM_UUID),
    m.Upload: m.Upload(EXAM, SIGNAL, DIGEST, SAMPLES),
    m.UploadAbort: m.UploadAbort(EXAM_UUID),
    m.FindPatients: m.FindPatients(),
    m.FindExams: m.FindExams(),
    m.GetExam: m.GetExam(1),
    m.GetSignal: m.GetSignal(1),
    m.GetAutoReport: m.GetAutoReport(1),
    m.RequestInterpretation: m.RequestInterpretation(1),
    m.SaveConclusion: m.SaveConclusion(1, EXAM_UUID, "text"),
    m.ListConclusions: m.ListConclusions(1),
    m.SendExam: m.SendExam(1, 2),
    m.ListArchives: m.ListArchives(),
    m.ListHcfs: m.ListHcfs(),
    m.ListAccounts: m.ListAccounts(),
    m.Subscribe: m.Subscribe(m.EventKind.EXAM_STORED),
    m.Unsubscribe: m.Unsubscribe(),
    m.CreateOrder: m.CreateOrder(EXAM.patient),
    m.FindOrders: m.FindOrders(),
    m.TakeOrder: m.TakeOrder(1),
    m.ReleaseOrder: m.ReleaseOrder(1),
}
STATES = ("greeting", "open", "authenticated")


def in_state(name: str, limits: m.Limits = LIMITS) -> Pair:
    pair = Pair(limits)
    if name == "open":
        pair.greet()
    elif name == "authenticated":
        pair.log_in()
    return pair


def expected(state: str, kind: type) -> ErrorCode | None:
    """The table of states in docs/protocol.md, section 5."""
    if state == "greeting":
        return None if kind is m.Hello else ErrorCode.HELLO_REQUIRED
    if kind is m.Hello:
        return ErrorCode.UNEXPECTED_MESSAGE
    if state == "open":
        return None if kind in (m.Login, m.Ping) else ErrorCode.LOGIN_REQUIRED
    return ErrorCode.ALREADY_LOGGED_IN if kind is m.Login else None


# ---------------------------------------------------------------- states


def test_the_examples_are_all_requests() -> None:
    assert list(REQUESTS) == [request for request, _ in m.REQUESTS.values()]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
def test_what_is_accepted_in_which_state(state: str, kind: type) -> None:
    pair = in_state(state)

    (event,) = pair.to_server([raw_request(REQUESTS[kind], 99)])

    code = expected(state, kind)
    if code is None:
        assert isinstance(event, Request)
        assert event.message == REQUESTS[kind]
    else:
        assert isinstance(event, Rejected)
        assert (event.request_id, event.error.code) == (99, code)
        assert pair.server.requests_in_flight == 0
        (after,) = pair.to_server([raw_request(HELLO if state == "greeting" else m.Ping(), 99)])
        assert isinstance(after, Request)  # the connection goes on


@pytest.mark.parametrize("state", STATES)
def test_an_unknown_request_is_refused_and_the_connection_goes_on(state: str) -> None:
    pair = in_state(state)

    (event,) = pair.to_server(frame(0x7777, Flags.NONE, 5, [b"whatever"]))

    assert isinstance(event, Rejected)
    unknown = ErrorCode.HELLO_REQUIRED if state == "greeting" else ErrorCode.UNKNOWN_MESSAGE
    assert event.error.code is unknown
    assert pair.server.state.name.lower() == state


def test_the_rejection_reaches_the_client_as_a_failure() -> None:
    pair = Pair().log_in()
    request_id, buffers = pair.client.send_request(m.CreateOrder(replace(EXAM.patient, birthday=None)))
    broken = bytearray(b"".join(buffers))
    broken[6:8] = b"\x77\x77"
    broken[20:24] = struct.pack("<I", crc32c(bytes(broken[:20])))

    (event,) = pair.to_server([broken])
    assert isinstance(event, Rejected)
    (failure,) = pair.to_client(event.reply)

    assert failure == Failure(request_id, error_message(ErrorCode.UNKNOWN_MESSAGE))
    assert pair.client.requests_in_flight == 0


def test_logout_ends_the_session_at_once() -> None:
    pair = Pair().log_in()
    logout, ping, orders = pair.to_server(
        [raw_request(m.Logout(), 7), raw_request(m.Ping(), 8), raw_request(m.FindOrders(), 9)]
    )
    assert isinstance(logout, Request)
    assert isinstance(ping, Request)
    assert isinstance(orders, Rejected)
    assert orders.error.code is ErrorCode.LOGIN_REQUIRED


def test_after_a_logout_another_account_may_log_in() -> None:
    pair = Pair().log_in()
    pair.exchange(m.Logout(), m.Done())
    with pytest.raises(LocalProtocolError):
        pair.client.send_request(m.FindOrders())
    pair.exchange(LOGIN, m.LoggedIn(ACCOUNT, "H", 1))
    pair.exchange(m.FindOrders(), m.OrderPage((), ""))


def test_after_a_failed_login_another_may_follow() -> None:
    pair = Pair().greet()
    request = pair.ask(LOGIN)
    again = pair.to_server([raw_request(LOGIN, 50)])
    assert [e.error.code for e in again if isinstance(e, Rejected)] == [ErrorCode.UNEXPECTED_MESSAGE]
    (failure,) = pair.to_client(
        pair.server.send_error(request.request_id, error_message(ErrorCode.LOGIN_FAILED))
    )
    assert isinstance(failure, Failure)
    assert pair.server.state is State.OPEN
    pair.exchange(LOGIN, m.LoggedIn(ACCOUNT, "H", 1))
    assert pair.server.state is State.AUTHENTICATED


def test_requests_sent_right_after_the_login_must_wait_for_it() -> None:
    pair = Pair().greet()
    login, find = pair.to_server([raw_request(LOGIN, 1), raw_request(m.FindExams(), 2)])
    assert isinstance(login, Request)
    assert isinstance(find, Rejected)
    assert find.error.code is ErrorCode.LOGIN_REQUIRED


@pytest.mark.parametrize(
    ("lowest", "highest", "fits"), [(1, 1, True), (0, 9, True), (1, 255, True), (2, 3, False), (0, 0, False)]
)
def test_versions_are_negotiated(lowest: int, highest: int, fits: bool) -> None:
    server = ServerConnection(LIMITS)
    server.receive_data(raw_request(m.Hello(lowest, highest, Capability.ALL, ""), 1))
    if fits:
        assert isinstance(server.next_event(), Request)
        assert (server.version, server.greeted) == (1, True)
    else:
        with pytest.raises(BrokenFrame) as caught:
            server.next_event()
        assert caught.value.message.code is ErrorCode.UNSUPPORTED_VERSION
        assert server.state is State.CLOSED


NEEDS = {
    Capability.RESUME: (m.UploadBegin, m.UploadChunk, m.UploadCommit, m.UploadAbort),
    Capability.EVENTS: (m.Subscribe, m.Unsubscribe),
    Capability.ORDERS: (m.CreateOrder, m.FindOrders, m.TakeOrder, m.ReleaseOrder),
}


@pytest.mark.parametrize("missing", NEEDS, ids=lambda c: c.name)
def test_a_capability_that_was_not_agreed_cannot_be_used(missing: Capability) -> None:
    pair = Pair().greet(Capability.ALL & ~missing)
    pair.exchange(LOGIN, m.LoggedIn(ACCOUNT, "H", 1))
    for kind, request in REQUESTS.items():
        if kind in (m.Hello, m.Login, m.Logout):
            continue
        (event,) = pair.to_server([raw_request(request, 1)])
        if kind in NEEDS[missing]:
            assert isinstance(event, Rejected)
            assert event.error.code is ErrorCode.UNEXPECTED_MESSAGE
            with pytest.raises(LocalProtocolError):
                pair.client.send_request(request)
        else:
            assert isinstance(event, Request)
            pair.server.send_error(1, error_message(ErrorCode.NOT_FOUND))


def test_a_server_agrees_to_no_more_than_both_have() -> None:
    server = ServerConnection(LIMITS, Capability.RESUME | Capability.EVENTS)
    server.receive_data(
        raw_request(m.Hello(1, 1, Capability.EVENTS | Capability.ORDERS | Capability(1 << 30), ""), 1)
    )
    assert isinstance(server.next_event(), Request)
    assert server.capabilities == Capability.EVENTS


def test_a_session_can_be_ended_by_the_server() -> None:
    pair = Pair().log_in()
    request = pair.ask(m.FindExams())
    (failure,) = pair.to_client(pair.server.send_error(0, error_message(ErrorCode.SESSION_ENDED)))
    assert failure == Failure(0, error_message(ErrorCode.SESSION_ENDED))
    assert (pair.server.state, pair.client.state) == (State.CLOSED, State.CLOSED)
    assert request.request_id  # it stays without an answer
    with pytest.raises(LocalProtocolError):
        pair.client.send_request(m.Ping())


# ---------------------------------------------------------------- requests in flight


def test_replies_may_come_in_any_order() -> None:
    pair = Pair().log_in()
    ids = [pair.ask(m.GetExam(number)).request_id for number in (1, 2, 3)]
    for request_id in (ids[2], ids[0], ids[1]):
        error = error_message(ErrorCode.NOT_FOUND)
        assert pair.to_client(pair.server.send_error(request_id, error)) == [Failure(request_id, error)]
    assert (pair.server.requests_in_flight, pair.client.requests_in_flight) == (0, 0)


def test_too_many_requests_are_refused_until_one_is_answered() -> None:
    pair = Pair().log_in()
    for number in range(1, 5):
        (event,) = pair.to_server([raw_request(m.Ping(), number)])
        assert isinstance(event, Request)
    (event,) = pair.to_server([raw_request(m.Ping(), 5)])
    assert isinstance(event, Rejected)
    assert event.error.code is ErrorCode.TOO_MANY_REQUESTS

    pair.server.send_reply(2, m.Pong(NOW))
    (event,) = pair.to_server([raw_request(m.Ping(), 5)])
    assert isinstance(event, Request)


def test_the_client_keeps_to_the_servers_limits() -> None:
    pair = Pair().log_in()
    for _ in range(4):
        pair.client.send_request(m.Ping())
    with pytest.raises(LocalProtocolError):
        pair.client.send_request(m.Ping())
    pair = Pair().log_in()
    with pytest.raises(LocalProtocolError):
        pair.client.send_request(m.UploadChunk(EXAM_UUID, 0, bytes(LIMITS.max_payload)))
    assert pair.client.requests_in_flight == 0


def test_an_id_may_be_used_again_once_its_request_is_answered() -> None:
    pair = Pair().log_in()
    for _ in range(3):
        (event,) = pair.to_server([raw_request(m.Ping(), 42)])
        assert isinstance(event, Request)
        pair.server.send_reply(42, m.Pong(NOW))


def test_a_long_reply_comes_in_parts() -> None:
    pair = Pair().log_in()
    request = pair.ask(m.GetSignal(1))
    signal = m.Signal(1, 0, SIGNAL, DIGEST, SAMPLES[:8])
    rest = replace(signal, data=SAMPLES[8:])

    first = pair.to_client(pair.server.send_reply(request.request_id, signal, more=True))
    assert pair.server.requests_in_flight == 1
    pushed = pair.to_client(pair.server.send_push(EVENT))
    last = pair.to_client(pair.server.send_reply(request.request_id, rest))

    assert first == [Reply(request.request_id, signal, True)]
    assert pushed == [Push(EVENT)]
    assert last == [Reply(request.request_id, rest, False)]
    assert (pair.server.requests_in_flight, pair.client.requests_in_flight) == (0, 0)


def test_an_error_may_end_a_reply_in_parts() -> None:
    pair = Pair().log_in()
    request = pair.ask(m.GetSignal(1))
    signal = m.Signal(1, 0, SIGNAL, DIGEST, SAMPLES[:8])
    pair.to_client(pair.server.send_reply(request.request_id, signal, more=True))
    error = error_message(ErrorCode.DAMAGED_EXAM)
    assert pair.to_client(pair.server.send_error(request.request_id, error)) == [
        Failure(request.request_id, error)
    ]


def test_the_server_does_not_answer_what_was_not_asked() -> None:
    pair = Pair().log_in()
    request = pair.ask(m.Ping())
    with pytest.raises(LocalProtocolError):
        pair.server.send_reply(request.request_id + 1, m.Pong(NOW))
    with pytest.raises(LocalProtocolError):
        pair.server.send_reply(request.request_id, m.Done())
    with pytest.raises(LocalProtocolError):
        pair.server.send_error(request.request_id + 1, error_message(ErrorCode.INTERNAL))
    pair.server.send_reply(request.request_id, m.Pong(NOW))
    with pytest.raises(LocalProtocolError):
        pair.server.send_reply(request.request_id, m.Pong(NOW))


def test_nothing_is_pushed_to_nobody() -> None:
    for pair in (Pair(), Pair().greet()):
        with pytest.raises(LocalProtocolError):
            pair.server.send_push(EVENT)


def test_a_reply_that_cannot_be_sent_leaves_the_request_to_be_answered() -> None:
    pair = Pair().log_in()
    request = pair.ask(m.ListArchives())
    for archives in ((m.ArchiveRecord(1, 1, "x" * 70_000),), (m.ArchiveRecord(1, 1, "x" * 65_000),) * 520):
        with pytest.raises(LocalProtocolError):
            pair.server.send_reply(request.request_id, m.Archives(archives))
    assert pair.to_client(pair.server.send_error(request.request_id, error_message(ErrorCode.INTERNAL)))


# ---------------------------------------------------------------- messages that cannot be true


def test_a_malformed_message_names_its_field_and_the_connection_goes_on() -> None:
    pair = Pair().log_in()
    (event,) = pair.to_server(frame(TYPE_NUMBERS[m.UploadChunk], Flags.NONE, 3, [bytes(20)]))
    assert isinstance(event, Rejected)
    assert (event.error.code, event.error.field) == (ErrorCode.MALFORMED_MESSAGE, "offset")
    assert event.size == 20
    assert isinstance(pair.ask(m.Ping()), Request)


BORN_TOMORROW = replace(EXAM.patient, birthday=date(2026, 11, 22))
BORN_LATER = replace(EXAM.patient, birthday=date(2026, 11, 23))
LATER_EXAM = replace(
    EXAM, patient=BORN_LATER, started_at=NOW + timedelta(days=9), ended_at=NOW + timedelta(days=9)
)
HUGE = replace(SIGNAL, sample_count=1 << 21)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (m.Upload(LATER_EXAM, SIGNAL, DIGEST, SAMPLES), "patient.birthday"),
        (m.UploadBegin(LATER_EXAM, SIGNAL, DIGEST), "patient.birthday"),
        (m.CreateOrder(BORN_LATER), "patient.birthday"),
        (m.Upload(EXAM, SIGNAL, DIGEST, SAMPLES[:-2]), "signal.sample_count"),
        (m.Upload(EXAM, SIGNAL, DIGEST, SAMPLES + b"\0"), "signal.sample_count"),
        (m.Upload(EXAM, HUGE, DIGEST, SAMPLES), "signal.sample_count"),
        (m.UploadBegin(EXAM, HUGE, DIGEST), "signal.sample_count"),
    ],
)
def test_an_impossible_message_names_its_field_and_the_connection_goes_on(
    message: object, field: str
) -> None:
    pair = Pair().log_in()
    event = pair.ask(message)
    assert isinstance(event, Rejected)
    assert (event.error.code, event.error.field) == (ErrorCode.INVALID_FIELD, field)
    (failure,) = pair.to_client(event.reply)
    assert isinstance(failure, Failure)
    assert failure.error.field == field
    assert isinstance(pair.ask(m.Ping()), Request)


def test_where_it_is_tomorrow_already_children_are_born() -> None:
    assert isinstance(Pair().log_in().ask(m.CreateOrder(BORN_TOMORROW)), Request)


def test_a_reply_that_cannot_be_read_fails_its_request_only() -> None:
    pair = Pair().log_in()
    request_id, _ = pair.client.send_request(m.GetExam(1))
    (failure,) = pair.to_client(frame(TYPE_NUMBERS[m.GetExam], Flags.REPLY, request_id, [bytes(30)]))
    assert isinstance(failure, Failure)
    assert (failure.request_id, failure.error.code) == (request_id, ErrorCode.MALFORMED_MESSAGE)
    assert isinstance(pair.exchange(m.Ping(), m.Pong(NOW)), Reply)


# ---------------------------------------------------------------- what ends a connection


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.BAD_MAGIC),
        (raw_request(HELLO, 0), ErrorCode.BAD_HEADER),
        (raw_request(HELLO, 1, Flags.REPLY), ErrorCode.BAD_HEADER),
        (raw_request(HELLO, 1, Flags.PUSH), ErrorCode.BAD_HEADER),
        (raw_request(HELLO, 1, Flags.PART), ErrorCode.BAD_HEADER),
        (raw_request(HELLO, 1)[:-1] + b"x", ErrorCode.BAD_CRC),
        (raw_request(m.UploadChunk(EXAM_UUID, 0, bytes(1 << 20)), 1), ErrorCode.FRAME_TOO_LARGE),
    ],
)
def test_broken_frames_end_the_connection(state: str, data: bytes, code: ErrorCode) -> None:
    if state != "greeting" and code is ErrorCode.BAD_CRC:
        data = raw_request(m.Login("a", "b") if state == "open" else m.GetExam(1), 1)[:-1] + b"x"
    pair = in_state(state)
    pair.server.receive_data(data)
    with pytest.raises(BrokenFrame) as caught:
        list(pair.server.events())
    assert caught.value.code is code
    assert pair.server.state is State.CLOSED

    last_words = pair.to_client(pair.server.send_error(0, caught.value.message))
    assert last_words == [Failure(0, error_message(code))]
    assert pair.client.state is State.CLOSED
    pair.server.receive_data(raw_request(m.Ping(), 9))
    assert pair.server.next_event() is None


def test_an_id_in_use_ends_the_connection() -> None:
    pair = Pair().log_in()
    pair.to_server([raw_request(m.FindExams(), 77)])
    pair.server.receive_data(raw_request(m.FindExams(), 77))
    with pytest.raises(BrokenFrame) as caught:
        pair.server.next_event()
    assert caught.value.code is ErrorCode.DUPLICATE_REQUEST


def header_of(kind: type, length: int) -> bytes:
    checked = struct.pack("<4sBBHIII", b"\x89ECG", 1, 0, TYPE_NUMBERS[kind], 1, length, 0)
    return checked + struct.pack("<I", crc32c(checked))


@pytest.mark.parametrize(
    ("state", "kind", "largest"),
    [
        ("greeting", m.Hello, 4096),
        ("open", m.Login, 4096),
        ("open", m.Ping, 4096),
        ("authenticated", m.Upload, 2 << 20),
        ("authenticated", m.UploadChunk, 2 << 20),
        ("authenticated", m.SaveConclusion, 1 << 20),
        ("authenticated", m.FindExams, 1 << 20),
    ],
)
def test_frames_are_refused_by_their_announced_size(state: str, kind: type, largest: int) -> None:
    limits = replace(LIMITS, max_payload=2 << 20)
    server = in_state(state, limits).server
    server.receive_data(header_of(kind, largest))
    assert server.next_event() is None
    assert server.frame_size == largest

    server = in_state(state, limits).server
    server.receive_data(header_of(kind, largest + 1))
    with pytest.raises(BrokenFrame) as caught:
        server.next_event()
    assert caught.value.code is ErrorCode.FRAME_TOO_LARGE


@pytest.mark.parametrize("state", ["greeting", "open"])
def test_strangers_cannot_make_the_server_store_an_exam(state: str) -> None:
    pair = in_state(state)
    upload = raw_request(m.Upload(EXAM, SIGNAL, DIGEST, bytes(1_000_000)), 1)
    tracemalloc.start()
    pair.server.receive_data(upload[:100])
    (event,) = pair.server.events()
    for start in range(100, len(upload), 4096):
        pair.server.receive_data(memoryview(upload)[start : start + 4096])
        assert pair.server.next_event() is None
        assert pair.server.frame_size == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(event, Rejected)
    assert peak < 64_000
    assert pair.server.bytes_wanted == 0


def test_an_idle_connection_is_small() -> None:
    pairs = [Pair().log_in() for _ in range(3)]
    tracemalloc.start()
    servers = [ServerConnection(LIMITS) for _ in range(100)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(servers) < 2000
    assert pairs


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        raw_request(m.Ping(), 1),  # a request from a server
        b"".join(frame(0x0005, Flags.REPLY, 12345, serialise(m.Pong(NOW)))),  # nobody asked
        b"".join(frame(0x0005, Flags.REPLY | Flags.PUSH, 0, [])),
        b"".join(frame(0x0005, Flags.REPLY | Flags.ERROR, 12345, serialise(error_message(ErrorCode.BUSY)))),
        b"".join(frame(0, Flags.REPLY | Flags.ERROR, 0, [b"\x01"])),
        b"".join(frame(0x0100, Flags.PUSH, 0, [b"\x01"])),
        header_of(m.Ping, 2 << 20),
    ],
)
def test_a_server_that_breaks_the_protocol_is_left(data: bytes) -> None:
    client = Pair().log_in().client
    client.receive_data(data)
    with pytest.raises((BrokenFrame, MalformedMessage)):
        list(client.events())
    assert client.state is State.CLOSED
    assert client.next_event() is None


def test_a_reply_of_another_type_is_not_taken_for_ones_own() -> None:
    pair = Pair().log_in()
    request_id, _ = pair.client.send_request(m.Ping())
    pair.client.receive_data(b"".join(frame(0x0022, Flags.REPLY, request_id, serialise(m.Pong(NOW)))))
    with pytest.raises(BrokenFrame):
        pair.client.next_event()


def test_pushes_of_a_later_version_are_ignored() -> None:
    pair = Pair().log_in()
    assert pair.to_client([*frame(0x01FF, Flags.PUSH, 0, [b"new"]), *pair.server.send_push(EVENT)]) == [
        Push(EVENT)
    ]


def test_a_server_may_turn_a_connection_away_before_the_hello() -> None:
    server = ServerConnection(LIMITS)
    client = ClientConnection()
    client.receive_data(b"".join(server.send_error(0, error_message(ErrorCode.TOO_MANY_CONNECTIONS))))
    assert client.next_event() == Failure(0, error_message(ErrorCode.TOO_MANY_CONNECTIONS))
    assert client.state is State.CLOSED


def test_the_client_sends_nothing_that_its_state_does_not_allow() -> None:
    for state in STATES:
        client = in_state(state).client
        for kind, message in REQUESTS.items():
            if expected(state, kind) is None:
                client.send_request(message)
                client = in_state(state).client
            else:
                with pytest.raises(LocalProtocolError):
                    client.send_request(message)
    with pytest.raises(LocalProtocolError):
        in_state("authenticated").client.send_request(m.Done())


# ---------------------------------------------------------------- whole conversations


@pytest.mark.parametrize("number", m.REQUESTS, ids=lambda number: m.REQUESTS[number][0].__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), split=st.integers(1, 50))
def test_every_reply_reaches_the_client(number: int, data: st.DataObject, split: int) -> None:
    kind, reply_kind = m.REQUESTS[number]
    if kind is m.Hello:
        pair = Pair()
        reply: object = data.draw(messages(reply_kind))
    else:
        pair = in_state("open" if kind is m.Login else "authenticated")
        reply = data.draw(messages(reply_kind))
    pair.split = split
    assert pair.exchange(REQUESTS[kind], reply).message == reply


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_mutated_conversations_end_in_typed_errors(data: st.DataObject) -> None:
    """Whatever comes, a server answers, waits, or says that the stream is broken; it stays small."""
    stream = bytearray(raw_request(HELLO, 1) + raw_request(LOGIN, 2))
    kinds = data.draw(st.lists(st.sampled_from(list(REQUESTS)), min_size=1, max_size=6))
    for number, kind in enumerate(kinds, 3):
        stream += raw_request(REQUESTS[kind], number)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        repair(stream)
    serve(stream, data.draw(st.integers(1, 400)))


def repair(stream: bytearray) -> None:
    """Make the checksums right again, as far as the frames can be followed: the messages come through."""
    at = 0
    while at + 24 <= len(stream):
        (length,) = struct.unpack_from("<I", stream, at + 12)
        struct.pack_into("<I", stream, at + 16, crc32c(bytes(stream[at + 24 : at + 24 + length])))
        struct.pack_into("<I", stream, at + 20, crc32c(bytes(stream[at : at + 20])))
        at += 24 + length


def serve(stream: bytes | bytearray, step: int) -> None:
    """Answer whatever a client says, as a server would."""
    server = ServerConnection(LIMITS)
    with contextlib.suppress(BrokenFrame):
        for start in range(0, len(stream), step):
            server.receive_data(stream[start : start + step])
            for event in server.events():
                if isinstance(event, Rejected):
                    assert event.error.code in TEXTS
                    assert event.error.code >= 100
                elif isinstance(event.message, m.Hello):
                    server.send_reply(event.request_id, info(LIMITS, server.capabilities))
                elif isinstance(event.message, m.Login):
                    server.send_reply(event.request_id, m.LoggedIn(ACCOUNT, "H", 1))
                else:
                    server.send_error(event.request_id, error_message(ErrorCode.NOT_FOUND))
        return
    assert server.state is State.CLOSED
