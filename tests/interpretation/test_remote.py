"""The client of interpretation services, with services that do what a test tells them to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.patient import Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.interpretation import document, wire
from cardioserver.interpretation.errors import (
    Busy,
    Crashed,
    InterpretationError,
    Refused,
    TooLarge,
    TooLong,
    Unavailable,
)
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.limits import Limits
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.remote import LONGEST_ANSWER, Host, Remote, hosts
from cardioserver.server.tls import tls_context
from cardioserver.settings.config import TlsSettings
from tests.interpretation.signals import made
from tests.server.certificates import Authority, client_context
from tests.servers import free_port

ECG = made(TWELVE_LEADS)
PERSON = Person(Sex.FEMALE, 61.0)
GOOD = document.encode(interpret(ECG, PERSON))

Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class Service:
    """A server of HTTP that gives the answers a test has put in it, the last one again and again."""

    answers: list[Answer] = field(default_factory=lambda: [(200, GOOD, {})])
    asked: int = 0
    hang: threading.Event | None = None
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                service.asked += 1
                if service.hang is not None:
                    service.hang.wait(30)
                status, body, headers = service.answers[min(service.asked, len(service.answers)) - 1]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.name = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Pool:
    """Checks as a worker does, in this process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.earlier: list[bytes | None] = []

    def check(
        self, made: bytes, signal: SignalFormat, person: Person, earlier: bytes | None = None
    ) -> Interpretation:
        self.earlier.append(earlier)
        try:
            found = document.decode(made)
        except ValueError:
            raise Unavailable("the service answered with no interpretation") from None
        return Interpretation(found.text, made)

    def close(self) -> None:
        """Nothing to end."""


Ask = Callable[..., Remote]


@pytest.fixture
def services() -> Iterator[list[Service]]:
    made: list[Service] = []
    yield made
    for service in made:
        service.close()


@pytest.fixture
def client() -> Iterator[Ask]:
    opened: list[Remote] = []

    def make(*names: str, limits: Limits = Limits(30.0), **more: Any) -> Remote:  # noqa: B008
        known = hosts(names, tls="tls" in more, failures=more.pop("failures", 3), rest=more.pop("rest", 60.0))
        opened.append(Remote(known, Pool(limits), **more))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for remote in opened:
        remote.close()


def error(kind: type[InterpretationError], retry_after: int = 0) -> Answer:
    said = kind("there").say()
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return wire.STATUS[kind.code], wire.write_error(kind.code, said.en, said.ru), headers


def test_places_of_services() -> None:
    def urls(*names: str, tls: bool = False) -> list[str]:
        return [host.url for host in hosts(names, tls=tls, failures=1, rest=1.0)]

    path = "/v1/interpretation"
    assert urls("a.b", "a:1") == [f"http://a.b:48044{path}", f"http://a:1{path}"]
    assert urls("[::1]", "[::1]:7", tls=True) == [f"https://[::1]:48044{path}", f"https://[::1]:7{path}"]


