"""Connections, transactions, outages and migration, on both databases."""

from __future__ import annotations

import threading

from sqlalchemy import inspect

from cardioserver.archive import schema
from cardioserver.archive.database import Database, migrate


def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(4)]
    threads = [threading.Thread(target=migrate, args=(d,)) for d in databases]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    with databases[0].read() as connection:
        assert set(schema.metadata.tables) < set(inspect(connection).get_table_names())
    for d in databases:
        d.close()
