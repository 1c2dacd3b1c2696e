"""One segment of encoded samples: some seconds of a group of leads."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg import lattice, lifting, phrases
from cardioserver.ecg.algebra import DERIVED_LEADS, derive
from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lattice import Rows
from cardioserver.ecg.recording import Samples
from cardioserver.ecg.residues import Keys, ResidueReader, ResidueWriter, clipped_keys
from cardioserver.ecg.sections import SectionReader, SectionWriter

_HEAD = struct.Struct("<BBI")  # method, bytes of an integer, step
_LIFTING, _PHRASES, _STORED = 0, 1, 2
_REMAINDER = np.dtype("<i4")
_UNPACKED, _PACKED = b"\0", b"\1"
_APART = 255  # a packed difference that says: they are among the residues
_MANY_APART = 8  # with more than one in so many apart, packing does not pay


def encode(samples: Samples, kinds: Sequence[int]) -> bytes:
    """Encode rows of equal length.

    A kind of 0 means "as it is", others are places in :data:`~cardioserver.ecg.algebra.DERIVED_LEADS`
    counted from 1; with any of these the first two rows are I and II.
    """
    rows: Rows = samples
    if samples.itemsize > 2 and np.array_equal(samples, samples.astype(np.int16)):
        rows = samples.astype(np.int16)
    plain = rows[[row for row, kind in enumerate(kinds) if not kind]]
    body, residues = SectionWriter(), ResidueWriter()
    step = lattice.step_of(plain)
    told = plain
    if step > 1:
        told, remainders = lattice.divide(plain, step)
        body.put_plain(remainders.astype(_REMAINDER).tobytes())
    grid = phrases.find(told)
    method = _PHRASES if grid and phrases.write(told, grid, body, residues) else _LIFTING
    if method == _LIFTING:
        lifting.write(told, body, residues)
    if any(kinds):
        differences = [rows[row] - _derive(kind, plain) for row, kind in enumerate(kinds) if kind]
        _write_differences(np.stack(differences), plain, body, residues)
    whole = SectionWriter()
    whole.put_plain(_HEAD.pack(method, rows.itemsize, step))
    residues.finish(whole)
    whole.put_plain(body.bytes())
    encoded = whole.bytes()
    if len(encoded) > _HEAD.size + rows.nbytes:
        return _HEAD.pack(_STORED, rows.itemsize, 1) + rows.tobytes()
    return encoded


def decode(data: bytes, count: int, kinds: Sequence[int], dtype: np.dtype[Any]) -> Rows:
    """Decode *count* samples of each row.

    Raises
    ------
    CodecError
        The data are damaged.
    """
    sections = SectionReader(data)
    method, width, step = _HEAD.unpack(sections.take_plain(_HEAD.size))
    if method not in (_LIFTING, _PHRASES, _STORED) or width not in (2, dtype.itemsize) or step < 1:
        raise CodecError("a segment has an impossible head")
    work = np.dtype(f"<i{width}")
    if step > np.iinfo(work).max:
        raise CodecError("a segment has an impossible head")
    if method == _STORED:
        stored = sections.take_plain(len(kinds) * count * width)
        sections.expect_end()
        return np.frombuffer(stored, work).reshape(len(kinds), count).astype(dtype, copy=False)
    shape = (sum(not kind for kind in kinds), count)
    residues = ResidueReader(sections, work, count * len(kinds))
    remainders = np.frombuffer(sections.take_plain(4 * shape[0] if step > 1 else 0), _REMAINDER)
    read = phrases.read if method == _PHRASES else lifting.read
    plain = read(shape, sections, residues, work)
    if step > 1:
        plain = lattice.multiply(plain, remainders.astype(work), step)
    if not any(kinds):
        sections.expect_end()
        return plain.astype(dtype, copy=False)
    result = np.empty((len(kinds), count), dtype)
    result[[not kind for kind in kinds]] = plain
    differences = _read_differences(sum(map(bool, kinds)), plain, sections, residues)
    derived = [(row, kind) for row, kind in enumerate(kinds) if kind]
    for (row, kind), difference in zip(derived, differences, strict=True):
        result[row] = difference + _derive(kind, plain)
    sections.expect_end()
    return result


def _derive(kind: int, plain: Rows) -> Rows:
    return derive(DERIVED_LEADS[kind - 1], plain[0], plain[1])


def _write_differences(
    differences: Rows, plain: Rows, sections: SectionWriter, residues: ResidueWriter
) -> None:
    digits = differences + differences.dtype.type(1)
    apart = np.logical_or.reduce(digits.view(f"u{digits.itemsize}") > 2)
    if np.count_nonzero(apart) * _MANY_APART > len(apart):
        sections.put_plain(_UNPACKED)
        residues.add(differences.ravel())
        return
    sections.put_plain(_PACKED)
    packed = digits[0].astype(np.uint8)
    for place, digit in enumerate(digits[1:], start=1):
        packed += digit.astype(np.uint8) * np.uint8(3**place)
    packed[apart] = _APART
    cases = _rounding(plain)
    ordered = packed[np.argsort(cases, kind="stable")]
    for part in _by_parity(ordered, cases):
        sections.put(part.tobytes())
    residues.add(differences[:, apart].ravel())


def _read_differences(count: int, plain: Rows, sections: SectionReader, residues: ResidueReader) -> Rows:
    length = plain.shape[1]
    if sections.take_plain(1) == _UNPACKED:
        return np.asarray(residues.take(count * length)).reshape(count, length)
    cases = _rounding(plain)
    ordered = np.frombuffer(b"".join(sections.take(length) for _ in range(4)), np.uint8)
    if len(ordered) != length:
        raise CodecError("packed differences are cut off")
    packed = np.empty_like(ordered)
    packed[np.argsort(cases, kind="stable")] = ordered
    differences = np.empty((count, length), plain.dtype)
    apart = np.flatnonzero(packed == _APART)
    for row in range(count):
        differences[row] = packed % np.uint8(3)
        packed //= np.uint8(3)
    differences -= differences.dtype.type(1)
    differences[:, apart] = residues.take(count * len(apart)).reshape(count, -1)
    return differences


def _by_parity(ordered: npt.NDArray[np.uint8], cases: Keys) -> list[npt.NDArray[np.uint8]]:
    """The parts of *ordered* whose I and II are even or odd alike."""
    return np.split(ordered, np.cumsum(np.bincount(cases >> 3, minlength=4))[:3])


def _rounding(plain: Rows) -> Keys:
    """What decides how a recorder rounds the halves: which of I and II are odd, and the sums' signs."""
    one, two = plain[0], plain[1]
    unit = one.dtype.type(1)
    cases = (one & unit) << unit
    cases |= two & unit
    for total in (one + two, one + one - two, two + two - one):
        cases <<= unit
        cases |= total < 0
    return clipped_keys(cases.astype(np.uint16))
