"""Lossless compression of samples.

The encoded samples are an index and segments: one segment holds some seconds of a group of leads, so that
parts can be read without decoding the rest. ``docs/cardiobank.md`` is the specification; this module and
:mod:`~cardioserver.ecg.segment` change with it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cardioserver.ecg import segment
from cardioserver.ecg.algebra import DERIVED_LEADS, follows
from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import MAX_LEADS, Recording, Samples

CODEC = "lifting-1"
"""Name of this codec in files."""

_MAGIC = b"LFT1"
_HEAD = struct.Struct(
    "<4sBBHIQ"
)  # magic, bits, rows, groups, samples of a row in a segment, samples of a row
_ROW = struct.Struct("<BB")  # row, how it is told
_ENTRY = struct.Struct("<II")  # bytes of a segment, their CRC-32
_CRC = struct.Struct("<I")

_GROUP_ROWS = 8
_ONE_SEGMENT = 196_608  # samples of a recording that is one segment: decoding it takes a few milliseconds
_SEGMENT_SAMPLES = 131_072  # of all rows of a group that are not derived
MAX_SEGMENT = 131_072  # samples of one row; a file that claims more is damaged

Read = Callable[[int, int], bytes]
"""Reads some bytes: ``read(offset, length)``; gives fewer only at the end of the data."""


def encode(recording: Recording) -> bytes:
    """Compress the samples of *recording*; :func:`decode` gives them back bit for bit.

    The result holds the samples and nothing else of the recording's format.
    """
    samples = recording.samples
    groups = _group(recording)
    length = _segment_length(groups, samples.shape[1])
    parts = []
    for first in range(0, samples.shape[1], length):
        block = samples[:, first : first + length]
        parts += [segment.encode(block[group.rows], group.kinds) for group in groups]
    head = _HEAD.pack(_MAGIC, samples.itemsize * 8, len(samples), len(groups), length, samples.shape[1])
    index = head + _group_table(groups)
    index += b"".join(_ENTRY.pack(len(part), zlib.crc32(part)) for part in parts)
    return b"".join((index, _CRC.pack(zlib.crc32(index)), *parts))


def decode(data: bytes, start: int = 0, count: int = 0, rows: Sequence[int] | None = None) -> Samples:
    """Samples *start* to ``start + count`` (count 0: to the end) of some rows (``None``: all).

    Only the segments that hold them are decoded. The result has the dtype of the encoded recording and
    shape ``(len(rows), count)``; a row is a lead's place in the recording's ``format.leads``.

    Raises
    ------
    CodecError
        The data are damaged or cut off, or *start*, *count* or *rows* lie outside.
    """
    return Encoded(lambda offset, length: data[offset : offset + length]).samples(start, count, rows)


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that are encoded together; ``kinds`` say how each is told, as :mod:`segment` wants them."""

    rows: list[int]
    kinds: list[int]


@dataclass(frozen=True, slots=True)
class _Segment:
    group: _Group
    first: int
    samples: int
    offset: int
    length: int
    crc: int