def test_the_first_that_answers_is_enough(services: list[Service], client: Ask) -> None:
    services += [Service(), Service()]
    remote = client(*(service.name for service in services))
    earlier = b"{}"
    assert remote.interpret(ECG, PERSON, earlier).document == GOOD
    assert [service.asked for service in services] == [1, 0]
    assert remote._pool.earlier == [earlier]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "bad",
    [
        (200, b"no document", {}),
        (200, GOOD[:-1], {}),
        (200, b" " * (LONGEST_ANSWER + 1), {}),
        (200, GOOD, {"Content-Length": str(len(GOOD) + 5)}),
        (404, b"", {}),
        (500, b"<html>", {}),
        (302, b"", {"Location": "http://127.0.0.1:1/"}),
        (503, b"a proxy says so", {}),
    ],
)
def test_nonsense_is_passed_over(
    services: list[Service], client: Ask, bad: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardioserver.interpretation.remote.QUEUE_SECONDS", 0.0)
    services += [Service([bad]), Service()]
    remote = client(*(service.name for service in services), limits=Limits(0.5))
    assert remote.interpret(ECG, PERSON).document == GOOD
    assert [service.asked for service in services] == [1, 1]


def test_one_that_is_not_there_is_passed_over(services: list[Service], client: Ask) -> None:
    services.append(Service())
    remote = client(f"127.0.0.1:{free_port()}", services[0].name)
    assert remote.interpret(ECG, PERSON).document == GOOD


def test_one_that_hangs_is_passed_over(
    services: list[Service], client: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardioserver.interpretation.remote.QUEUE_SECONDS", 0.0)
    services += [Service(hang=threading.Event()), Service()]
    remote = client(*(service.name for service in services), limits=Limits(0.5))
    assert remote.interpret(ECG, PERSON).document == GOOD
    assert services[0].hang is not None
    services[0].hang.set()


@pytest.mark.parametrize("kind", [Refused, TooLarge, TooLong, Crashed])
def test_what_a_service_says_of_the_ecg_is_not_asked_of_another(
    services: list[Service], client: Ask, kind: type[InterpretationError]
) -> None:
    services += [Service([error(kind)]), Service()]
    remote = client(*(service.name for service in services), failures=1)
    for _ in range(3):
        with pytest.raises(kind):
            remote.interpret(ECG, PERSON)
    assert [service.asked for service in services] == [3, 0], "it is no failure of the service"


def test_a_busy_one_is_passed_over_and_not_left_alone(services: list[Service], client: Ask) -> None:
    services += [Service([error(Busy, 7)]), Service()]
    remote = client(*(service.name for service in services), failures=1)
    for _ in range(2):
        assert remote.interpret(ECG, PERSON).document == GOOD
    assert [service.asked for service in services] == [2, 2]
    services[1].answers = [error(Busy, 9)]
    with pytest.raises(Busy) as raised:
        remote.interpret(ECG, PERSON)
    assert raised.value.retry_after == 7


def test_one_that_fails_in_a_row_is_left_alone_and_then_tried_once(
    services: list[Service], client: Ask
) -> None:
    failing: Answer = (500, b"", {})
    services += [Service([failing] * 3 + [(200, GOOD, {})]), Service()]
    remote = client(*(service.name for service in services), failures=2)
    for _ in range(4):
        remote.interpret(ECG, PERSON)
    assert [service.asked for service in services] == [2, 4]
    rested(remote._hosts[0])
    remote.interpret(ECG, PERSON)
    assert [service.asked for service in services] == [3, 5], "the trial failed"
    remote.interpret(ECG, PERSON)
    assert services[0].asked == 3
    rested(remote._hosts[0])
    for _ in range(2):
        remote.interpret(ECG, PERSON)
    assert [service.asked for service in services] == [5, 6], "the trial succeeded"


def rested(host: Host) -> None:
    """As if its rest were over."""
    assert host.breaker._opened_at is not None
    host.breaker._opened_at -= host.breaker._rest


def test_when_none_answers_it_says_why_and_when_to_come_again(services: list[Service], client: Ask) -> None:
    services.append(Service([(500, b"", {})]))
    absent = f"127.0.0.1:{free_port()}"
    remote = client(absent, services[0].name, failures=1, rest=45.0)
    with pytest.raises(Unavailable) as raised:
        remote.interpret(ECG, PERSON)
    assert absent in raised.value.note
    assert f"{services[0].name}: status 500" in raised.value.note
    with pytest.raises(Unavailable) as raised:
        remote.interpret(ECG, PERSON)
    assert raised.value.note.count("left alone") == 2
    assert 40 < raised.value.retry_after <= 45


def test_services_are_known_by_their_certificates(
    services: list[Service], client: Ask, tmp_path: Path
) -> None:
    authority, stranger = Authority("ours"), Authority("theirs")
    ca = authority.write(tmp_path / "ca.pem")
    ours = TlsSettings(
        certificate=authority.issue(tmp_path / "a.pem", "service"),
        client_certificates="required",
        client_ca=ca,
    )
    theirs = TlsSettings(certificate=stranger.issue(tmp_path / "b.pem", "service"))
    services += [Service(tls=tls_context(theirs)), Service(tls=tls_context(ours))]
    shown = client_context(ca, authority.issue(tmp_path / "c.pem", "server"))
    remote = client(*(service.name for service in services), tls=shown)
    assert remote.interpret(ECG, PERSON).document == GOOD
    assert [service.asked for service in services] == [0, 1]
    without = client(services[1].name, tls=client_context(ca))
    with pytest.raises(Unavailable):
        without.interpret(ECG, PERSON)


def test_a_proxy_of_the_environment_sees_nothing(
    services: list[Service], client: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    services += [Service(), Service()]
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{services[1].name}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert client(services[0].name).interpret(ECG, PERSON).document == GOOD
    assert [service.asked for service in services] == [1, 0]
