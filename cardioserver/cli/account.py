"""`cardioserver account`: who may log in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli import password
from cardioserver.cli.installation import Installation, in_the_installation
from cardioserver.cli.output import say, show_json, show_table
from cardioserver.cli.parameters import HcfFilter, Json, PasswordFile
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.archive.accounts import Accounts

app = typer.Typer(help="Accounts: people and devices that log in.", no_args_is_help=True)


class RoleName(StrEnum):
    """Roles as they are typed; names of :class:`cardioserver.protocol.messages.Role` in lower case."""

    RECORDER = "recorder"
    DOCTOR = "doctor"
    VIEWER = "viewer"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"
    SUPER_ADMINISTRATOR = "super_administrator"


Login = Annotated[str, typer.Argument(metavar="LOGIN", help="Login of the account.")]


@contextmanager
def _accounts(installation: Installation) -> Iterator[Accounts]:
    from cardioserver.archive.accounts import Accounts

    with installation.store() as store:
        yield Accounts(store.database, store.ids)


@app.command("add")
@in_the_installation
def add(
    installation: Installation,
    *,
    login: Login,
    role: Annotated[RoleName, typer.Option(help="What it may do.")],
    hcf: Annotated[int, typer.Option(metavar="HCF_ID", help="The HCF it belongs to, from `hcf list`.")],
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name for people.")] = "",
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Add an account."""
    from cardioserver.archive.accounts import NewAccount
    from cardioserver.protocol.messages import Role

    with _accounts(installation) as accounts:
        new = NewAccount(login, Role[role.name], hcf, name)
        added = accounts.add(new, password.choose(login, password_file))
    if as_json:
        show_json(added)
    else:
        said = f"{added.account_id}: {added.login}"
        say(Phrase(f"Added account {said}", f"Добавлена учётная запись {said}"))


@app.command("list")
@in_the_installation
def show(installation: Installation, hcf: HcfFilter = 0, as_json: Json = False) -> None:
    """List accounts."""
    from cardioserver.archive.accounts import list_accounts

    with installation.store() as store, store.database.read() as connection:
        found = list_accounts(connection, hcf)
    if as_json:
        show_json(found)
        return
    columns = (
        Phrase("Account", "Учётная запись"),
        Phrase("Login", "Логин"),
        Phrase("Role", "Роль"),
        Phrase("HCF", "Учреждение"),
        Phrase("Name", "Имя"),
        Phrase("Disabled", "Отключена"),
    )
    show_table(columns, [(a.account_id, a.login, a.role, a.hcf_id, a.name, a.disabled) for a in found])


@app.command("passwd")
@in_the_installation
def passwd(installation: Installation, login: Login, password_file: PasswordFile = None) -> None:
    """Give an account another password; its sessions end."""
    with _accounts(installation) as accounts:
        accounts.set_password(login, password.choose(login, password_file))
    say(Phrase("The password is changed.", "Пароль изменён."))


@app.command("disable")
@in_the_installation
def disable(installation: Installation, login: Login) -> None:
    """Let an account log in no more; its sessions end."""
    with _accounts(installation) as accounts:
        accounts.disable(login)
    say(Phrase("The account is disabled.", "Учётная запись отключена."))


@app.command("enable")
@in_the_installation
def enable(installation: Installation, login: Login) -> None:
    """Let a disabled account log in again."""
    with _accounts(installation) as accounts:
        accounts.enable(login)
    say(Phrase("The account is enabled.", "Учётная запись включена."))


@app.command("unlock")
@in_the_installation
def unlock(installation: Installation, login: Login) -> None:
    """Forget the failed logins of an account, so that nobody has to wait any more."""
    with _accounts(installation) as accounts:
        accounts.unlock(login)
    say(Phrase("The account may log in at once.", "Вход разрешён без ожидания."))
