"""The file of one exam in the cardiobank: immutable, self-describing, checksummed.

``docs/cardiobank.md`` is the specification; this module and it change together.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import google_crc32c
from pydantic import ConfigDict, TypeAdapter, ValidationError

from cardioserver.archive.errors import DamagedExam
from cardioserver.ecg import codec
from cardioserver.ecg.errors import CodecError, InvalidField
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat

MAGIC = b"CARDIO\x1a\n"
_HEAD = struct.Struct("<8sIQ")  # magic, size of the header, size of the samples
_CRC = struct.Struct("<I")


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

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex")

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
    if recording.format != record.signal:
        raise ValueError("the recording has another format than its record")
    header = _RECORD.dump_json(record)
    samples = codec.encode(recording)
    head = _HEAD.pack(MAGIC, len(header), len(samples)) + header
    return b"".join((head, _crc(head), samples, _crc(samples)))


def read_header(path: Path) -> ExamRecord:
    """Read and verify the header of an exam's file, not its samples.

    Raises
    ------
    DamagedExam
        The file is cut off, altered or no exam file; ``note`` holds the path and what is wrong.
    OSError
        The file cannot be opened or read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(MAGIC):
            raise DamagedExam(f"{path}: not an exam file")
        _, size, _ = _HEAD.unpack(head)
        if size > _MAX_HEADER:
            raise DamagedExam(f"{path}: header too large")
        return _parse(path, head + file.read(size + _CRC.size))


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
    record, data = _read(path)
    signal = record.signal
    stop = start + count if count else signal.sample_count
    if not 0 <= start < stop:
        raise InvalidField("signal.start", start, "a sample inside the recording")
    if stop > signal.sample_count:
        raise InvalidField("signal.count", count, "samples inside the recording")
    chosen = tuple(leads) or signal.leads
    try:
        # Without a choice by place: several leads may be unspecified.
        rows = [signal.leads.index(lead) for lead in leads] or list(range(len(signal.leads)))
    except ValueError:
        raise InvalidField("signal.leads", chosen, "leads of the recording") from None
    try:
        samples = codec.decode(data, start, stop - start, rows)
    except CodecError as error:
        raise DamagedExam(f"{path}: {error}") from None
    return Recording(_part(signal, start, stop, chosen, rows), samples)


def check(path: Path) -> ExamRecord:
    """Verify every byte of an exam's file, decode all samples, and compare them with the digest.

    Raises
    ------
    DamagedExam
        Any bit of the file differs from what was written; ``note`` says where.
    OSError
        The file cannot be opened or read.
    """
    record, data = _read(path)
    try:
        samples = codec.decode(data)
    except CodecError as error:
        raise DamagedExam(f"{path}: {error}") from None
    if sha256(samples.tobytes()).digest() != record.digest:
        raise DamagedExam(f"{path}: the samples differ from their digest")
    return record


_RECORD = TypeAdapter(ExamRecord)
_MAX_HEADER = 16 * 1024 * 1024


def _crc(data: bytes) -> bytes:
    return _CRC.pack(google_crc32c.value(data))


def _parse(path: Path, head: bytes) -> ExamRecord:
    if _crc(head[: -_CRC.size]) != head[-_CRC.size :]:
        raise DamagedExam(f"{path}: the header is damaged")
    try:
        return _RECORD.validate_json(head[_HEAD.size : -_CRC.size])
    except ValidationError:
        raise DamagedExam(f"{path}: the header is not understood") from None


def _read(path: Path) -> tuple[ExamRecord, bytes]:
    whole = path.read_bytes()
    if len(whole) < _HEAD.size or not whole.startswith(MAGIC):
        raise DamagedExam(f"{path}: not an exam file")
    _, size, length = _HEAD.unpack_from(whole)
    body = _HEAD.size + size + _CRC.size
    if len(whole) != body + length + _CRC.size:
        raise DamagedExam(f"{path}: the file is cut off")
    record = _parse(path, whole[:body])
    data = whole[body : -_CRC.size]
    if _crc(data) != whole[-_CRC.size :]:
        raise DamagedExam(f"{path}: the samples are damaged")
    return record, data


def _part(
    signal: SignalFormat, start: int, stop: int, leads: tuple[Lead, ...], rows: list[int]
) -> SignalFormat:
    marks = [
        LeadOff(mark.lead, max(mark.start, start) - start, min(mark.stop, stop) - start)
        for mark in signal.lead_off
        if mark.lead in leads and mark.start < stop and mark.stop > start
    ]
    return replace(
        signal,
        leads=leads,
        resolution=tuple(signal.resolution[row] for row in rows),
        sample_count=stop - start,
        lead_off=tuple(marks),
        pacemaker_spikes=tuple(s - start for s in signal.pacemaker_spikes if start <= s < stop),
    )
