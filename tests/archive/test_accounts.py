"""Accounts and logging in."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from cardioserver.archive import authenticator as authenticator_module
from cardioserver.archive import schema
from cardioserver.archive.access import Actor
from cardioserver.archive.accounts import Accounts, Authenticator, NewAccount, answer, list_accounts
from cardioserver.archive.audit import Action, AuditEntry, AuditQuery, search
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import (
    AccessDenied,
    Conflict,
    DatabaseUnavailable,
    LoginFailed,
    LoginThrottled,
    NotFound,
    WeakPassword,
)
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.journal import Journal
from cardioserver.archive.passwords import Passwords
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import ChangePassword, ListAccounts, Role
from tests.archive.samples import Facility
from tests.servers import MariaDb, wait_until

HOME, AWAY = "192.0.2.1", "198.51.100.7"
GOOD, OTHER = "тёплый-чайник-19", "синий-трамвай-40"


class Time:
    """A clock that a test sets ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self, connection: Connection) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Front:
    """Accounts of a facility and their way in."""

    accounts: Accounts
    authenticator: Authenticator
    time: Time
    database: Database
    journal_file: Path
    snapshot: DirectorySnapshot
    hcf_id: int

    def login(self, login: str, password: str = GOOD, address: str = HOME) -> Actor:
        return self.authenticator.login(login, password, address)[1]

    def journal(self, action: Action | None = None) -> list[AuditEntry]:
        with self.database.read() as connection:
            return list(reversed(search(connection, AuditQuery(action=action)).entries))

    def add(self, login: str, role: Role = Role.RECORDER, password: str = GOOD) -> None:
        self.accounts.add(NewAccount(login, role, self.hcf_id), password)

    def stored_hash(self, login: str) -> str:
        with self.database.read() as connection:
            query = select(schema.account.c.password_hash).where(schema.account.c.login == login)
            return connection.execute(query).scalar_one()


@pytest.fixture
def front(database: Database, ids: IdGenerator, clinic: Facility, tmp_path: Path) -> Front:
    passwords, time_ = Passwords(), Time()
    snapshot = DirectorySnapshot(tmp_path / "directory.json")
    waiting = tmp_path / "audit.waiting"
    journal = Journal(database, waiting)
    return Front(
        Accounts(database, ids, passwords, time_),
        Authenticator(database, snapshot, ids, journal, passwords=passwords, clock=time_),
        time_,
        database,
        waiting,
        snapshot,
        clinic.hcf_id,
    )


# ---------------------------------------------------------------- accounts


def test_an_added_account_logs_in(front: Front, clinic: Facility) -> None:
    added = front.accounts.add(NewAccount(" Ivanova ", Role.DOCTOR, front.hcf_id, "Иванова И. И."), GOOD)
    logged_in, actor = front.authenticator.login("IVANOVA", GOOD, HOME)
    assert logged_in.account == added
    assert added.login == "ivanova"
    assert (logged_in.hcf_name, logged_in.default_archive_id) == (clinic.hcf.name, clinic.archive.archive_id)
    assert (actor.account_id, actor.login, actor.role, actor.hcf_id) == (
        added.account_id, "ivanova", Role.DOCTOR, front.hcf_id,
    )  # fmt: skip


def test_passwords_are_kept_as_argon2id_only(front: Front) -> None:
    front.add("recorder")
    assert front.stored_hash("recorder").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("login", ["", "  ", "two words", "tab\there", "x" * 101, "line\nbreak"])
def test_an_impossible_login_is_refused(front: Front, login: str) -> None:
    with pytest.raises(InvalidField) as caught:
        front.add(login)
    assert caught.value.field == "account.login"


def test_a_login_belongs_to_one_account_in_any_letter_case(front: Front) -> None:
    front.add("ivanova")
    with pytest.raises(Conflict):
        front.add("IVANOVA")


def test_an_account_needs_an_existing_facility(front: Front) -> None:
    with pytest.raises(NotFound):
        front.accounts.add(NewAccount("ivanova", Role.DOCTOR, 12345), GOOD)


@pytest.mark.parametrize(
    "password",
    [
        "", "short1234", "x" * 300, "ivanova-petrova", "IVANOVA-PETROVA", "avortep-avonavi", "aaaaaaaaaaaa",
        "1234567890", "0987654321", "qwertyuiop", "йцукенгшщз", "Password123", "1q2w3e4r5t",
    ],
)  # fmt: skip
def test_weak_passwords_are_refused(front: Front, password: str) -> None:
    with pytest.raises(WeakPassword):
        front.add("ivanova-petrova", password=password)


