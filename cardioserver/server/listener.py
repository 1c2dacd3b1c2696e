"""The listening socket, and the sessions from their first to their last moment."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from cardioserver.protocol.connection import ServerConnection
from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.texts import error_message
from cardioserver.server.logs import Log
from cardioserver.server.request import Desk
from cardioserver.server.resources import Resources
from cardioserver.server.session import Session
from cardioserver.server.tls import Certificates

log = Log(__name__)

BACKLOG = 1024
CERTIFICATE_CHECK_SECONDS = 5.0


class Listener:
    """Accepts connections and hands each to a :class:`~cardioserver.server.session.Session`.

    Parameters
    ----------
    certificates
        For TLS; ``None``: plain TCP.
    """

    def __init__(self, resources: Resources, desk: Desk, certificates: Certificates | None = None) -> None:
        self._resources = resources
        self._desk = desk
        self._certificates = certificates
        self._server: asyncio.Server | None = None
        self._check: asyncio.TimerHandle | None = None
        self._handshakes: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        """Accept connections from now on; returns the port (of the first address, if there are several).

        Raises
        ------
        OSError
            The address cannot be listened on.
        """
        loop = self._resources.loop
        self._server = await loop.create_server(self._doorway, host, port, backlog=BACKLOG)
        self._resources.wheel.start()
        if self._certificates is not None:
            self._check = loop.call_later(CERTIFICATE_CHECK_SECONDS, self._check_certificates)
        return int(self._server.sockets[0].getsockname()[1])

    def reload_certificates(self) -> None:
        """Read the certificates again for new connections; if they are wrong the old ones stay."""
        if self._certificates is None:
            return
        try:
            self._certificates.reload()
        except (OSError, ssl.SSLError) as error:
            log.error("certificate not reloaded, the old one stays", error=error)
        else:
            log.info("certificate reloaded")

    async def drain(self, seconds: float) -> None:
        """Accept no more, let the sessions finish their requests, and end them.

        Parameters
        ----------
        seconds
            After that, unfinished sessions are cut.
        """
        if self._check is not None:
            self._check.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._handshakes:
            task.cancel()
        sessions = self._resources.sessions
        for session in tuple(sessions):
            session.leave(ErrorCode.SHUTTING_DOWN)
        if not await self._resources.emptied(seconds):
            log.warning("sessions cut", count=len(sessions))
        for session in tuple(sessions):
            session.abort()
        await asyncio.sleep(0)
        self._resources.wheel.stop()

    def _doorway(self) -> asyncio.BaseProtocol:
        return _Doorway(self)

    def admit(self, transport: asyncio.Transport) -> None:
        """A connection has come: give it a session, or send it away."""
        resources = self._resources
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if not resources.admission.enter(address):
            resources.metrics.refused(ErrorCode.TOO_MANY_CONNECTIONS.name)
            self._send_away(transport)
            return
        resources.metrics.accepted.inc()
        session = Session(resources, self._desk, address)
        if self._certificates is None:
            transport.set_protocol(session)
            session.connection_made(transport)
            return
        task = resources.loop.create_task(self._secure(transport, session, self._certificates.context))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _send_away(self, transport: asyncio.Transport) -> None:
        if self._certificates is None:
            error = error_message(ErrorCode.TOO_MANY_CONNECTIONS, retry_after=30)
            transport.writelines(ServerConnection(self._resources.limits).send_error(0, error))
            transport.close()
        else:
            transport.abort()  # to say why would take the handshake that is to be saved

    async def _secure(self, transport: asyncio.Transport, session: Session, context: ssl.SSLContext) -> None:
        resources = self._resources
        try:
            secured = await resources.loop.start_tls(
                transport,
                session,
                context,
                server_side=True,
                ssl_handshake_timeout=resources.settings.hello_seconds,
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as error:
            resources.admission.leave(session.address)
            resources.metrics.refused("TLS")
            log.info("no TLS", address=session.address, error=type(error).__name__)
            transport.abort()
            return
        session.connection_made(cast(asyncio.Transport, secured))

    def _check_certificates(self) -> None:
        loop = self._resources.loop
        self._check = loop.call_later(CERTIFICATE_CHECK_SECONDS, self._check_certificates)
        if self._certificates is not None and self._certificates.changed():
            self.reload_certificates()


class _Doorway(asyncio.Protocol):
    """What a new connection meets first, before a byte is read from it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.admit(cast(asyncio.Transport, transport))
