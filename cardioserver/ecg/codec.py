"""Lossless compression of samples."""

from __future__ import annotations

from collections.abc import Sequence

from cardioserver.ecg.recording import Recording, Samples


def encode(recording: Recording) -> bytes:
    """Compress the samples of *recording*; :func:`decode` gives them back bit for bit.

    The result holds the samples and nothing else of the recording's format.
    """
    raise NotImplementedError


def decode(data: bytes, start: int = 0, count: int = 0, rows: Sequence[int] | None = None) -> Samples:
    """Samples *start* to ``start + count`` (count 0: to the end) of some rows (``None``: all).

    Only the segments that hold them are decoded. The result has the dtype of the encoded recording and
    shape ``(len(rows), count)``; a row is a lead's place in the recording's ``format.leads``.

    Raises
    ------
    CodecError
        The data are damaged or cut off, or *start*, *count* or *rows* lie outside.
    """
    raise NotImplementedError
