"""From a file to a :class:`~cardioserver.settings.config.Config`, or to a message a person can act on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from cardioserver.language import Phrase
from cardioserver.settings.checks import problems_of
from cardioserver.settings.config import Config
from cardioserver.settings.errors import ConfigError, Problem
from cardioserver.settings.explain import explain

Json = dict[str, Any]


def load(
    path: Path | None = None,
    *,
    data: Path | None = None,
    host: str | None = None,
    port: int | None = None,
) -> Config:
    """Read a configuration file and put what the command line says on top.

    Relative paths in the file are relative to the file's own folder; *data* is relative to the
    working directory.

    Parameters
    ----------
    path
        The file; ``None`` means only defaults.
    data, host, port
        In place of ``data``, ``server.host`` and ``server.port``.

    Raises
    ------
    ConfigError
        The file cannot be read, is not JSON, or something in it cannot be used.
    """
    document = {} if path is None else _read(path)
    if data is not None:
        document["data"] = str(data.absolute())
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    if given and isinstance(document.setdefault("server", {}), dict):
        document["server"] |= given
    try:
        config = Config.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise ConfigError(path, explain(error, document)) from None
    config = _absolute(config, Path.cwd() if path is None else path.resolve().parent)
    problems = tuple(problems_of(config))
    if problems:
        raise ConfigError(path, problems)
    config._file = path
    return config


def _absolute(config: Config, folder: Path) -> Config:
    """The same with each path joined to *folder*."""

    def fixed(group: Any) -> Any:
        changes: Json = {}
        for name in type(group).model_fields:
            value = getattr(group, name)
            if isinstance(value, Path):
                changes[name] = folder / value.expanduser()
            elif hasattr(type(value), "model_fields"):
                changes[name] = fixed(value)
        return group.model_copy(update=changes)

    result: Config = fixed(config)
    return result


def _read(path: Path) -> Json:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        _refuse(path, Phrase(f"cannot be read: {error.strerror}", f"не читается: {error.strerror}"))
    except UnicodeDecodeError as error:
        _refuse(path, Phrase(f"not UTF-8 at byte {error.start}", f"не UTF-8, байт {error.start}"))
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = Phrase(
            f"line {error.lineno}, column {error.colno}", f"строка {error.lineno}, столбец {error.colno}"
        )
        _refuse(
            path,
            Phrase(f"not JSON at {place.en}: {error.msg}", f"не JSON: {place.ru}: {error.msg}"),
        )
    except _NotAllowed as error:
        _refuse(path, error.phrase)
    if not isinstance(document, dict):
        _refuse(path, Phrase("allowed is a JSON object, {…}", "допустим объект JSON, {…}"))
    return document


class _NotAllowed(Exception):
    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """An object whose keys differ: of two equal keys one would be silently lost."""
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotAllowed(Phrase(f"key `{twice}` is there twice", f"ключ `{twice}` указан дважды"))
    return document


def _no_constant(name: str) -> NoReturn:
    raise _NotAllowed(Phrase(f"{name} is not a JSON number", f"{name} — не число JSON"))


def _refuse(path: Path, phrase: Phrase) -> NoReturn:
    raise ConfigError(path, (Problem("", None, phrase),)) from None
