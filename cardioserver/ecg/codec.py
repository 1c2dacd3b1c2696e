"""Lossless compression of samples."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.recording import Recording, Samples

BLOCK = 6144  # samples of one lead in one stream
_HEAD = struct.Struct("<BBHQ")


def encode(recording: Recording) -> bytes:
    """Compress the samples of *recording*; :func:`decode` gives them back bit for bit.

    The result holds the samples and nothing else of the recording's format.
    """
    samples = recording.samples
    rows, total = samples.shape
    width = samples.itemsize
    unsigned = np.dtype(f"<u{width}")
    streams = []
    for first in range(0, total, BLOCK):
        block = samples[:, first : first + BLOCK]
        steps = block.copy()
        steps[:, 1:] -= block[:, :-1]
        zigzag = ((steps << 1) ^ (steps >> (8 * width - 1))).view(unsigned)
        planes = zigzag.view(np.uint8).reshape(rows, -1, width)
        streams += [_pack(planes[row].T.tobytes()) for row in range(rows)]
    sizes = np.array([len(s) for s in streams], "<u4").tobytes()
    return b"".join((_HEAD.pack(1, width, rows, total), sizes, *streams))


def _pack(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
    return packer.compress(data) + packer.flush()


def decode(data: bytes, start: int = 0, count: int = 0, rows: Sequence[int] | None = None) -> Samples:
    """Samples *start* to ``start + count`` (count 0: to the end) of some rows (``None``: all).

    Only the segments that hold them are decoded. The result has the dtype of the encoded recording and
    shape ``(len(rows), count)``; a row is a lead's place in the recording's ``format.leads``.

    Raises
    ------
    CodecError
        The data are damaged or cut off, or *start*, *count* or *rows* lie outside.
    """
    try:
        _, width, all_rows, total = _HEAD.unpack_from(data)
        blocks = -(-total // BLOCK)
        sizes = np.frombuffer(data, "<u4", blocks * all_rows, _HEAD.size).reshape(blocks, all_rows)
    except (struct.error, ValueError):
        raise CodecError("the samples' head is damaged") from None
    rows = range(all_rows) if rows is None else rows
    stop = start + count if count else total
    if not 0 <= start < stop <= total or any(not 0 <= row < all_rows for row in rows):
        raise CodecError("outside the recording")
    offsets = _HEAD.size + sizes.nbytes + np.concatenate(([0], np.cumsum(sizes.ravel(), dtype=np.int64)))
    signed = np.dtype(f"<i{width}")
    out = np.empty((len(rows), stop - start), signed)
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        first = block * BLOCK
        length = min(BLOCK, total - first)
        low, high = max(start, first), min(stop, first + length)
        for place, row in enumerate(rows):
            at = offsets[block * all_rows + row]
            lead = _unpack(data[at : at + sizes[block, row]], length, width, signed)
            out[place, low - start : high - start] = lead[low - first : high - first]
    return out


def _unpack(stream: bytes, length: int, width: int, signed: np.dtype[np.signedinteger]) -> Samples:
    try:
        raw = zlib.decompress(stream, -15, length * width)
    except zlib.error:
        raise CodecError("a stream of samples is damaged") from None
    if len(raw) != length * width:
        raise CodecError("a stream of samples has the wrong length")
    zigzag = np.frombuffer(raw, np.uint8).reshape(width, length).T.copy().view(f"<u{width}").ravel()
    steps = (zigzag >> 1).view(signed) ^ -(zigzag & 1).view(signed)
    return np.cumsum(steps, dtype=signed)
