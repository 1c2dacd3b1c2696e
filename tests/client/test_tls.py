"""Encrypted connections."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cardioserver.client import ONCE, Client, tls_context
from cardioserver.client.errors import ClientError, TlsFailed
from cardioserver.protocol.errors import BrokenFrame
from cardioserver.protocol.messages import ErrorCode
from tests.client.peer import Peer, Talk
from tests.client.test_connection import answer_pings


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_trusted_server(certificate: Path, server_tls: ssl.SSLContext) -> None:
    async with Peer(answer_pings).listening(server_tls) as peer:
        tls = tls_context(certificate)
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


async def test_tls_client_at_a_plain_port(certificate: Path) -> None:
    async def offended(talk: Talk) -> None:
        with pytest.raises(BrokenFrame):
            await talk.greet()
        talk.fail(None, ErrorCode.BAD_MAGIC)

    async with Peer(offended).listening() as peer:
        tls = tls_context(certificate)
        with pytest.raises(TlsFailed, match="Check that the server uses TLS"):
            await Client("127.0.0.1", peer.port, login="a", password="x", tls=tls).connect()


async def test_wrong_host_name(certificate: Path, server_tls: ssl.SSLContext) -> None:
    async with Peer(answer_pings).listening(server_tls) as peer:
        person = Client(
            "localhost", peer.port, login="a", password="x", tls=tls_context(certificate), retry=ONCE
        )
        with pytest.raises(TlsFailed):
            await person.ping()
