"""Processes beside this one that do one job after another.

Jobs and answers go through a socket; what is large, samples, through memory that both see. What a child does
is the function ``work`` of a module: ``work(job, data)`` returns the answer or raises the failure.
"""

from __future__ import annotations

import gc
import mmap
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any

_START_SECONDS = 120.0
_END_SECONDS = 10.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # numpy's: the children are the threads

Data = bytes | bytearray | memoryview
Work = Callable[[Any, memoryview], Any]


class ChildLost(Exception):
    """A child has ended; what it was asked is not done."""


class ChildLate(ChildLost):
    """A child took too long and was killed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What children do and how.

    Attributes
    ----------
    module
        Where their ``work`` is.
    room
        Bytes of data for which memory is kept at hand; more is made for a job and given back after it.
    keep
        Descriptors that stay open as long as a child lives.
    niceness
        Added to this process's.
    outlives
        Whether a child whose parent was killed finishes its job.
    """

    module: str
    room: int
    keep: tuple[int, ...] = ()
    niceness: int = 0
    outlives: bool = True


class Child:
    """A process that works. One thread at a time may ask it."""

    def __init__(self, kind: Kind) -> None:
        self._room = kind.room
        self._shared = _shared_memory(kind.room)
        self._memory = mmap.mmap(self._shared, kind.room)
        self._connection, theirs = Pipe()
        descriptors = (theirs.fileno(), self._shared)
        serve = f"serve({descriptors}, {kind.room}, work, {kind.niceness}, {kind.outlives})"
        program = f"from {__name__} import serve; from {kind.module} import work; {serve}"
        path = {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(*descriptors, *kind.keep),
                env=os.environ | _ONE_THREAD | path,
            )
        except OSError:
            self._release()
            raise
        finally:
            theirs.close()
        self._has_greeted = False
        self.used_at = time.monotonic()
        self.jobs = 0  # done, well or not

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has started, which takes a moment, or ended, which :meth:`ask` will find."""
        return self._has_greeted or self._connection.poll()

    def ask(self, job: object, data: Data, seconds: float | None = None) -> Any:
        """Have a job done; returns the answer of ``work``, or raises what it raised.

        Parameters
        ----------
        seconds
            After which it is killed; counted from when it has started.

        Raises
        ------
        ChildLost
            It has ended.
        ChildLate
            It was killed: it took too long.
        """
        if not self._has_greeted:
            self._within(_START_SECONDS, self._connection.recv_bytes)
            self._has_greeted = True
        size = len(data)

        def talk() -> bytes:
            self._connection.send_bytes(pickle.dumps((job, size)))
            return self._connection.recv_bytes()

        try:
            self._put(data)
            done, answer = pickle.loads(self._within(seconds, talk))  # noqa: S301  of our own child
        finally:
            if size > self._room:
                os.ftruncate(self._shared, self._room)
        self.used_at = time.monotonic()
        self.jobs += 1
        if not done:
            raise answer
        return answer

    def _put(self, data: Data) -> None:
        size = len(data)
        if size <= self._room:
            self._memory[:size] = data
            return
        os.ftruncate(self._shared, size)
        with mmap.mmap(self._shared, size) as memory:
            memory[:] = data

    def _within(self, seconds: float | None, talk: Callable[[], bytes]) -> bytes:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = None if seconds is None else threading.Timer(seconds, end)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            said = talk()
        except (EOFError, OSError) as error:
            raise (ChildLate if late.is_set() else ChildLost) from error
        finally:
            if timer is not None:
                timer.cancel()
        if late.is_set():  # it answered while it was being killed
            raise ChildLate
        return said

    def kill(self) -> None:
        """End it at once, whatever it is doing; whoever asked is told that it is lost."""
        self._process.kill()

    def close(self) -> None:
        """End it, after what it is doing."""
        self._connection.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._release()

    def _release(self) -> None:
        self._connection.close()
        self._memory.close()
        os.close(self._shared)


def _shared_memory(size: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("cardioserver")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def serve(descriptors: tuple[int, int], room: int, work: Work, niceness: int, outlives: bool) -> None:
    """The program of a child: do what is asked until the parent is gone."""
    connection: Connection = Connection(descriptors[0])
    shared = descriptors[1]
    memory = mmap.mmap(shared, room)
    # Ctrl+C and a service manager's SIGTERM go to all processes of a server; it tells its children itself.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(niceness)
    if not outlives:
        threading.Thread(target=_end_with_parent, args=(descriptors[0],), daemon=True).start()
    gc.freeze()  # what is imported stays: no need to look at it again and again
    with suppress(EOFError, OSError):
        connection.send_bytes(b"")
        while True:
            job, size = pickle.loads(connection.recv_bytes())  # noqa: S301  from the process that started this
            data = memoryview(memory)[:size] if size <= room else memoryview(mmap.mmap(shared, size))
            connection.send_bytes(pickle.dumps(_answer(work, job, data)))
            del data


def _answer(work: Work, job: object, data: memoryview) -> tuple[bool, Any]:
    try:
        return True, work(job, data)
    except Exception as error:  # whatever it is, it is for the one who asked
        return False, error


def _end_with_parent(descriptor: int) -> None:
    hangup = select.poll()
    hangup.register(descriptor, 0)
    hangup.poll()
    os._exit(0)
