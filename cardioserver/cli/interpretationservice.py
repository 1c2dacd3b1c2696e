"""`cardioserver interpretation-service`: interpretation for servers on other machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from ssl import SSLContext

MIB = 1 << 20


def interpretation_service(
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on; 0: a free one.")
    ] = 48044,
    *,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=256, help="Interpretations at once.")] = 2,
    waiting: Annotated[
        int, typer.Option(metavar="N", min=0, help="Requests that may wait; beyond, the answer is 503.")
    ] = 16,
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Most time for a short ECG; long ones get more.")
    ] = 30.0,
    memory: Annotated[
        int, typer.Option(metavar="MIB", min=64, help="Most memory for a short ECG; long ones get more.")
    ] = 1024,
    body: Annotated[int, typer.Option(metavar="MIB", min=1, help="Largest request.")] = 256,
    idle: Annotated[
        float, typer.Option(metavar="S", min=1, help="When a connection without a request is closed.")
    ] = 30.0,
    tls_certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file: certificate, then its chain; speaks TLS.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file: its private key, if not in there too.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file: authorities of clients, who must show a certificate."),
    ] = None,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Log; without it standard error.")] = None,
) -> None:
    """Interpret ECGs for other servers until SIGTERM or Ctrl+C.

    Servers send signal, sex, age, height and weight, and nothing else.
    """
    if tls_certificate is None and (tls_key or tls_client_ca):
        raise Failure(
            Phrase(
                "--tls-key and --tls-client-ca need --tls-certificate.",
                "--tls-key и --tls-client-ca требуют --tls-certificate.",
            ),
            ExitCode.USAGE,
        )
    from cardioserver.interpretation.limits import Limits
    from cardioserver.interpretation.process import Options, run
    from cardioserver.interpretation.service import ServiceLimits
    from cardioserver.server.logs import open_log
    from cardioserver.settings.config import LogSettings

    tls = None if tls_certificate is None else _tls(tls_certificate, tls_key, tls_client_ca)
    open_log(LogSettings(file=log))
    limits = Limits(seconds, memory * MIB)
    try:
        run(Options(host, port, workers, limits, ServiceLimits(body * MIB, waiting, idle), tls))
    except OSError as error:
        said = f"{host}:{port}: {error.strerror}"
        raise Failure(Phrase(said, said), ExitCode.CONFIGURATION) from None


def _tls(certificate: Path, key: Path | None, client_ca: Path | None) -> SSLContext:
    import ssl

    from cardioserver.server.tls import tls_context
    from cardioserver.settings.config import TlsSettings

    settings = TlsSettings(
        certificate=certificate,
        key=key,
        client_certificates="off" if client_ca is None else "required",
        client_ca=client_ca,
    )
    try:
        return tls_context(settings)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None)
        said = f"--tls-certificate {certificate}: {reason}"
        raise Failure(Phrase(said, said), ExitCode.CONFIGURATION) from None
