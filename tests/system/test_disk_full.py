"""A full disk: recorders are told, nothing is half-written, reads go on, uploads go on once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database, migrate
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import StorageFull
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest, IngestLimits
from cardioserver.archive.verify import verify
from cardioserver.client.client import Client
from cardioserver.client.errors import Unavailable
from cardioserver.client.retry import ONCE
from cardioserver.protocol import messages as m
from tests.archive import examples
from tests.archive.samples import add_facility
from tests.processes import PASSWORD
from tests.system.conftest import Start
from tests.system.recorders import open_archive

DISK = 48 << 20
RESERVE = IngestLimits().reserve_bytes
EXAM_SAMPLES = 12_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, of 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(disk: Path, leave: int) -> Path:
    """Somebody else's file that leaves so many bytes."""
    room = os.statvfs(disk)
    ballast = disk / "somebody-else's"
    with ballast.open("ab") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
    return ballast


async def test_recorders_are_told_and_doctors_read_on(start_server: Start, small_disk: Path) -> None:
    server = start_server({"data": str(small_disk / "data")})
    bank, database = open_archive(server)
    refused = examples.upload(seed=50, samples=EXAM_SAMPLES)
    async with (
        Client("127.0.0.1", server.port, login="recorder", password=PASSWORD, retry=ONCE) as recorder,
        Client("127.0.0.1", server.port, login="doctor", password=PASSWORD, retry=ONCE) as doctor,
    ):
        stored = [await _upload(recorder, seed) for seed in range(3)]

        ballast = _fill(small_disk, leave=RESERVE - 4096)
        for request in (refused, examples.begin(refused)):
            with pytest.raises(Unavailable) as raised:
                await recorder.request(request)
            assert raised.value.code is m.ErrorCode.STORAGE_FULL
        for seed, answer in enumerate(stored):
            read = await doctor.get_signal(answer.exam_id)
            assert read.samples.tobytes() == examples.recording(seed, EXAM_SAMPLES).samples.tobytes()
        assert len(list(bank.exam_files())) == 3
        assert list(bank.staging.glob("*/*.ecg")) == []
        assert list(bank.incoming.iterdir()) == []

        ballast.unlink()
        again: Any = await recorder.request(refused)
        assert not again.already_stored
    assert server.stop() == 0
    report = verify(bank, database)
    assert report.is_clean
    assert report.exams == 4
    database.close()


async def _upload(client: Client, seed: int) -> m.ExamStored:
    return await client.upload(examples.exam(), examples.recording(seed, EXAM_SAMPLES))


@pytest.mark.parametrize("leave", [0, 4096, 8192, 16_384, 32_768, 65_536])
def test_not_one_byte_is_left_behind_when_the_disk_fills_within_an_exam(
    small_disk: Path, tmp_path: Path, leave: int
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    migrate(database)
    ids = IdGenerator(1)
    clinic = add_facility(database, ids, "Clinic")
    directory = DirectorySnapshot(tmp_path / "directory.json")
    directory.refresh(database)
    bank = Bank(small_disk / "bank")
    ingest = Ingest(database, bank, directory, ids, limits=IngestLimits(reserve_bytes=0))
    message = examples.upload(samples=EXAM_SAMPLES)
    ballast = _fill(small_disk, leave)

    with pytest.raises(StorageFull):
        ingest.store(clinic.recorder, message).result(30)

    assert [path for path in bank.root.rglob("*") if path.is_file() and path.name != ".lock"] == []
    ballast.unlink()
    assert not ingest.store(clinic.recorder, message).result(30).already_stored
    ingest.close()
    assert verify(bank, database).is_clean
    database.close()