def test_accounts_are_listed_by_facility(front: Front, centre: Facility) -> None:
    front.add("b")
    front.add("a", Role.DOCTOR)
    front.accounts.add(NewAccount("c", Role.VIEWER, centre.hcf_id), GOOD)
    front.accounts.disable("b")
    with front.database.read() as connection:
        here = list_accounts(connection, front.hcf_id)
        everywhere = list_accounts(connection)
    assert [(a.login, a.role, a.disabled) for a in here] == [
        ("a", Role.DOCTOR, False), ("b", Role.RECORDER, True),
    ]  # fmt: skip
    assert {a.login for a in everywhere} == {"a", "b", "c"}


def test_only_those_who_manage_a_facility_list_its_accounts(front: Front, centre: Facility) -> None:
    front.add("a")
    administrator = Actor(1, "chief", Role.ADMINISTRATOR, front.hcf_id)
    root = Actor(2, "root", Role.SUPER_ADMINISTRATOR, centre.hcf_id)
    with front.database.read() as connection:
        assert [a.login for a in answer(connection, administrator, ListAccounts()).accounts] == ["a"]
        assert answer(connection, root, ListAccounts()).accounts == ()
        assert len(answer(connection, root, ListAccounts(front.hcf_id)).accounts) == 1
        with pytest.raises(AccessDenied):
            answer(connection, administrator, ListAccounts(centre.hcf_id))
        with pytest.raises(AccessDenied):
            answer(connection, Actor(3, "doctor", Role.DOCTOR, front.hcf_id), ListAccounts())


def test_an_administrator_manages_the_accounts_of_the_own_facility(front: Front, centre: Facility) -> None:
    front.add("ours")
    front.accounts.add(NewAccount("root", Role.SUPER_ADMINISTRATOR, front.hcf_id), GOOD)
    front.accounts.add(NewAccount("theirs", Role.DOCTOR, centre.hcf_id), GOOD)
    chief = Actor(1, "chief", Role.ADMINISTRATOR, front.hcf_id)
    doctor = Actor(2, "doctor", Role.DOCTOR, front.hcf_id)
    front.accounts.add(NewAccount("new", Role.DOCTOR, front.hcf_id), GOOD, chief, HOME)
    front.accounts.set_password("ours", OTHER, chief, HOME)
    assert front.accounts.disable("ours", chief, HOME).disabled
    assert not front.accounts.enable("ours", chief, HOME).disabled
    for by, login in ((chief, "theirs"), (chief, "root"), (doctor, "ours")):
        with pytest.raises(AccessDenied):
            front.accounts.disable(login, by, HOME)
        with pytest.raises(AccessDenied):
            front.accounts.set_password(login, OTHER, by, HOME)
        with pytest.raises(AccessDenied):
            front.accounts.unlock(login, by, HOME)
    for new in (
        NewAccount("x", Role.DOCTOR, centre.hcf_id), NewAccount("x", Role.SUPER_ADMINISTRATOR, front.hcf_id),
    ):  # fmt: skip
        with pytest.raises(AccessDenied):
            front.accounts.add(new, GOOD, chief, HOME)
    with pytest.raises(NotFound):
        front.accounts.disable("nobody", chief, HOME)


def test_changes_of_accounts_are_journalled(front: Front) -> None:
    chief = Actor(17, "chief", Role.ADMINISTRATOR, front.hcf_id)
    front.add("ivanova")
    front.accounts.set_password("ivanova", OTHER, chief, HOME)
    front.accounts.disable("ivanova", chief, HOME)
    front.accounts.enable("ivanova", chief, HOME)
    front.accounts.unlock("ivanova", chief, HOME)
    added, *changes = front.journal()
    assert (added.action, added.account_id, added.address, added.detail) == (
        Action.ADD_ACCOUNT, 0, "local", "recorder",
    )  # fmt: skip
    assert [entry.action for entry in changes] == [
        Action.SET_PASSWORD, Action.DISABLE_ACCOUNT, Action.ENABLE_ACCOUNT, Action.UNLOCK_ACCOUNT,
    ]  # fmt: skip
    assert {(e.account_id, e.address, e.subject_id) for e in changes} == {(17, HOME, added.subject_id)}


# ---------------------------------------------------------------- logging in


def test_nobody_is_told_why_a_login_failed(front: Front) -> None:
    front.add("ivanova")
    front.add("gone")
    front.accounts.disable("gone")
    texts = set()
    for login, password in (("ivanova", OTHER), ("nobody", GOOD), ("gone", GOOD), ("", ""), ("ivanova", "")):
        with pytest.raises(LoginFailed) as caught:
            front.login(login, password)
        texts.add((str(caught.value), caught.value.retry_after, caught.value.detail))
    assert len(texts) == 1


