"""Clients of the interpretation service that mean harm: each costs a typed error or its own connection."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import struct
import threading
from contextlib import suppress

import httpx
import pytest

from cardioserver.interpretation import wire
from cardioserver.interpretation.service import ServiceLimits
from tests.interpretation.serving import BODY, ECG, HEADERS, LENGTH, Running, error_of, serving
from tests.servers import wait_until

SHORT = ServiceLimits(body_bytes=1 << 20, idle_seconds=1.0, bytes_per_second=1 << 30)
TYPE = f"Content-Type: {wire.CONTENT_TYPE}"
START = f"POST {wire.PATH} HTTP/1.1\r\nHost: x\r\n{TYPE}\r\n"


async def said(service: Running, request: bytes, *, is_over: bool = False) -> tuple[int, bytes]:
    """Status and all that the service answers to raw bytes until it closes; 0: it only closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    with suppress(ConnectionError):
        writer.write(request)
        await writer.drain()
        if is_over:
            writer.write_eof()
    answer = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            answer = await reader.read()
    writer.close()
    return (int(answer.split(b" ")[1]) if answer else 0), answer


async def is_well(service: Running) -> None:
    """It answers an honest client, and nobody's request is left behind."""
    assert (await service.post()).json() == {"samples": ECG.samples.size}
    await asyncio.to_thread(
        wait_until,
        lambda: httpx.get(f"{service.url}/healthz").json()["in_flight"] == 0,
        "nobody's request is left",
    )


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00" * 40, {0, 400}),
        (b"GET\r\n\r\n", {0, 400}),
        (b"POST " + b"/" * 70_000 + b" HTTP/1.1\r\n\r\n", {0, 400, 414}),
        (f"{START}X: {'y' * 200_000}\r\n\r\n".encode(), {0, 400, 431}),
        (f"{START}{'X: y' + chr(13) + chr(10)}".encode() * 3000, {0, 400, 431}),
        (f"{START}Content-Length: -1\r\n\r\n".encode(), {0, 400}),
        (f"{START}Content-Length: ten\r\n\r\n".encode(), {0, 400}),
        (f"{START}Content-Length: {10**30}\r\n\r\n".encode(), {0, 400, 413}),
        (f"{START}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde".encode(), {0, 400}),
        (f"{START}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(), {0, 400}),
        (f"{START}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(), {0, 400, 411}),
        (f"{START}Content-Length: 2097152\r\nExpect: 100-continue\r\n\r\n".encode(), {0, 100, 413}),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else "",
)
async def test_bytes_that_are_no_http_end_their_connection(request_: bytes, statuses: set[int]) -> None:
    async with serving(SHORT) as service:
        status, _ = await said(service, request_)
        assert status in statuses
        await is_well(service)


def request_with(header: object, samples: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + samples


HEADER = json.loads(BODY[4 : 4 + struct.unpack("<I", BODY[:4])[0]])
SAMPLES = BODY[4 + struct.unpack("<I", BODY[:4])[0] :]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed")),
        (b"\x01", (400, "malformed")),
        (struct.pack("<I", 0), (400, "malformed")),
        (struct.pack("<I", 0xFFFF_FFFF) + b"{}", (400, "malformed")),
        (request_with(b"{" * 100_000), (400, "malformed")),
        (request_with(b"[" * 100_000 + b"]" * 100_000), (400, "malformed")),
        (request_with(b"\xff\xfe{}"), (400, "malformed")),
        (request_with(HEADER | {"version": 2}, SAMPLES), (400, "malformed")),
        (request_with(HEADER | {"version": "1"}, SAMPLES), (400, "malformed")),
        (request_with({**HEADER, "signal": []}, SAMPLES), (400, "malformed")),
        (request_with({**HEADER, "signal": HEADER["signal"] | {"rate": 1e308}}, SAMPLES), (422, "refused")),
        (request_with({**HEADER, "signal": HEADER["signal"] | {"sample_count": 10**18}}, SAMPLES), None),
        (request_with({**HEADER, "signal": HEADER["signal"] | {"leads": ["I"] * 5000}}, SAMPLES), None),
        (request_with(HEADER, SAMPLES + b"x"), (422, "refused")),
        (request_with(HEADER, SAMPLES[:-1]), (422, "refused")),
        (request_with(HEADER), (422, "refused")),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
async def test_bodies_that_are_no_request_get_a_typed_error(
    body: bytes, expected: tuple[int, str] | None
) -> None:
    async with serving(SHORT) as service:
        told = error_of(await service.post(content=body))
        assert told == expected if expected else told in {(400, "malformed"), (422, "refused")}
        assert service.pool.at_work == 0
        await is_well(service)


async def test_noise_in_honest_requests_is_answered_or_refused() -> None:
    """A bit here and there, or a piece lost."""
    chance = random.Random(7)
    async with serving(SHORT) as service:
        for _ in range(60):
            damaged = bytearray(BODY[: chance.choice((LENGTH, LENGTH, chance.randrange(LENGTH)))])
            for _ in range(chance.randrange(1, 5)):
                if damaged:
                    damaged[chance.randrange(min(len(damaged), 600))] = chance.randrange(256)
            answer = await service.post(content=bytes(damaged))
            assert answer.status_code in (200, 400, 422)
        await is_well(service)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
async def test_a_body_that_would_grow_when_unpacked_is_not_even_read(encoding: str) -> None:
    """The bound on what all requests hold counts the bytes that come."""
    bomb = gzip.compress(bytes(64 << 20))
    async with serving(SHORT) as service:
        answer = await service.post(content=bomb, headers=HEADERS | {"Content-Encoding": encoding})
        if encoding == "br" and answer.status_code == 400:
            assert "br" in answer.text  # which is not installed here
        else:
            assert error_of(answer) == (415, "malformed")
        assert service.pool.at_work == 0
        await is_well(service)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", wire.PATH, 405), ("DELETE", wire.PATH, 405), ("POST", "/v2/interpretation", 404),
        ("POST", "/healthz", 405), ("GET", "/../etc/passwd", 404), ("GET", "/%00", 404),
    ],
)  # fmt: skip
async def test_what_is_not_offered_gets_a_typed_error(method: str, path: str, status: int) -> None:
    async with serving(SHORT) as service:
        answer = await service.send(method, path)
        assert error_of(answer) == (status, "malformed")
        assert "x" not in answer.headers.get("Server", "")
        await is_well(service)


