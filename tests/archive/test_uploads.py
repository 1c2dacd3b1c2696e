"""Partial uploads: bytes arrive, break off, go on; whoever's they are and however they end."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from cardioserver.archive import durable
from cardioserver.archive.errors import (
    StorageFull,
    UploadIncomplete,
    UploadOffset,
    UploadUnknown,
    UuidReused,
)
from cardioserver.archive.uploads import Uploads
from cardioserver.ecg.errors import InvalidField
from tests.archive import examples
from tests.archive.examples import HCF_ID, OTHER_HCF_ID

LIMIT = 1 << 30


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path, LIMIT)


def test_bytes_come_back_as_sent_with_what_was_announced(uploads: Uploads) -> None:
    message = examples.upload()
    data = bytes(message.data)

    assert uploads.begin(HCF_ID, examples.begin(message)) == 0
    assert uploads.append(HCF_ID, message.exam.uuid, 0, data[:1000]) == 1000
    assert uploads.append(HCF_ID, message.exam.uuid, 1000, memoryview(data)[1000:]) == len(data)

    assert uploads.read(HCF_ID, message.exam.uuid) == (examples.begin(message), data)


def test_another_server_goes_on_from_the_last_byte(uploads: Uploads, tmp_path: Path) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:777])

    other = Uploads(tmp_path, LIMIT)

    assert other.begin(HCF_ID, examples.begin(message)) == 777
    other.append(HCF_ID, message.exam.uuid, 777, message.data[777:])
    assert uploads.read(HCF_ID, message.exam.uuid)[1] == message.data


def test_beginning_again_with_other_samples_starts_from_nothing(uploads: Uploads) -> None:
    message = examples.upload(seed=1)
    other = examples.upload(message.exam, seed=2)
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1000])

    assert uploads.begin(HCF_ID, examples.begin(other)) == 0
    uploads.append(HCF_ID, message.exam.uuid, 0, other.data)
    assert uploads.read(HCF_ID, message.exam.uuid) == (examples.begin(other), other.data)


def test_beginning_again_with_corrected_metadata_keeps_the_bytes(uploads: Uploads) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1000])

    corrected = replace(examples.begin(message), exam=replace(message.exam, comment="сидя"))

    assert uploads.begin(HCF_ID, corrected) == 1000
    uploads.append(HCF_ID, message.exam.uuid, 1000, message.data[1000:])
    assert uploads.read(HCF_ID, message.exam.uuid)[0] == corrected


@pytest.mark.parametrize(("offset", "length"), [(0, 500), (0, 1000), (400, 600), (999, 1)])
def test_bytes_already_held_are_skipped(uploads: Uploads, offset: int, length: int) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1000])

    garbage = bytes(length)

    assert uploads.append(HCF_ID, message.exam.uuid, offset, garbage) == 1000
    uploads.append(HCF_ID, message.exam.uuid, 900, message.data[900:])
    assert uploads.read(HCF_ID, message.exam.uuid)[1] == message.data


def test_a_gap_tells_the_expected_offset(uploads: Uploads) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1000])

    with pytest.raises(UploadOffset) as raised:
        uploads.append(HCF_ID, message.exam.uuid, 1001, message.data[1001:])

    assert raised.value.detail == 1000


def test_more_than_announced_is_refused(uploads: Uploads) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))

    with pytest.raises(InvalidField):
        uploads.append(HCF_ID, message.exam.uuid, 0, bytes(message.data) + b"x")

    assert uploads.begin(HCF_ID, examples.begin(message)) == 0


def test_incomplete_tells_how_far(uploads: Uploads) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:-1])

    with pytest.raises(UploadIncomplete) as raised:
        uploads.read(HCF_ID, message.exam.uuid)

    assert raised.value.detail == len(message.data) - 1


def test_what_was_not_begun_is_unknown(uploads: Uploads) -> None:
    with pytest.raises(UploadUnknown):
        uploads.append(HCF_ID, uuid4(), 0, b"x")
    with pytest.raises(UploadUnknown):
        uploads.read(HCF_ID, uuid4())


def test_another_hcf_neither_sees_nor_ends_an_upload(uploads: Uploads) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data)

    with pytest.raises(UuidReused):
        uploads.begin(OTHER_HCF_ID, examples.begin(message))
    with pytest.raises(UploadUnknown):
        uploads.append(OTHER_HCF_ID, message.exam.uuid, 0, b"x")
    with pytest.raises(UploadUnknown):
        uploads.read(OTHER_HCF_ID, message.exam.uuid)
    uploads.discard(OTHER_HCF_ID, message.exam.uuid)

    assert uploads.read(HCF_ID, message.exam.uuid)[1] == message.data


def test_a_discarded_upload_leaves_nothing(uploads: Uploads, tmp_path: Path) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.discard(HCF_ID, message.exam.uuid)
    uploads.discard(HCF_ID, message.exam.uuid)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_an_announcement_cut_off_by_a_power_loss_begins_anew(
    uploads: Uploads, tmp_path: Path, keep: int
) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data)
    announcement = tmp_path / f"{message.exam.uuid}.begin"
    announcement.write_bytes(announcement.read_bytes()[:keep])

    with pytest.raises(UploadUnknown):
        uploads.read(HCF_ID, message.exam.uuid)

    received = uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, received, message.data[received:])
    assert uploads.read(HCF_ID, message.exam.uuid) == (examples.begin(message), message.data)


def test_an_abandoned_upload_expires_and_a_live_one_does_not(uploads: Uploads, tmp_path: Path) -> None:
    abandoned, live = examples.upload(), examples.upload()
    for message in (abandoned, live):
        uploads.begin(HCF_ID, examples.begin(message))
    for path in tmp_path.glob(f"{abandoned.exam.uuid}.*"):
        os.utime(path, (0, 0))

    assert uploads.expire(timedelta(days=1)) == 1

    assert {path.stem for path in tmp_path.iterdir()} == {str(live.exam.uuid)}


def test_what_a_killed_process_left_is_removed(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "old.tmp").touch()
    (tmp_path / "young.tmp").touch()
    os.utime(tmp_path / "old.tmp", (0, 0))

    assert uploads.expire(timedelta(days=1)) == 0

    assert [path.name for path in tmp_path.iterdir()] == ["young.tmp"]


def test_a_byte_keeps_an_old_upload_alive(uploads: Uploads, tmp_path: Path) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1])

    assert uploads.expire(timedelta(days=1)) == 0
    assert uploads.begin(HCF_ID, examples.begin(message)) == 1


def test_no_more_than_the_limit_is_taken(tmp_path: Path) -> None:
    message, other = examples.upload(), examples.upload()
    uploads = Uploads(tmp_path, max_bytes=len(message.data) * 3 // 2)
    uploads.begin(HCF_ID, examples.begin(message))

    with pytest.raises(StorageFull):
        uploads.begin(HCF_ID, examples.begin(other))

    assert {path.stem for path in tmp_path.iterdir()} == {str(message.exam.uuid)}


def test_a_full_disk_does_not_advance_the_offset(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    message = examples.upload()
    uploads.begin(HCF_ID, examples.begin(message))
    uploads.append(HCF_ID, message.exam.uuid, 0, message.data[:1000])

    def no_room(descriptor: int, data: bytes, offset: int) -> None:
        os.pwrite(descriptor, data[:100], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_all", no_room)
        with pytest.raises(StorageFull):
            uploads.append(HCF_ID, message.exam.uuid, 1000, message.data[1000:])

    assert uploads.begin(HCF_ID, examples.begin(message)) == 1000
    uploads.append(HCF_ID, message.exam.uuid, 1000, message.data[1000:])
    assert uploads.read(HCF_ID, message.exam.uuid)[1] == message.data


def test_two_connections_sending_the_same_bytes_do_no_harm(uploads: Uploads, tmp_path: Path) -> None:
    message = examples.upload(samples=5000)
    uploads.begin(HCF_ID, examples.begin(message))
    size = len(message.data)

    def send(own: Uploads, step: int) -> None:
        received = 0
        while received < size:
            received = own.append(
                HCF_ID, message.exam.uuid, received, message.data[received : received + step]
            )

    threads = [
        threading.Thread(target=send, args=(Uploads(tmp_path, LIMIT), step)) for step in (700, 1100, 1300)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert uploads.read(HCF_ID, message.exam.uuid)[1] == message.data
