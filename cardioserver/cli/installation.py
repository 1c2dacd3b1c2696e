"""The installation that an administration command works on: its configuration, database and bank."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.parameters import provided_by

if TYPE_CHECKING:
    from cardioserver.app import Store
    from cardioserver.settings import Config

HOME_VARIABLE = "CARDIOSERVER_HOME"
"""Set by ./cardioserver3 to its own folder: there are `storage/` and `logs/`, wherever one calls it from."""


PROGRAM_VARIABLE = "CARDIOSERVER_PROGRAM"
"""Set by ./cardioserver3 to its own name, for whatever tells people what to type."""


def program() -> str:
    """How this command is called."""
    return os.environ.get(PROGRAM_VARIABLE, "cardioserver")


def home() -> Path:
    """The folder of `storage/` and `logs/`."""
    return Path(os.environ.get(HOME_VARIABLE, "."))


DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="CARDIOSERVER_DATA",
        help="Data directory. Without it: that of the configuration, or storage.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar="CARDIOSERVER_CONFIG",
        help="Configuration, config.json. Without it: defaults for everything.",
    ),
]


@dataclass(frozen=True, slots=True)
class Installation:
    """A configuration, and what it says is open."""

    config: Config

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database with its tables, the bank and the identifiers.

        Raises
        ------
        cardioserver.settings.ConfigError
            The configuration names no supported database.
        cardioserver.archive.errors.DatabaseUnavailable
            The database does not answer.
        """
        from cardioserver.app import open_store
        from cardioserver.archive.database import migrate

        store = open_store(self.config)
        try:
            migrate(store.database)
            yield store
        finally:
            store.close()


def read_config(
    config: Path | None, data: Path | None, host: str | None = None, port: int | None = None
) -> Config:
    """The configuration that the options name; without any, the data are in :func:`home`."""
    from cardioserver.settings import load

    if config is None and data is None:
        data = home() / "storage"
    return load(config, data=data, host=host, port=port)


def _installation(*, config: ConfigOption = None, data: DataOption = None) -> Installation:
    return Installation(read_config(config, data))


in_the_installation = provided_by(_installation)
"""Decorator: the command's first parameter is an :class:`Installation`, made from options."""
