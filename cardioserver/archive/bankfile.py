"""The file of one exam in the cardiobank: immutable, self-describing, checksummed.

``docs/cardiobank.md`` is the specification; this module and it change together.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from cardioserver.archive import bankheader
from cardioserver.archive.bankheader import ExamRecord
from cardioserver.archive.errors import DamagedExam
from cardioserver.ecg import codec
from cardioserver.ecg.codec import CODEC, Encoded
from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import Recording

__all__ = ["ExamRecord", "check", "encode_exam", "read_header", "read_signal"]

MAGIC = b"CARDIO\x1a\n"  # the control characters end a listing and betray a transfer as text
FORMAT = 1
_HEAD = struct.Struct("<8sIIQ")  # magic, format, bytes of the header, bytes of the encoded samples
_CRC = struct.Struct("<I")
_DIGEST_SIZE = 32
_FIXED = _HEAD.size + 2 * _CRC.size + _DIGEST_SIZE  # bytes of a file besides header and samples
_CHUNK = 1 << 20
_LONGEST_HEADER = 16 << 20  # a day's pacemaker spikes take 2 MiB


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
    header = bankheader.encode(record, CODEC)
    samples = codec.encode(recording)
    head = _HEAD.pack(MAGIC, FORMAT, len(header), len(samples))
    content = b"".join((head, _crc(head), header, _crc(header), samples))
    return content + sha256(content).digest()


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
        return _Open(path, file).record


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
    with path.open("rb") as file:
        exam = _Open(path, file)
        signal = exam.record.signal
        part = signal.part(start, count, leads)
        rows = [signal.leads.index(lead) for lead in leads] or range(len(signal.leads))
        try:
            return Recording(part, exam.encoded().samples(start, part.sample_count, rows))
        except CodecError as error:
            raise exam.damaged(str(error)) from None


def check(path: Path) -> ExamRecord:
    """Verify every byte of an exam's file, decode all samples, and compare them with the digest.

    Raises
    ------
    DamagedExam
        Any bit of the file differs from what was written; ``note`` says where.
    OSError
        The file cannot be opened or read.
    """
    with path.open("rb") as file:
        exam = _Open(path, file)
        if not exam.is_whole():
            raise exam.damaged("its bytes differ from its digest")
        try:
            samples = exam.encoded().samples()
        except CodecError as error:
            raise exam.damaged(str(error)) from None
        if sha256(samples.data).digest() != exam.record.digest:
            raise exam.damaged("the samples differ from their digest")
        return exam.record


def _crc(data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data))


class _Open:
    """An exam's file that is open, and whose header has been verified."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        head = file.read(_HEAD.size + _CRC.size)
        if not head.startswith(MAGIC):
            raise self.damaged("not an exam file")
        if len(head) < _HEAD.size + _CRC.size or _crc(head[: _HEAD.size]) != head[_HEAD.size :]:
            raise self.damaged("its beginning is damaged")
        _, version, header_size, self._samples_size = _HEAD.unpack_from(head)
        if version != FORMAT:
            raise self.damaged(f"written in format {version}, which this version does not read")
        if os.fstat(file.fileno()).st_size != _FIXED + header_size + self._samples_size:
            raise self.damaged("cut off, or longer than it was written")
        if header_size > _LONGEST_HEADER:
            raise self.damaged("its header is too long")
        header = file.read(header_size + _CRC.size)
        if _crc(header[:header_size]) != header[header_size:]:
            raise self.damaged("its header is damaged")
        self._samples_begin = file.tell()
        try:
            self.record, self._codec = bankheader.decode(header[:header_size])
        except ValueError as error:
            raise self.damaged(str(error)) from None

    def damaged(self, what: str) -> DamagedExam:
        """The error that says so."""
        return DamagedExam(f"{self._path}: {what}")

    def encoded(self) -> Encoded:
        """The encoded samples, which fit the header.

        Raises
        ------
        CodecError
            They do not.
        """
        if self._codec != CODEC:
            raise CodecError("the samples are written by an unknown codec")
        encoded = Encoded(self._read_samples)
        signal = self.record.signal
        shape = (encoded.row_count, encoded.sample_count, encoded.bits)
        if shape != (len(signal.leads), signal.sample_count, signal.bits):
            raise CodecError("the samples do not fit the header")
        if encoded.size != self._samples_size:
            raise CodecError("the samples do not fill their place")
        return encoded

    def _read_samples(self, offset: int, length: int) -> bytes:
        if length > self._samples_size - offset:
            return b""
        self._file.seek(self._samples_begin + offset)
        return self._file.read(length)

    def is_whole(self) -> bool:
        """Whether all bytes of the file give the digest at its end."""
        self._file.seek(0)
        digest = sha256()
        rest = self._samples_begin + self._samples_size
        while rest and (chunk := self._file.read(min(rest, _CHUNK))):
            digest.update(chunk)
            rest -= len(chunk)
        return self._file.read(_DIGEST_SIZE) == digest.digest()
