"""What all pages have in common."""

from __future__ import annotations

from typing import Protocol

from cardioserver.reports.sheet import Sheet


class Page(Protocol):
    """A page that knows everything it will show."""

    def draw(self, sheet: Sheet, number: int, total: int) -> None:
        """Draw onto an empty sheet."""
