"""Accounts: who may log in. Logging in itself is :class:`Authenticator`'s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Update, insert, select, update
from sqlalchemy.exc import IntegrityError

from cardioserver.archive import access, audit, throttle
from cardioserver.archive.access import Actor
from cardioserver.archive.audit import LOCAL, Action, AuditEntry
from cardioserver.archive.authenticator import Authenticator, fold_login
from cardioserver.archive.clock import Clock, database_time
from cardioserver.archive.database import Database
from cardioserver.archive.errors import AccessDenied, Conflict, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.passwords import Passwords, check_strength
from cardioserver.archive.schema import LINE, NAME, account, hcf
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import check_text
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import Account, Role

__all__ = ["Accounts", "Authenticator", "NewAccount", "fold_login", "list_accounts"]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to add."""

    login: str
    role: Role
    hcf_id: int
    name: str = ""


class Accounts:
    """Adds and changes accounts, and journals it; thread-safe.

    ``by`` is who does it: an administrator, or ``None`` for somebody at the server itself, who may do all.
    """

    def __init__(
        self,
        database: Database,
        ids: IdGenerator,
        passwords: Passwords | None = None,
        clock: Clock = database_time,
    ) -> None:
        self._database = database
        self._ids = ids
        self._passwords = passwords or Passwords()
        self._clock = clock

    def add(self, new: NewAccount, password: str, by: Actor | None = None, address: str = LOCAL) -> Account:
        """Add an account.

        Raises
        ------
        AccessDenied
            *by* does not manage that HCF, or is to make a super-administrator without being one.
        Conflict
            The login is taken.
        NotFound
            No such HCF.
        InvalidField
            ``account.login`` or ``account.name``
        WeakPassword
        """
        _require_manager(by, new.hcf_id, new.role)
        login = checked_login(new.login)
        check_text("account.name", new.name, LINE)
        password_hash = self._hash(password, login)
        added = Account(self._ids.next(), login, new.role, new.hcf_id, new.name)
        entry = self._entry(Action.ADD_ACCOUNT, added, by, address, new.role.name.lower())
        self._database.transact(lambda connection: self._insert(connection, added, password_hash, entry))
        return added

    def _insert(self, connection: Connection, added: Account, password_hash: str, entry: AuditEntry) -> None:
        if connection.scalar(select(hcf.c.hcf_id).where(hcf.c.hcf_id == added.hcf_id)) is None:
            raise NotFound("hcf")
        now = self._clock(connection)
        try:
            connection.execute(
                insert(account).values(
                    account_id=added.account_id,
                    login=added.login,
                    hcf_id=added.hcf_id,
                    name=added.name,
                    role=int(added.role),
                    password_hash=password_hash,
                    disabled=False,
                    created_at=now,
                    password_changed_at=now,
                )
            )
        except IntegrityError:
            raise Conflict("login") from None
        audit.record(connection, [entry])

    def set_password(
        self, login: str, password: str, by: Actor | None = None, address: str = LOCAL
    ) -> Account:
        """Give an account another password; its sessions end.

        Raises
        ------
        NotFound
            No such account.
        AccessDenied, WeakPassword
            As :meth:`add`.
        """
        password_hash = self._hash(password, fold_login(login))

        def change(connection: Connection) -> Account:
            changed = self._manageable(connection, login, by)
            values = {"password_hash": password_hash, "password_changed_at": self._clock(connection)}
            connection.execute(_update(changed).values(values))
            audit.record(connection, [self._entry(Action.SET_PASSWORD, changed, by, address)])
            return changed

        return self._database.transact(change)

    def disable(self, login: str, by: Actor | None = None, address: str = LOCAL) -> Account:
        """Let an account log in no more; its sessions end.

        Raises
        ------
        NotFound, AccessDenied
            As :meth:`set_password`.
        """
        return self._set_disabled(login, True, by, address)

    def enable(self, login: str, by: Actor | None = None, address: str = LOCAL) -> Account:
        """Let a disabled account log in again. Raises as :meth:`disable`."""
        return self._set_disabled(login, False, by, address)

    def _set_disabled(self, login: str, disabled: bool, by: Actor | None, address: str) -> Account:
        action = Action.DISABLE_ACCOUNT if disabled else Action.ENABLE_ACCOUNT

        def change(connection: Connection) -> Account:
            changed = self._manageable(connection, login, by)
            connection.execute(_update(changed).values(disabled=disabled))
            audit.record(connection, [self._entry(action, changed, by, address)])
            return replace(changed, disabled=disabled)

        return self._database.transact(change)

    def unlock(self, login: str, by: Actor | None = None, address: str = LOCAL) -> Account:
        """Forget the failed logins of an account: nobody has to wait any more. Raises as :meth:`disable`."""

        def forget(connection: Connection) -> Account:
            unlocked = self._manageable(connection, login, by)
            throttle.unlock(connection, unlocked.login)
            audit.record(connection, [self._entry(Action.UNLOCK_ACCOUNT, unlocked, by, address)])
            return unlocked

        return self._database.transact(forget)

    def _hash(self, password: str, login: str) -> str:
        check_strength(password, login)
        with self._passwords.slot():
            return self._passwords.hash(password)

    def _manageable(self, connection: Connection, login: str, by: Actor | None) -> Account:
        query = select(account).where(account.c.login == fold_login(login))
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            raise NotFound("account")
        found = _account(row)
        _require_manager(by, found.hcf_id, found.role)
        return found

    def _entry(
        self, action: Action, about: Account, by: Actor | None, address: str, detail: str = ""
    ) -> AuditEntry:
        return audit.entry(self._ids, by, address, action, subject_id=about.account_id, detail=detail)


def list_accounts(connection: Connection, hcf_id: int = 0) -> tuple[Account, ...]:
    """Accounts of an HCF (0: of all), by HCF and login."""
    query = select(account).order_by(account.c.hcf_id, account.c.login)
    if hcf_id:
        query = query.where(account.c.hcf_id == hcf_id)
    return tuple(_account(row) for row in connection.execute(query))


def answer(connection: Connection, actor: Actor, request: m.ListAccounts) -> m.Accounts:
    """Reply to :class:`~cardioserver.protocol.messages.ListAccounts`.

    Raises
    ------
    AccessDenied
        The HCF is none that the actor manages.
    """
    hcf_id = request.hcf_id or actor.hcf_id
    if not access.may_manage(actor, hcf_id):
        raise AccessDenied("hcf")
    return m.Accounts(list_accounts(connection, hcf_id))


def checked_login(login: str) -> str:
    """A login as it is stored.

    Raises
    ------
    InvalidField
        Empty, too long, or with spaces or control characters (``account.login``).
    """
    folded = fold_login(login)
    check_text("account.login", folded, NAME)
    if not folded or any(character.isspace() for character in folded):
        raise InvalidField("account.login", login, f"1 to {NAME} characters without spaces")
    return folded


def _require_manager(by: Actor | None, hcf_id: int, role: Role) -> None:
    if by is None:
        return
    above = role is Role.SUPER_ADMINISTRATOR and by.role is not Role.SUPER_ADMINISTRATOR
    if above or not access.may_manage(by, hcf_id):
        raise AccessDenied("account")


def _update(about: Account) -> Update:
    return update(account).where(account.c.account_id == about.account_id)


def _account(row: Row[Any]) -> Account:
    return Account(row.account_id, row.login, Role(row.role), row.hcf_id, row.name, row.disabled)
