"""Frames: header, checksums, and finding frames in a stream."""

from __future__ import annotations

import itertools
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardioserver.protocol.errors import BrokenFrame
from cardioserver.protocol.frames import HEADER_SIZE, Flags, Frame, FrameParser, crc32c, frame
from cardioserver.protocol.messages import ErrorCode


def encode(kind: int = 5, flags: Flags = Flags.NONE, request_id: int = 1, payload: bytes = b"") -> bytes:
    return b"".join(frame(kind, flags, request_id, [payload] if payload else []))


def header(checked: bytes) -> bytes:
    """The 20 bytes with the right checksum after them."""
    return checked + struct.pack("<I", crc32c(checked))


def take_all(parser: FrameParser) -> list[Frame]:
    """Accept and take every frame that is complete."""
    frames = []
    while True:
        head = parser.next_header()
        if head is not None:
            parser.accept(head)
        taken = parser.next_frame()
        if taken is None:
            return frames
        frames.append(taken)


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # this and the next three: RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc32c_is_castagnolis(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
    assert crc32c(bytearray(data)) == crc
    assert crc32c(memoryview(data)) == crc


@given(st.binary(), st.binary())
def test_crc32c_goes_on_from_what_came_before(first: bytes, second: bytes) -> None:
    assert crc32c(memoryview(second), crc32c(first)) == crc32c(first + second)


def test_a_frame_is_the_documented_bytes() -> None:
    assert encode(0x0102, Flags.REPLY | Flags.PART, 0xA0B0C0D0, b"123456789") == (
        bytes.fromhex("89454347 01 09 0201 d0c0b0a0 09000000 839206e3 f18d1331") + b"123456789"
    )


FRAMES = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 15), st.integers(0, 2**32 - 1), st.binary(max_size=300)),
    max_size=5,
)


@given(FRAMES, st.data())
def test_frames_are_found_however_the_stream_is_split(
    parts: list[tuple[int, int, int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(encode(kind, Flags(flags), number, load) for kind, flags, number, load in parts)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    parser, frames = FrameParser(), []
    for start, stop in itertools.pairwise([0, *cuts, len(stream)]):
        parser.receive(stream[start:stop])
        frames += take_all(parser)

    assert [(f.type, int(f.flags), f.request_id, bytes(f.payload)) for f in frames] == parts
    assert parser.bytes_wanted == 0
    assert parser.bytes_received == len(stream)


@settings(max_examples=30)
@given(FRAMES.filter(bool))
def test_frames_are_found_byte_by_byte(parts: list[tuple[int, int, int, bytes]]) -> None:
    stream = b"".join(encode(kind, Flags(flags), number, load) for kind, flags, number, load in parts)
    parser, frames = FrameParser(), []
    for value in stream:
        parser.receive(bytes((value,)))
        frames += take_all(parser)
        wanted = parser.bytes_wanted
        assert wanted >= 0
    assert [bytes(f.payload) for f in frames] == [load for *_, load in parts]


def test_it_is_known_how_much_of_a_frame_is_missing() -> None:
    parser = FrameParser()
    stream = encode(payload=bytes(100))
    assert (parser.bytes_wanted, parser.payload_size) == (0, 0)
    parser.receive(stream[:10])
    assert not take_all(parser)
    assert (parser.bytes_wanted, parser.payload_size) == (HEADER_SIZE - 10, 0)
    parser.receive(stream[10:54])
    assert not take_all(parser)
    assert (parser.bytes_wanted, parser.payload_size) == (70, 100)
    parser.receive(stream[54:])
    assert len(take_all(parser)) == 1
    assert (parser.bytes_wanted, parser.payload_size) == (0, 0)


def test_received_bytes_may_be_overwritten_at_once() -> None:
    inlet = bytearray(64)
    parser = FrameParser()
    stream = encode(payload=bytes(range(200)))
    for start in range(0, len(stream), 64):
        piece = stream[start : start + 64]
        inlet[: len(piece)] = piece
        parser.receive(memoryview(inlet)[: len(piece)])
        frames = take_all(parser)
        inlet[:] = b"\xee" * 64
    assert bytes(frames[0].payload) == bytes(range(200))


def test_a_payload_cannot_be_changed_by_whoever_reads_it() -> None:
    parser = FrameParser()
    stream = encode(payload=bytes(200))
    parser.receive(stream[:100])
    assert not take_all(parser)
    parser.receive(stream[100:])
    (taken,) = take_all(parser)
    assert taken.payload.readonly


GOOD = struct.pack("<4sBBHIII", b"\x89ECG", 1, 0, 5, 1, 0, 0)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.BAD_MAGIC),
        (b"\x16", ErrorCode.BAD_MAGIC),  # a TLS handshake
        (b"\x89EC ", ErrorCode.BAD_MAGIC),
        (bytes(24), ErrorCode.BAD_MAGIC),
        (GOOD + bytes(4), ErrorCode.BAD_CRC),
        (header(GOOD[:4] + b"\x02" + GOOD[5:]), ErrorCode.UNSUPPORTED_VERSION),
        (header(GOOD[:4] + b"\x00" + GOOD[5:]), ErrorCode.UNSUPPORTED_VERSION),
        (header(GOOD[:5] + b"\x10" + GOOD[6:]), ErrorCode.BAD_HEADER),
        (header(GOOD[:5] + b"\x80" + GOOD[6:]), ErrorCode.BAD_HEADER),
        (header(GOOD[:12] + b"\x01\0\0\0" + GOOD[16:]) + b"x", ErrorCode.BAD_CRC),
        (header(GOOD[:16] + b"\x01\0\0\0"), ErrorCode.BAD_CRC),
    ],
)
def test_broken_frames_are_known(data: bytes, code: ErrorCode) -> None:
    parser = FrameParser()
    parser.receive(data)
    with pytest.raises(BrokenFrame) as caught:
        take_all(parser)
    assert caught.value.code is code


