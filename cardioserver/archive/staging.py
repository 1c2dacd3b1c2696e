"""Staging: from verified samples to a synced file, in this process or in others beside it.

Compressing an exam takes some milliseconds in which the interpreter's lock is held most of the time, so
threads of one process do not share the work. Under load it goes to processes of its own, one for each
processor; they start when uploads queue up and end when they have had nothing to do for a while.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from cardioserver.archive import bankfile, durable
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DigestMismatch
from cardioserver.child import ChildLost, Data, Kind
from cardioserver.children import Children
from cardioserver.ecg.recording import Recording

log = logging.getLogger(__name__)

LARGEST = 8 << 20
"""Bytes of samples that a helper takes; larger exams are rare and are staged in this process."""

IDLE_SECONDS = 30.0
"""A helper that had nothing to do for so long is ended."""


def stage(path: Path, record: ExamRecord, data: Data, reserve_bytes: int) -> None:
    """Verify, compress and write an exam as a new file, and sync it. On failure there is no file.

    Raises
    ------
    DigestMismatch
        The samples do not have the record's SHA-256.
    StorageFull
        No room, with *reserve_bytes* to be left on the disk.
    """
    if hashlib.sha256(data).digest() != record.digest:
        raise DigestMismatch(str(record.exam.uuid))
    content = bankfile.encode_exam(record, Recording.from_bytes(record.signal, data))
    durable.require_room(path.parent, len(content), reserve_bytes)
    durable.write_file(path, content)


def work(job: tuple[str, ExamRecord, int], data: memoryview) -> None:
    """What a helper does: :func:`stage`."""
    path, record, reserve_bytes = job
    stage(Path(path), record, data, reserve_bytes)


class Helpers:
    """The helpers of one server; thread-safe.

    Parameters
    ----------
    most
        Helpers at once; 0: everything is done in this process.
    keep
        A descriptor that stays open as long as a helper lives: the spool's lock, so that nobody takes the
        spool of a killed server for abandoned while its helper still writes there.
    """

    def __init__(self, most: int, keep: int) -> None:
        self.children = Children(Kind(__name__, LARGEST, (keep,)), most, IDLE_SECONDS)

    def stage(self, path: Path, record: ExamRecord, data: Data, reserve_bytes: int, *, busy: bool) -> None:
        """As :func:`stage`, by a helper if there is one; if *busy*, one more is started for those to come."""
        helper = self.children.take() if len(data) <= LARGEST else None
        if helper is not None:
            try:
                helper.ask((str(path), record, reserve_bytes), data)
            except ChildLost:
                log.warning("a helper has ended by itself")
                self.children.end(helper)
                helper = None
                path.unlink(missing_ok=True)
            else:
                return
            finally:
                if helper is not None:
                    self.children.give_back(helper)
        elif busy:
            self._start()
        stage(path, record, data, reserve_bytes)

    def _start(self) -> None:
        try:
            helper = self.children.start()
        except OSError as error:  # no process to be had: go on without
            log.warning("no helper can be started: %s", error)
            return
        if helper is not None:
            self.children.give_back(helper)

    def retire(self) -> None:
        """End the helpers that have had nothing to do for a while."""
        self.children.retire()

    def close(self) -> None:
        """End all; none may be at work."""
        self.children.close()