class Encoded:
    """Encoded samples that are read where they are needed.

    Parameters
    ----------
    read
        Reads parts of the encoded samples.

    Raises
    ------
    CodecError
        The index is damaged.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        head = self._take(0, _HEAD.size)
        magic, bits, rows, groups, length, total = _HEAD.unpack(head)
        if magic != _MAGIC:
            raise CodecError("samples of an unknown codec")
        possible = (
            bits in (16, 32) and 0 < groups <= rows <= MAX_LEADS and 0 < length <= MAX_SEGMENT and total > 0
        )
        if not possible:
            raise CodecError("the index of the samples is damaged")
        self.bits: int = bits
        self.row_count: int = rows
        self.sample_count: int = total
        self._length: int = length
        table = _HEAD.size + groups + self.row_count * _ROW.size
        entries = -(-self.sample_count // self._length) * groups
        self._begin: int = table + entries * _ENTRY.size
        index = self._take(0, self._begin + _CRC.size)
        if _CRC.pack(zlib.crc32(index[: self._begin])) != index[self._begin :]:
            raise CodecError("the index of the samples is damaged")
        self._groups = _parse_group_table(index[_HEAD.size : table], groups)
        self._entries: list[tuple[int, int]] = list(_ENTRY.iter_unpack(index[table : self._begin]))
        self._begin += _CRC.size

    @property
    def size(self) -> int:
        """Bytes of the index and all segments."""
        return self._begin + sum(length for length, _ in self._entries)

    def segments(self, start: int, stop: int, rows: Sequence[int]) -> Iterator[_Segment]:
        """The segments that hold any of samples *start* to *stop* of *rows*."""
        wanted = set(rows)
        offset = self._begin
        for number, (length, crc) in enumerate(self._entries):
            block, place = divmod(number, len(self._groups))
            first, group = block * self._length, self._groups[place]
            samples = min(self._length, self.sample_count - first)
            if first < stop and first + samples > start and not wanted.isdisjoint(group.rows):
                yield _Segment(group, first, samples, offset, length, crc)
            offset += length

    def samples(self, start: int = 0, count: int = 0, rows: Sequence[int] | None = None) -> Samples:
        """As :func:`decode`.

        Raises
        ------
        CodecError
            As :func:`decode`.
        """
        rows = range(self.row_count) if rows is None else rows
        stop = start + count if count else self.sample_count
        if not 0 <= start < stop <= self.sample_count or not all(0 <= r < self.row_count for r in rows):
            raise CodecError("samples outside the recording")
        dtype = np.dtype(f"<i{self.bits // 8}")
        wanted = list(self.segments(start, stop, rows))
        checked = [self._checked(one) for one in wanted]
        result = np.empty((len(rows), stop - start), dtype)
        for one, data in zip(wanted, checked, strict=True):
            values = segment.decode(data, one.samples, one.group.kinds, dtype)
            low, high = max(start, one.first), min(stop, one.first + one.samples)
            for target, row in enumerate(rows):
                if row in one.group.rows:
                    part = values[one.group.rows.index(row), low - one.first : high - one.first]
                    result[target, low - start : high - start] = part
        return result

    def _checked(self, one: _Segment) -> bytes:
        data = self._take(one.offset, one.length)
        if zlib.crc32(data) != one.crc:
            raise CodecError(f"the segment at sample {one.first} is damaged")
        return data

    def _take(self, offset: int, length: int) -> bytes:
        data = self._read(offset, length)
        if len(data) != length:
            raise CodecError("encoded samples are cut off")
        return data


def _group(recording: Recording) -> list[_Group]:
    """I, II and what follows from them together; the other rows in eights."""
    leads, samples = recording.format.leads, recording.samples
    derived = dict.fromkeys(range(len(leads)), 0)
    limb: list[int] = []
    if Lead.I in leads and Lead.II in leads:
        one, two = leads.index(Lead.I), leads.index(Lead.II)
        for code, lead in enumerate(DERIVED_LEADS, start=1):
            if lead in leads and follows(lead, samples[one], samples[two], samples[leads.index(lead)]):
                derived[leads.index(lead)] = code
                limb.append(leads.index(lead))
        limb = [one, two, *limb] if limb else []
    rest = [row for row in derived if row not in limb]
    if samples.size <= _ONE_SEGMENT:
        limb, rest = limb + rest, []
    parts = [rest[i : i + _GROUP_ROWS] for i in range(0, len(rest), _GROUP_ROWS)]
    if limb:
        parts.insert(0, limb)
    return [_Group(rows, [derived[row] for row in rows]) for rows in parts]


def _segment_length(groups: list[_Group], total: int) -> int:
    longest = _SEGMENT_SAMPLES // max(group.kinds.count(0) for group in groups)
    return -(-total // -(-total // longest))


def _group_table(groups: list[_Group]) -> bytes:
    table = bytearray(len(group.rows) for group in groups)
    for group in groups:
        for row, kind in zip(group.rows, group.kinds, strict=True):
            table += _ROW.pack(row, kind)
    return bytes(table)


def _parse_group_table(table: bytes, count: int) -> list[_Group]:
    rows = list(_ROW.iter_unpack(table[count:]))
    groups, first = [], 0
    for size in table[:count]:
        part = rows[first : first + size]
        groups.append(_Group([row for row, _ in part], [kind for _, kind in part]))
        first += size
    told_once = sorted(row for row, _ in rows) == list(range(len(rows))) and first == len(rows)
    if not told_once or any(not _can_be(group.kinds) for group in groups):
        raise CodecError("the index of the samples is damaged")
    return groups


def _can_be(kinds: list[int]) -> bool:
    """Whether I and II come first where anything follows from them."""
    return bool(kinds) and max(kinds) <= len(DERIVED_LEADS) and (not any(kinds) or kinds[:2] == [0, 0])
