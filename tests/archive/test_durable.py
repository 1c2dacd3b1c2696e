"""Durable files: what is on the disk when the call returns, and what is not when it fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cardioserver.archive import durable
from cardioserver.archive.errors import StorageFull


def _fail(code: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_file_is_complete_and_read_only(tmp_path: Path) -> None:
    durable.write_file(tmp_path / "file", b"content")

    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o440


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["pwrite", "fsync", "open"])
def test_no_room_is_typed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    monkeypatch.setattr(os, call, _fail(code))
    with pytest.raises(StorageFull):
        durable.write_file(tmp_path / "file", b"content")
    monkeypatch.undo()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_broken_disk_is_no_full_disk_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, _fail(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durable.write_file(tmp_path / "file", b"content")
    monkeypatch.undo()

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    durable.write_file(tmp_path / "file", b"first")

    with pytest.raises(FileExistsError):
        durable.write_file(tmp_path / "file", b"second")

    assert (tmp_path / "file").read_bytes() == b"first"


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, bytes(data)[:3], offset))

    durable.write_file(tmp_path / "file", b"0123456789")

    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_link_does_not_replace(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "new").write_bytes(b"new")

    assert durable.link_file(tmp_path / "old", tmp_path / "name")
    assert not durable.link_file(tmp_path / "new", tmp_path / "name")

    assert (tmp_path / "name").read_bytes() == b"old"


def test_a_repeated_link_succeeds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    durable.link_file(tmp_path / "file", tmp_path / "name")

    assert durable.link_file(tmp_path / "file", tmp_path / "name")


def test_folders_are_private(tmp_path: Path) -> None:
    durable.make_folders(tmp_path / "2026" / "11" / "21", tmp_path)
    durable.make_folders(tmp_path / "2026" / "11" / "21", tmp_path)

    for folder in ("2026", "2026/11", "2026/11/21"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o750


def test_every_new_folder_s_name_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)

    durable.make_folders(tmp_path / "2026" / "11", tmp_path)

    assert synced == [tmp_path, tmp_path / "2026"]


def test_room_is_what_is_free_beyond_the_reserve(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path)
    free = room.f_bavail * room.f_frsize

    durable.require_room(tmp_path, 1)
    with pytest.raises(StorageFull):
        durable.require_room(tmp_path, 1, reserve=free + (1 << 30))
    with pytest.raises(StorageFull):
        durable.require_room(tmp_path, free + (1 << 30))
