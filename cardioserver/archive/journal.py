"""The way into the audit journal, for whoever has no transaction of its own."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from cardioserver.archive import audit
from cardioserver.archive.audit import Action, AuditEntry
from cardioserver.archive.database import Database
from cardioserver.archive.durable import storage_errors
from cardioserver.archive.errors import DatabaseUnavailable


class _Batch:
    """Entries of one caller, waiting to be written."""

    __slots__ = ("entries", "error", "is_written")

    def __init__(self, entries: tuple[AuditEntry, ...]) -> None:
        self.entries = entries
        self.is_written = False
        self.error: Exception | None = None


class Journal:
    """Writes entries, those of all threads that wait at a moment in one transaction.

    Parameters
    ----------
    waiting
        File for entries of the time while the database is down.
    """

    def __init__(self, database: Database, waiting: Path) -> None:
        self._database = database
        self._waiting = waiting
        self._pending: list[_Batch] = []
        self._mutex = threading.Lock()
        self._turn = threading.Lock()
        self._file = threading.Lock()

    def record(self, *entries: AuditEntry) -> None:
        """Add entries; they are durable when this returns.

        Raises
        ------
        DatabaseUnavailable
            They are not written: what they tell of must not happen, or :meth:`keep` them.
        """
        batch = _Batch(entries)
        with self._mutex:
            self._pending.append(batch)
        with self._turn:  # whoever waited here finds its entries written by the one before
            if not batch.is_written and batch.error is None:
                self._write_pending()
        if batch.error is not None:
            raise batch.error

    def _write_pending(self) -> None:
        with self._mutex:
            batches, self._pending = self._pending, []
        entries = [entry for batch in batches for entry in batch.entries]
        try:
            self._database.transact(lambda connection: audit.record(connection, entries))
        except Exception as error:
            for batch in batches:
                batch.error = error
        else:
            for batch in batches:
                batch.is_written = True
            with suppress(DatabaseUnavailable, OSError):  # the next one will try again
                self.catch_up()

    def keep(self, *entries: AuditEntry) -> None:
        """Put entries aside, durably, until the database is back.

        Raises
        ------
        StorageFull
            No room.
        OSError
            The file cannot be written for another reason.
        """
        # A line break before each: what a killed server left unfinished spoils no other line.
        lines = b"".join(b"\n" + json.dumps(asdict(entry), default=str).encode() for entry in entries)
        with self._file, storage_errors(self._waiting):
            descriptor = os.open(self._waiting, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(descriptor)

    def catch_up(self) -> None:
        """Write what was put aside, if anything; :meth:`record` does it too, once the database is back.

        Raises
        ------
        DatabaseUnavailable
            The entries stay where they are.
        OSError
            The file cannot be read or removed; entries are never written twice.
        """
        with self._file:
            if not self._waiting.exists():
                return
            lines = self._waiting.read_bytes().splitlines()
            entries = [entry for line in lines if (entry := _parse(line)) is not None]
            self._database.transact(lambda connection: audit.record(connection, entries))
            self._waiting.unlink()


def _parse(line: bytes) -> AuditEntry | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None  # between two lines, or the last words of a killed server: its login was never answered
    return AuditEntry(
        **values | {"at": datetime.fromisoformat(values["at"]), "action": Action(values["action"])}
    )
