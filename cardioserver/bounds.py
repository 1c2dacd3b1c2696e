"""What one job of a process beside this one may cost; set by that process itself, for each job."""

from __future__ import annotations

import resource
from functools import cache
from pathlib import Path

_SPARE_SECONDS = 5
"""More processor time than time: the clock ends a job, this only one whose parent was killed."""


def limit_job(seconds: float, memory_bytes: int) -> None:
    """Bound the job that begins now. The system ends the process if it computes for too long.

    Parameters
    ----------
    seconds
        Of processor time.
    memory_bytes
        Of data, beyond what the process had at its first job; more is a ``MemoryError``.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would leave an ECG on the disk
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + _SPARE_SECONDS)
    _set_soft(resource.RLIMIT_DATA, _own_bytes() + memory_bytes)


def _set_soft(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


@cache
def _own_bytes() -> int:
    """What RLIMIT_DATA counted of this process at its first job; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmData:")), "VmData: 0 kB")
    return int(line.split()[1]) * 1024
