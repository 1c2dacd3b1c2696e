"""``/metrics`` and ``/healthz`` over HTTP, in a thread of their own.

They answer even when the event loop is stuck: that is when they are needed most.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST

from cardioserver.server.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PEER_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the server does its work.

    ``healthy`` false means: send it no clients. ``details`` are shown to whoever asks.
    """

    healthy: bool
    details: dict[str, Any]


class Monitoring:
    """The HTTP server.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    metrics
        For ``/metrics``.
    health
        For ``/healthz``; called in a thread.

    Raises
    ------
    OSError
        The address cannot be listened on.
    """

    def __init__(self, host: str, port: int, metrics: Metrics, health: Callable[[], Health]) -> None:
        self._metrics = metrics
        self._health = health
        self._server = make_server(host, port, self._answer, _Server, _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="monitoring", daemon=True)
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _reply(start_response, "405 Method Not Allowed", "text/plain", b"GET only\n")
        if path == "/metrics":
            return _reply(start_response, "200 OK", CONTENT_TYPE_LATEST, self._metrics.page())
        if path == "/healthz":
            health = self._health()
            status = "200 OK" if health.healthy else "503 Service Unavailable"
            body = json.dumps(health.details, ensure_ascii=False, default=str).encode()
            return _reply(start_response, status, "application/json", body + b"\n")
        return _reply(start_response, "404 Not Found", "text/plain", b"/metrics or /healthz\n")


def _reply(start_response: StartResponse, status: str, kind: str, body: bytes) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = PEER_TIMEOUT_SECONDS

    def log_message(self, *args: object) -> None:
        """Say nothing: a scrape every few seconds is no news."""
