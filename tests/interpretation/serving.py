"""An interpretation service in this process, whose interpretations a test plays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation import wire
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.service import Service, ServiceLimits
from cardioserver.language import Phrase
from tests.interpretation.signals import made
from tests.servers import wait_until

ECG = made(TWELVE_LEADS)
LENGTH, _PIECES = wire.write_request(ECG, Person())
BODY = b"".join(_PIECES)
HEADERS = {"Content-Type": wire.CONTENT_TYPE}
WORKERS = 2


class Pool:
    """Does what a test tells it to; answers with the number of samples."""

    def __init__(self) -> None:
        self.act: Callable[[], None] = lambda: None
        self.at_work = 0
        self.is_closed = False

    def interpret(self, recording: Recording, person: Person) -> Interpretation:
        self.at_work += 1
        self.act()
        return Interpretation(Phrase("", ""), json.dumps({"samples": recording.samples.size}).encode())

    def retire(self) -> None:
        """Nobody is idle."""

    def close(self) -> None:
        self.is_closed = True


class Running:
    """A service and its address."""

    def __init__(self, pool: Pool, url: str, stop: asyncio.Event, port: int) -> None:
        self.pool = pool
        self.url = url
        self.stop = stop
        self.port = port

    async def post(self, body: bytes = BODY, **more: Any) -> httpx.Response:
        return await self.send("POST", **{"headers": HEADERS, "content": body} | more)

    async def send(self, method: str, path: str = wire.PATH, **more: Any) -> httpx.Response:
        async with httpx.AsyncClient(verify=more.pop("verify", True), timeout=30) as client:
            return await client.request(method, self.url + path, **more)

    async def wait_for(self, at_work: int, admitted: int = 0) -> None:
        def are_there() -> bool:
            in_flight = httpx.get(f"{self.url}/healthz").json()["in_flight"]
            return self.pool.at_work >= at_work and in_flight >= admitted

        await asyncio.to_thread(wait_until, are_there, "they are at work")


@asynccontextmanager
async def serving(limits: ServiceLimits = ServiceLimits(), **more: Any) -> AsyncIterator[Running]:  # noqa: B008
    pool, stop, ports = Pool(), asyncio.Event(), asyncio.Queue[int]()
    service = Service(pool, WORKERS, limits)  # type: ignore[arg-type]
    task = asyncio.create_task(
        service.run("127.0.0.1", 0, stop=stop, ready=ports.put_nowait, drain_seconds=20.0, **more)
    )
    port = await asyncio.wait_for(ports.get(), 30)
    scheme = "https" if "tls" in more else "http"
    try:
        yield Running(pool, f"{scheme}://127.0.0.1:{port}", stop, port)
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)
        assert pool.is_closed


def error_of(response: httpx.Response) -> tuple[int, str]:
    told = response.json()["error"]
    assert told["en"]
    assert told["ru"]
    return response.status_code, told["code"]
