"""The directory as the bank's files tell it: facilities, archives and accounts by their latest names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.records import BankRecord, RecordKind
from cardioserver.archive.schema import LINE, NAME, account, archive, hcf
from cardioserver.protocol.messages import Role

_AUTHOR = {
    RecordKind.CONCLUSION: Role.DOCTOR,
    RecordKind.CONSULTATION: Role.DOCTOR,
    RecordKind.MERGE: Role.ADMINISTRATOR,
    RecordKind.UNMERGE: Role.ADMINISTRATOR,
}
"""The least role that an author of such a record has had."""

_RANK = (Role.RECORDER, Role.DOCTOR, Role.ADMINISTRATOR)


@dataclass(slots=True)
class _Facility:
    told_at: datetime
    name: str
    oktmo: str = ""
    default_archive_id: int | None = None
    default_told_at: datetime | None = None


@dataclass(slots=True)
class _Archive:
    told_at: datetime
    name: str
    hcf_id: int


@dataclass(slots=True)
class _Account:
    told_at: datetime
    login: str
    name: str
    hcf_id: int
    role: Role


@dataclass(frozen=True, slots=True)
class Restored:
    """How many were missing in the database and are there now."""

    facilities: int
    archives: int
    accounts: int


class BankDirectory:
    """Hears what files tell, then restores what a database lacks."""

    def __init__(self) -> None:
        self._facilities: dict[int, _Facility] = {}
        self._archives: dict[int, _Archive] = {}
        self._accounts: dict[int, _Account] = {}

    def hear_exam(self, record: ExamRecord) -> None:
        """Take what an exam tells of its facility, archive and recorder."""
        at = record.stored_at
        self._hear_facility(record.recorder_hcf_id, record.recorder_hcf_name, at)
        self._hear_facility(record.issuer_hcf_id, record.issuer_hcf_name, at)
        self._hear_facility(record.hcf_id, record.hcf_name, at, record.hcf_oktmo)
        known = self._archives.get(record.archive_id)
        if known is None or known.told_at < at:
            self._archives[record.archive_id] = _Archive(at, record.archive_name, record.hcf_id)
        if record.exam.archive_id is None:  # its recorder left the choice to the facility's default
            self._hear_default(record.hcf_id, record.archive_id, at)
        recorder = _Account(at, record.recorder_login, "", record.recorder_hcf_id, Role.RECORDER)
        self._hear_account(record.recorder_account_id, recorder)

    def hear_record(self, record: BankRecord) -> None:
        """Take what a record tells of its author and of facilities."""
        body, at = record.body, record.created_at
        for side in ("", "from_", "to_"):
            if f"{side}hcf_name" in body:
                self._hear_facility(body[f"{side}hcf_id"], body[f"{side}hcf_name"], at)
        login, name = body["account_login"], body["account_name"]
        author = _Account(at, login, name, body["hcf_id"], _AUTHOR[record.kind])
        self._hear_account(body["account_id"], author)

    def _hear_facility(self, hcf_id: int, name: str, at: datetime, oktmo: str | None = None) -> None:
        if not hcf_id:
            return
        known = self._facilities.setdefault(hcf_id, _Facility(at, name))
        if at >= known.told_at:
            known.told_at, known.name = at, name
            if oktmo is not None:
                known.oktmo = oktmo

    def _hear_default(self, hcf_id: int, archive_id: int, at: datetime) -> None:
        known = self._facilities[hcf_id]
        if known.default_told_at is None or known.default_told_at < at:
            known.default_told_at, known.default_archive_id = at, archive_id

    def _hear_account(self, account_id: int, told: _Account) -> None:
        if not account_id:
            return
        known = self._accounts.setdefault(account_id, told)
        known.role = max(known.role, told.role, key=_RANK.index)
        known.name = known.name or told.name
        if told.told_at >= known.told_at:
            known.told_at, known.login, known.hcf_id = told.told_at, told.login, told.hcf_id
            known.name = told.name or known.name

    def restore(self, connection: Connection) -> Restored:
        """Add what the database lacks; what it has stays as it is.

        An account cannot log in until it is enabled and given a password. Where a name is taken by another
        one, the id is added to it.
        """
        facilities = self._restore_facilities(connection)
        archives = self._restore_archives(connection)
        self._restore_defaults(connection)
        return Restored(facilities, archives, self._restore_accounts(connection))

    def _restore_facilities(self, connection: Connection) -> int:
        missing = _missing(connection, hcf, self._facilities)
        names = set(connection.scalars(select(hcf.c.name)))
        for hcf_id, told in missing.items():
            name = _free(told.name, hcf_id, names, LINE)
            row = {"hcf_id": hcf_id, "name": name, "oktmo": told.oktmo, "created_at": told.told_at}
            connection.execute(insert(hcf), row)
        return len(missing)

    def _restore_archives(self, connection: Connection) -> int:
        missing = _missing(connection, archive, self._archives)
        taken: dict[int, set[str]] = {}
        for hcf_id, name in connection.execute(select(archive.c.hcf_id, archive.c.name)):
            taken.setdefault(hcf_id, set()).add(name)
        for archive_id, told in missing.items():
            name = _free(told.name, archive_id, taken.setdefault(told.hcf_id, set()), LINE)
            row = {"archive_id": archive_id, "hcf_id": told.hcf_id, "name": name, "created_at": told.told_at}
            connection.execute(insert(archive), row)
        return len(missing)

    def _restore_defaults(self, connection: Connection) -> None:
        for hcf_id, told in self._facilities.items():
            if told.default_archive_id is not None:
                without = update(hcf).where(hcf.c.hcf_id == hcf_id, hcf.c.default_archive_id.is_(None))
                connection.execute(without.values(default_archive_id=told.default_archive_id))

    def _restore_accounts(self, connection: Connection) -> int:
        missing = _missing(connection, account, self._accounts)
        logins = set(connection.scalars(select(account.c.login)))
        for account_id, told in missing.items():
            row = {
                "account_id": account_id,
                "login": _free(told.login, account_id, logins, NAME),
                "hcf_id": told.hcf_id,
                "name": told.name,
                "role": int(told.role),
                "password_hash": "",
                "disabled": True,
                "created_at": told.told_at,
                "password_changed_at": told.told_at,
            }
            connection.execute(insert(account), row)
        return len(missing)


def _missing(connection: Connection, table: Table, told: Mapping[int, Any]) -> dict[int, Any]:
    [key] = table.primary_key
    known = set(connection.scalars(select(key)))
    return {number: what for number, what in sorted(told.items()) if number not in known}


def _free(name: str, number: int, taken: set[str], length: int) -> str:
    """*name*, or with its number if it is taken; it is taken from now on."""
    ending = f" {number}"
    for candidate in _candidates(name, ending, length):
        if candidate and candidate not in taken:
            taken.add(candidate)
            return candidate
    raise ValueError(f"no free name for {number}")


def _candidates(name: str, ending: str, length: int) -> Iterable[str]:
    yield name
    yield name[: length - len(ending)] + ending
