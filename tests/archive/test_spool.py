"""The spool: who may take over whose staged files, and in which order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from cardioserver.archive import spool
from cardioserver.archive.spool import Spool
from tests.archive import examples

OWNER = """
import sys, os
from pathlib import Path
from uuid import uuid4
from cardioserver.archive import spool
from tests.archive import examples
mine = spool.create(Path(sys.argv[1]), 7)
for number in (3, 1, 2):
    examples.stage(mine, number, uuid4(), b"content")
print("staged", flush=True)
sys.stdin.read()
"""


def _die(owner: Spool) -> None:
    """Give up the lock without tidying up, as a killed process does."""
    assert owner._lock is not None
    os.close(owner._lock)
    owner._lock = None


def test_entries_come_in_order_of_acceptance(tmp_path: Path) -> None:
    own = spool.create(tmp_path, 1)
    staged = [examples.stage(own, number, uuid4(), b"x") for number in (2, 10, 1, 2**62)]

    assert own.entries() == [staged[2], staged[0], staged[1], staged[3]]


def test_files_of_others_are_not_entries(tmp_path: Path) -> None:
    own = spool.create(tmp_path, 1)
    (own.folder / "lost+found").touch()
    (own.folder / "1-not-a-uuid.ecg").touch()

    assert own.entries() == []


def test_a_closed_empty_spool_leaves_nothing(tmp_path: Path) -> None:
    own = spool.create(tmp_path, 1)
    examples.stage(own, 1, uuid4(), b"x").path.unlink()

    own.close()
    own.close()

    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == []


def test_what_a_closed_spool_holds_is_taken_over(tmp_path: Path) -> None:
    own = spool.create(tmp_path, 1)
    staged = examples.stage(own, 1, uuid4(), b"x")
    own.close()

    (adopted,) = spool.adopt_abandoned(tmp_path)

    assert adopted.entries() == [staged]
    assert spool.adopt_abandoned(tmp_path) == [], "it has an owner again"


def test_a_living_server_keeps_its_spool_until_it_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"staged\n"
        assert spool.adopt_abandoned(tmp_path) == []
    finally:
        owner.kill()
        owner.communicate()

    (adopted,) = spool.adopt_abandoned(tmp_path)
    assert [entry.number for entry in adopted.entries()] == [1, 2, 3]


def test_spools_are_taken_over_oldest_first_and_empty_ones_removed(tmp_path: Path) -> None:
    young, empty, old = (spool.create(tmp_path, server_id) for server_id in (1, 2, 3))
    examples.stage(young, 20, uuid4(), b"x")
    examples.stage(old, 10, uuid4(), b"x")
    for owner in (young, empty, old):
        _die(owner)

    adopted = spool.adopt_abandoned(tmp_path)

    assert [a.folder for a in adopted] == [old.folder, young.folder]
    assert not empty.folder.exists()


def test_a_stored_file_is_staged_without_a_copy(tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    stored.write_bytes(b"content")
    own = spool.create(tmp_path, 1)

    staged = own.stage_link(5, uuid4(), stored)

    assert staged.path.samefile(stored)
    assert own.entries() == [staged]


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_try_lock", lambda _: None)

    with pytest.raises(OSError, match="does not give locks"):
        spool.create(tmp_path, 1)
