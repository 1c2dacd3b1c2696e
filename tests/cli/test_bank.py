"""bank verify and rebuild, patient merge: on an installation that has exams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardioserver.client import Client
from cardioserver.ecg.patient import Patient
from cardioserver.protocol.messages import ExamStored
from tests.cli.conftest import Command, Ended
from tests.client.peer import exam, recording
from tests.processes import PASSWORD, ServerProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server of this test alone."""
    process = ServerProcess(tmp_path / "server")
    process.furnish()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def stored(server: ServerProcess) -> list[ExamStored]:
    """Three exams of two patients, one with a conclusion."""

    async def prepare() -> list[ExamStored]:
        async with Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as recorder:
            done = [
                await recorder.upload(replace(exam(n), patient=Patient(f"N-{n % 2}")), recording(500))
                for n in (1, 2, 3)
            ]
        async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor:
            await doctor.save_conclusion(done[0].exam_id, "Норма.")
        return done

    return asyncio.run(prepare())


@pytest.fixture
def admin(command: Command, server: ServerProcess) -> Command:
    def call(*arguments: object) -> Ended:
        return command(*arguments, "--config", server.config)

    return call


def test_whole_bank(admin: Command, stored: list[ExamStored]) -> None:
    """While the server runs."""
    report = admin("bank", "verify", "--json").json()
    assert (report["exams"], report["findings"]) == (3, [])
    assert "faults: 0" in admin("bank", "verify").out


def test_damaged_file_is_named(admin: Command, server: ServerProcess, stored: list[ExamStored]) -> None:
    [file] = (server.data / "cardiobank").rglob(f"{stored[1].exam_uuid}.ecg")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    told = admin("bank", "verify")
    assert told.status == 1
    assert f"{file}: damaged" in told.err
    assert "faults: 1" in told.out
    assert admin("bank", "verify", "--files-only").status == 1
    [finding] = json.loads(admin("bank", "verify", "--json").out)["findings"]
    assert (finding["fault"], finding["path"]) == ("damaged", str(file))


def test_missing_file_is_named(admin: Command, server: ServerProcess, stored: list[ExamStored]) -> None:
    [file] = (server.data / "cardiobank").rglob(f"{stored[2].exam_uuid}.ecg")
    file.unlink()
    told = admin("bank", "verify")
    assert told.status == 1
    assert f"{stored[2].exam_uuid}.ecg: missing" in told.err
    assert admin("bank", "verify", "--files-only").status == 0


def test_rebuild_into_an_empty_database(
    admin: Command, command: Command, server: ServerProcess, stored: list[ExamStored], tmp_path: Path
) -> None:
    server.stop()
    for file in server.data.glob("cardioserver.sqlite*"):
        file.unlink()
    rebuilt = admin("bank", "rebuild", "--json").json()
    assert (rebuilt["exams"], rebuilt["failed"]) == (3, [])
    assert "failed: 0" in admin("bank", "rebuild").out  # again: nothing changes
    assert admin("account", "passwd", "doctor").status == 0
    assert admin("account", "enable", "doctor").status == 0
    hcf, role = admin("hcf", "list", "--json").json()[0]["hcf_id"], "doctor"
    assert admin("account", "add", "reader", "--role", role, "--hcf", hcf).status == 0
    server.start()
    to_server = ("--login", "reader", "--port", server.port)
    shown = command("exam", "show", stored[0].exam_uuid, "--json", *to_server).json()
    assert shown["conclusions"][0]["text"] == "Норма."
    raw = tmp_path / "back.raw"
    assert command("exam", "get", stored[0].exam_uuid, "-o", raw, *to_server).status == 0
    assert raw.read_bytes() == np.ascontiguousarray(recording(500).samples).tobytes()


def test_patients_are_merged_and_separated(admin: Command, stored: list[ExamStored]) -> None:
    found = {p["patient"]["number"]: p["patient_id"] for p in admin("patient", "find", "--json").json()}
    assert set(found) == {"N-0", "N-1"}
    merge = admin("patient", "merge", found["N-0"], found["N-1"], "--json").json()
    [survivor] = admin("patient", "find", "--number", "N-0", "--json").json()
    assert survivor["patient_id"] == found["N-1"]
    assert str(merge["merge_id"]) in admin("patient", "merges", "--patient", found["N-0"]).out
    assert admin("patient", "merge", found["N-0"], found["N-1"]).status == 1
    assert admin("patient", "unmerge", merge["merge_id"]).status == 0
    [again] = admin("patient", "find", "--number", "N-0", "--json").json()
    assert again["patient_id"] == found["N-0"]
    assert admin("patient", "merges", "--json").json()[0]["undone_at"]
    actions = [e["action"] for e in admin("audit", "list", "--address", "local", "--json").json()]
    assert {"merge_patients", "unmerge_patients", "find_patients"} <= set(actions)
