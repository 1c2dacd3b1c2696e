"""Administration commands on a data directory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def hcf(admin: Command) -> str:
    """A facility with an archive; its number."""
    return str(
        admin("hcf", "add", "Клиника", "--oktmo", "45000000", "--archive", "ЭКГ", "--json").json()["hcf_id"]
    )


def test_directory_is_built_and_listed(admin: Command, hcf: str) -> None:
    assert admin("hcf", "list", "--json").json() == [{"hcf_id": hcf, "name": "Клиника", "oktmo": "45000000"}]
    second = admin("archive", "add", hcf, "Second", "--json").json()["archive_id"]
    device = admin("device", "add", hcf, "D-7", "--name", "Ward 3", "--json").json()
    assert (device["number"], device["hcf_id"]) == ("D-7", hcf)

    archives = {a["name"]: a["default"] for a in admin("archive", "list", "--json").json()}
    assert archives == {"ЭКГ": True, "Second": False}
    assert admin("archive", "default", second).status == 0
    archives = {a["name"]: a["default"] for a in admin("archive", "list", "--hcf", hcf, "--json").json()}
    assert archives == {"ЭКГ": False, "Second": True}

    table = admin("device", "list")
    assert "D-7" in table.out
    assert "Ward 3" in table.out


def test_renaming(admin: Command, hcf: str) -> None:
    archive = admin("archive", "list", "--json").json()[0]["archive_id"]
    device = admin("device", "add", hcf, "D-7", "--json").json()["device_id"]
    assert admin("hcf", "rename", hcf, "Hospital").status == 0
    assert admin("archive", "rename", archive, "Rest").status == 0
    assert admin("device", "rename", device, "Ward 4").status == 0
    assert admin("hcf", "list", "--json").json()[0]["name"] == "Hospital"
    assert admin("archive", "list", "--json").json()[0]["name"] == "Rest"
    assert admin("device", "list", "--json").json()[0]["name"] == "Ward 4"


def test_conflicts_and_unknown_numbers_are_told(admin: Command, hcf: str) -> None:
    again = admin("hcf", "add", "Клиника")
    assert again.status == 1
    assert "in use" in again.err
    unknown = admin("archive", "add", 12345, "X")
    assert unknown.status == 1
    assert "Not found" in unknown.err
    assert "Traceback" not in again.err + unknown.err
    assert len(admin("hcf", "list", "--json").json()) == 1


def test_hcf_and_its_first_archive_come_together_or_not_at_all(admin: Command) -> None:
    failed = admin("hcf", "add", "Clinic", "--archive", "x" * 300)
    assert failed.status == 1
    assert "archive.name" in failed.err
    assert admin("hcf", "list", "--json").json() == []


def test_accounts(admin: Command, hcf: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a password from a file\nand a second line\n", encoding="utf-8")
    added = admin(
        "account", "add", "Ivanov", "--role", "doctor", "--hcf", hcf, "--name", "Иванов",
        "--password-file", secret, "--json",
    ).json()  # fmt: skip
    assert (added["login"], added["role"], added["disabled"]) == ("ivanov", "doctor", False)
    assert admin("account", "disable", "ivanov").status == 0
    assert admin("account", "list", "--json").json()[0]["disabled"] is True
    assert admin("account", "enable", "IVANOV").status == 0
    assert admin("account", "list", "--hcf", hcf, "--json").json()[0]["disabled"] is False
    assert admin("account", "passwd", "ivanov").status == 0
    assert admin("account", "unlock", "ivanov").status == 0
    assert admin("account", "disable", "nobody").status == 1


def test_weak_password_is_refused(admin: Command, hcf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOSERVER_PASSWORD", "short")
    refused = admin("account", "add", "petrov", "--role", "doctor", "--hcf", hcf)
    assert refused.status == 1
    assert "too weak" in refused.err
    assert "short" not in refused.err
    assert admin("account", "list", "--json").json() == []


def test_without_a_password_and_a_terminal_it_says_how(
    admin: Command, hcf: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CARDIOSERVER_PASSWORD")
    asked = admin("account", "add", "petrov", "--role", "doctor", "--hcf", hcf)
    assert asked.status == 2
    assert "--password-file or CARDIOSERVER_PASSWORD" in asked.err
    missing = admin(
        "account", "add", "petrov", "--role", "doctor", "--hcf", hcf, "--password-file", tmp_path / "none"
    )
    assert missing.status == 2
    assert "No such file" in missing.err


def test_no_command_takes_a_password_as_an_argument() -> None:
    import typer

    from cardioserver.cli.commands import app

    def options(command: object) -> set[str]:
        own = {name for parameter in getattr(command, "params", ()) for name in parameter.opts}
        return own.union(*(options(sub) for sub in getattr(command, "commands", {}).values()))

    found = {name for name in options(typer.main.get_command(app)) if "pass" in name}
    assert found == {"--password-file", "--passport"}


def test_changes_are_in_the_journal(admin: Command, hcf: str) -> None:
    archive = admin("archive", "list", "--json").json()[0]["archive_id"]
    admin("archive", "rename", archive, "Rest")
    entries = admin("audit", "list", "--address", "local", "--json").json()
    assert [(e["action"], e["subject_id"]) for e in entries] == [
        ("change_directory", archive),
        ("add_archive", archive),
        ("add_hcf", hcf),
    ]
    assert [e["action"] for e in admin("audit", "list", "--action", "add_hcf", "--json").json()] == [
        "add_hcf"
    ]
    assert len(admin("audit", "list", "--limit", 1, "--json").json()) == 1
    assert admin("audit", "list", "--before", "2020-01-01", "--json").json() == []
    wrong = admin("audit", "list", "--action", "fly")
    assert wrong.status == 2
    assert "get_signal" in wrong.err


def test_empty_deliveries(admin: Command) -> None:
    assert admin("delivery", "list", "--json").json() == []
    which = admin("delivery", "retry")
    assert which.status == 2
    assert "--all" in which.err
    assert "0" in admin("delivery", "drop", "--all").out


def test_deliveries_are_listed_retried_and_dropped(admin: Command, hcf: str, tmp_path: Path) -> None:
    admin("delivery", "list")
    columns = (
        "delivery_id, event_id, kind, created_at, exam_id, subject_id, hcf_id, exporter, status, attempts, "
        "next_attempt_at, lease_owner, last_error"
    )
    with sqlite3.connect(tmp_path / "data" / "cardioserver.sqlite") as database:
        for number, status in ((1, 4), (2, 1), (3, 3)):
            values = f"{number}, {number}, 1, 0, 7, 0, {hcf}, 'folder', {status}, 9, 0, '', 'disk on fire'"
            database.execute(f"INSERT INTO delivery ({columns}) VALUES ({values})")
    database.close()
    listed = admin("delivery", "list", "--json").json()
    assert [(d["delivery_id"], d["status"], d["last_error"]) for d in listed] == [
        ("1", "dead", "disk on fire"),
        ("2", "waiting", "disk on fire"),
    ]
    assert "disk on fire" in admin("delivery", "list", "--status", "dead").out
    assert admin("delivery", "retry", 1).out.strip().endswith("1")
    assert [d["status"] for d in admin("delivery", "list", "--json").json()] == ["waiting", "waiting"]
    assert admin("delivery", "drop", "--exporter", "folder").out.strip().endswith("2")
    assert admin("delivery", "list", "--json").json() == []
    dropped = admin("delivery", "list", "--status", "dropped", "--status", "done", "--json").json()
    assert [d["delivery_id"] for d in dropped] == ["1", "2", "3"]


def test_wrong_configuration_says_where(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"server": {"port": "many"}}', encoding="utf-8")
    refused = command("hcf", "list", "--config", config)
    assert refused.status == 3
    assert str(config) in refused.err
    assert "server.port" in refused.err
    russian = command("--language", "ru", "hcf", "list", "--config", config)
    assert "использовать нельзя" in russian.err


def test_database_that_is_down_is_told(command: Command, tmp_path: Path, free_port: int) -> None:
    config = tmp_path / "config.json"
    url = f"mysql+pymysql://root@127.0.0.1:{free_port}/cardioserver"
    config.write_text(f'{{"data": "data", "database": {{"url": "{url}"}}}}', encoding="utf-8")
    refused = command("hcf", "list", "--config", config)
    assert refused.status == 4
    assert "database does not answer" in refused.err
    assert "Traceback" not in refused.err
