"""The directory: facilities, archives, devices, and the copy for when the database is down."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import insert

from cardioserver.archive import directory
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import Conflict, DatabaseUnavailable, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import account
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import ListArchives, ListHcfs, Role
from tests.archive.samples import START, Facility, actor


def add_account(database: Database, account_id: int, login: str, role: Role, hcf_id: int) -> None:
    row = {"account_id": account_id, "login": login, "hcf_id": hcf_id, "name": login, "role": int(role)}
    row |= {"password_hash": f"hash of {login}", "created_at": START, "password_changed_at": START}
    with database.write() as connection:
        connection.execute(insert(account), row)


def test_names_come_back_by_name_and_without_odd_spaces(database: Database, ids: IdGenerator) -> None:
    with database.write() as connection:
        second = directory.add_hcf(connection, ids, "  Поликлиника \n №  2", "45000000")
        first = directory.add_hcf(connection, ids, "Больница \U0001f3e5")
        assert second.name == "Поликлиника № 2"
        assert directory.list_hcfs(connection) == (first, second)


def test_the_first_archive_is_the_default_until_another_is_chosen(
    database: Database, ids: IdGenerator, clinic: Facility
) -> None:
    with database.write() as connection:
        other = directory.add_archive(connection, ids, clinic.hcf_id, "Скрининг")
        assert directory.default_archive_id(connection, clinic.hcf_id) == clinic.archive.archive_id
        directory.set_default_archive(connection, other.archive_id)
        assert directory.default_archive_id(connection, clinic.hcf_id) == other.archive_id
        assert directory.default_archive_id(connection, 4711) == 0


def test_a_name_is_used_once(
    database: Database, ids: IdGenerator, clinic: Facility, centre: Facility
) -> None:
    with database.write() as connection:
        directory.add_device(connection, ids, clinic.hcf_id, "KMT-7")
    attempts = (
        lambda c: directory.add_hcf(c, ids, clinic.hcf.name),
        lambda c: directory.rename_hcf(c, centre.hcf_id, f" {clinic.hcf.name}"),
        lambda c: directory.add_archive(c, ids, clinic.hcf_id, clinic.archive.name),
        lambda c: directory.add_device(c, ids, clinic.hcf_id, "KMT-7"),
    )
    for attempt in attempts:
        with pytest.raises(Conflict):
            database.transact(attempt)
    with database.write() as connection:  # of another HCF they are others
        directory.add_archive(connection, ids, centre.hcf_id, clinic.archive.name)
        directory.add_device(connection, ids, centre.hcf_id, "KMT-7")


def test_what_is_not_there_is_not_found(database: Database, ids: IdGenerator) -> None:
    attempts = (
        lambda c: directory.rename_hcf(c, 4711, "x"),
        lambda c: directory.add_archive(c, ids, 4711, "x"),
        lambda c: directory.rename_archive(c, 4711, "x"),
        lambda c: directory.set_default_archive(c, 4711),
        lambda c: directory.add_device(c, ids, 4711, "x"),
        lambda c: directory.rename_device(c, 4711, "x"),
    )
    for attempt in attempts:
        with pytest.raises(NotFound):
            database.transact(attempt)


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\x00b"])
def test_names_that_are_none_are_refused(
    database: Database, ids: IdGenerator, clinic: Facility, name: str
) -> None:
    with database.write() as connection:
        with pytest.raises(InvalidField, match=r"hcf\.name"):
            directory.add_hcf(connection, ids, name)
        with pytest.raises(InvalidField, match=r"archive\.name"):
            directory.add_archive(connection, ids, clinic.hcf_id, name)
        with pytest.raises(InvalidField, match=r"device\.number"):
            directory.add_device(connection, ids, clinic.hcf_id, name)


def test_renaming_shows(database: Database, ids: IdGenerator, clinic: Facility) -> None:
    with database.write() as connection:
        device = directory.add_device(connection, ids, clinic.hcf_id, "KMT-7", "Кабинет 1")
        directory.rename_hcf(connection, clinic.hcf_id, "Новая")
        directory.rename_hcf(connection, clinic.hcf_id, "Новая")  # the name it has already
        directory.rename_archive(connection, clinic.archive.archive_id, "Архив")
        directory.rename_device(connection, device.device_id, "Кабинет 2")
        assert [hcf.name for hcf in directory.list_hcfs(connection)] == ["Новая"]
        assert [a.name for a in directory.list_archives(connection, clinic.hcf_id)] == ["Архив"]
        [shown] = directory.list_devices(connection, clinic.hcf_id)
        assert (shown.number, shown.name, shown.created_at) == ("KMT-7", "Кабинет 2", device.created_at)


def test_accounts_list_their_archives_and_all_facilities(
    database: Database, clinic: Facility, centre: Facility
) -> None:
    root = actor(Role.SUPER_ADMINISTRATOR, clinic.hcf_id)
    with database.read() as connection:
        own = directory.visible_archives(connection, clinic.recorder, ListArchives()).archives
        every = directory.visible_archives(connection, root, ListArchives()).archives
        facilities = directory.visible_hcfs(connection, clinic.recorder, ListHcfs()).hcfs
    assert own == (clinic.archive,)
    assert set(every) == {clinic.archive, centre.archive}
    assert set(facilities) == {clinic.hcf, centre.hcf}


# ---------------------------------------------------------------- the snapshot


def test_the_copy_outlives_the_database_and_the_process(
    database: Database, clinic: Facility, centre: Facility, tmp_path: Path
) -> None:
    add_account(database, 1, "recorder-1", Role.RECORDER, clinic.hcf_id)
    add_account(database, 2, "doctor-1", Role.DOCTOR, clinic.hcf_id)
    DirectorySnapshot(tmp_path / "directory.json").refresh(database)

    copy = DirectorySnapshot(tmp_path / "directory.json")
    assert copy.hcf(clinic.hcf_id) == clinic.hcf
    assert copy.archive(centre.archive.archive_id) == centre.archive
    assert copy.default_archive(clinic.hcf_id) == clinic.archive
    known = copy.recorder("recorder-1")
    assert known is not None
    assert (known.account.role, known.account.hcf_id) == (Role.RECORDER, clinic.hcf_id)
    assert known.password_hash == "hash of recorder-1"
    assert "hash of" not in repr(known)
    assert (copy.hcf(1), copy.archive(1), copy.default_archive(1), copy.recorder("x")) == (None,) * 4
    assert copy.recorder("doctor-1") is None
    assert b"doctor-1" not in (tmp_path / "directory.json").read_bytes()


def test_the_copy_is_for_its_owner_only_and_replaced_whole(
    database: Database, ids: IdGenerator, clinic: Facility, tmp_path: Path
) -> None:
    path = tmp_path / "directory.json"
    copy = DirectorySnapshot(path)
    copy.refresh(database)
    before = path.stat()
    assert stat.S_IMODE(before.st_mode) == 0o600
    copy.refresh(database)
    assert path.stat().st_ino == before.st_ino  # nothing changed: nothing written
    with database.write() as connection:
        directory.rename_hcf(connection, clinic.hcf_id, "Новая")
    copy.refresh(database)
    assert path.stat().st_ino != before.st_ino
    assert [p.name for p in tmp_path.glob("*directory*")] == ["directory.json"]
    renamed = DirectorySnapshot(path).hcf(clinic.hcf_id)
    assert renamed is not None
    assert renamed.name == "Новая"


def test_an_outage_leaves_the_copy(
    database: Database, clinic: Facility, tmp_path: Path, free_port: int
) -> None:
    copy = DirectorySnapshot(tmp_path / "directory.json")
    copy.refresh(database)
    gone = Database(f"mysql+pymysql://root@127.0.0.1:{free_port}/none")
    with pytest.raises(DatabaseUnavailable):
        copy.refresh(gone)
    assert copy.hcf(clinic.hcf_id) == clinic.hcf
    assert DirectorySnapshot(tmp_path / "directory.json").hcf(clinic.hcf_id) == clinic.hcf
    gone.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 9}', b'{"version": 1}'])
def test_a_damaged_copy_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "directory.json").write_bytes(content)
    assert DirectorySnapshot(tmp_path / "directory.json").hcf(1) is None
