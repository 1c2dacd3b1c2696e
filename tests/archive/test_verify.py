"""Verification finds what is damaged, missing, misplaced or not indexed, and nothing else."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete

from cardioserver.archive import bankfile, schema, verify
from cardioserver.archive import spool as spools
from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.archive.verify import Fault
from cardioserver.protocol.messages import Upload
from tests.archive import examples
from tests.archive.samples import Facility
from tests.archive.uploading import Uploading

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EXAMS = 6


@pytest.fixture
def archive(database: Database, clinic: Facility, ids: IdGenerator, tmp_path: Path) -> Iterator[Uploading]:
    opened = Uploading(database, tmp_path, ids)
    yield opened
    opened.close()


@pytest.fixture
def messages(archive: Uploading, clinic: Facility) -> list[Upload]:
    """Exams that the archive holds."""
    sent = [examples.upload(seed=seed) for seed in range(EXAMS)]
    for message in sent:
        archive.store(clinic.recorder, message)
    return sent


def _path(archive: Uploading, message: Upload) -> Path:
    return archive.bank.exam_path(message.exam.uuid, message.exam.started_at)


def _faults(archive: Uploading) -> list[tuple[Fault, Path]]:
    report = verify.verify(archive.bank, archive.database)
    assert report.is_clean == (not report.findings)
    return [(finding.fault, finding.path) for finding in report.findings]


def _flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.chmod(0o640)
    path.write_bytes(data)


def _put_conclusion(archive: Uploading) -> Path:
    day = date(2026, 11, 20)
    archive.bank.put_record(
        BankRecord(RecordKind.CONCLUSION, uuid4(), day, datetime.now(UTC), {"text": "Норма"})
    )
    (path,) = archive.bank.record_files()
    return path


def test_an_intact_bank_is_clean_and_every_file_was_looked_at(
    archive: Uploading, messages: list[Upload]
) -> None:
    _put_conclusion(archive)
    steps: list[tuple[int, int]] = []

    report = verify.verify(archive.bank, archive.database, lambda done, total: steps.append((done, total)))

    assert report.is_clean
    assert (report.exams, report.records) == (EXAMS, 1)
    assert steps == [(done, EXAMS + 1) for done in range(EXAMS + 2)]


def test_any_flipped_bit_of_any_exam_is_found(archive: Uploading, messages: list[Upload]) -> None:
    rng = random.Random(7)
    for _ in range(60):
        path = _path(archive, rng.choice(messages))
        bit = rng.randrange(path.stat().st_size * 8)
        _flip(path, bit)
        assert _faults(archive) == [(Fault.DAMAGED, path)], bit
        _flip(path, bit)
    assert _faults(archive) == []


def test_a_damaged_record_is_found(archive: Uploading) -> None:
    path = _put_conclusion(archive)
    _flip(path, 700)

    assert _faults(archive) == [(Fault.DAMAGED, path)]


@pytest.mark.parametrize("length", [0, 1, 50, -1])
def test_a_cut_off_file_is_found(archive: Uploading, messages: list[Upload], length: int) -> None:
    path = _path(archive, messages[0])
    data = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(data[:length])

    assert _faults(archive) == [(Fault.DAMAGED, path)]


def test_a_lost_file_is_missing(archive: Uploading, messages: list[Upload]) -> None:
    path = _path(archive, messages[2])
    path.unlink()

    assert _faults(archive) == [(Fault.MISSING, path)]


def test_a_lost_row_is_unindexed(archive: Uploading, messages: list[Upload]) -> None:
    with archive.database.write() as connection:
        mine = schema.exam.c.exam_uuid == messages[1].exam.uuid
        exam_id = connection.scalar(schema.exam.select().where(mine))
        connection.execute(delete(schema.exam_metadata).where(schema.exam_metadata.c.exam_id == exam_id))
        connection.execute(delete(schema.exam).where(mine))

    assert _faults(archive) == [(Fault.UNINDEXED, _path(archive, messages[1]))]


def test_an_exam_that_waits_for_the_database_is_not_unindexed(
    archive: Uploading, messages: list[Upload], clinic: Facility
) -> None:
    archive.close()
    message = examples.upload(seed=99)
    recording = examples.recording_of(message)
    record = examples.record(message.exam, recording, archive.ids.next())
    own = spools.create(archive.bank.staging, 5)
    staged = examples.stage(own, record.exam_id, message.exam.uuid, bankfile.encode_exam(record, recording))
    archive.bank.publish(staged.path, record)

    report = verify.verify(archive.bank, archive.database)

    assert report.is_clean
    assert report.waiting == 1


def test_a_file_in_a_wrong_place_is_misplaced(archive: Uploading, messages: list[Upload]) -> None:
    path = _path(archive, messages[0])
    elsewhere = path.with_name(f"{uuid4()}.ecg")
    shutil.copyfile(path, elsewhere)

    assert set(_faults(archive)) == {(Fault.MISPLACED, elsewhere), (Fault.UNINDEXED, elsewhere)}


def test_a_rejected_exam_is_reported(archive: Uploading, messages: list[Upload]) -> None:
    kept = archive.bank.rejected / f"{uuid4()}.ecg"
    os.link(_path(archive, messages[0]), kept)

    assert _faults(archive) == [(Fault.REJECTED, kept)]


def test_without_a_database_only_the_files_are_verified(archive: Uploading, messages: list[Upload]) -> None:
    report = verify.verify(archive.bank)
    assert report.is_clean
    assert report.exams == EXAMS
    _flip(_path(archive, messages[0]), 12_345)

    assert not verify.verify(archive.bank).is_clean
