"""Signatures: who made a record of the bank, in words that outlive the database."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cardioserver.archive.access import Actor
from cardioserver.archive.schema import account, hcf


def signature(connection: Connection, actor: Actor | None) -> dict[str, str | int]:
    """The fields of a record's body that name its author; ``None`` is somebody at the server itself."""
    if actor is None:
        return {"account_id": 0, "account_login": "", "account_name": "", "hcf_id": 0, "hcf_name": ""}
    name = connection.scalar(select(account.c.name).where(account.c.account_id == actor.account_id))
    return {
        "account_id": actor.account_id,
        "account_login": actor.login,
        "account_name": name or "",
        "hcf_id": actor.hcf_id,
        "hcf_name": hcf_name(connection, actor.hcf_id),
    }


def hcf_name(connection: Connection, hcf_id: int) -> str:
    """The name of an HCF; empty if there is none."""
    return connection.scalar(select(hcf.c.name).where(hcf.c.hcf_id == hcf_id)) or ""
