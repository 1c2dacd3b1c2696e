"""Where a server is and how to speak to it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 48004


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address; ``tls`` is ``None`` for a plain connection."""

    host: str
    port: int = DEFAULT_PORT
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes
    ----------
    connect
        For the connection, TLS and the hello together.
    reply
        For the reply to one request.
    keep_alive
        Without traffic before a ping is sent; the server's idle timeout may shorten it.
    """

    connect: float = 10.0
    reply: float = 60.0
    keep_alive: float = 60.0


def tls_context(
    authority: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Settings of a verified TLS connection.

    Parameters
    ----------
    authority
        PEM file of the authority that signed the server's certificate. Without it: the system's.
    certificate, key
        PEM files of the client's own certificate, if the server wants one.

    Raises
    ------
    OSError, ssl.SSLError
        A file cannot be read or is not PEM.
    """
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
