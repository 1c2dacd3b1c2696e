"""Commands that speak to a server, with a real one."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cardioserver.cli.exits import ExitCode
from cardioserver.client import Client
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.protocol.messages import ExamStored
from tests.cli.conftest import Command
from tests.client.peer import exam, recording
from tests.processes import PASSWORD, ServerProcess

ECG = recording(5000)  # 10 s at 500 Hz
EXAM = replace(
    exam(77),
    patient=Patient("N-1", Sex.FEMALE, date(1961, 4, 12), "Петрова", "Анна", "Ивановна"),
    height_cm=170.0,
    comment="После нагрузки",
)


@pytest.fixture(scope="module")
def stored(server: ServerProcess) -> ExamStored:
    """An exam on the server, with a conclusion."""

    async def prepare() -> ExamStored:
        async with Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as recorder:
            done = await recorder.upload(EXAM, ECG)
        async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor:
            await doctor.save_conclusion(done.exam_id, "Синусовый ритм.")
        return done

    return asyncio.run(prepare())


def test_exams_are_listed(wire: Command, stored: ExamStored) -> None:
    [found] = wire("doctor", "exam", "list", "--family-name", "петр", "--with-conclusion", "--json").json()
    assert found["exam_id"] == str(stored.exam_id)
    assert (found["patient_number"], found["birthday"], found["sex"]) == ("N-1", "1961-04-12", "female")
    table = wire("doctor", "exam", "list")
    assert str(stored.exam_id) in table.out
    assert "Петрова Анна Ивановна" in table.out
    for nothing in (
        ("--before", "2020-01-01"),
        ("--without-conclusion",),
        ("--device", "X"),
        ("--consultation",),
    ):
        assert wire("doctor", "exam", "list", *nothing, "--json").json() == []


def test_exam_is_analysed(wire: Command, stored: ExamStored) -> None:
    """By its number or its UUID; the person is the exam's."""
    for named in (stored.exam_id, stored.exam_uuid):
        document = wire("doctor", "analyse", named, "--json").json()
        assert document["signal"]["sample_count"] == ECG.format.sample_count
        assert document["person"]["height_cm"] == 170.0
    refused = wire("viewer", "analyse", stored.exam_id + 1, "--json")
    assert (refused.status, refused.out) == (ExitCode.FAILED, "")


def test_exam_is_shown(wire: Command, stored: ExamStored) -> None:
    shown = wire("doctor", "exam", "show", stored.exam_id)
    assert shown.status == 0
    for text in ("Петрова", "170", "После нагрузки", "500 Hz × 10 s × 12", "Синусовый ритм.", "aVR"):
        assert text in shown.out
    document = wire("doctor", "exam", "show", stored.exam_uuid, "--json").json()
    assert document["exam"]["exam_id"] == str(stored.exam_id)
    assert document["exam"]["exam"]["patient"]["family_name"] == "Петрова"
    assert document["conclusions"][0]["text"] == "Синусовый ритм."
    assert document["auto_report"] is None


def test_a_server_that_does_not_interpret_says_so(wire: Command, stored: ExamStored) -> None:
    refused = wire("doctor", "exam", "reinterpret", stored.exam_id)
    assert refused.status == ExitCode.FAILED
    assert "switched off" in refused.err


def test_samples_are_written(wire: Command, stored: ExamStored, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npy"
    assert wire("doctor", "exam", "get", stored.exam_id, "-o", whole).status == 0
    assert np.array_equal(np.load(whole), ECG.samples)

    part = tmp_path / "part.csv"
    written = wire(
        "doctor", "exam", "get", stored.exam_uuid, "-o", part,
        "--start", "2", "--seconds", "0.5", "--lead", "V1", "--lead", "avr", "--json",
    )  # fmt: skip
    assert written.json()["signal"]["sample_count"] == 250
    rows = list(csv.reader(part.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["s", "V1", "aVR"]
    assert [float(row[1]) for row in rows[1:]] == ECG.samples[6, 1000:1250].tolist()

    raw = tmp_path / "whole.raw"
    assert wire("doctor", "exam", "get", stored.exam_id, "-o", raw).status == 0
    assert raw.read_bytes() == ECG.samples.tobytes()


def test_samples_that_cannot_be_written(wire: Command, stored: ExamStored, tmp_path: Path) -> None:
    unknown = wire("doctor", "exam", "get", stored.exam_id, "-o", tmp_path / "x.mp3")
    assert unknown.status == 2
    assert ".csv" in unknown.err
    nowhere = wire("doctor", "exam", "get", stored.exam_id, "-o", tmp_path / "none" / "x.csv")
    assert nowhere.status == 1
    assert "No such file" in nowhere.err
    beyond = wire("doctor", "exam", "get", stored.exam_id, "-o", tmp_path / "x.csv", "--start", "11")
    assert beyond.status == 1
    assert "signal.start" in beyond.err
    lead = wire("doctor", "exam", "get", stored.exam_id, "-o", tmp_path / "x.csv", "--lead", "Q9")
    assert lead.status == 1
    assert "leads" in lead.err


def test_refusals_are_told_in_both_languages(wire: Command, command: Command, server: ServerProcess) -> None:
    missing = wire("doctor", "exam", "show", 12345)
    assert missing.status == 1
    assert "Not found" in missing.err
    russian = command("--language", "ru", "exam", "show", "12345", "--port", server.port, "--login", "doctor")
    assert "Не найдено" in russian.err
    forbidden = wire("recorder", "order", "add", "--patient-number", "5")
    assert forbidden.status == 5
    wrong = wire("nobody", "exam", "list")
    assert wrong.status == 5
    assert "Wrong login or password" in wrong.err


def test_nobody_listens(command: Command, free_port: int) -> None:
    told = command("exam", "list", "--login", "doctor", "--port", free_port)
    assert told.status == 4
    assert "nobody listens" in told.err


def test_orders(wire: Command) -> None:
    made = wire(
        "doctor", "order", "add", "--patient-number", "9", "--family-name", "Сидоров", "--sex", "male",
        "--birthday", "31.12.1970", "--accession-number", "A-9", "--scheduled", "2026-12-01T08:30", "--json",
    ).json()  # fmt: skip
    assert (made["status"], made["accession_number"]) == ("new", "A-9")
    assert made["patient"]["birthday"] == "1970-12-31"
    listed = wire("recorder", "order", "list", "--status", "new", "--patient-number", "9")
    assert "Сидоров" in listed.out
    assert "taken" in wire("recorder", "order", "take", made["order_id"]).out
    assert wire("recorder", "order", "release", made["order_id"], "--json").json()["status"] == "new"
    again = wire("doctor", "order", "add", "--patient-number", "9", "--accession-number", "A-9")
    assert again.status == 1


def test_impossible_birthday_names_its_field(wire: Command) -> None:
    told = wire("doctor", "order", "add", "--patient-number", "9", "--birthday", "2126-01-01")
    assert told.status == 1
    assert "patient.birthday" in told.err


def test_what_does_not_fit_into_a_message_is_told(wire: Command) -> None:
    told = wire("doctor", "order", "add", "--patient-number", "9", "--comment", "x" * 70_000)
    assert told.status == 1
    assert "comment" in told.err
    assert "Traceback" not in told.err