async def test_who_goes_away_in_the_middle_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(SHORT) as service:
        for cut in (10, len(START), len(START) + 40, len(START) + 40_000):
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write((f"{START}Content-Length: {LENGTH}\r\n\r\n".encode() + BODY)[:cut])
            await writer.drain()
            writer.transport.abort()
        await is_well(service)
        go = threading.Event()
        service.pool.act = lambda: go.wait(30) and None
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(f"{START}Content-Length: {LENGTH}\r\n\r\n".encode() + BODY)
        await service.wait_for(1 + service.pool.at_work)
        writer.transport.abort()
        go.set()
        await is_well(service)
    assert "a request failed" not in caplog.text, "that somebody went is no fault of this program"


async def test_a_body_that_drips_is_ended_however_it_drips() -> None:
    async with serving(SHORT) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(f"{START}Content-Length: {LENGTH}\r\n\r\n".encode())

        async def drip() -> None:
            for byte in BODY:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
        dripping.cancel()
        writer.close()
        await is_well(service)


async def test_large_bodies_that_do_not_come_keep_nobody_out() -> None:
    """Room is taken by what has come, not by what was announced."""
    limits = ServiceLimits(body_bytes=2 * LENGTH, idle_seconds=20.0)
    async with serving(limits) as service:
        writers = []
        for _ in range(6):
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(f"{START}Content-Length: {2 * LENGTH}\r\n\r\n".encode() + b"x" * 1000)
            writers.append(writer)
        await service.wait_for(0, admitted=6)
        assert (await service.post()).status_code == 200
        for writer in writers:
            writer.close()


async def test_a_slow_body_is_ended_when_it_lags_not_when_it_should_have_ended() -> None:
    """A large body has much time in all, but none to stand still in."""
    limits = ServiceLimits(body_bytes=1 << 30, idle_seconds=0.5, bytes_per_second=1000)
    async with serving(limits) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(f"{START}Content-Length: {1 << 29}\r\n\r\n".encode() + b"x" * 100)
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
        writer.close()


async def test_more_connections_than_may_be_are_closed_and_the_others_served() -> None:
    limits = ServiceLimits(connections=20, idle_seconds=20.0)
    async with serving(limits) as service:
        opened = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(60)]
        for reader, _ in opened[20:]:
            assert await _is_closed(reader)
        assert not any(reader.at_eof() for reader, _ in opened[:20])
        reader, writer = opened[0]
        writer.write(f"{START}Content-Length: {LENGTH}\r\n\r\n".encode() + BODY)
        assert b" 200 " in await asyncio.wait_for(reader.readline(), 30)
        for _, writer in opened:
            writer.close()
        await asyncio.to_thread(wait_until, lambda: _gets_in(service), "there is room again")
        await is_well(service)


def _gets_in(service: Running) -> bool:
    try:
        return httpx.get(f"{service.url}/healthz").is_success
    except httpx.TransportError:
        return False


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 30.0) == b""
    except ConnectionError:
        return True
