"""TLS on the protocol port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import ErrorCode
from cardioserver.server import listener
from cardioserver.server.tls import Certificates, tls_context
from cardioserver.settings.config import TlsSettings
from tests.server.certificates import Authority, client_context
from tests.server.conftest import Serve
from tests.server.peer import Peer
from tests.server.samples import eventually, signal_of, upload

REFUSED = (ssl.SSLError, ConnectionError, EOFError)


class Papers:
    """An authority, the server's certificate and a client's."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority("Test authority")
        self.authority_file = self.authority.write(folder / "authority.pem")
        self.server_file = self.authority.issue(folder / "server.pem", "first")
        self.client_file = self.authority.issue(folder / "client.pem", "recorder")
        self.stranger_file = Authority("Another").issue(folder / "stranger.pem", "recorder")

    def certificates(self, **settings: Any) -> Certificates:
        return Certificates.load(TlsSettings(certificate=self.server_file, **settings))

    def client(self, certificate: Path | None = None) -> ssl.SSLContext:
        return client_context(self.authority_file, certificate)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("tls"))


def server_name(peer: Peer) -> str:
    """The common name in the certificate that the server showed."""
    certificate = peer.writer.get_extra_info("peercert")
    return str(dict(field[0] for field in certificate["subject"])["commonName"])


async def test_uploads_and_signals_over_tls(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates())
    signal = signal_of(100_000)
    served.fakes.archive.answers[m.GetSignal] = lambda *_: signal
    async with served.peer(tls=papers.client()) as recorder, served.peer(tls=papers.client()) as doctor:
        await recorder.login("recorder")
        await doctor.login("doctor")
        sent = upload(50_000)
        assert isinstance(await recorder.ask(sent), m.ExamStored)
        assert bytes(served.fakes.ingest.stored[0].data) == bytes(sent.data)
        parts = await doctor.parts(doctor.send(m.GetSignal(1)))
        assert b"".join(bytes(part.data) for part in parts) == bytes(signal.data)


async def test_modern_versions_and_ciphers_only(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates())
    async with served.peer(tls=papers.client()) as peer:
        assert peer.writer.get_extra_info("cipher")[1] == "TLSv1.3"
    older = papers.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with served.peer(tls=older) as peer:
        name = peer.writer.get_extra_info("cipher")[0]
        assert name.startswith("ECDHE")
        assert "GCM" in name or "CHACHA20" in name
    weak = papers.client()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises(REFUSED):
        await served.peer(tls=weak).__aenter__()


async def test_version_1_3_only(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates(min_version="1.3"))
    older = papers.client()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(REFUSED):
        await served.peer(tls=older).__aenter__()


async def test_a_plain_peer_is_turned_away_and_forgotten(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates())
    async with served.peer() as plain:
        plain.send(m.Hello(1, 1, m.Capability.ALL, "test"))
        await plain.read_to_end()
    await eventually(lambda: served.server.connections == 0, "it is forgotten")
    async with served.peer(tls=papers.client()) as peer:
        await peer.hello()


async def test_a_handshake_that_never_comes(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates(), limits={"hello_seconds": 0.3})
    with socket.create_connection(("127.0.0.1", served.port)):
        await eventually(lambda: served.server.connections == 1, "it counts as a connection")
        await eventually(lambda: served.server.connections == 0, "it is cut")


async def test_handshakes_count_as_connections(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates(), limits={"connections_per_address": 1})
    with socket.create_connection(("127.0.0.1", served.port)):
        await eventually(lambda: served.server.connections == 1, "it counts as a connection")
        with pytest.raises(REFUSED):
            await served.peer(tls=papers.client()).__aenter__()
        async with served.peer(address="127.0.0.2", tls=papers.client()) as other:
            await other.hello()


@pytest.mark.parametrize(
    ("wanted", "shown", "admitted"),
    [
        ("off", None, True),
        ("optional", None, True),
        ("optional", "client_file", True),
        ("optional", "stranger_file", False),
        ("required", None, False),
        ("required", "client_file", True),
        ("required", "stranger_file", False),
    ],
)
async def test_client_certificates(
    serve: Serve, papers: Papers, wanted: str, shown: str | None, admitted: bool
) -> None:
    served = await serve(papers.certificates(client_certificates=wanted, client_ca=papers.authority_file))
    tls = papers.client(getattr(papers, shown) if shown else None)
    if admitted:
        async with served.peer(tls=tls) as peer:
            await peer.login("recorder")
        return

    async def try_it() -> None:  # with TLS 1.3 the client learns of it with its first read
        async with served.peer(tls=tls) as peer:
            await peer.hello()

    with pytest.raises(REFUSED):
        await try_it()


async def test_a_new_certificate_is_served_without_a_break(serve: Serve, tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    served = await serve(papers.certificates())
    async with served.peer(tls=papers.client()) as before:
        await before.login("recorder")
        papers.authority.issue(papers.server_file, "second")
        served.server.reload_certificates()
        async with served.peer(tls=papers.client()) as after:
            await after.login("recorder")
            assert (server_name(before), server_name(after)) == ("first", "second")
        assert isinstance(await before.ask(upload()), m.ExamStored)


async def test_a_changed_file_is_noticed(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "CERTIFICATE_CHECK_SECONDS", 0.05)
    papers = Papers(tmp_path)
    served = await serve(papers.certificates())
    papers.authority.issue(tmp_path / "new.pem", "second").replace(papers.server_file)
    name = ""
    async with asyncio.timeout(10):
        while name != "second":
            async with served.peer(tls=papers.client()) as peer:
                name = server_name(peer)
            await asyncio.sleep(0.02)


async def test_a_wrong_new_certificate_changes_nothing(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    papers = Papers(tmp_path)
    served = await serve(papers.certificates())
    papers.server_file.write_text("not a certificate", encoding="ascii")
    served.server.reload_certificates()
    assert any("not reloaded" in record.getMessage() for record in caplog.records)
    async with served.peer(tls=papers.client()) as peer:
        assert server_name(peer) == "first"


def test_an_encrypted_key_is_refused_without_a_prompt(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    papers = Papers(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(ssl.SSLError):
        tls_context(TlsSettings(certificate=papers.server_file, key=tmp_path / "key.pem"))


async def test_last_words_over_tls(serve: Serve, papers: Papers) -> None:
    served = await serve(papers.certificates(), limits={"idle_seconds": 0.2})
    async with served.peer(tls=papers.client()) as peer:
        await peer.login("recorder")
        words = await peer.last_words()
        assert words is not None
        assert words.code is ErrorCode.TIMEOUT
    await eventually(lambda: served.server.connections == 0, "the connection is gone")
