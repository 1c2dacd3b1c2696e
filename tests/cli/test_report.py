"""cardioserver report: files, exams at a server, options, languages."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from cardioserver.cli.exits import ExitCode
from cardioserver.client import Client
from tests.cli.conftest import Command
from tests.processes import PASSWORD, ServerProcess


@pytest.fixture
def dicom(tmp_path: Path) -> Path:
    """The real 12-lead ECG of the pydicom package."""
    return Path(shutil.copy(str(get_testdata_file("waveform_ecg.dcm", download=False)), tmp_path / "ecg.dcm"))


def text_of(pdf: Path, page: int = 1) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return " ".join(document[page - 1].get_textpage().get_text_range().split())


def test_a_file_is_analysed_and_printed(command: Command, dicom: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    said = command("report", dicom, "--out", out)
    assert said.status == 0, said.err
    assert f"{out}: " in said.out
    text = text_of(out)
    for expected in (
        "NOT CONFIRMED BY A DOCTOR",
        "Rate",
        "25 mm/s",
        "10 mm/mV",
        "2013-01-25 10:59",
        "page 1 of 2",
    ):
        assert expected in text
    assert "Representative beat" in text_of(out, 2)


def test_options_change_the_page(command: Command, dicom: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.pdf"
    looks = ("--layout", "12x1", "--cabrera", "--rhythm", "V1", "--speed", "50", "--gain", "20", "--portrait")
    options = ("--filters", "daplf,tremor", "--mains", "60", "--part", "ecg", "--start", "2", *looks)
    done = command("--language", "en", "report", dicom, "-o", out, "--language", "ru", *options)
    assert done.status == 0, done.err
    text = text_of(out)
    for expected in (
        "12×1 + V1",
        "-aVR",
        "50 мм/с",
        "20 мм/мВ",
        "сеть 60 Гц, тремор",
        "2–5,5 из 10 с",
        "стр. 1 из 1",
    ):
        assert expected in text
    with pypdfium2.PdfDocument(out) as document:
        width, height = document[0].get_size()
    assert width < height


def test_pictures_of_all_pages(command: Command, dicom: Path, tmp_path: Path) -> None:
    told = command("report", dicom, "--out", tmp_path / "page.png", "--dpi", "75", "--json").json()
    assert told["files"] == [str(tmp_path / "page.png"), str(tmp_path / "page-2.png")]
    for file in told["files"]:
        with Image.open(file) as image:
            assert image.width == pytest.approx(297 / 25.4 * 75, abs=1)
    [only] = command("report", dicom, "--out", tmp_path / "page.jpeg", "--part", "beats", "--json").json()[
        "files"
    ]
    with Image.open(only) as image:
        assert image.format == "JPEG"


def test_an_exam_of_the_server_with_its_conclusion(
    wire: Command, server: ServerProcess, dicom: Path, tmp_path: Path
) -> None:
    named = ("--patient-number", "P-1", "--family-name", "Ыбырайұлы")
    [sent] = wire("recorder", "send", dicom, *named, "--json").json()

    async def conclude() -> None:
        async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as client:
            await client.save_conclusion(int(sent["exam_id"]), "Вариант нормы.")

    asyncio.run(conclude())
    stamp, out = tmp_path / "stamp.png", tmp_path / "page.pdf"
    Image.new("RGB", (60, 30), (0, 0, 160)).save(stamp)
    done = wire("doctor", "report", sent["exam_id"], "--out", out, "--stamp", stamp, "--filters", "none")
    assert done.status == 0, done.err
    text = text_of(out)
    for expected in (
        "Ыбырайұлы",
        "P-1",
        sent["exam_id"],
        "no filters",
        "Doctor's conclusion",
        "Вариант нормы.",
    ):
        assert expected in text
    assert "NOT CONFIRMED" not in text
    assert wire("doctor", "report", sent["exam_uuid"], "--out", tmp_path / "again.pdf").status == 0
    stamp.write_bytes(b"no picture")
    refused = wire("doctor", "report", sent["exam_id"], "--out", tmp_path / "none.pdf", "--stamp", stamp)
    assert refused.status == ExitCode.FAILED
    assert "PNG or JPEG" in refused.err


@pytest.mark.parametrize(
    ("arguments", "english", "russian"),
    [
        (["nothing.hea", "--out", "x.pdf"], "no such file", "нет такого файла"),
        (["nothing.hea", "--out", "x.gif"], "must end in", "должно кончаться на"),
        (["nothing.hea", "--out", "x.pdf", "--filters", "daplf,all"], "known are daplf", "есть daplf"),
        (
            ["nothing.hea", "--out", "x.pdf", "--speed", "30"],
            "Invalid value for '--speed'",
            "значение --speed",
        ),
        (
            ["nothing.hea", "--out", "x.pdf", "--layout", "5x5"],
            "'--layout': '5x5' is not one of 'auto', '3x4'",
            "--layout: «5x5»; допустимо одно из: 'auto', '3x4'",
        ),
        (["nothing.hea", "--out", "x.pdf", "--dpi", "10"], "equal to 60", "--dpi: нужно не меньше 60."),
        (["nothing.hea", "--out", "x.pdf", "--start", "two"], "valid number", "--start: нужно число."),
        (["nothing.hea", "--out", "x.pdf", "--rhythm", "Q"], "a lead's name", "название отведения"),
        (["nothing.hea", "--out", "/no/where/x.pdf"], "/no/where: there is no such folder", "каталога нет"),
        (["17", "--out", "x.pdf"], "--login", "--login"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], english: str, russian: str) -> None:
    for language, expected in (("en", english), ("ru", russian)):
        told = command("--language", language, "report", *arguments)
        assert told.status == ExitCode.USAGE
        assert expected in told.err
        assert not told.out


def test_what_is_no_ecg_is_refused(command: Command, dicom: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(dicom.read_bytes()[:3000])
    told = command("report", broken, "--out", tmp_path / "x.pdf")
    assert told.status == ExitCode.FAILED
    assert "Traceback" not in told.err
    assert not (tmp_path / "x.pdf").exists()
    text = tmp_path / "notes.txt"
    text.write_text("no ECG")
    for language, said in (
        ("en", "not an ECG file that can be read: it is not DICOM or WFDB"),
        ("ru", "это не файл ЭКГ, который можно прочитать: не DICOM и не WFDB"),
    ):
        told = command("--language", language, "report", text, "--out", tmp_path / "x.pdf")
        assert told.err == f"{text}: {said}\n"


def test_what_cannot_be_written_is_told(command: Command, dicom: Path, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").mkdir()
    for language, said in (("en", "Is a directory"), ("ru", "это каталог, а не файл")):
        told = command("--language", language, "report", dicom, "--out", tmp_path / "x.pdf")
        assert (told.status, told.err) == (ExitCode.FAILED, f"{tmp_path / 'x.pdf'}: {said}\n")


def test_a_stamp_that_is_not_needed_is_told(command: Command, dicom: Path, tmp_path: Path) -> None:
    told = command("report", dicom, "--out", tmp_path / "x.pdf", "--stamp", dicom)
    assert told.status == 0
    assert "no doctor's conclusion" in told.err
