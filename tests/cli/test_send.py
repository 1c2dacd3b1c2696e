"""cardioserver send: files as a recorder's uploads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.conftest import Command
from tests.processes import ServerProcess


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    """The real 12-lead ECG of the pydicom package."""
    return Path(shutil.copy(str(get_testdata_file("waveform_ecg.dcm", download=False)), tmp_path / "ecg.dcm"))


def record(folder: Path, name: str, samples: int = 1000, rate: float = 500.0) -> Path:
    """A WFDB record with three leads; returns its header file."""
    counts = np.random.default_rng(len(name)).integers(-500, 500, (samples, 3), dtype=np.int16)
    wfdb.wrsamp(
        name,
        fs=rate,
        units=["mV"] * 3,
        sig_name=["I", "II", "V1"],
        d_signal=counts.astype(np.int64),
        fmt=["16"] * 3,
        adc_gain=[1000.0] * 3,
        baseline=[0] * 3,
        write_dir=str(folder),
    )
    return folder / f"{name}.hea"


def test_dicom_is_sent_and_comes_back_bit_for_bit(wire: Command, dicom: Path, tmp_path: Path) -> None:
    [sent] = wire("recorder", "send", dicom, "--patient-number", "D-1", "--json").json()
    assert sent["already_stored"] is False
    raw = tmp_path / "back.raw"
    assert wire("doctor", "exam", "get", sent["exam_uuid"], "-o", raw).status == 0
    rhythm = dcmread(dicom).WaveformSequence[0]
    interleaved = np.frombuffer(rhythm.WaveformData, "<i2").reshape(-1, rhythm.NumberOfWaveformChannels)
    back = np.frombuffer(raw.read_bytes(), "<i2").reshape(interleaved.shape[1], -1)
    assert np.array_equal(back, interleaved.T)

    shown = wire("doctor", "exam", "show", sent["exam_id"], "--json").json()["exam"]
    assert shown["exam"]["patient"]["number"] == "D-1"
    assert shown["exam"]["patient"]["birthday"] == "1971-01-23"  # as the file says
    assert shown["exam"]["started_at"].startswith("2013-01-25T10:59:19")


def test_sent_twice_stored_once_whatever_the_file_is_called(wire: Command, tmp_path: Path) -> None:
    first = record(tmp_path, "first")
    [one] = wire("recorder", "send", first, "--patient-number", "W-1", "--json").json()
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("first.*"):
        shutil.copy(file, copy / file.name)
    [again] = wire("recorder", "send", copy / "first.hea", "--patient-number", "W-1", "--json").json()
    assert again["already_stored"] is True
    assert again["exam_id"] == one["exam_id"]
    told = wire("recorder", "send", first, "--patient-number", "W-1")
    assert f"stored before as exam {one['exam_id']}" in told.out


def test_the_same_samples_of_another_patient_are_another_exam(wire: Command, tmp_path: Path) -> None:
    file = record(tmp_path, "shared")
    [one] = wire("recorder", "send", file, "--patient-number", "W-2", "--json").json()
    [other] = wire("recorder", "send", file, "--patient-number", "W-3", "--json").json()
    assert one["exam_id"] != other["exam_id"]


def test_options_describe_the_patient_and_the_exam(wire: Command, tmp_path: Path) -> None:
    file = record(tmp_path, "described")
    [sent] = wire(
        "recorder", "send", file, "--patient-number", "W-4", "--sex", "female", "--birthday", "03.02.1980",
        "--family-name", "Кузнецова", "--personal-name", "Ольга", "--patronymic", "Петровна",
        "--snils", "123-456-789 00", "--device", "K-12", "--comment", "Натощак",
        "--started", "2026-11-20T07:45:00+03:00", "--json",
    ).json()  # fmt: skip
    exam = wire("doctor", "exam", "show", sent["exam_id"], "--json").json()["exam"]["exam"]
    patient = exam["patient"]
    assert (patient["family_name"], patient["sex"], patient["birthday"]) == (
        "Кузнецова",
        "female",
        "1980-02-03",
    )
    assert (patient["patronymic"], patient["snils"]) == ("Петровна", "123-456-789 00")
    assert (exam["device_number"], exam["comment"]) == ("K-12", "Натощак")
    assert exam["started_at"] == "2026-11-20T07:45:00+03:00"


def test_bad_files_are_named_and_the_others_go_on(wire: Command, dicom: Path, tmp_path: Path) -> None:
    good = record(tmp_path, "good")
    bad = {
        "missing.dcm": (None, "No such file"),
        "empty.dcm": (b"", "empty"),
        "noise.dcm": (bytes(range(256)) * 20, "not an ECG file"),
        "cut.dcm": (dicom.read_bytes()[:2000], ""),
        "slow.hea": (b"slow 1 0 1000\nslow.dat 16 1000 16 0 0 0 0 I\n", ""),
        "alone.hea": (b"alone 1 500 1000\nalone.dat 16 1000 16 0 0 0 0 I\n", "alone.dat"),
    }
    for name, (content, _) in bad.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    files = [tmp_path / name for name in bad]
    told = wire("recorder", "send", *files[:3], good, *files[3:], "--patient-number", "W-5")
    assert told.status == 1
    assert f"{good}: stored as exam" in told.out
    lines = told.err.splitlines()
    assert len(lines) == len(bad)
    for line, file in zip(lines, files, strict=True):
        assert line.startswith(f"{file}: ")
        assert len(line) > len(f"{file}: ")
        assert bad[file.name][1] in line
    assert "Traceback" not in told.err


def test_bad_files_in_json(wire: Command, command: Command, tmp_path: Path) -> None:
    good, empty = record(tmp_path, "good2"), tmp_path / "empty.dcm"
    empty.touch()
    told = wire("recorder", "send", empty, good, "--patient-number", "W-6", "--json")
    assert told.status == 1
    first, second = json.loads(told.out)
    assert "empty" in first["error"]
    assert second["exam_id"]


def test_wrong_details_are_told_by_field(wire: Command, tmp_path: Path) -> None:
    file = record(tmp_path, "wrong")
    future = wire("recorder", "send", file, "--patient-number", "W-7", "--birthday", "2126-01-01")
    assert future.status == 1
    assert "patient.birthday" in future.err
    long = wire("recorder", "send", file, "--patient-number", "9" * 200)
    assert long.status == 1
    assert "patient.number" in long.err
    archive = wire("recorder", "send", file, "--patient-number", "W-7", "--archive", "12345")
    assert archive.status in (1, 5)
    assert archive.err


def test_an_account_that_may_not_upload(wire: Command, tmp_path: Path) -> None:
    told = wire("doctor", "send", record(tmp_path, "doctor"), "--patient-number", "W-8")
    assert told.status == 5
    assert "may not" in told.err


def test_unreachable_server(command: Command, tmp_path: Path, free_port: int) -> None:
    told = command("send", record(tmp_path, "unsent"), "--login", "recorder", "--port", free_port)
    assert told.status == 4
    assert "nobody listens" in told.err


def test_bad_files_in_russian(command: Command, server: ServerProcess, tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    told = command("--language", "ru", "send", empty, "--login", "recorder", "--port", server.port)
    assert told.status == 1
    assert f"{empty}: файл пуст" in told.err


def test_real_records(wire: Command, shared_ecg: Path) -> None:
    records = sorted((shared_ecg / "ptbxl").rglob("*.hea"))[:3]
    sent = wire("recorder", "send", *records, "--patient-number", "P-1", "--json").json()
    assert len({one["exam_id"] for one in sent}) == 3
