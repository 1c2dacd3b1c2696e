"""The interpretation service over HTTP: answers, errors, limits, TLS. The test plays what interprets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from cardioserver.interpretation import wire
from cardioserver.interpretation.errors import Crashed, Refused, TooLarge, TooLong
from cardioserver.interpretation.service import ServiceLimits
from cardioserver.server.tls import tls_context
from cardioserver.settings.config import TlsSettings
from tests.interpretation.serving import BODY, ECG, LENGTH, WORKERS, error_of, serving
from tests.server.certificates import Authority, client_context


async def test_an_ecg_is_answered_with_its_document() -> None:
    async with serving() as service:
        answer = await service.post()
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.json() == {"samples": ECG.samples.size}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"body": b"no request"}, (400, "malformed")),
        ({"body": BODY[:-2]}, (422, "refused")),
        ({"headers": {"Content-Type": "application/json"}}, (415, "malformed")),
        ({"body": b"x" * 300_000}, (413, "too_large")),
    ],
)
async def test_what_cannot_be_answered(request_: dict[str, Any], expected: tuple[int, str]) -> None:
    async with serving(ServiceLimits(body_bytes=200_000)) as service:
        assert error_of(await service.post(**request_)) == expected
        assert service.pool.at_work == 0


async def test_the_length_must_be_known_before() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BODY

    async with serving() as service:
        assert error_of(await service.post(content=pieces())) == (411, "malformed")


async def test_a_fault_of_the_program_costs_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as service:

        def fail() -> None:
            raise ZeroDivisionError("text that may hold data")

        service.pool.act = fail
        assert error_of(await service.post()) == (500, "crashed")
        service.pool.act = lambda: None
        assert (await service.post()).status_code == 200
    assert "ZeroDivisionError at test_service.py" in caplog.text
    assert "may hold data" not in caplog.text
    assert "127.0.0.1" not in caplog.text


@pytest.mark.parametrize(
    ("error", "status"), [(Refused, 422), (TooLarge, 413), (TooLong, 504), (Crashed, 500)]
)
async def test_what_goes_wrong_with_an_interpretation(error: Any, status: int) -> None:
    async with serving() as service:

        def fail() -> None:
            raise error("here")

        service.pool.act = fail
        assert error_of(await service.post()) == (status, error.code)
        service.pool.act = lambda: None
        assert (await service.post()).status_code == 200


async def test_beyond_what_may_wait_it_is_busy_and_says_for_how_long() -> None:
    async with serving(ServiceLimits(waiting=1)) as service:
        go = threading.Event()
        service.pool.act = lambda: go.wait(30) and None
        asked = [asyncio.create_task(service.post()) for _ in range(WORKERS + 1)]
        await service.wait_for(WORKERS, WORKERS + 1)
        refused = await service.post()
        assert error_of(refused) == (503, "busy")
        assert int(refused.headers["Retry-After"]) >= 1
        go.set()
        assert {(await answer).status_code for answer in asked} == {200}
        assert (await service.post()).status_code == 200


async def test_large_requests_are_bounded_together() -> None:
    async with serving(ServiceLimits(body_bytes=150_000, waiting=100)) as service:
        go = threading.Event()
        service.pool.act = lambda: go.wait(30) and None
        asked = [asyncio.create_task(service.post()) for _ in range(2)]
        await service.wait_for(2)
        assert error_of(await service.post()) == (503, "busy")
        go.set()
        assert {(await answer).status_code for answer in asked} == {200}


async def test_a_request_that_does_not_come_on_is_ended() -> None:
    async with serving(ServiceLimits(idle_seconds=0.3, bytes_per_second=10**9)) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        head = f"POST {wire.PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.CONTENT_TYPE}\r\n"
        writer.write(f"{head}Content-Length: {LENGTH}\r\n\r\n".encode() + BODY[:100])
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
        writer.close()
        assert (await service.send("GET", "/healthz")).json()["in_flight"] == 0


@pytest.mark.parametrize("said", [b"", b"POST /v1/interpretation HTTP/1.1\r\nHost:"])
async def test_an_idle_connection_is_closed(said: bytes) -> None:
    async with serving(ServiceLimits(idle_seconds=0.3)) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(said)
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


async def test_health_and_metrics() -> None:
    async with serving() as service:
        health = await service.send("GET", "/healthz")
        assert (health.status_code, health.json()["status"], health.json()["workers"]) == (200, "ok", WORKERS)
        await service.post()
        await service.post(b"no request")
        page = (await service.send("GET", "/metrics")).text
        assert 'cardioserver_interpretation_seconds_count{outcome="done"} 1.0' in page
        assert 'cardioserver_interpretation_seconds_count{outcome="malformed"} 1.0' in page
        assert (await service.send("GET", "/elsewhere")).status_code == 404


async def test_when_it_stops_it_finishes_what_it_has_begun() -> None:
    async with serving() as service:
        go = threading.Event()
        service.pool.act = lambda: go.wait(30) and None
        asked = asyncio.create_task(service.post())
        await service.wait_for(1)
        service.stop.set()
        await asyncio.sleep(0)
        go.set()
        assert (await asked).status_code == 200


async def test_over_tls_only_whose_certificate_is_known_gets_in(tmp_path: Path) -> None:
    authority = Authority("test")
    ca = authority.write(tmp_path / "ca.pem")
    certificate = authority.issue(tmp_path / "service.pem", "service")
    settings = TlsSettings(certificate=certificate, client_certificates="required", client_ca=ca)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tls=tls_context(settings)))
        known = client_context(ca, authority.issue(tmp_path / "client.pem", "client"))
        assert (await service.post(verify=known)).status_code == 200
        with pytest.raises(httpx.HTTPError):
            await service.post(verify=client_context(ca))
        assert service.pool.at_work == 1
