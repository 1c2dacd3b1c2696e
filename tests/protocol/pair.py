"""A client and a server that talk to each other in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from cardioserver.protocol import messages as m
from cardioserver.protocol.connection import (
    ClientConnection,
    Failure,
    Push,
    Rejected,
    Reply,
    Request,
    ServerConnection,
)
from cardioserver.protocol.frames import Flags, frame
from cardioserver.protocol.layout import serialise
from cardioserver.protocol.wire import Buffer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LIMITS = m.Limits(max_payload=1 << 20, max_in_flight=4, max_upload=1 << 22, idle_timeout=900, max_page=200)
ACCOUNT = m.Account(1, "k3", m.Role.RECORDER, 2, "K3")
TYPE_NUMBERS = {request: number for number, (request, _) in m.REQUESTS.items()}


class Pair:
    """Both ends. What one sends the other receives at once, in pieces of *split* bytes."""

    def __init__(self, limits: m.Limits = LIMITS, split: int = 1 << 16) -> None:
        self.limits = limits
        self.split = split
        self.server = ServerConnection(limits, today=lambda: date(2026, 11, 21))
        self.client = ClientConnection(limits.max_payload)

    def ask(self, message: object) -> Request | Rejected:
        """Send a request; what the server makes of it."""
        _, buffers = self.client.send_request(message)
        (event,) = self.to_server(buffers)
        return event

    def to_server(self, buffers: Iterable[Buffer]) -> list[Request | Rejected]:
        """Hand bytes to the server; its events."""
        stream = b"".join(buffers)
        events: list[Request | Rejected] = []
        for start in range(0, len(stream), self.split):
            self.server.receive_data(stream[start : start + self.split])
            events += self.server.events()
        return events

    def to_client(self, buffers: Iterable[Buffer]) -> list[Reply | Failure | Push]:
        """Hand bytes to the client; its events."""
        stream = b"".join(buffers)
        events: list[Reply | Failure | Push] = []
        for start in range(0, len(stream), self.split):
            self.client.receive_data(stream[start : start + self.split])
            events += self.client.events()
        return events

    def exchange(self, message: object, reply: object) -> Reply:
        """A request and its reply, through both ends."""
        request = self.ask(message)
        assert isinstance(request, Request), request
        assert request.message == message
        (answer,) = self.to_client(self.server.send_reply(request.request_id, reply))
        assert isinstance(answer, Reply)
        return answer

    def greet(self, capabilities: m.Capability = m.Capability.ALL) -> Pair:
        """Exchange the hello."""
        self.exchange(m.Hello(1, 1, capabilities, "test"), info(self.limits, capabilities))
        return self

    def log_in(self) -> Pair:
        """Exchange hello and login."""
        self.greet()
        self.exchange(m.Login("k3", "secret"), m.LoggedIn(ACCOUNT, "H", 1))
        return self


def info(limits: m.Limits = LIMITS, capabilities: m.Capability = m.Capability.ALL) -> m.ServerInfo:
    """A reply to Hello."""
    return m.ServerInfo(1, capabilities, "test", 1, "main", NOW, "", limits)


def raw_request(message: Any, request_id: int, flags: Flags = Flags.NONE) -> bytes:
    """The bytes of a request, whatever the state of any connection."""
    return b"".join(frame(TYPE_NUMBERS[type(message)], flags, request_id, serialise(message)))
