"""TLS on the protocol port."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cardioserver.settings.config import TlsSettings

CIPHERS_TLS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and AEAD only: the "intermediate" list of RFC 9325, section 4.2."""

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_CERTIFICATES = {
    "off": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}

Stamp = tuple[tuple[int, int, int], ...]


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """The server's side of TLS.

    Raises
    ------
    ssl.SSLError, OSError
        A file is missing, is not PEM, or key and certificate do not match.
    """
    if settings.certificate is None:
        raise ValueError("TLS is off: no certificate is configured")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.set_ciphers(CIPHERS_TLS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # A password prompt would hang the start: an encrypted key is refused instead.
    context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
    if settings.client_ca is not None:
        context.load_verify_locations(settings.client_ca)
    context.verify_mode = _CLIENT_CERTIFICATES[settings.client_certificates]
    return context


@dataclass(slots=True)
class Certificates:
    """The current TLS context, renewed when its files change.

    Attributes
    ----------
    context
        For new connections; replaced as a whole, so that running handshakes keep theirs.
    """

    settings: TlsSettings
    context: ssl.SSLContext
    _stamp: Stamp

    @classmethod
    def load(cls, settings: TlsSettings) -> Certificates:
        """Read the files for the first time; raises what :func:`tls_context` raises."""
        stamp = _stamp_of(settings)
        return cls(settings, tls_context(settings), stamp)

    def changed(self) -> bool:
        """Whether a file is another than the one last read."""
        return _stamp_of(self.settings) != self._stamp

    def reload(self) -> None:
        """Read the files again. On an error the old context stays, and the error is raised."""
        self._stamp = _stamp_of(self.settings)
        self.context = tls_context(self.settings)


def _stamp_of(settings: TlsSettings) -> Stamp:
    files = (settings.certificate, settings.key, settings.client_ca)
    return tuple(_file_stamp(file) for file in files if file is not None)


def _file_stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
