"""Encrypted connections."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from cardioserver.client import ONCE, Client, tls_context
from cardioserver.client.errors import ClientError, TlsFailed
from cardioserver.protocol.errors import BrokenFrame
from cardioserver.protocol.messages import ErrorCode
from tests.client.peer import Peer, Talk
from tests.client.test_connection import answer_pings
from tests.server.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority("test authority")


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path) -> Path:
    """Its certificate, as the client is given it."""
    return authority.write(tmp_path / "authority.pem")


@pytest.fixture
def server_tls(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue(tmp_path / "server.pem", "archive.example"))
    return context


async def test_trusted_server(trusted: Path, server_tls: ssl.SSLContext) -> None:
    async with Peer(answer_pings).listening(server_tls) as peer:
        tls = tls_context(trusted)
        async with Client("127.0.0.1", peer.port, login="a", password="secret", tls=tls) as person:
            await person.ping()


async def test_untrusted_server_gets_no_password(server_tls: ssl.SSLContext) -> None:
    async with Peer(answer_pings).listening(server_tls) as peer:
        person = Client("127.0.0.1", peer.port, login="a", password="secret", tls=tls_context())
        with pytest.raises(TlsFailed, match="--tls-ca") as caught:
            await person.ping()
    assert "удостоверяющий центр" in caught.value.say("ru")


async def test_plain_client_at_a_tls_port(server_tls: ssl.SSLContext) -> None:
    async with Peer(answer_pings).listening(server_tls) as peer:
        person = Client("127.0.0.1", peer.port, login="a", password="secret", retry=ONCE)
        with pytest.raises(ClientError):
            await person.ping()


async def test_tls_client_at_a_plain_port(trusted: Path) -> None:
    async def offended(talk: Talk) -> None:
        with pytest.raises(BrokenFrame):
            await talk.greet()
        talk.fail(None, ErrorCode.BAD_MAGIC)

    async with Peer(offended).listening() as peer:
        tls = tls_context(trusted)
        with pytest.raises(TlsFailed, match="Check that the server uses TLS"):
            await Client("127.0.0.1", peer.port, login="a", password="x", tls=tls).connect()


async def test_wrong_host_name(trusted: Path, authority: Authority, tmp_path: Path) -> None:
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(authority.issue(tmp_path / "other.pem", "archive.example"))
    tls = tls_context(trusted)
    tls.hostname_checks_common_name = False
    async with Peer(answer_pings).listening(server_tls, host="127.0.0.2") as peer:
        with pytest.raises(TlsFailed):
            await Client("127.0.0.2", peer.port, login="a", password="x", tls=tls, retry=ONCE).ping()
