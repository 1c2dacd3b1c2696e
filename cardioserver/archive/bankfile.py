"""The file of one exam in the cardiobank: immutable, self-describing, checksummed.

``docs/cardiobank.md`` is the specification; this module and it change together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording, SignalFormat


@dataclass(frozen=True, slots=True)
class ExamRecord:
    """All that is known of a stored exam but its samples: enough to fill an empty database.

    Attributes
    ----------
    digest
        SHA-256 of the sample bytes as on the wire (``recording.samples.tobytes()``).
    stored_at
        When the server accepted the exam, aware.
    server_id
        The server that accepted it.
    recorder_account_id, recorder_login, recorder_hcf_id, recorder_hcf_name
        The account that uploaded it, and that account's facility.
    archive_id, archive_name, hcf_id, hcf_name, hcf_oktmo
        The archive that holds the exam, and the facility that owns the archive.
    issuer_hcf_id, issuer_hcf_name
        The facility that issued the patient's number.
    """

    exam_id: int
    exam: Exam
    signal: SignalFormat
    digest: bytes
    stored_at: datetime
    server_id: int
    recorder_account_id: int
    recorder_login: str
    recorder_hcf_id: int
    recorder_hcf_name: str
    hcf_id: int
    hcf_name: str
    hcf_oktmo: str
    archive_id: int
    archive_name: str
    issuer_hcf_id: int
    issuer_hcf_name: str


def encode_exam(record: ExamRecord, recording: Recording) -> bytes:
    """The bytes of the exam's file.

    The caller has verified ``record.digest``; it is written, not computed again.

    Raises
    ------
    ValueError
        ``recording.format`` is not ``record.signal``.
    """
    raise NotImplementedError


def read_header(path: Path) -> ExamRecord:
    """Read and verify the header of an exam's file, not its samples.

    Raises
    ------
    DamagedExam
        The file is cut off, altered or no exam file; ``note`` holds the path and what is wrong.
    OSError
        The file cannot be opened or read.
    """
    raise NotImplementedError


def read_signal(path: Path, start: int = 0, count: int = 0, leads: Sequence[Lead] = ()) -> Recording:
    """Samples *start* to ``start + count`` (count 0: to the end) of *leads* (none: all).

    Reads and decodes only the segments that hold them, and verifies those. The marks in the result's
    format are moved to the part's own sample numbers.

    Raises
    ------
    DamagedExam
        As :func:`read_header`, or a segment that was read is damaged.
    InvalidField
        ``signal.start``, ``signal.count`` or ``signal.leads`` lie outside the recording.
    OSError
        The file cannot be opened or read.
    """
    raise NotImplementedError


def check(path: Path) -> ExamRecord:
    """Verify every byte of an exam's file, decode all samples, and compare them with the digest.

    Raises
    ------
    DamagedExam
        Any bit of the file differs from what was written; ``note`` says where.
    OSError
        The file cannot be opened or read.
    """
    raise NotImplementedError
