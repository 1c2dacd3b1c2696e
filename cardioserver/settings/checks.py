"""What a schema cannot say: keys that exclude or need each other, files that must be there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from cardioserver.language import Phrase
from cardioserver.settings.config import INTERPRETATION, Config
from cardioserver.settings.errors import Problem


def problems_of(config: Config) -> Iterator[Problem]:
    """Everything wrong with a configuration whose single values are all right."""
    yield from _database(config)
    yield from _cluster(config)
    yield from _tls(config)
    yield from _limits(config)
    yield from _interpretation(config)
    yield from _exporters(config)


def _database(config: Config) -> Iterator[Problem]:
    database = config.database
    if database.url is not None and database.host is not None:
        yield Problem(
            "database.host",
            json.dumps(database.host),
            Phrase("not together with `database.url`", "не вместе с `database.url`"),
        )
    if database.url is not None and "://" not in database.url:
        yield Problem(
            "database.url",
            None,
            Phrase(
                "allowed is an SQLAlchemy URL such as sqlite:///file or mysql+pymysql://user@host/name",
                "допустим URL SQLAlchemy, например sqlite:///file или mysql+pymysql://user@host/name",
            ),
        )
    if database.host is None and database.password_file is not None:
        yield Problem(
            "database.password_file", None, Phrase("needs `database.host`", "требует `database.host`")
        )
    yield from _readable("database.password_file", database.password_file)


def _cluster(config: Config) -> Iterator[Problem]:
    server = config.server
    if server.cluster_ids and server.server_id not in server.cluster_ids:
        yield Problem(
            "server.cluster_ids",
            json.dumps(list(server.cluster_ids)),
            Phrase("must hold `server.server_id`", "должен содержать `server.server_id`"),
        )


def _tls(config: Config) -> Iterator[Problem]:
    tls = config.tls
    yield from _readable("tls.certificate", tls.certificate)
    yield from _readable("tls.key", tls.key)
    yield from _readable("tls.client_ca", tls.client_ca)
    needs_certificate = {
        "tls.key": tls.key is not None,
        "tls.client_certificates": tls.client_certificates != "off",
    }
    if tls.certificate is None:
        for path, given in needs_certificate.items():
            if given:
                yield Problem(path, None, Phrase("needs `tls.certificate`", "требует `tls.certificate`"))
    if tls.client_certificates != "off" and tls.client_ca is None:
        yield Problem(
            "tls.client_certificates",
            json.dumps(tls.client_certificates),
            Phrase("needs `tls.client_ca`", "требует `tls.client_ca`"),
        )


def _limits(config: Config) -> Iterator[Problem]:
    limits = config.limits
    if limits.upload_bytes_in_flight < limits.frame_bytes:
        yield Problem(
            "limits.upload_bytes_in_flight",
            str(limits.upload_bytes_in_flight),
            Phrase("at least `limits.frame_bytes`", "не меньше `limits.frame_bytes`"),
        )


def _interpretation(config: Config) -> Iterator[Problem]:
    group = config.service_interpretation
    place = "service_interpretation"
    if group.mode == "remote" and not group.hosts:
        yield Problem(
            f"{place}.hosts", "[]", Phrase("`remote` needs at least one", "для `remote` нужен хотя бы один")
        )
    files = {"ca": group.ca, "certificate": group.certificate, "key": group.key}
    for name, file in files.items():
        if file is not None and not group.tls:
            yield Problem(f"{place}.{name}", None, Phrase(f"needs `{place}.tls`", f"требует `{place}.tls`"))
        yield from _readable(f"{place}.{name}", file)
    if group.key is not None and group.certificate is None:
        needed = f"{place}.certificate"
        yield Problem(f"{place}.key", None, Phrase(f"needs `{needed}`", f"требует `{needed}`"))


def _exporters(config: Config) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, exporter in enumerate(config.exporters):
        if exporter.name in seen:
            yield Problem(
                f"exporters[{number}].name",
                json.dumps(exporter.name),
                Phrase("another exporter has this name", "так уже назван другой экспортёр"),
            )
        seen.add(exporter.name)
        if exporter.name == INTERPRETATION:
            yield Problem(
                f"exporters[{number}].name",
                json.dumps(exporter.name),
                Phrase("this name is the server's own", "это имя занято самим сервером"),
            )


def _readable(path: str, file: Path | None) -> Iterator[Problem]:
    if file is None:
        return
    try:
        file.open("rb").close()
    except OSError as error:
        yield Problem(
            path,
            json.dumps(str(file), ensure_ascii=False),
            Phrase(f"the file cannot be read: {error.strerror}", f"файл не читается: {error.strerror}"),
        )


def unusable_certificate(path: str, file: Path | None, error: Exception) -> Problem:
    """A certificate that the program cannot load, though its file can be read."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return Problem(
        path,
        None if file is None else json.dumps(str(file), ensure_ascii=False),
        Phrase(
            f"no certificate with its key and authorities that can be used: {reason}",
            f"нет пригодного сертификата с ключом и удостоверяющими центрами: {reason}",
        ),
    )
