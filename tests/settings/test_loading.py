"""Configuration files: what they may say, and what a person is told when they say something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardioserver.settings import Config, ConfigError, load


def written(folder: Path, document: Any) -> Path:
    file = folder / "config.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return file


def refusal(folder: Path, document: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, document))
    return caught.value


def test_no_file_is_the_embedded_server(tmp_path: Path) -> None:
    config = load(data=tmp_path / "data")
    assert config.server.port == 48004
    assert config.database_url == f"sqlite:///{tmp_path}/data/cardioserver.sqlite"
    assert config.bank_path == tmp_path / "data" / "cardiobank"


def test_the_command_line_stands_above_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, {"data": "there", "server": {"host": "10.0.0.1", "port": 1, "server_id": 7}})
    config = load(file, data=tmp_path / "here", host="127.0.0.1", port=0)
    assert (config.server.host, config.server.port, config.server.server_id) == ("127.0.0.1", 0, 7)
    assert config.data == tmp_path / "here"


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, {"cardiobank": {"path": "bank"}, "log": {"file": "logs/server.log"}}))
    assert config.bank_path == tmp_path / "bank"
    assert config.log.file == tmp_path / "logs" / "server.log"
    assert config.data == tmp_path / "storage"


def test_mariadb_from_its_parts(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/word\nnotes\n", encoding="utf-8")
    config = load(
        written(
            tmp_path, {"database": {"host": "db", "user": "me", "password_file": "password", "name": "ecg"}}
        )
    )
    assert config.database_url == "mysql+pymysql://me:p%40ss%2Fword@db:3306/ecg?charset=utf8mb4"


@pytest.mark.parametrize(
    ("document", "path", "value", "english", "russian"),
    [
        ({"server": {"port": 70000}}, "server.port", "70000", "0 to 65535", "от 0 до 65535"),
        ({"server": {"port": "48004"}}, "server.port", '"48004"', "a whole number", "целое число"),
        ({"server": {"port": True}}, "server.port", "true", "a whole number", "целое число"),
        ({"server": {"prot": 1}}, "server.prot", None, "did you mean `port`", "может быть, `port`"),
        ({"servr": {}}, "servr", None, "did you mean `server`", "может быть, `server`"),
        ({"zzz": 1}, "zzz", None, "allowed are cardiobank, data", "допустимы cardiobank, data"),
        ({"server": 3}, "server", "3", "an object", "объект"),
        (
            {"server": {"cluster_ids": [1, 5000]}},
            "server.cluster_ids[1]",
            "5000",
            "1 to 1023",
            "от 1 до 1023",
        ),
        (
            {"server": {"cluster_ids": [2]}},
            "server.cluster_ids",
            "[2]",
            "server.server_id",
            "server.server_id",
        ),
        ({"tls": {"min_version": "1.0"}}, "tls.min_version", '"1.0"', '"1.2", "1.3"', '"1.2", "1.3"'),
        ({"tls": {"client_certificates": "required"}}, "tls.client_certificates", None, "needs", "требует"),
        ({"log": {"level": None}}, "log.level", "null", '"debug"', '"debug"'),
        ({"limits": {"idle_seconds": 0}}, "limits.idle_seconds", "0", "above 0", "больше 0"),
        (
            {"limits": {"upload_bytes_in_flight": 1048576}},
            "limits.upload_bytes_in_flight",
            "1048576",
            "at least `limits.frame_bytes`",
            "не меньше `limits.frame_bytes`",
        ),
        ({"exporters": [{"type": "folder"}]}, "exporters[0].name", None, "missing", "не указано"),
        (
            {"exporters": [{"name": "a", "type": "folder"}, {"name": "a", "type": "folder"}]},
            "exporters[1].name",
            '"a"',
            "another exporter",
            "другой экспортёр",
        ),
        (
            {"exporters": [{"name": "interpretation", "type": "folder"}]},
            "exporters[0].name",
            '"interpretation"',
            "the server's own",
            "занято самим сервером",
        ),
        (
            {"service_interpretation": {"mode": "remote"}},
            "service_interpretation.hosts",
            "[]",
            "at least one",
            "хотя бы один",
        ),
        (
            {"service_interpretation": {"hosts": ["http://ecg:48044"]}},
            "service_interpretation.hosts[0]",
            '"http://ecg:48044"',
            "matching",
            "вида",
        ),
        (
            {"service_interpretation": {"mode": "local"}},
            "service_interpretation.mode",
            '"local"',
            '"embedded", "remote", "off"',
            '"embedded", "remote", "off"',
        ),
        (
            {"service_interpretation": {"ca": "ca.pem"}},
            "service_interpretation.ca",
            None,
            "needs `service_interpretation.tls`",
            "требует `service_interpretation.tls`",
        ),
        (
            {"service_interpretation": {"tls": True, "key": "key.pem"}},
            "service_interpretation.key",
            None,
            "needs `service_interpretation.certificate`",
            "требует `service_interpretation.certificate`",
        ),
        (
            {"database": {"host": "db", "password_file": "nowhere"}},
            "database.password_file",
            "nowhere",
            "cannot be read",
            "не читается",
        ),
        (
            {"database": {"url": "sqlite:///x", "host": "y"}},
            "database.host",
            '"y"',
            "not together",
            "не вместе",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, document: Any, path: str, value: str | None, english: str, russian: str
) -> None:
    error = refusal(tmp_path, document)
    problem = next(p for p in error.problems if p.path == path)
    if value is not None:
        assert value in str(problem.value)
    for language, allowed in (("en", english), ("ru", russian)):
        message = error.say(language)
        assert str(tmp_path / "config.json") in message
        assert path in message
        assert allowed in message
        if value is not None:
            assert value in message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"server": {"port": -1, "hots": "x"}, "log": {"level": "loud"}})
    assert {p.path for p in error.problems} == {"server.port", "server.hots", "log.level"}


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ('{"server": {\n  "port": 1,\n}}', "line 3, column 1"),
        ("", "line 1, column 1"),
        ('{"log": {"level": "info", "level": "debug"}}', "`level` is there twice"),
        ('{"limits": {"idle_seconds": NaN}}', "NaN"),
        ("[]", "a JSON object"),
    ],
)
def test_what_is_not_json_is_located(tmp_path: Path, text: str, english: str) -> None:
    message = refusal(tmp_path, text).say("en")
    assert english in message
    assert "config.json" in message


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'{"data": "\xff"}')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 10"):
        load(file)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert load(written(tmp_path, '\ufeff{"server": {"port": 5}}')).server.port == 5


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.json"):
        load(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    "document",
    [
        {"database": {"url": ["mysql://root:hunter2@db/x"]}},
        {"database": {"url": "root:hunter2@db"}},
        {"database": {"pasword": "hunter2"}},
        {"database": {"password": {"x": "hunter2"}}},
        {"exporters": [{"name": "a", "type": "folder", "options": ["hunter2"]}]},
        {"exporters": [{"name": "a", "type": "folder", "token": "hunter2"}]},
    ],
)
def test_secrets_are_not_printed(tmp_path: Path, document: Any) -> None:
    error = refusal(tmp_path, document)
    assert "hunter2" not in error.say("en") + error.say("ru") + repr(error)


def test_secrets_are_not_in_a_repr(tmp_path: Path) -> None:
    config = load(
        written(
            tmp_path,
            {
                "database": {"url": "mysql+pymysql://me:hunter2@db/x"},
                "exporters": [{"name": "a", "type": "folder", "options": {"token": "hunter2"}}],
            },
        )
    )
    assert "hunter2" not in repr(config) + str(config)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().server.port = 1  # type: ignore[misc]


def test_monitoring_goes_beside_the_protocol_port(tmp_path: Path) -> None:
    assert load(data=tmp_path).monitoring_port == 48005
    assert load(data=tmp_path, port=0).monitoring_port == 0
