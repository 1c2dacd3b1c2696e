"""The client of interpretation services: one after another until one answers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

import cardioserver
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation import wire
from cardioserver.interpretation.breaker import Breaker
from cardioserver.interpretation.errors import Busy, InterpretationError, Unavailable
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.limits import Limits, samples_of
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.pool import Pool

DEFAULT_PORT = 48044

QUEUE_SECONDS = 60.0
"""How long a request may wait at a service for its turn."""

LONGEST_ANSWER = 4 << 20
"""Bytes; the longest document that is kept has a quarter of it."""


@dataclass(frozen=True, slots=True)
class Host:
    """A service."""

    name: str  # as configured
    url: str
    breaker: Breaker


def hosts(names: Sequence[str], *, tls: bool, failures: int, rest: float) -> tuple[Host, ...]:
    """Services by their ``host[:port]``, each with a breaker of its own."""
    return tuple(Host(name, _url(name, tls), Breaker(failures, rest)) for name in names)


def _url(name: str, tls: bool) -> str:
    has_port = ":" in name.rpartition("]")[2]  # an IPv6 address stands in brackets
    place = name if has_port else f"{name}:{DEFAULT_PORT}"
    return f"{'https' if tls else 'http'}://{place}{wire.PATH}"


class Remote:
    """Has services interpret; thread-safe.

    Parameters
    ----------
    services
        In the order in which they are tried.
    pool
        Checks the answers, which come from another machine, and compares them with earlier ECGs, which
        stay on this one.
    tls
        For services that speak TLS.
    connect_seconds
        To connect to one of them.
    """

    def __init__(
        self,
        services: Sequence[Host],
        pool: Pool,
        *,
        tls: ssl.SSLContext | None = None,
        connect_seconds: float = 5.0,
    ) -> None:
        self._hosts = tuple(services)
        self._pool = pool
        self._connect_seconds = connect_seconds
        self._client = httpx.Client(
            verify=tls or False,
            trust_env=False,  # a proxy of the environment must not see ECGs
            headers={"User-Agent": f"cardioserver/{cardioserver.__version__}", "Accept-Encoding": "identity"},
        )

    def interpret(self, recording: Recording, person: Person, earlier: bytes | None = None) -> Interpretation:
        """Have the first service that answers interpret, and compare here.

        Raises
        ------
        Refused, TooLarge, TooLong, Crashed
            What the service answered.
        Busy
            Every service that answers has too much to do.
        Unavailable
            None answers as it should.
        """
        busy: Busy | None = None
        reasons: list[str] = []
        for host in self._hosts:
            if not host.breaker.admit():
                reasons.append(f"{host.name}: left alone after failures")
                continue
            try:
                made = self._ask(host, recording, person, earlier)
            except (Unavailable, httpx.HTTPError) as error:
                host.breaker.failed()
                reasons.append(f"{host.name}: {_reason(error)}")
            except Busy as error:
                host.breaker.succeeded()
                busy = busy or error
            except InterpretationError:
                host.breaker.succeeded()
                raise
            except BaseException:
                host.breaker.failed()
                raise
            else:
                host.breaker.succeeded()
                return made
        if busy is not None:
            raise busy
        wait = min((host.breaker.remaining for host in self._hosts), default=0.0)
        raise Unavailable("; ".join(reasons), retry_after=wait)

    def _ask(self, host: Host, recording: Recording, person: Person, earlier: bytes | None) -> Interpretation:
        seconds = self._pool.limits.seconds_of(samples_of(recording.format)) + QUEUE_SECONDS
        deadline = time.monotonic() + seconds
        length, pieces = wire.write_request(recording, person)
        with self._client.stream(
            "POST",
            host.url,
            content=pieces,
            headers={"Content-Type": wire.CONTENT_TYPE, "Content-Length": str(length)},
            timeout=httpx.Timeout(seconds, connect=self._connect_seconds),
        ) as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
                    raise Unavailable("the answer is too long or too slow")
        if response.status_code == httpx.codes.OK:
            return self._pool.check(bytes(body), recording.format, person, earlier)
        error = wire.read_error(bytes(body), _retry_after(response))
        raise error or Unavailable(f"status {response.status_code}")

    @property
    def limits(self) -> Limits:
        """Of this machine, from which the patience with services comes."""
        return self._pool.limits

    def retire(self) -> None:
        """End the worker that checks answers if it had nothing to do for a while."""
        self._pool.retire()

    def close(self) -> None:
        """Ask nobody any more."""
        self._client.close()
        self._pool.close()


def _retry_after(response: httpx.Response) -> float:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else 0.0


def _reason(error: Unavailable | httpx.HTTPError) -> str:
    if isinstance(error, Unavailable):
        return error.note
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
