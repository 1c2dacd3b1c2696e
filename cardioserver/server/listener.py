"""The listening socket, and the sessions from their first to their last moment."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

from cardioserver.listening import accept, listening_socket
from cardioserver.protocol.connection import ServerConnection
from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.texts import error_message
from cardioserver.server.logs import Log
from cardioserver.server.session import Session

if TYPE_CHECKING:
    from cardioserver.server.request import Desk
    from cardioserver.server.resources import Resources
    from cardioserver.server.tls import Certificates

log = Log(__name__)

CERTIFICATE_CHECK_SECONDS = 5.0
REFUSED_RETRY_SECONDS = 30
_MAPPED = "::ffff:"  # an IPv4 address as IPv6 sees it (RFC 4291, section 2.5.5.2)


class Listener:
    """Accepts connections and gives each a :class:`~cardioserver.server.session.Session`.

    A connection counts from its first moment, also during its TLS handshake.

    Parameters
    ----------
    certificates
        For TLS; ``None``: plain TCP.
    """

    def __init__(self, resources: Resources, desk: Desk, certificates: Certificates | None = None) -> None:
        self._resources = resources
        self._desk = desk
        self._certificates = certificates
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        self._check: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int) -> int:
        """Accept connections from now on; returns the port.

        Raises
        ------
        OSError
            The address cannot be listened on.
        """
        loop = self._resources.loop
        self._socket = await asyncio.to_thread(listening_socket, host, port)
        self._accepting = loop.create_task(accept(self._socket, self._admit, _log_failure))
        self._resources.wheel.start()
        if self._certificates is not None:
            self._check = loop.call_later(CERTIFICATE_CHECK_SECONDS, self._check_certificates)
        return int(self._socket.getsockname()[1])

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
        tasks = [task for task in (self._accepting, *self._arriving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        sessions = self._resources.sessions
        for session in tuple(sessions):
            session.leave(ErrorCode.SHUTTING_DOWN)
        if not await self._resources.emptied(seconds):
            log.warning("sessions cut", count=len(sessions))
        for session in tuple(sessions):
            session.abort()
        await asyncio.sleep(0)
        self._resources.wheel.stop()

    # ---------------------------------------------------------------- arrivals

    def _admit(self, arrived: socket.socket, peer: Any) -> None:
        resources, address = self._resources, str(peer[0]).removeprefix(_MAPPED)
        if not resources.admission.enter(address):
            resources.metrics.refused(ErrorCode.TOO_MANY_CONNECTIONS.name)
            self._send_away(arrived)
            return
        resources.metrics.accepted.inc()
        task = resources.loop.create_task(self._welcome(arrived, address))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    def _send_away(self, arrived: socket.socket) -> None:
        if self._certificates is None:  # with TLS, saying why would take the handshake that is to be saved
            error = error_message(ErrorCode.TOO_MANY_CONNECTIONS, retry_after=REFUSED_RETRY_SECONDS)
            words = b"".join(ServerConnection(self._resources.limits).send_error(0, error))
            try:
                arrived.send(words)
                arrived.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has gone
        arrived.close()

    async def _welcome(self, arrived: socket.socket, address: str) -> None:
        """Make a session of a socket; with TLS after the handshake."""
        resources = self._resources
        context = None if self._certificates is None else self._certificates.context
        session = Session(resources, self._desk, address)
        try:
            await resources.loop.connect_accepted_socket(
                lambda: session,
                arrived,
                ssl=context,
                ssl_handshake_timeout=None if context is None else resources.settings.hello_seconds,
            )
        except OSError as error:  # ssl.SSLError is one
            resources.metrics.refused("TLS" if context else "LOST")
            log.info("connection lost before its first message", address=address, error=type(error).__name__)
        finally:
            if not session.begun:
                resources.admission.leave(address)
                arrived.close()

    def _check_certificates(self) -> None:
        loop = self._resources.loop
        self._check = loop.call_later(CERTIFICATE_CHECK_SECONDS, self._check_certificates)
        if self._certificates is not None and self._certificates.changed():
            self.reload_certificates()


def _log_failure(error: OSError) -> None:
    log.warning("no connection accepted", error=error.strerror)
