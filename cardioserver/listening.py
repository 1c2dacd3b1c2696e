"""A socket that listens, and the connections that arrive at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NoReturn

BACKLOG = 1024

ACCEPTS_AT_ONCE = 32
"""Connections accepted before the others get their turn: a flood must not stop them."""

PAUSE_SECONDS = 0.2
"""When the system has no more sockets to give."""


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


async def accept(
    listening: socket.socket,
    admit: Callable[[socket.socket, Any], None],
    failed: Callable[[OSError], None],
) -> NoReturn:
    """Accept connections until it is cancelled.

    Parameters
    ----------
    admit
        Gets each connection and its peer's address.
    failed
        Gets the error when one cannot be accepted; after a pause the next is tried.
    """
    loop, accepted = asyncio.get_running_loop(), 0
    while True:
        try:
            arrived, peer = await loop.sock_accept(listening)
        except OSError as error:
            failed(error)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        admit(arrived, peer)
        accepted += 1
        if accepted % ACCEPTS_AT_ONCE == 0:
            await asyncio.sleep(0)
