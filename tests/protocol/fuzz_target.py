"""What the fuzzer in ``fuzz_connection.py`` does with an input.

The first byte of an input chooses the end and how the stream is split, the second what is made right again
before it is used (checksums and lengths, so that mutations get past them). What follows is the stream.
An exception other than those of the protocol, or memory out of proportion, is a finding.
"""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from dataclasses import replace

from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import Reply, Request
from cardioserver.protocol.errors import BrokenFrame, RemoteProtocolError
from cardioserver.protocol.frames import MAGIC, Flags, crc32c, frame
from cardioserver.protocol.layout import parse, serialise
from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.texts import error_message
from tests.protocol.examples import DIGEST, EXAM, EXAM_UUID, EXAMPLES, SAMPLES, SIGNAL
from tests.protocol.pair import ACCOUNT, LIMITS, NOW, Pair, info, raw_request

MEMORY_PER_BYTE = 400
"""A list of 65535 dates is the largest thing for its size."""

MAX_PAYLOAD = 1 << 20
FREE_MEMORY = MAX_PAYLOAD + (1 << 20)
"""An announced payload has its address space at once, though no memory yet: these are not told apart here."""

ERROR = error_message(ErrorCode.NOT_FOUND)


def repair(stream: bytearray, *, lengths: bool) -> None:
    """Make magic, version and checksums right, and with *lengths* end each frame where the next magic is."""
    at = 0
    while at + 24 <= len(stream):
        stream[at : at + 5] = MAGIC + b"\x01"
        if lengths:
            following = stream.find(MAGIC, at + 24)
            end = following if following >= 0 else len(stream)
            struct.pack_into("<I", stream, at + 12, end - at - 24)
        (length,) = struct.unpack_from("<I", stream, at + 12)
        struct.pack_into("<I", stream, at + 16, crc32c(bytes(stream[at + 24 : at + 24 + length])))
        struct.pack_into("<I", stream, at + 20, crc32c(bytes(stream[at : at + 20])))
        at += 24 + length


def to_server(stream: bytes, split: int, logged_in: bool) -> None:
    """Be a server that is sent *stream*."""
    pair = Pair().log_in() if logged_in else Pair()
    server = pair.server
    for start in range(0, len(stream), split):
        server.receive_data(stream[start : start + split])
        for event in server.events():
            if not isinstance(event, Request):
                assert event.error.code >= 100
                parse(m.Error, b"".join(event.reply)[24:])
                continue
            assert parse(type(event.message), b"".join(serialise(event.message))) == event.message
            if isinstance(event.message, m.Hello):
                server.send_reply(event.request_id, info(pair.limits, server.capabilities))
            elif isinstance(event.message, m.Login):
                server.send_reply(event.request_id, m.LoggedIn(ACCOUNT, "", 0))
            else:
                server.send_error(event.request_id, ERROR)


def to_client(stream: bytes, split: int, _logged_in: bool) -> None:
    """Be a client that has asked for everything and is sent *stream*."""
    pair = Pair(replace(LIMITS, max_in_flight=100, max_payload=MAX_PAYLOAD)).log_in()
    for request, _ in m.REQUESTS.values():
        if request in ASKED:
            pair.client.send_request(ASKED[request])
    for start in range(0, len(stream), split):
        pair.client.receive_data(stream[start : start + split])
        for event in pair.client.events():
            if isinstance(event, Reply):
                assert parse(type(event.message), b"".join(serialise(event.message))) == event.message


ASKED = {
    m.Ping: m.Ping(),
    m.UploadBegin: m.UploadBegin(EXAM, SIGNAL, DIGEST),
    m.FindPatients: m.FindPatients(),
    m.FindExams: m.FindExams(),
    m.GetExam: m.GetExam(1),
    m.GetSignal: m.GetSignal(1),
    m.GetAutoReport: m.GetAutoReport(1),
    m.RequestInterpretation: m.RequestInterpretation(1),
    m.ListConclusions: m.ListConclusions(1),
    m.ListAccounts: m.ListAccounts(),
    m.Subscribe: m.Subscribe(m.EventKind.EXAM_STORED),
    m.FindOrders: m.FindOrders(),
}


def run_input(data: bytes) -> None:
    """Be the end that the input chooses; raises if there is something to be found in it."""
    if len(data) < 2:
        return
    how, repairs = data[0], data[1]
    stream = bytearray(data[2:])
    if repairs & 3:
        repair(stream, lengths=bool(repairs & 2))
    end = to_client if how & 1 else to_server
    tracemalloc.start()
    try:
        with contextlib.suppress(BrokenFrame, RemoteProtocolError):
            end(bytes(stream), 1 + (how >> 2) * 7, bool(how & 2))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FREE_MEMORY + MEMORY_PER_BYTE * len(stream), f"{peak} bytes for a stream of {len(stream)}"


def seeds() -> list[bytes]:
    """Inputs to start from: a whole conversation for each end, and each example alone."""
    requests = (EXAMPLES["hello"], EXAMPLES["login"], EXAMPLES["upload-begin"], EXAMPLES["upload-chunk"])
    upload = raw_request(m.Upload(EXAM, SIGNAL, DIGEST, SAMPLES), 8)
    queries = b"".join(
        raw_request(message, number)
        for number, message in enumerate(
            (m.FindExams(started_from=NOW, exam_uuid=EXAM_UUID), m.CreateOrder(EXAM.patient), m.GetSignal(1)),
            9,
        )
    )
    replies = b"".join(
        b"".join(frame(kind, Flags.REPLY, number, serialise(reply)))
        for number, kind, reply in (
            (5, 0x0021, m.ExamPage((), "")),
            (7, 0x0023, m.Signal(1, 0, SIGNAL, DIGEST, SAMPLES)),
            (11, 0x0061, m.OrderPage((), "")),
        )
    )
    events = EXAMPLES["event"].encode()
    conversation = b"".join(example.encode() for example in requests)
    return [
        b"\x40\x02" + conversation,
        b"\x42\x02" + upload + queries,
        b"\x43\x02" + replies + events,
        *(bytes((how, 2)) + example.encode() for example in EXAMPLES.values() for how in (0x42, 0x43)),
    ]
