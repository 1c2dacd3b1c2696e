"""Staging: from verified samples to a synced file, in this process or in others beside it.

Compressing an exam takes some milliseconds in which the interpreter's lock is held most of the time, so
threads of one process do not share the work. Under load it goes to processes of its own, one for each
processor; they start when uploads queue up and end when they have had nothing to do for a while.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import mmap
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from cardioserver.archive import bankfile, durable
from cardioserver.archive.bankfile import ExamRecord
from cardioserver.archive.errors import DigestMismatch
from cardioserver.ecg.recording import Recording

log = logging.getLogger(__name__)

LARGEST = 8 << 20
"""Bytes of samples that a helper takes; larger exams are rare and are staged in this process."""

IDLE_SECONDS = 30.0
"""A helper that had nothing to do for so long is ended."""

_END_SECONDS = 10.0
_DONE = b""

Data = bytes | bytearray | memoryview


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


class HelperLost(Exception):
    """A helper has ended; what it was asked is not done."""


class Helper:
    """A process that stages.

    Parameters
    ----------
    keep
        A descriptor that stays open as long as the helper lives: the spool's lock, so that nobody takes the
        spool of a killed server for abandoned while its helper still writes there.
    """

    def __init__(self, keep: int) -> None:
        self._samples = _shared_memory()
        self._memory = mmap.mmap(self._samples, LARGEST)
        self._connection, theirs = Pipe()
        descriptors = (theirs.fileno(), self._samples, keep)
        program = f"from {__name__} import main; main({descriptors[0]}, {descriptors[1]})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=descriptors,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        theirs.close()
        self._is_ready = False
        self._has_greeted = False
        self.used_at = time.monotonic()
        self.jobs = 0  # done, well or not

    @property
    def is_ready(self) -> bool:
        """Whether it has started, which takes a moment, or ended, which :meth:`stage` will find."""
        self._is_ready = self._is_ready or self._connection.poll()
        return self._is_ready

    def stage(self, path: Path, record: ExamRecord, data: Data, reserve_bytes: int) -> None:
        """As :func:`stage`.

        Raises
        ------
        HelperLost
            It has ended.
        """
        self._memory[: len(data)] = data
        if not self._has_greeted:
            self._receive()
            self._has_greeted = True
        try:
            self._connection.send_bytes(pickle.dumps((str(path), record, len(data), reserve_bytes)))
        except OSError as error:
            raise HelperLost from error
        failure = self._receive()
        self.used_at = time.monotonic()
        self.jobs += 1
        if failure is not None:
            raise failure

    def _receive(self) -> Exception | None:
        try:
            answer = self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise HelperLost from error
        failure: Exception | None = pickle.loads(answer) if answer else None  # noqa: S301  our own helper's
        return failure

    def close(self) -> None:
        """End it, after what it is doing."""
        self._connection.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._memory.close()
        os.close(self._samples)


def _shared_memory() -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("cardioserver")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, LARGEST)
    return descriptor


def main(connection_number: int, samples_number: int) -> None:
    """The program of a helper: stage what is asked until the server is gone."""
    connection: Connection = Connection(connection_number)
    memory = memoryview(mmap.mmap(samples_number, LARGEST))
    gc.freeze()  # what is imported stays: no need to look at it again and again
    with suppress(EOFError, OSError, KeyboardInterrupt):
        connection.send_bytes(_DONE)
        while True:
            job = pickle.loads(connection.recv_bytes())  # noqa: S301  from the server that started this
            path, record, size, reserve_bytes = job
            try:
                stage(Path(path), record, memory[:size], reserve_bytes)
            except Exception as error:
                connection.send_bytes(pickle.dumps(error))
            else:
                connection.send_bytes(_DONE)


class Helpers:
    """The helpers of one server; thread-safe.

    Parameters
    ----------
    most
        Helpers at once; 0: everything is done in this process.
    keep
        As of :class:`Helper`.
    """

    def __init__(self, most: int, keep: int) -> None:
        self._most = most
        self._keep = keep
        self._free: list[Helper] = []  # the one used last at the end
        self._count = 0  # free or at work
        self._lock = threading.Lock()

    def stage(self, path: Path, record: ExamRecord, data: Data, reserve_bytes: int, *, busy: bool) -> None:
        """As :func:`stage`, by a helper if there is one; if *busy*, one more is started for those to come."""
        helper = self._take() if len(data) <= LARGEST else None
        if helper is not None:
            try:
                helper.stage(path, record, data, reserve_bytes)
            except HelperLost:
                log.warning("a helper has ended by itself")
                self._end(helper)
                helper = None
                path.unlink(missing_ok=True)
            else:
                return
            finally:
                if helper is not None:
                    self._give_back(helper)
        elif busy:
            self._start()
        stage(path, record, data, reserve_bytes)

    def retire(self) -> None:
        """End the helpers that have had nothing to do for a while."""
        oldest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            idle = [helper for helper in self._free if helper.used_at < oldest]
            self._free = [helper for helper in self._free if helper not in idle]
        for helper in idle:
            self._end(helper)

    def close(self) -> None:
        """End all; none may be at work."""
        with self._lock:
            idle, self._free = self._free, []
        for helper in idle:
            self._end(helper)

    def _take(self) -> Helper | None:
        with self._lock:
            for helper in reversed(self._free):
                if helper.is_ready:
                    self._free.remove(helper)
                    return helper
        return None

    def _start(self) -> None:
        with self._lock:
            if self._count >= self._most:
                return
            self._count += 1
        try:
            self._give_back(Helper(self._keep))
        except OSError as error:  # no process to be had: go on without
            log.warning("no helper can be started: %s", error)
            with self._lock:
                self._count -= 1

    def _give_back(self, helper: Helper) -> None:
        with self._lock:
            self._free.append(helper)

    def _end(self, helper: Helper) -> None:
        with self._lock:
            self._count -= 1
        helper.close()
