"""The only place where the server's parts are built and wired together."""

from __future__ import annotations

from cardioserver.settings import Config


class Application:
    """A server whose parts are built but not started.

    Built by :func:`build`; :meth:`run` starts it, serves until it is told to stop, and stops it.
    """

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit status of the process."""
        raise NotImplementedError


def build(config: Config) -> Application:
    """Build every part of a server from its configuration.

    Raises
    ------
    cardioserver.settings.ConfigError
        A part cannot be built from what the configuration says.
    """
    raise NotImplementedError


def serve(config: Config) -> int:
    """Build and run a server; what ``cardioserver serve`` does. Returns the exit status."""
    return build(config).run()
