"""Both ends of a connection as state machines: bytes in, events out, and messages to bytes.

Nothing here reads or writes a socket. A caller hands received bytes to ``receive_data``, takes
events from ``next_event`` until there is none, and sends the buffers that the ``send_…`` functions
return, in that order. Not taking events is how a caller makes a peer wait.

States of the server's end::

    GREETING ──Hello──▶ OPEN ──LoggedIn sent──▶ AUTHENTICATED
                         ▲───────────Logout─────────────┘
    any ──broken frame, error below 100 sent──▶ CLOSED
"""

from cardioserver.protocol.client_connection import ClientConnection
from cardioserver.protocol.events import Failure, Push, Rejected, Reply, Request
from cardioserver.protocol.rules import State
from cardioserver.protocol.server_connection import ServerConnection

__all__ = [
    "ClientConnection",
    "Failure",
    "Push",
    "Rejected",
    "Reply",
    "Request",
    "ServerConnection",
    "State",
]
