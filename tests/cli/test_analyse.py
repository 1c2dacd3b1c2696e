"""`cardioserver analyse`: documents for programs, reports for people, of files and of exams."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cardioserver.cli.exits import ExitCode
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.document import decode
from cardioserver.signal.analysis import Analysis
from tests.cli.conftest import Command
from tests.interpretation.signals import made


def write_wfdb(folder: Path, name: str, leads: tuple[Lead, ...] = TWELVE_LEADS, sex: str = "F") -> Path:
    """A made ECG as a WFDB record."""
    recording = made(leads)
    header = [f"{name} {len(leads)} 500 {recording.format.sample_count}"]
    header += [f"{name}.dat 16 1000 16 0 0 0 0 {lead.label.lower()}" for lead in leads]
    header += ["# age: 61", f"# sex: {sex}"]
    (folder / f"{name}.hea").write_text("\n".join(header) + "\n")
    (folder / f"{name}.dat").write_bytes(np.ascontiguousarray(recording.samples.T).tobytes())
    return folder / f"{name}.hea"


def test_json_is_the_document_and_nothing_else(command: Command, tmp_path: Path) -> None:
    done = command("analyse", write_wfdb(tmp_path, "a"), "--json")
    assert done.status == ExitCode.DONE
    document = decode(done.out)
    assert document.signal.leads == TWELVE_LEADS
    assert document.measurements.rate == pytest.approx(75, abs=1)
    assert document.person.age == 61
    assert json.loads(done.out)["person"]["sex"] == "female"


@pytest.mark.parametrize(
    "leads", [(Lead.II,), (Lead.II, Lead.V1), (Lead.X, Lead.Y, Lead.Z), TWELVE_LEADS[:8]]
)
def test_records_of_few_leads(command: Command, tmp_path: Path, leads: tuple[Lead, ...]) -> None:
    document = decode(command("analyse", write_wfdb(tmp_path, "a", leads), "--json").out)
    assert len(document.beats) == 12


def test_a_report_for_people_in_both_languages(command: Command, tmp_path: Path) -> None:
    file = write_wfdb(tmp_path, "a")
    english = command("analyse", file)
    assert "HR = 75 bpm" in english.out
    assert "not confirmed by a doctor" in english.out
    assert "QTc Bazett, ms" in english.out
    assert "Quality" in english.out
    russian = command("analyse", file, "--language", "ru", "--sex", "female")
    assert re.search(r"^Качество +хорошее$", russian.out, re.MULTILINE)
    assert re.search(r"^Пол +женский$", russian.out, re.MULTILINE)
    assert "ЧСС = 75 уд/мин" in russian.out
    assert "не подтверждена врачом" in russian.out
    assert "QTc по Базетту, мс" in russian.out
    for report in (english.out, russian.out):
        assert [line.split()[0] for line in report.splitlines()[-12:]] == [
            lead.label for lead in TWELVE_LEADS
        ]


def test_what_is_known_of_the_person_may_be_typed(command: Command, tmp_path: Path) -> None:
    file = write_wfdb(tmp_path, "a")
    done = command(
        "analyse", file, "--json", "--sex", "male", "--age", "0.5", "--height", 66, "--weight", "7.5"
    )
    assert json.loads(done.out)["person"] == {"sex": "male", "age": 0.5, "height_cm": 66.0, "weight_kg": 7.5}


def test_of_several_each_is_a_line_and_a_bad_one_stops_none(command: Command, tmp_path: Path) -> None:
    first, last = write_wfdb(tmp_path, "a"), write_wfdb(tmp_path, "b", sex="M")
    (tmp_path / "text.txt").write_text("no ECG")
    names = [str(first), str(tmp_path / "text.txt"), "nowhere", str(last)]
    done = command("analyse", *names, "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["file"] for line in lines] == names
    assert ["error" in line for line in lines] == [False, True, True, False]
    assert [lines[0]["person"]["sex"], lines[3]["person"]["sex"]] == ["female", "male"]
    assert done.status == ExitCode.USAGE
    assert done.err.count("\n") == 2
    assert decode(done.out.splitlines()[3]).signal.sample_count == 5000


def test_a_fault_of_the_program_costs_one_ecg(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cardioserver.interpretation import interpreter

    honest = interpreter.analyse

    def analyse(recording: Recording) -> Analysis:
        if len(recording.format.leads) == 1:
            raise ZeroDivisionError("text that may hold data")
        return honest(recording)

    monkeypatch.setattr(interpreter, "analyse", analyse)
    files = [write_wfdb(tmp_path, "a", (Lead.II,)), write_wfdb(tmp_path, "b")]
    done = command("analyse", *files, "--json")
    failed, good = (json.loads(line) for line in done.out.splitlines())
    assert "ZeroDivisionError, test_analyse.py:" in failed["error"]
    assert "may hold" not in done.out + done.err
    assert good["beats"]
    assert done.status == ExitCode.FAILED


def test_one_that_cannot_be_analysed_prints_no_json(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no ECG")
    done = command("analyse", tmp_path / "text.txt", "--json")
    assert (done.status, done.out) == (ExitCode.FAILED, "")
    assert "not an ECG file" in done.err


def test_a_record_is_known_by_its_name_without_an_ending(command: Command, tmp_path: Path) -> None:
    write_wfdb(tmp_path, "100")
    assert decode(command("analyse", tmp_path / "100", "--json").out).beats


def test_the_waves_can_be_looked_at(command: Command, tmp_path: Path) -> None:
    file, plot = write_wfdb(tmp_path, "a"), tmp_path / "beats.png"
    assert command("analyse", file, "--plot", plot).status == ExitCode.DONE
    assert plot.read_bytes().startswith(b"\x89PNG")
    refused = command("analyse", file, file, "--plot", plot)
    assert refused.status == ExitCode.USAGE
    assert "one ECG at a time" in refused.err
    for wrong in (
        tmp_path / "beats.gif",
        tmp_path / "no" / "beats.png",
    ):  # told before the work, not after it
        refused = command("analyse", file, "--plot", wrong)
        assert (refused.status, refused.out) == (ExitCode.USAGE, "")


@pytest.mark.parametrize(
    ("folder", "names"),
    [("ptbxl", ["*1_hr.hea"]), ("ludb", ["1.hea", "9*.hea"]), ("ptb", ["*.hea"]), ("interop", ["*.dcm"])],
)
def test_real_records_are_analysed_or_refused_cleanly(
    command: Command, shared_ecg: Path, folder: str, names: list[str]
) -> None:
    files = [file for name in names for file in sorted((shared_ecg / folder).glob(name))][:8]
    lines = [json.loads(line) for line in command("analyse", *files, "--json").out.splitlines()]
    assert len(lines) == len(files)
    for line in lines:
        assert "error" in line or len(line["beats"]) == len(line["fiducials"]) > 0
