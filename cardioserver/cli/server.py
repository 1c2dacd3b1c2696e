"""The server that a command speaks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cardioserver.cli import password
from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.parameters import PasswordFile, provided_by
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.client import Client

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and as whom to speak to it."""

    host: str
    port: int
    login: str
    password_file: Path | None
    tls: bool
    tls_ca: Path | None

    def run(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Connect, log in, do *work*, close.

        Raises
        ------
        Failure
            No login or no password was given.
        cardioserver.client.errors.ClientError
            What the client raises.
        """
        import asyncio

        async def session() -> T:
            async with self._connected() as client:
                return await work(client)

        return asyncio.run(session())

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        from cardioserver.client import Client

        if not self.login:
            raise Failure(
                Phrase(
                    "Who are you? Give --login or CARDIOSERVER_LOGIN.",
                    "Кто вы? Укажите --login или CARDIOSERVER_LOGIN.",
                ),
                ExitCode.USAGE,
            )
        secret = password.ask(self.login, self.password_file)
        client = Client(self.host, self.port, login=self.login, password=secret, tls=self._tls())
        async with client:
            yield client

    def _tls(self) -> Any:
        if not self.tls and self.tls_ca is None:
            return None
        import ssl

        from cardioserver.client import tls_context

        try:
            return tls_context(self.tls_ca)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            said = f"--tls-ca {self.tls_ca}: {reason}"
            raise Failure(Phrase(said, said), ExitCode.USAGE) from None


def _server(
    *,
    host: Annotated[
        str, typer.Option(metavar="HOST", envvar="CARDIOSERVER_HOST", help="Address of the server.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", envvar="CARDIOSERVER_PORT", min=1, max=65535, help="Port of the server."
        ),
    ] = 48004,
    login: Annotated[
        str, typer.Option(metavar="LOGIN", envvar="CARDIOSERVER_LOGIN", help="Account to log in with.")
    ] = "",
    password_file: PasswordFile = None,
    tls: Annotated[bool, typer.Option("--tls", help="Encrypt the connection.")] = False,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PEM file of the authority that signed the server's certificate; implies --tls.",
        ),
    ] = None,
) -> Server:
    return Server(host, port, login, password_file, tls, tls_ca)


over_the_wire = provided_by(_server)
"""Decorator: the command's first parameter is a :class:`Server`, made from options."""
