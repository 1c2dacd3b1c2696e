"""Changes that the command line makes to an installation, each with its entry in the audit journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardioserver.cli.installation import Installation

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cardioserver.archive.audit import Action
    from cardioserver.archive.ids import IdGenerator


@dataclass(frozen=True, slots=True)
class Change:
    """A transaction, its identifiers and its journal."""

    connection: Connection
    ids: IdGenerator

    def journal(self, action: Action, subject_id: int = 0, detail: str = "") -> None:
        """Note in the same transaction what was done, by somebody at the server itself."""
        from cardioserver.archive import audit

        entry = audit.entry(self.ids, None, audit.LOCAL, action, subject_id=subject_id, detail=detail)
        audit.record(self.connection, [entry])


@contextmanager
def change(installation: Installation) -> Iterator[Change]:
    """A transaction that is committed at the end of the block, unless it raises."""
    with installation.store() as store, store.database.write() as connection:
        yield Change(connection, store.ids)
