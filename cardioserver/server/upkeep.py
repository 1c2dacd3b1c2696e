"""Chores that a server does every so often, in one thread."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cardioserver.server.logs import Log

log = Log(__name__)


@dataclass(slots=True)
class Chore:
    """Something to do every *seconds*; a failure is logged and tried again the next time."""

    name: str
    seconds: float
    work: Callable[[], object]
    due: float = 0.0  # monotonic
    failing: bool = False


class Upkeep:
    """Does chores one after another until it is stopped."""

    def __init__(self, chores: list[Chore]) -> None:
        self._chores = chores
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin, with each chore at once."""
        self._thread.start()

    def close(self) -> None:
        """Finish the running chore and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            now = time.monotonic()
            for chore in self._chores:
                if chore.due <= now and not self._stop.is_set():
                    self._do(chore)
            pause = min(chore.due for chore in self._chores) - time.monotonic()
            self._stop.wait(max(pause, 0.01))

    def _do(self, chore: Chore) -> None:
        try:
            chore.work()
        except Exception as error:  # the next chore, and the next time, must come
            if not chore.failing:
                log.warning("chore failed", chore=chore.name, error=type(error).__name__)
            chore.failing = True
        else:
            if chore.failing:
                log.info("chore works again", chore=chore.name)
            chore.failing = False
        # Servers that started together should not go on asking the database together.
        chore.due = time.monotonic() + chore.seconds * random.uniform(0.9, 1.1)  # noqa: S311
