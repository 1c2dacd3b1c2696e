"""What the command prints: phrases and tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from cardioserver.language import Language, Phrase, system_language

_language: ContextVar[Language | None] = ContextVar("language", default=None)


def language() -> Language:
    """The language of everything printed for people."""
    return _language.get() or system_language()


def speak(chosen: Language | None) -> None:
    """Print in this language from now on; ``None``: in the system's."""
    _language.set(chosen)


def say(phrase: Phrase) -> None:
    """Print to standard output."""
    _write(phrase.say(language()), sys.stdout)


def complain(phrase: Phrase) -> None:
    """Print to standard error."""
    _write(phrase.say(language()), sys.stderr)


def _write(text: str, stream: Any) -> None:
    # A terminal without Cyrillic shows question marks rather than a traceback.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def show_json(value: object) -> None:
    """Print a value as JSON; see :func:`as_json`."""
    text = json.dumps(as_json(value), ensure_ascii=False, indent=2)
    _write(text, sys.stdout)


def as_json(value: Any) -> Any:
    """A value of this program as values of JSON.

    Fields called ``…_id`` become strings: they are 63-bit numbers, and many readers of JSON round numbers to
    53 bits. Enumerations are their names in lower case, times ISO 8601, bytes hexadecimal.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for kinds, convert in _CONVERSIONS:
        if isinstance(value, kinds):
            return convert(value)
    return value


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(item) if _is_id(key, item) else as_json(item) for key, item in value.items()}


_CONVERSIONS: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((Mapping,), _object),
    ((Enum,), lambda value: (value.name or str(value.value)).lower()),
    ((datetime, date), lambda value: value.isoformat()),
    ((UUID, Path), str),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).hex()),
    ((tuple, list, set, frozenset), lambda value: [as_json(item) for item in value]),
)


def _is_id(key: object, value: object) -> bool:
    return str(key).endswith("_id") and isinstance(value, int) and not isinstance(value, bool)


def show_table(columns: Sequence[Phrase], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; on a terminal long cells are folded, into a pipe rows stay on one line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.say(language()), overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    _console().print(table)


def show_fields(fields: Sequence[tuple[Phrase, object]]) -> None:
    """Print names and values in two columns; empty values are left out."""
    shown = [(name.say(language()), _cell(value)) for name, value in fields if _cell(value)]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        _write(f"{name:{width}}  {value}", sys.stdout)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return (YES if value else NO).say(language())
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Enum):
        return value.name.lower()
    return str(value)


YES, NO = Phrase("yes", "да"), Phrase("no", "нет")


def _console() -> Any:
    from rich.console import Console

    # Without a terminal there is no width to fold to: a row is a line.
    return Console(width=None if sys.stdout.isatty() else 1000, highlight=False, markup=False)


@contextmanager
def progress(title: Phrase) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal: call with what is done and the total."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title.say(language())), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("")
        yield lambda done, total: bar.update(task, completed=done, total=total)