def test_every_flipped_bit_of_a_frame_is_found() -> None:
    stream = encode(payload=b"ECG samples")
    for bit in range(len(stream) * 8):
        flipped = bytearray(stream)
        flipped[bit // 8] ^= 1 << bit % 8
        parser = FrameParser()
        parser.receive(flipped)
        with pytest.raises(BrokenFrame):
            take_all(parser)


def test_an_announced_payload_costs_no_memory_until_it_comes() -> None:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("needs /proc to see the memory of this process")
    announced = header(struct.pack("<4sBBHIII", b"\x89ECG", 1, 0, 5, 1, 32 << 20, 0)) + bytes(10)
    parsers = [FrameParser() for _ in range(64)]
    before = int(statm.read_text().split()[1])
    for parser in parsers:
        parser.receive(announced)
        assert not take_all(parser)
    after = int(statm.read_text().split()[1])
    assert parsers[0].payload_size == 32 << 20
    assert (after - before) * 4096 < 16 << 20  # of 2 GiB announced


def test_a_skipped_payload_is_not_stored() -> None:
    parser = FrameParser()
    parser.receive(encode(payload=bytes(50_000_000)))
    head = parser.next_header()
    assert head is not None
    parser.skip(head)
    parser.receive(encode(request_id=2, payload=b"next"))
    assert [bytes(f.payload) for f in take_all(parser)] == [b"next"]

    parser = FrameParser()
    stream = encode(payload=bytes(20_000_000))
    tracemalloc.start()
    parser.receive(stream[:100])
    head = parser.next_header()
    assert head is not None
    parser.skip(head)
    for start in range(100, len(stream), 65_536):
        parser.receive(memoryview(stream)[start : start + 65_536])
        assert parser.next_header() is None
        assert parser.payload_size == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000
    assert parser.bytes_wanted == 0
