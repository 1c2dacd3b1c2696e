"""Hints: which index a query goes along.

A page of a list must take the index that holds its rows in order. Optimisers estimate, from statistics
that may be old or (on SQLite) missing, and a wrong guess reads a million rows instead of fifty. So the
searches say it. Should an index be renamed or dropped, a query fails in the tests instead of getting slow
in a hospital.
"""

from __future__ import annotations

from typing import TypeVarTuple

from sqlalchemy import Select, Table
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.sql.selectable import FromClause

Row = TypeVarTuple("Row")


def along(query: Select[*Row], table: Table, *columns: str) -> Select[*Row]:
    """*query*, reading *table* along its index on *columns*."""
    [name] = [str(index.name) for index in table.indexes if tuple(index.columns.keys()) == columns]
    query = query.with_hint(table, f"FORCE INDEX ({name})", "mysql")
    return query.with_hint(table, f"INDEXED BY {name}", "sqlite")


class HintingCompiler(SQLiteCompiler):
    """SQLAlchemy's compiler for SQLite, with the hints that it leaves out."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """The text to put behind a table's name."""
        return text
