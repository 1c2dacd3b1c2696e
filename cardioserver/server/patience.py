"""How long a peer may take."""

from __future__ import annotations

from cardioserver.server.frame import Frame
from cardioserver.server.wheel import NEVER
from cardioserver.settings.config import LimitSettings


class Patience:
    """The clocks of one connection; all times are the event loop's.

    Attributes
    ----------
    heard
        When its last byte came.
    stranger_since
        When it connected or logged out.
    leave_by
        When it has to be gone that was told to go.
    """

    __slots__ = ("_settings", "_unread", "_unread_since", "heard", "leave_by", "stranger_since")

    def __init__(self, settings: LimitSettings, now: float) -> None:
        self._settings = settings
        self.heard = self.stranger_since = now
        self.leave_by = NEVER
        self._unread_since = NEVER
        self._unread = 0

    def unread(self, count: int, now: float) -> None:
        """The peer has begun to let *count* bytes of replies lie."""
        self._unread_since, self._unread = now, count

    def all_read(self) -> None:
        """The peer reads its replies again."""
        self._unread_since = NEVER

    @property
    def is_unread(self) -> bool:
        """Whether replies lie there."""
        return self._unread_since != NEVER

    def reads_enough(self, count: int, now: float) -> bool:
        """Whether a peer with *count* bytes of replies unread reads at the least rate; measures anew."""
        if self._unread_since == NEVER:
            return False
        enough = self._unread - count >= self._settings.stall_seconds * self._settings.bytes_per_second
        self.unread(count, now)
        return enough

    def deadline(self, now: float, frame: Frame, *, busy: bool, greeted: bool, logged_in: bool) -> float:
        """When the peer will have taken too long.

        Parameters
        ----------
        busy
            It waits for the server, not the server for it.
        """
        settings = self._settings
        if self.leave_by != NEVER:
            return self.leave_by
        if self._unread_since != NEVER:
            return self._unread_since + settings.stall_seconds
        if busy:
            return now + settings.stall_seconds
        if frame.begun:
            return frame.deadline(settings)
        if logged_in:
            return self.heard + settings.idle_seconds
        login_seconds = settings.login_seconds if greeted else 0
        return self.stranger_since + settings.hello_seconds + login_seconds
