"""What all connections together may use."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable


class Admission:
    """Counts connections, in all and by address.

    Parameters
    ----------
    most
        Connections at once.
    most_per_address
        Connections at once from one address.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._by_address: Counter[str] = Counter()
        self.count = 0

    def enter(self, address: str) -> bool:
        """Count one more connection; ``False`` (and nothing counted) if there are too many."""
        if self.count >= self._most or self._by_address[address] >= self._most_per_address:
            if not self._by_address[address]:
                del self._by_address[address]
            return False
        self.count += 1
        self._by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """A counted connection has ended."""
        self.count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class ByteBudget:
    """Bytes that all connections together may hold; who gets none waits in line.

    One taker is always served, however large, or a frame beyond the budget would wait for ever.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._line: deque[tuple[int, Callable[[], None]]] = deque()
        self.used = 0

    @property
    def waiting(self) -> int:
        """Takers in line."""
        return len(self._line)

    @property
    def exhausted(self) -> bool:
        """Whether a new taker has to wait."""
        return bool(self._line) or self.used >= self._most

    def take(self, size: int, granted: Callable[[], None]) -> bool:
        """Take *size* bytes now (``True``), or have *granted* called once they are taken."""
        if not self._line and self._fits(size):
            self.used += size
            return True
        self._line.append((size, granted))
        return False

    def force(self, size: int) -> None:
        """Take *size* bytes even beyond the budget: what has arrived cannot be sent back."""
        self.used += size

    def cancel(self, granted: Callable[[], None]) -> None:
        """Leave the line."""
        self._line = deque(entry for entry in self._line if entry[1] != granted)
        self._serve()

    def give(self, size: int) -> None:
        """Give taken bytes back."""
        self.used -= size
        self._serve()

    def _serve(self) -> None:
        while self._line and self._fits(self._line[0][0]):
            size, granted = self._line.popleft()
            self.used += size
            granted()

    def _fits(self, size: int) -> bool:
        return self.used + size <= self._most or self.used == 0
