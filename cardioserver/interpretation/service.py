"""The interpretation service: ECGs come over HTTP, documents go back."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import StreamReader, web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Summary, generate_latest

import cardioserver
from cardioserver.interpretation import wire
from cardioserver.interpretation.door import Door
from cardioserver.interpretation.errors import Busy, Crashed, InterpretationError
from cardioserver.interpretation.pool import Pool
from cardioserver.trace import place_of

log = logging.getLogger(__name__)
_silent = logging.getLogger(f"{__name__}.http")
_silent.disabled = True  # an address and a time tell who was examined when; errors quote what was sent

LINGER_SECONDS = 10.0
"""What a refused client still sends is read for so long, so that it gets to read the answer."""

BODIES = 2
"""So many of the largest bodies may all requests hold together."""

RETIRE_SECONDS = 30.0
"""Between looks for workers that have nothing to do."""


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What clients may cost.

    Attributes
    ----------
    body_bytes
        Of one request.
    waiting
        Requests beyond those that are interpreted.
    idle_seconds
        A connection without a request, a TLS handshake, and grace for the body of a request.
    bytes_per_second
        Least rate of a body, at all times after the grace.
    connections
        At once; one too many is closed. Each may take about a megabyte before its request is looked at.
    """

    body_bytes: int = 256 << 20
    waiting: int = 16
    idle_seconds: float = 30.0
    bytes_per_second: int = 64 << 10
    connections: int = 100


