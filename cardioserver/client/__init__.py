"""The asyncio client: what a recorder or a workstation does with a server."""

from cardioserver.client.address import Address, Timeouts, tls_context
from cardioserver.client.client import Client
from cardioserver.client.events import EventStream
from cardioserver.client.retry import ONCE, Retry

__all__ = ["ONCE", "Address", "Client", "EventStream", "Retry", "Timeouts", "tls_context"]
