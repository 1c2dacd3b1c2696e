"""The recorder in C against the server: the document of the protocol is enough to write one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
import pytest

from cardioserver.archive import bankfile
from cardioserver.client.client import Client
from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.recording import Recording
from tests.processes import PASSWORD, ServerProcess

SOURCES = Path(__file__).parents[2] / "examples" / "recorder"
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LEADS, SAMPLES = 12, 12_000  # 24 s at 500 Hz

STORED, USAGE, OFFLINE, DENIED, STOPPED, NOT_A_SERVER = 0, 2, 3, 4, 5, 6


def compile_recorder(target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    command = ["cc", *FLAGS, *options, "-o", str(target), *sources]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled recorder; it ends at its first memory error if the compiler can do that."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler cc")
    target = tmp_path_factory.mktemp("recorder") / "recorder"
    compiled = compile_recorder(target)
    assert compiled.returncode == 0, compiled.stderr
    checked = target.with_name("recorder-checked")
    return checked if compile_recorder(checked, *SANITIZERS).returncode == 0 else target


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.furnish()
    process.start()
    yield process
    process.kill()


@dataclass
class Ecg:
    """An ECG in a file, as the recorder has it."""

    uuid: UUID
    file: Path
    samples: npt.NDArray[np.int16]

    @classmethod
    def make(cls, folder: Path, leads: int = LEADS, samples: int = SAMPLES) -> Ecg:
        uuid = uuid4()
        rng = np.random.default_rng(uuid.int)
        counts = rng.integers(-(2**15), 2**15, (leads, samples), dtype=np.int16)
        file = folder / f"{uuid}.raw"
        file.write_bytes(counts.astype("<i2").tobytes())
        return cls(uuid, file, counts)


@pytest.fixture
def ecg(tmp_path: Path) -> Ecg:
    return Ecg.make(tmp_path)


def record(
    recorder: Path, port: int, ecg: Ecg, *options: str, password: str = PASSWORD, language: str = "C"
) -> subprocess.CompletedProcess[str]:
    """Run the recorder to its end."""
    secret = ecg.file.with_suffix(".password")
    secret.write_text(password + "\n", encoding="utf-8")
    command = [recorder, "--host", "127.0.0.1", "--port", str(port), "--login", "recorder"]
    command += ["--password-file", secret, "--uuid", str(ecg.uuid), *options, ecg.file]
    environment = os.environ | {"LANG": language, "TZ": "<+0530>-5:30"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


async def archived(server: ServerProcess, ecg: Ecg) -> Recording:
    """The exam, read over the wire; its file in the bank is the same and passes its checks."""
    async with Client("127.0.0.1", server.port) as client:
        await client.login("doctor", PASSWORD)
        details = await client.get_exam(ecg.uuid)
        recording = await client.get_signal(details.exam_id)
        assert details.exam.patient.number == "1024"
        assert details.exam.started_at.utcoffset() == timedelta(hours=5, minutes=30)
        assert details.exam.ended_at - details.exam.started_at == timedelta(seconds=SAMPLES / 500)
        assert details.digest == hashlib.sha256(ecg.file.read_bytes()).digest()
    (file,) = server.data.rglob(f"{ecg.uuid}.ecg")
    bankfile.check(file)
    assert np.array_equal(bankfile.read_signal(file).samples, recording.samples)
    return recording


# ---------------------------------------------------------------- uploads


async def test_an_ecg_arrives_bit_for_bit(recorder: Path, server: ServerProcess, ecg: Ecg) -> None:
    options = ("--number", "1024", "--rate", "500", "--resolution", "2.5", "--device", "C-1")

    done = record(recorder, server.port, ecg, *options)

    assert done.returncode == STORED, done.stderr
    assert re.search(r"^stored as exam \d+$", done.stdout, re.MULTILINE)
    assert f"sent {ecg.samples.nbytes} bytes" in done.stdout
    recording = await archived(server, ecg)
    assert np.array_equal(recording.samples, ecg.samples)
    assert recording.format.leads == TWELVE_LEADS
    assert recording.format.rate == 500
    assert set(recording.format.resolution) == {2.5}


async def test_a_broken_upload_is_resumed_after_the_last_byte(
    recorder: Path, server: ServerProcess, ecg: Ecg
) -> None:
    options = ("--number", "1024", "--chunk", "30000")

    broken = record(recorder, server.port, ecg, *options, "--stop-after", "100000")
    resumed = record(recorder, server.port, ecg, *options)

    assert broken.returncode == STOPPED, broken.stderr
    assert "the server has confirmed 90000 of 288000" in broken.stdout
    assert resumed.returncode == STORED, resumed.stderr
    assert "resuming after 90000 of 288000 bytes" in resumed.stdout
    assert "sent 198000 bytes" in resumed.stdout
    recording = await archived(server, ecg)
    assert np.array_equal(recording.samples, ecg.samples)


async def test_an_upload_outlives_the_server(recorder: Path, server: ServerProcess, ecg: Ecg) -> None:
    options = ("--number", "1024", "--chunk", "30001")

    broken = record(recorder, server.port, ecg, *options, "--stop-after", "200000")
    server.kill()
    offline = record(recorder, server.port, ecg, *options)
    server.start()
    resumed = record(recorder, server.port, ecg, *options)

    assert broken.returncode == STOPPED, broken.stderr
    assert offline.returncode == OFFLINE
    assert "connect" in offline.stderr
    assert resumed.returncode == STORED, resumed.stderr
    assert "resuming after 180006 of 288000 bytes" in resumed.stdout
    recording = await archived(server, ecg)
    assert np.array_equal(recording.samples, ecg.samples)


def test_sending_again_stores_nothing_new(recorder: Path, server: ServerProcess, ecg: Ecg) -> None:
    first = record(recorder, server.port, ecg)
    again = record(recorder, server.port, ecg)

    assert first.returncode == STORED, first.stderr
    assert again.returncode == STORED, again.stderr
    assert "the archive has this exam already" in again.stdout
    assert "sent" not in again.stdout
    assert len(list(server.data.rglob(f"{ecg.uuid}.ecg"))) == 1


def test_small_signals_of_awkward_sizes_have_the_right_digest(
    recorder: Path, server: ServerProcess, tmp_path: Path
) -> None:
    """Around the ends of SHA-256's blocks, where paddings go wrong."""
    for size in (2, 54, 56, 62, 64, 66, 118, 120, 128, 182, 184):
        small = Ecg.make(tmp_path, leads=1, samples=size // 2)
        done = record(recorder, server.port, small, "--leads", "ii", "--chunk", "7")
        assert done.returncode == STORED, (size, done.stderr)


# ---------------------------------------------------------------- what goes wrong


def test_a_refusal_is_told_in_the_persons_language(recorder: Path, server: ServerProcess, ecg: Ecg) -> None:
    english = record(recorder, server.port, ecg, password="a wrong password")
    russian = record(recorder, server.port, ecg, "--rate", "20", language="ru_RU.UTF-8")

    assert english.returncode == DENIED
    assert "error 113: Wrong login or password." in english.stderr
    assert "a wrong password" not in english.stderr
    assert russian.returncode == DENIED
    assert "error 102: signal.rate: невозможное значение" in russian.stderr


def test_other_samples_under_the_same_uuid_are_refused(
    recorder: Path, server: ServerProcess, ecg: Ecg, tmp_path: Path
) -> None:
    assert record(recorder, server.port, ecg).returncode == STORED
    times = ecg.file.stat()
    other = Ecg(ecg.uuid, ecg.file, Ecg.make(tmp_path).samples)
    other.file.write_bytes(other.samples.tobytes())
    os.utime(other.file, ns=(times.st_atime_ns, times.st_mtime_ns))

    refused = record(recorder, server.port, other)

    assert refused.returncode == DENIED
    assert "error 134" in refused.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--rate", "fast"),
        ("--chunk", "0"),
        ("--leads", "I,XX"),
        ("--uuid", "not-a-uuid"),
        ("--unknown", "1"),
        ("--leads", "I,II,III,V1,V2,V3,V4"),  # the file does not divide by seven
        ("--password-file", "/nonexistent/password"),
    ],
)
def test_wrong_arguments_are_refused(recorder: Path, ecg: Ecg, options: tuple[str, str]) -> None:
    with Answerer(b"") as port:
        done = record(recorder, port, ecg, *options)
    assert done.returncode == USAGE
    assert done.stderr


class Answerer:
    """Somebody who says *answer* to whoever connects, and closes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer, contextlib.suppress(ConnectionError):
                peer.sendall(self._answer)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", OFFLINE),
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", NOT_A_SERVER),
        (b"\x89ECG" + bytes(20), NOT_A_SERVER),
        (b"\x89ECG\x01\x01", OFFLINE),
    ],
)
def test_whoever_is_no_cardioserver_is_known(recorder: Path, ecg: Ecg, answer: bytes, code: int) -> None:
    with Answerer(answer) as port:
        done = record(recorder, port, ecg)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("recorder: hello: ")
