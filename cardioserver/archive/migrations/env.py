"""What Alembic runs to migrate.

The server passes its connection; ``alembic revision --autogenerate`` passes ``-x url=…`` (see
``docs/database.md``).
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from cardioserver.archive.database import Database
from cardioserver.archive.schema import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:
    with Database(context.get_x_argument(as_dictionary=True)["url"]).write() as _connection:
        _run(_connection)
