"""./cardioserver3 demo, as a new user runs it (in the environment that is there already)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardioserver.cli.background import Background

ROOT = Path(__file__).resolve().parents[2]
KEPT_PORT = 48004


@pytest.fixture(autouse=True)
def _environment() -> None:
    if not list((ROOT / ".venv").glob("cardioserver-*.stamp")):
        pytest.skip("no environment: run tests/run, or ./cardioserver3 install --dev")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def demo(temporary: Path, *arguments: str, lang: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LANG": lang, "TMPDIR": str(temporary), "PYTHONUTF8": "1"}
    environment.pop("LC_ALL", None)
    return subprocess.run(
        ["./cardioserver3", "demo", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def digests(said: str) -> set[str]:
    return set(re.findall(r"[0-9a-f]{64}", said))


def is_kept_port_free() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", KEPT_PORT)) != 0


def test_demo_stores_a_real_ecg_and_leaves_nothing(temporary: Path) -> None:
    done = demo(temporary)
    assert done.returncode == 0, done.stderr
    assert "Bit-identical" in done.stdout
    assert "12 × 10 s at 1000 Hz" in done.stdout
    assert len(digests(done.stdout)) == 1
    assert "уд/мин" in done.stdout
    assert "bpm" in done.stdout
    assert "not confirmed by a doctor" in done.stdout
    for name, begins in (("ecg.pdf", b"%PDF-1.7"), ("ecg.png", b"\x89PNG")):
        assert name in done.stdout
        assert (ROOT / "demo" / name).read_bytes().startswith(begins)
    assert len(done.stdout.splitlines()) < 30
    assert list(temporary.iterdir()) == []


def test_demo_in_a_folder_can_be_repeated_in_russian(temporary: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    for count, lang, compared in ((1, "C.UTF-8", "Bit-identical"), (2, "ru_RU.UTF-8", "Совпадает до бита")):
        done = demo(temporary, "--dir", str(place), lang=lang)
        assert done.returncode == 0, done.stderr
        assert compared in done.stdout
        assert (place / "ecg.pdf").stat().st_size > 0
        assert len(list((place / "storage" / "cardiobank").glob("*/*/*/*.ecg"))) == count
    assert Background(place / "storage", place / "logs").status() is None


@pytest.fixture
def kept(temporary: Path, tmp_path: Path) -> Iterator[str]:
    """What the demonstration printed whose server still runs."""
    if not is_kept_port_free():
        pytest.skip(f"port {KEPT_PORT} is in use on this machine")
    place = tmp_path / "place"
    done = demo(temporary, "--dir", str(place), "--keep")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    Background(place / "storage", place / "logs").stop()


@pytest.mark.xdist_group("port 48004")
def test_kept_server_is_there_with_the_printed_login(kept: str) -> None:
    found = re.search(r"doctor: +(\S+) +password: (\S+)", kept)
    assert found
    listed = subprocess.run(
        ["./cardioserver3", "exam", "list", "--json", "--login", found[1]],
        cwd=ROOT,
        env=os.environ | {"CARDIOSERVER_PASSWORD": found[2]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert '"exam_id"' in listed.stdout


@pytest.mark.xdist_group("port 48004")
def test_demo_fails_readably_when_its_port_is_taken(temporary: Path, tmp_path: Path) -> None:
    if not is_kept_port_free():
        pytest.skip(f"port {KEPT_PORT} is in use on this machine")
    with socket.create_server(("127.0.0.1", KEPT_PORT)):
        done = demo(temporary, "--dir", str(tmp_path / "place"), "--keep")
    assert done.returncode == 3
    assert str(KEPT_PORT) in done.stderr
    assert "Traceback" not in done.stderr
    assert Background(tmp_path / "place" / "storage", tmp_path / "place" / "logs").status() is None
