"""Samples that arrive in several frames."""

from __future__ import annotations

import hashlib
from typing import cast

from cardioserver.client.errors import DigestError
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.recording import Recording
from cardioserver.protocol import messages as m


class SignalParts:
    """Joins the parts of one reply to :class:`~cardioserver.protocol.messages.GetSignal`."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._last: m.Signal | None = None

    def add(self, part: object) -> None:
        """Take the next part."""
        self._last = cast(m.Signal, part)
        self._data += self._last.data

    def join(self) -> Recording:
        """The whole, once the last part is there.

        Raises
        ------
        DigestError
            It is not what the server sent.
        """
        if self._last is None:
            raise ValueError("no part was added")
        if hashlib.sha256(self._data).digest() != self._last.digest:
            raise DigestError(self._last.exam_id)
        try:
            return Recording.from_bytes(self._last.signal, self._data)
        except InvalidField:
            raise DigestError(self._last.exam_id) from None