class Service:
    """Answers requests; one event loop only.

    Parameters
    ----------
    workers
        Interpretations at once, as many as *pool* has.
    """

    def __init__(self, pool: Pool, workers: int, limits: ServiceLimits) -> None:
        self._pool = pool
        self._workers = workers
        self._limits = limits
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="interpret")
        self._admitted = 0
        self._bytes = 0
        self._is_draining = False
        self._registry = CollectorRegistry()
        self._seconds = Summary(
            "cardioserver_interpretation_seconds",
            "Time of requests, by outcome.",
            ["outcome"],
            registry=self._registry,
        )
        admitted = Gauge("cardioserver_interpretations_in_flight", "Requests now.", registry=self._registry)
        admitted.set_function(lambda: self._admitted)

    async def run(
        self,
        host: str,
        port: int,
        *,
        stop: asyncio.Event,
        tls: ssl.SSLContext | None = None,
        ready: Callable[[int], None] = lambda _: None,
        drain_seconds: float = 30.0,
    ) -> None:
        """Serve until *stop* is set, then finish what is being interpreted.

        Parameters
        ----------
        ready
            Called with the port once it listens.

        Raises
        ------
        OSError
            The address cannot be listened on.
        """
        application = web.Application(client_max_size=self._limits.body_bytes, middlewares=[_typed_errors])
        application.add_routes(
            [
                web.post(wire.PATH, self._interpret),
                web.get("/healthz", self._health),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(
            application,
            access_log=None,
            logger=_silent,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=min(LINGER_SECONDS, self._limits.idle_seconds),
            auto_decompress=False,
            shutdown_timeout=drain_seconds,
        )
        await runner.setup()
        assert runner.server is not None  # noqa: S101  it is there after the setup
        door = Door(runner.server, self._limits.connections, tls, self._limits.idle_seconds)
        retiring = asyncio.create_task(self._retire())
        try:
            ready(await door.open(host, port))
            await stop.wait()
            self._is_draining = True
        finally:
            retiring.cancel()
            await door.close()
            await runner.cleanup()
            await asyncio.to_thread(self._pool.close)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _retire(self) -> None:
        while True:
            await asyncio.sleep(RETIRE_SECONDS)
            await asyncio.to_thread(self._pool.retire)

    async def _health(self, request: web.Request) -> web.Response:
        status = "draining" if self._is_draining else "ok"
        told = {
            "status": status,
            "version": cardioserver.__version__,
            "workers": self._workers,
            "in_flight": self._admitted,
        }
        return web.json_response(told, status=503 if self._is_draining else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _interpret(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        try:
            outcome, response = await self._answered(request)
        except Exception as error:  # a fault of this program costs one answer
            log.error("a request failed: %s at %s", type(error).__name__, place_of(error))
            outcome, response = _failure(Crashed())
        self._seconds.labels(outcome).observe(time.monotonic() - began)
        return response

    async def _answered(self, request: web.Request) -> tuple[str, web.Response]:
        refusal = _foreign(request) or self._refusal(request)
        if refusal is not None:
            return refusal
        body = bytearray()
        self._admitted += 1
        try:
            await self._read(request.content, body)
            recording, person = wire.read_request(body)
            made = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._pool.interpret, recording, person
            )
        except TimeoutError:
            return _error("timeout", 408, "The request came too slowly", "Запрос приходил слишком медленно")
        except ConnectionError:
            return _error("gone", 400, "The connection was lost", "Соединение прервано")
        except wire.Malformed as error:
            return _error("malformed", 400, f"Not a request: {error}", f"Это не запрос: {error}")
        except InterpretationError as error:
            log.warning("an interpretation of %d bytes ended: %s", len(body), error)
            return _failure(error)
        finally:
            self._admitted -= 1
            self._bytes -= len(body)
        return "done", web.Response(body=made.document, content_type="application/json")

    async def _read(self, content: StreamReader, body: bytearray) -> None:
        """Read into *body*, as long as it comes on and there is room for it.

        Raises
        ------
        TimeoutError
            It comes too slowly.
        Busy
            Others hold too much.
        """
        limits, began = self._limits, asyncio.get_running_loop().time()
        grace = began + limits.idle_seconds
        async with asyncio.timeout_at(grace) as deadline:
            while piece := await content.readany():
                if self._bytes + len(piece) > BODIES * limits.body_bytes:
                    raise Busy("no room for the request", retry_after=1)
                self._bytes += len(piece)
                body += piece
                deadline.reschedule(grace + len(body) / limits.bytes_per_second)

    def _refusal(self, request: web.Request) -> tuple[str, web.Response] | None:
        """Why a request is not even read; ``None``: it is."""
        size, most = request.content_length, self._limits.body_bytes
        if size is None:
            return _error("malformed", 411, "Content-Length is missing", "Нет Content-Length")
        if size > most:
            return _error("too_large", 413, f"At most {most} bytes", f"Не больше {most} байт")
        if self._is_draining:
            return _failure(Busy("it is stopping", retry_after=1))
        if self._admitted >= self._workers + self._limits.waiting or self._bytes + size > BODIES * most:
            return _failure(Busy(retry_after=math.ceil((self._admitted + 1) / self._workers)))
        return None


def _foreign(request: web.Request) -> tuple[str, web.Response] | None:
    """Why the body cannot be a request, whatever it is; unpacked, it could be larger than it says."""
    if request.content_type != wire.CONTENT_TYPE:
        en, ru = f"The type must be {wire.CONTENT_TYPE}", f"Тип должен быть {wire.CONTENT_TYPE}"
        return _error("malformed", 415, en, ru)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        en, ru = "The request must not be compressed", "Запрос нельзя сжимать"
        return _error("malformed", 415, en, ru)
    return None


@web.middleware
async def _typed_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is not offered gets an error like all others."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        _, response = _error("malformed", error.status, f"HTTP: {error.reason}", f"HTTP: {error.reason}")
        return response


def _failure(error: InterpretationError) -> tuple[str, web.Response]:
    said = error.say()
    outcome, response = _error(error.code, wire.STATUS[error.code], said.en, said.ru)
    if error.retry_after:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return outcome, response


def _error(code: str, status: int, en: str, ru: str) -> tuple[str, web.Response]:
    body = wire.write_error(code, en, ru)
    return code, web.Response(status=status, body=body, content_type="application/json")
