"""A socket that listens."""

from __future__ import annotations

import socket

BACKLOG = 1024


def listening_socket(host: str, port: int) -> socket.socket:
    """A non-blocking TCP socket that listens at the first address of *host*; ``::`` is every address.

    Parameters
    ----------
    port
        0: a free one.

    Raises
    ------
    OSError
        The address cannot be listened on.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    listening = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listening.setblocking(False)
    return listening
