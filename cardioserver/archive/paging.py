"""Pages of long lists: by key, not by row number, so that they hold still while rows are added.

A page ends with a cursor that holds the sort key of its last row; the next page is what comes after that
key. Cursors are opaque to clients and checked when they come back: they must be of this search, of this
version, and hold values of the right types.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, tuple_

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.messages import FindExams, FindOrders, FindPatients

DEFAULT_PAGE = 50
"""Rows of a page whose request says 0."""

_VERSION = 1
_MAX_INTEGER = 2**63

Find = FindPatients | FindExams | FindOrders
Key = tuple[int | str, ...]


def page_length(limit: int, max_page: int) -> int:
    """How many rows to return for a request's *limit*."""
    return max(1, min(limit or DEFAULT_PAGE, max_page))


def encode_cursor(request: Find, key: Key) -> str:
    """The cursor of a page that ends with the row of this sort key."""
    content = json.dumps([_VERSION, _fingerprint(request), *key], ensure_ascii=False, separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def decode_cursor(request: Find, types: tuple[type[int | str], ...]) -> Key | None:
    """The sort key in the request's cursor; ``None`` if it has none: the first page.

    Raises
    ------
    InvalidField
        ``cursor`` is damaged, or of another search.
    """
    if not request.cursor:
        return None
    content: Any
    try:
        padding = "=" * (-len(request.cursor) % 4)
        content = json.loads(b64decode(request.cursor + padding, b"-_", validate=True))
        version, fingerprint, *key = list(content)
    except (ValueError, TypeError, RecursionError):
        raise _invalid(request) from None
    right = (version, fingerprint) == (_VERSION, _fingerprint(request)) and len(key) == len(types)
    if not right or not all(_is(value, t) for value, t in zip(key, types, strict=True)):
        raise _invalid(request)
    return tuple(key)


def _is(value: Any, wanted: type[int | str]) -> bool:
    if type(value) is not wanted:
        return False
    if isinstance(value, str):
        return not any("\ud800" <= c <= "\udfff" for c in value)
    return -_MAX_INTEGER < value < _MAX_INTEGER


def _invalid(request: Find) -> InvalidField:
    return InvalidField("cursor", request.cursor, "the cursor of the page before, of the same search")


def _fingerprint(request: Find) -> str:
    search = repr((type(request).__name__, astuple(replace(request, cursor="", limit=0))))
    return hashlib.blake2b(search.encode(), digest_size=6).hexdigest()


def beyond(
    connection: Connection, columns: Sequence[ColumnElement[Any]], key: Key, *, descending: bool = False
) -> ColumnElement[bool]:
    """The condition of rows that come after *key* in the order of *columns*.

    Both databases understand both forms, but each finds its way through an index with only one of them.
    """
    if connection.dialect.name == "sqlite":
        row, last = tuple_(*columns), tuple_(*key, types=[c.type for c in columns])
        return row < last if descending else row > last
    ranges = []
    for length in range(len(columns)):
        column, value = columns[length], key[length]
        equal = [c == v for c, v in zip(columns[:length], key[:length], strict=True)]
        ranges.append(and_(*equal, column < value if descending else column > value))
    return or_(*ranges)
