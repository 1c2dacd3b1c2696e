"""What interprets, as the configuration says."""

from __future__ import annotations

import ssl
from typing import Protocol

from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.limits import Limits
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.pool import Pool
from cardioserver.settings import ConfigError
from cardioserver.settings.checks import unusable_certificate
from cardioserver.settings.config import InterpretationSettings


class Engine(Protocol):
    """Makes interpretations: worker processes of this machine, or services on others; thread-safe."""

    @property
    def limits(self) -> Limits:
        """Of one interpretation."""
        ...

    def interpret(self, recording: Recording, person: Person, earlier: bytes | None = None) -> Interpretation:
        """Interpret, and compare with the document of an *earlier* ECG.

        Raises
        ------
        InterpretationError
        """
        ...

    def retire(self) -> None:
        """End processes that had nothing to do for a while."""
        ...

    def close(self) -> None:
        """No more is asked."""
        ...


def load_engine(settings: InterpretationSettings) -> Engine | None:
    """Make what the settings say; ``None``: nothing interprets.

    Raises
    ------
    ConfigError
        A certificate cannot be used.
    """
    limits = Limits(settings.seconds, settings.memory_bytes)
    if settings.mode == "off":
        return None
    if settings.mode == "embedded":
        return Pool(settings.workers, limits)
    from cardioserver.interpretation.remote import Remote, hosts  # noqa: PLC0415  most servers need no HTTP

    return Remote(
        hosts(settings.hosts, tls=settings.tls, failures=settings.failures, rest=settings.rest_seconds),
        Pool(1, limits),
        tls=_tls(settings) if settings.tls else None,
        connect_seconds=settings.connect_seconds,
    )


def _tls(settings: InterpretationSettings) -> ssl.SSLContext:
    place, file = "service_interpretation.ca", settings.ca
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.certificate is not None:
            place, file = "service_interpretation.certificate", settings.certificate
            context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(None, (unusable_certificate(place, file, error),)) from None
    return context