def test_an_unknown_login_is_as_much_work_as_a_known_one(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.add("ivanova")
    costs = []
    passwords = front.authenticator._passwords
    verify = passwords._argon2.verify

    def counted(password_hash: str, password: str) -> bool:
        costs.append(password_hash.rsplit("$", 2)[0])
        return verify(password_hash, password)

    monkeypatch.setattr(type(passwords._argon2), "verify", staticmethod(counted))
    for login in ("ivanova", "nobody"):
        with pytest.raises(LoginFailed):
            front.login(login, OTHER)
    assert costs == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


def test_the_same_text_is_one_password_however_it_was_typed(front: Front) -> None:
    composed, decomposed = "ча\N{CYRILLIC SMALL LETTER SHORT I}-без-сахара", "чаи\u0306-без-сахара"
    assert composed != decomposed
    front.add("ivanova", password=composed)
    assert front.login("ivanova", decomposed)


def test_a_hash_of_old_parameters_is_renewed_at_the_next_login(front: Front) -> None:
    front.add("ivanova")
    old = "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    assert weak.startswith(old[:30])
    with front.database.write() as connection:
        connection.execute(update(schema.account).values(password_hash=weak))
    with pytest.raises(LoginFailed):
        front.login("ivanova", OTHER)
    assert front.stored_hash("ivanova") == weak
    actor = front.login("ivanova")
    assert front.stored_hash("ivanova").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert front.login("ivanova")
    assert stays_valid(front, actor)  # the password is the same: no session ends


@pytest.mark.parametrize("broken", ["", "plain text", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=1"])
def test_an_account_without_a_usable_hash_logs_in_with_nothing(front: Front, broken: str) -> None:
    front.add("ivanova")
    with front.database.write() as connection:
        connection.execute(update(schema.account).values(password_hash=broken))
    for password in ("", broken, GOOD):
        with pytest.raises(LoginFailed):
            front.login("ivanova", password)


def test_logins_and_failures_are_journalled(front: Front) -> None:
    front.add("ivanova")
    actor = front.login("ivanova", address=HOME)
    for login in ("ivanova", "hunter2"):
        with pytest.raises(LoginFailed):
            front.login(login, OTHER, AWAY)
    ok, wrong, unknown = front.journal(Action.LOGIN)
    assert (ok.outcome, ok.account_id, ok.login, ok.address) == ("ok", actor.account_id, "ivanova", HOME)
    assert (wrong.outcome, wrong.account_id, wrong.address) == ("login_failed", actor.account_id, AWAY)
    # People type their passwords into the wrong field: an unknown login is not written down.
    assert (unknown.outcome, unknown.account_id, unknown.login) == ("login_failed", 0, "")


def test_guessing_is_slowed_down_and_the_right_password_waits_too(front: Front) -> None:
    front.add("ivanova")
    for _ in range(6):
        with pytest.raises(LoginFailed):
            front.login("ivanova", OTHER, AWAY)
    with pytest.raises(LoginThrottled) as caught:
        front.login("ivanova", GOOD, AWAY)
    assert caught.value.retry_after == 1
    front.time.ahead += timedelta(seconds=1)
    assert front.login("ivanova", GOOD, AWAY)


def test_a_recorder_logs_in_while_its_account_is_attacked(front: Front) -> None:
    front.add("recorder")
    front.login("recorder", address=HOME)
    attempt_of = authenticator_module.Attempt.of
    with front.database.write() as connection:
        for number in range(150):
            attempt = attempt_of("recorder", f"10.0.0.{number}")
            now = front.time(connection)
            counts = authenticator_module.throttle.lock(connection, attempt, now)
            authenticator_module.throttle.save(connection, attempt.after_failure(counts, now), now)
    with pytest.raises(LoginThrottled):
        front.login("recorder", address=AWAY)
    assert front.login("recorder", address=HOME)


def test_unlocking_ends_the_wait(front: Front) -> None:
    front.add("ivanova")
    for _ in range(7):
        with pytest.raises((LoginFailed, LoginThrottled)):
            front.login("ivanova", OTHER)
    front.accounts.unlock("ivanova")
    assert front.login("ivanova")


def test_parallel_guesses_cannot_outrun_the_count(front: Front) -> None:
    front.add("ivanova")
    outcomes: list[type[BaseException]] = []

    def guess() -> None:
        try:
            front.login("ivanova", OTHER, AWAY)
        except (LoginFailed, LoginThrottled) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=guess) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 30
    assert outcomes.count(LoginFailed) <= 6 + (os.cpu_count() or 1)


def test_hashes_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(hashers=2)
    known = passwords.hash(GOOD)
    running, peak, lock = 0, 0, threading.Lock()
    verify = passwords._argon2.verify

    def watched(password_hash: str, password: str) -> bool:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        try:
            return verify(password_hash, password)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(type(passwords._argon2), "verify", staticmethod(watched))

    def compare() -> None:
        with passwords.slot():
            passwords.matches(known, OTHER)

    threads = [threading.Thread(target=compare) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert peak == 2


def test_logging_in_again_is_quick_and_ends_with_the_password(front: Front) -> None:
    front.add("recorder")
    front.login("recorder")
    start = time.process_time()
    for _ in range(5):
        front.login("recorder")
    # Five Argon2 hashes take over 0.15 s of processor time on any machine of today.
    assert time.process_time() - start < 0.12
    front.accounts.set_password("recorder", OTHER)
    with pytest.raises(LoginFailed):
        front.login("recorder", GOOD)
    assert front.login("recorder", OTHER)


# ---------------------------------------------------------------- sessions


@pytest.fixture(autouse=True)
def _eager_validity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator_module, "VALIDITY", 0.02)


def ends(front: Front, actor: Actor) -> None:
    """Wait until a session has ended."""
    wait_until(lambda: not front.authenticator.still_valid(actor), "the session ends")


def stays_valid(front: Front, actor: Actor) -> bool:
    """Whether a session goes on while the account is looked at several times."""
    revoked = front.authenticator._revoked
    for _ in range(2):
        before = revoked._ends
        wait_until(
            lambda before=before: not front.authenticator.still_valid(actor) or revoked._ends is not before,
            "the accounts are looked at",
        )
    return front.authenticator.still_valid(actor)


def test_disabling_an_account_ends_its_sessions_only(front: Front) -> None:
    front.add("ivanova")
    front.add("petrov")
    ivanova, petrov = front.login("ivanova"), front.login("petrov")
    assert stays_valid(front, ivanova)
    front.accounts.disable("ivanova")
    ends(front, ivanova)
    assert front.authenticator.still_valid(petrov)
    with pytest.raises(LoginFailed):
        front.login("ivanova")
    front.accounts.enable("ivanova")
    assert front.login("ivanova")


def test_another_password_ends_earlier_sessions(front: Front) -> None:
    front.add("ivanova")
    before = front.login("ivanova")
    front.accounts.set_password("ivanova", OTHER)
    ends(front, before)
    after = front.login("ivanova", OTHER)
    assert stays_valid(front, after)


@pytest.mark.parametrize("change", ["password", "disable"])
def test_a_login_that_is_overtaken_by_a_change_fails(
    front: Front, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The old password was right when it was compared, but opens no session after it was replaced."""
    front.add("ivanova")
    passwords = front.authenticator._passwords
    matches = passwords.matches

    def overtaken(password_hash: str, password: str) -> bool:
        good = matches(password_hash, password)
        other = Accounts(front.database, IdGenerator(2), Passwords(), front.time)
        if change == "password":
            other.set_password("ivanova", OTHER)
        else:
            other.disable("ivanova")
        return good

    monkeypatch.setattr(passwords, "matches", overtaken)
    with pytest.raises(LoginFailed):
        front.login("ivanova")
    assert front.journal(Action.LOGIN) == []


def test_changing_ones_own_password_keeps_this_session_and_ends_the_others(front: Front) -> None:
    front.add("ivanova")
    mine, elsewhere = front.login("ivanova"), front.login("ivanova", address=AWAY)
    front.authenticator.change_password(mine, ChangePassword(GOOD, OTHER), HOME)
    ends(front, elsewhere)
    assert stays_valid(front, mine)
    with pytest.raises(LoginFailed):
        front.login("ivanova", GOOD)
    assert front.login("ivanova", OTHER)
    (entry,) = front.journal(Action.CHANGE_PASSWORD)
    assert (entry.account_id, entry.subject_id, entry.address) == (mine.account_id, mine.account_id, HOME)


def test_changing_a_password_needs_the_old_one_and_a_good_new_one(front: Front) -> None:
    front.add("ivanova")
    actor = front.login("ivanova")
    for old, new, error in (
        (OTHER, "новый-пароль-77", LoginFailed), (GOOD, "short", WeakPassword), (GOOD, GOOD, WeakPassword),
    ):  # fmt: skip
        with pytest.raises(error):
            front.authenticator.change_password(actor, ChangePassword(old, new), HOME)
    assert front.login("ivanova", GOOD)


def test_whoever_sits_at_an_open_session_cannot_guess_its_password(front: Front) -> None:
    front.add("ivanova")
    actor = front.login("ivanova")

    def guess() -> None:
        front.authenticator.change_password(actor, ChangePassword("guess", OTHER), HOME)

    for _ in range(11):
        with pytest.raises(LoginFailed):
            guess()
    with pytest.raises(LoginThrottled):
        guess()


# ---------------------------------------------------------------- while the database is down


@pytest.fixture
def outage(front: Front, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database answers nobody until the test ends; its content is in the snapshot."""
    front.add("recorder")
    front.add("gone")
    front.add("ivanova", Role.DOCTOR)
    front.accounts.disable("gone")
    front.snapshot.refresh(front.database)

    def fail(*_: object) -> None:
        raise DatabaseUnavailable("outage")

    with monkeypatch.context() as patch:
        patch.setattr(front.database, "read", fail)
        patch.setattr(front.database, "write", fail)
        patch.setattr(front.database, "transact", fail)
        yield


@pytest.mark.usefixtures("outage")
def test_recorders_log_in_while_the_database_is_down_and_nobody_else_does(
    front: Front, clinic: Facility
) -> None:
    logged_in, actor = front.authenticator.login("Recorder", GOOD, HOME)
    assert (actor.role, actor.hcf_id) == (Role.RECORDER, front.hcf_id)
    assert (logged_in.hcf_name, logged_in.default_archive_id) == (clinic.hcf.name, clinic.archive.archive_id)
    for login in ("recorder", "gone"):
        with pytest.raises(LoginFailed):
            front.login(login, GOOD if login == "gone" else OTHER)
    for login in ("ivanova", "nobody"):
        with pytest.raises(DatabaseUnavailable):
            front.login(login)
    assert front.authenticator.still_valid(actor)


@pytest.mark.usefixtures("outage")
def test_guessing_is_slowed_down_while_the_database_is_down(front: Front) -> None:
    for _ in range(6):
        with pytest.raises(LoginFailed):
            front.login("recorder", OTHER, AWAY)
    with pytest.raises(LoginThrottled):
        front.login("recorder", GOOD, AWAY)
    assert front.login("recorder", GOOD, HOME)


def test_logins_of_an_outage_are_journalled_once_it_is_over(
    front: Front, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.add("recorder")
    front.snapshot.refresh(front.database)

    def fail(*_: object) -> None:
        raise DatabaseUnavailable("outage")

    with monkeypatch.context() as patch:
        patch.setattr(front.database, "read", fail)
        actor = front.login("recorder")
        with pytest.raises(LoginFailed):
            front.login("recorder", OTHER)
    assert front.journal(Action.LOGIN) == []
    journal = Journal(front.database, front.journal_file)
    journal.catch_up()
    journal.catch_up()
    good, bad = front.journal(Action.LOGIN)
    assert (good.outcome, good.account_id, bad.outcome) == ("ok", actor.account_id, "login_failed")
    assert not front.journal_file.exists()


@pytest.mark.mariadb
def test_a_recorder_logs_in_through_a_real_outage(
    mariadb: MariaDb, mariadb_url: str, ids: IdGenerator, tmp_path: Path
) -> None:
    from tests.archive.rows import World, migrated

    database = migrated(mariadb_url)
    world = World(database)
    passwords = Passwords()
    Accounts(database, ids, passwords).add(NewAccount("recorder", Role.RECORDER, world.hcf_a), GOOD)
    snapshot = DirectorySnapshot(tmp_path / "directory.json")
    snapshot.refresh(database)
    mariadb.stop()
    snapshot = DirectorySnapshot(tmp_path / "directory.json")  # as after a restart of this server
    journal = Journal(database, tmp_path / "audit.waiting")
    authenticator = Authenticator(database, snapshot, ids, journal, passwords=passwords)
    _, actor = authenticator.login("recorder", GOOD, HOME)
    assert actor.hcf_id == world.hcf_a
    mariadb.start()
    wait_until(database.is_available, "the database is back")
    authenticator.login("recorder", GOOD, HOME)
    journal.catch_up()
    with database.read() as connection:
        page = search(connection, AuditQuery(action=Action.LOGIN))
    assert [entry.outcome for entry in page.entries] == ["ok", "ok"]
    database.close()


def test_nothing_of_an_account_shows_its_password(front: Front) -> None:
    front.add("ivanova")
    with front.database.read() as connection:
        found = authenticator_module._find(connection, "ivanova")
    assert found is not None
    assert "argon2" not in repr(found)
