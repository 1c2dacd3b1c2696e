"""Integers near zero, written in the order of how near they are expected to be."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.sections import SectionReader, SectionWriter

Unsigned = npt.NDArray[np.unsignedinteger[Any]]
Integers = npt.NDArray[np.signedinteger[Any]]
Keys = npt.NDArray[np.uint16]

_HEAD = struct.Struct("<BI")
_COUNT = struct.Struct("<H")

_CHUNK = 512  # values whose mean decides whether they are written as nibbles
_PAIRED_MEAN = 4  # below this mean, two values share a byte
_NIBBLE_ESCAPE = 15
_BYTE_ESCAPE = 255
_KEPT_BITS = 7  # bits of the mean that stay in the byte; lower ones go to planes of their own


def clipped_keys(expected: Any) -> Keys:
    """Keys from how large residues are expected to be."""
    if expected.itemsize > np.dtype(np.uint16).itemsize:
        expected = np.minimum(expected, 0xFFFF).astype(np.uint16)
    keys: Keys = expected.ravel()
    return keys


class ResidueWriter:
    """Collects batches of residues and writes them as four sections."""

    def __init__(self) -> None:
        self._heads: list[bytes] = []
        self._small: list[Unsigned] = []
        self._large: list[Unsigned] = []
        self._low: list[bytes] = []

    def add(self, values: Integers, keys: Keys | None = None) -> None:
        """Add a batch; ascending *keys* say where larger values are to be expected."""
        sign = values >> values.dtype.type(values.itemsize * 8 - 1)
        zigzag = values << values.dtype.type(1)
        zigzag ^= sign
        if keys is not None:
            zigzag = zigzag[np.argsort(keys, kind="stable")]
        z: Any = zigzag.view(f"<u{zigzag.itemsize}")
        chunk = min(_CHUNK, len(z)) or 1
        sums = np.add.reduce(z[: len(z) // chunk * chunk].reshape(-1, chunk), axis=1, dtype=np.uint64)
        mean = int(np.add.reduce(sums)) // (chunk * len(sums) or 1)
        shift = max(0, (mean + 1).bit_length() - _KEPT_BITS)
        large = (sums >= _PAIRED_MEAN * chunk << shift).nonzero()[0]
        paired = (int(large[0]) if len(large) else len(sums)) * chunk & ~1
        if shift:
            z = self._put_low_bits(z, shift)
        backwards = len(self._heads) % 2  # so that large values of one batch meet those of the next
        self._heads.append(_HEAD.pack(shift, paired))
        self._small.append(z[:paired][::-1] if backwards else z[:paired])
        self._large.append(z[paired:][::-1] if backwards else z[paired:])

    def _put_low_bits(self, z: Any, shift: int) -> Any:
        while shift:
            bits = min(shift, 8)
            self._low.append((z & ((1 << bits) - 1)).astype(np.uint8).tobytes())
            z = z >> bits
            shift -= bits
        return z

    def finish(self, sections: SectionWriter) -> None:
        """Write all batches."""
        sections.put_plain(_COUNT.pack(len(self._heads)) + b"".join(self._heads))
        small, small_overflow = _clip(np.concatenate(self._small), _NIBBLE_ESCAPE)
        large, large_overflow = _clip(np.concatenate(self._large), _BYTE_ESCAPE)
        sections.put((small[0::2] | small[1::2] << 4).tobytes())
        sections.put(large.tobytes())
        sections.put(b"".join(self._low))
        overflow = np.concatenate((small_overflow, large_overflow))
        sections.put(overflow.view(np.uint8).reshape(-1, overflow.itemsize).T.tobytes())


def _clip(z: Unsigned, escape: int) -> tuple[npt.NDArray[np.uint8], Unsigned]:
    """The values, with those too large replaced by *escape*, and what these are above it."""
    clipped = np.minimum(z, escape).astype(np.uint8)
    return clipped, z[clipped == escape] - z.dtype.type(escape)


class ResidueReader:
    """Gives back the batches of a :class:`ResidueWriter`, in the order they were added."""

    def __init__(self, sections: SectionReader, dtype: np.dtype[Any], limit: int) -> None:
        """Read the four sections; no batch can hold more than *limit* values in all."""
        (count,) = _COUNT.unpack(sections.take_plain(_COUNT.size))
        heads = sections.take_plain(count * _HEAD.size)
        self._heads = [_HEAD.unpack_from(heads, i * _HEAD.size) for i in range(count)]
        self._batch = 0
        self._signed = dtype
        unsigned = np.dtype(f"<u{dtype.itemsize}")
        packed = np.frombuffer(sections.take(limit), np.uint8)
        small = np.empty(2 * len(packed), unsigned)
        small[0::2] = packed & 0xF
        small[1::2] = packed >> 4
        large = np.frombuffer(sections.take(limit), np.uint8).astype(unsigned)
        self._low = _Cursor(np.frombuffer(sections.take(limit * dtype.itemsize), np.uint8))
        planes = np.frombuffer(sections.take(limit * dtype.itemsize), np.uint8)
        if len(planes) % dtype.itemsize:
            raise CodecError("overflow planes differ in length")
        overflow = np.ascontiguousarray(planes.reshape(dtype.itemsize, -1).T).view(unsigned).ravel()
        over = small == _NIBBLE_ESCAPE, large == _BYTE_ESCAPE
        counts = [int(np.count_nonzero(places)) for places in over]
        if sum(counts) != len(overflow):
            raise CodecError("overflow planes do not match the residues")
        small[over[0]] += overflow[: counts[0]]
        large[over[1]] += overflow[counts[0] :]
        self._small, self._large = _Cursor(small), _Cursor(large)

    def take(self, count: int, keys: Keys | None = None) -> Any:
        """The next batch, of *count* values, put back into the order of *keys*.

        Raises
        ------
        CodecError
            The sections do not hold such a batch.
        """
        if self._batch == len(self._heads):
            raise CodecError("a batch of residues is missing")
        shift, paired = self._heads[self._batch]
        order = -1 if self._batch % 2 else 1
        self._batch += 1
        if paired > count or shift >= self._signed.itemsize * 8:
            raise CodecError("a batch of residues has an impossible head")
        small, large = self._small.take(paired), self._large.take(count - paired)
        z = np.concatenate((small[::order], large[::order]))
        if shift:
            z = self._with_low_bits(z, shift)
        if keys is not None:
            ordered = z
            z = np.empty_like(ordered)
            z[np.argsort(keys, kind="stable")] = ordered
        unit = z.dtype.type(1)
        return (z >> unit ^ -(z & unit)).view(self._signed)

    def _with_low_bits(self, z: Unsigned, shift: int) -> Unsigned:
        z = z << z.dtype.type(shift)
        for done in range(0, shift, 8):
            z |= self._low.take(len(z)).astype(z.dtype) << z.dtype.type(done)
        return z


class _Cursor:
    def __init__(self, data: Any) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> Any:
        if count > len(self._data) - self._at:
            raise CodecError("a section of residues is cut off")
        self._at += count
        return self._data[self._at - count : self._at]
