"""`cardioserver serve`: the server in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from cardioserver.cli.installation import ConfigOption, DataOption, read_config

HostOption = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="Address to listen on, in place of the one in the configuration."),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=65535,
        help="Port to listen on, in place of the configured one; 0: a free one.",
    ),
]


def serve(
    config: ConfigOption = None, data: DataOption = None, host: HostOption = None, port: PortOption = None
) -> None:
    """Run the server until SIGTERM or Ctrl+C."""
    settings = read_config(config, data, host, port)
    from cardioserver import app

    raise typer.Exit(app.serve(settings))
