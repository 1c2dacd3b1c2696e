"""The bank: files get their names once, for good, and in order."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from cardioserver.archive import bankfile, durable
from cardioserver.archive.bank import Bank
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DamagedExam, StorageFull, UuidReused
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording
from tests.archive import examples

UUID_1 = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


def _stage(bank: Bank, record: ExamRecord, recording: Recording) -> Path:
    path = bank.staging / f"{uuid4()}.ecg"
    durable.write_file(path, bankfile.encode_exam(record, recording))
    return path


def _published(bank: Bank, seed: int = 1, **fields: object) -> ExamRecord:
    recording = examples.recording(seed)
    record = examples.record(examples.exam(**fields), recording)  # type: ignore[arg-type]
    bank.publish(_stage(bank, record, recording), record)
    return record


@pytest.mark.parametrize(
    ("started_at", "folder"),
    [
        (datetime(2026, 11, 21, 23, 59, tzinfo=UTC), "2026/11/21"),
        (datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=3))), "2026/11/21"),
        (datetime(2026, 12, 31, 20, 0, tzinfo=timezone(timedelta(hours=-8))), "2027/01/01"),
        (datetime(3, 2, 1, tzinfo=UTC), "0003/02/01"),
    ],
)
def test_the_folder_is_the_day_of_the_start_in_utc(bank: Bank, started_at: datetime, folder: str) -> None:
    assert bank.exam_path(UUID_1, started_at) == bank.root / folder / f"{UUID_1}.ecg"


def test_a_start_without_a_utc_day_is_refused(bank: Bank) -> None:
    with pytest.raises(InvalidField) as raised:
        bank.exam_path(UUID_1, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=3))))

    assert raised.value.field == "exam.started_at"


def test_a_published_exam_can_be_read(bank: Bank) -> None:
    recording = examples.recording()
    record = examples.record(examples.exam(), recording)

    assert bank.publish(_stage(bank, record, recording), record) == record

    assert bank.read_header(record.exam.uuid, record.exam.started_at) == record
    whole = bank.read_signal(record.exam.uuid, record.exam.started_at)
    np.testing.assert_array_equal(whole.samples, recording.samples)
    part = bank.read_signal(record.exam.uuid, record.exam.started_at, 100, 50, [Lead.V2, Lead.I])
    np.testing.assert_array_equal(part.samples, recording.samples[[7, 0], 100:150])


def test_files_are_read_only_and_folders_private(bank: Bank) -> None:
    record = _published(bank)
    path = bank.exam_path(record.exam.uuid, record.exam.started_at)

    assert path.stat().st_mode & 0o777 == 0o440
    for folder in (bank.root, bank.incoming, path.parent, path.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o750


def test_publishing_the_same_exam_again_gives_the_first_one(bank: Bank) -> None:
    record = _published(bank, seed=1)
    again = replace(record, exam_id=record.exam_id + 1)

    assert bank.publish(_stage(bank, again, examples.recording(1)), again) == record


@pytest.mark.parametrize("foreign", ["samples", "hcf"])
def test_a_uuid_names_one_exam(bank: Bank, foreign: str) -> None:
    record = _published(bank, seed=1)
    if foreign == "samples":
        recording = examples.recording(2)
        other = examples.record(record.exam, recording, record.exam_id + 1)
    else:
        recording = examples.recording(1)
        other = replace(record, recorder_hcf_id=examples.OTHER_HCF_ID)

    with pytest.raises(UuidReused):
        bank.publish(_stage(bank, other, recording), other)

    assert bank.read_header(record.exam.uuid, record.exam.started_at) == record


def test_a_missing_or_damaged_exam_is_damaged_for_its_reader(bank: Bank) -> None:
    with pytest.raises(DamagedExam):
        bank.read_header(UUID_1, examples.STARTED)
    with pytest.raises(DamagedExam):
        bank.read_signal(UUID_1, examples.STARTED)


def test_a_full_disk_publishes_nothing(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = examples.recording()
    record = examples.record(examples.exam(), recording)
    staged = _stage(bank, record, recording)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", fail)
        with pytest.raises(StorageFull):
            bank.publish(staged, record)
    assert list(bank.exam_files()) == []

    bank.publish(staged, record)
    assert len(list(bank.exam_files())) == 1


def test_the_names_of_a_new_day_are_synced_up_to_the_root(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _published(bank)
    path = bank.exam_path(record.exam.uuid, record.exam.started_at)
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)

    Bank(bank.root)  # this process has made the folders; another one cannot know that they are durable
    synced.clear()
    bank._durable_folders.clear()
    bank.sync_parents([path, path.with_name("other.ecg")])

    assert set(synced) == {bank.root, path.parent.parent.parent, path.parent.parent, path.parent}
    synced.clear()
    bank.sync_parents([path])
    assert synced == [path.parent]


def test_files_come_by_day_and_nothing_else_does(bank: Bank) -> None:
    days = [
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2025, 1, 3, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    ]
    for day in days:
        _published(bank, started_at=day, ended_at=day)
    (bank.root / "lost+found").mkdir()
    (bank.root / "2026" / "notes.txt").touch()
    (bank.root / "2026" / "11" / "20" / "notes.txt").touch()

    found = [path.parent.relative_to(bank.root).as_posix() for path in bank.exam_files()]

    assert found == ["2025/01/03", "2026/02/01", "2026/11/20"]


def test_a_rejected_exam_leaves_its_folder_but_is_kept(bank: Bank) -> None:
    recording = examples.recording()
    record = examples.record(examples.exam(), recording)
    staged = _stage(bank, record, recording)
    bank.publish(staged, record)

    bank.reject(staged, record)

    assert list(bank.exam_files()) == []
    assert bankfile.check(bank.rejected / f"{record.exam.uuid}.ecg") == record
    assert not staged.exists()


def _conclusion(conclusion_id: int = 1, uuid: UUID = UUID_1) -> BankRecord:
    body = {"conclusion_id": conclusion_id, "text": "Норма"}
    return BankRecord(
        RecordKind.CONCLUSION, uuid, date(2026, 11, 20), datetime(2026, 11, 21, tzinfo=UTC), body
    )


def test_a_record_is_stored_once(bank: Bank) -> None:
    assert bank.put_record(_conclusion(1)) == _conclusion(1)
    assert bank.put_record(_conclusion(2)) == _conclusion(1), "what is there, for a caller after a crash"

    (path,) = bank.record_files()
    assert path == bank.root / "records/2026/11/20" / f"{UUID_1}.conclusion.json"
    assert path.stat().st_mode & 0o777 == 0o440


def test_two_kinds_may_share_a_uuid(bank: Bank) -> None:
    merge = replace(_conclusion(), kind=RecordKind.MERGE)

    bank.put_record(_conclusion())
    bank.put_record(merge)

    assert len(list(bank.record_files())) == 2


def test_leftovers_of_a_killed_process_are_removed(bank: Bank) -> None:
    old, young = (bank.root / "records" / name for name in ("a.tmp", "b.tmp"))
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    bank.put_record(_conclusion())

    bank.remove_leftovers()

    assert not old.exists()
    assert young.exists(), "its process may be writing it"
    assert len(list(bank.record_files())) == 1
