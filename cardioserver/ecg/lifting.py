"""Reversible prediction of every other sample from its neighbours, level upon level.

A level keeps the samples of even number and replaces those of odd number by their difference from a
prediction out of the even ones (the lifting scheme's predict step, W. Sweldens, 1996, without an update
step). The even samples are the input of the next level. All arithmetic is modulo 2^16 or 2^32 in two's
complement, so that any input comes back bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lattice import Rows
from cardioserver.ecg.residues import Keys, ResidueReader, ResidueWriter, Unsigned, clipped_keys
from cardioserver.ecg.sections import SectionReader, SectionWriter

_FEWEST_LEVELS = 2
_LONGEST_BASE = 4096  # longer rows are halved again; measured, shorter ones gain nothing by it
_SHORTEST = 200  # rows not worth halving
_MOST_LEVELS = 16

FILTERS = ((0, 0), (-4, 0), (-5, 1), (16, 4))
"""Weights, in 1/64, of the near and the far curvature: line, cubic, quintic and a smoothing filter."""

_TRIED_LEVELS = 3  # finest levels whose filter is chosen; the coarser ones hold few samples
_TRIAL = 1024  # samples on which the filters are tried
_WEIGHTS = np.array(FILTERS, np.float32) / 32  # of twice the miss
_LEAST_CAP = (
    16  # twice the residues above a cap count as the cap when filters are compared: QRS must not decide
)


def write(rows: Rows, sections: SectionWriter, residues: ResidueWriter) -> None:
    """Write *rows*; the residues go to *residues*, coarse to fine, the filters to *sections*."""
    levels: list[Rows] = []
    while rows.shape[1] > (_LONGEST_BASE if len(levels) >= _FEWEST_LEVELS else _SHORTEST):
        levels.append(rows)
        rows = np.ascontiguousarray(rows[:, ::2])
    residues.add(np.diff(rows, axis=1, prepend=rows.dtype.type(0)).ravel())
    chosen = bytearray()
    for finer, level in reversed(list(enumerate(levels))):
        odd = level[:, 1::2]
        neighbours = _Neighbours(level[:, ::2], odd.shape[1])
        chosen.append(_choose(neighbours, odd) if finer < _TRIED_LEVELS else 0)
        residue = odd - neighbours.predict(*FILTERS[chosen[-1]])
        residues.add(residue.ravel(), neighbours.keys())
    sections.put_plain(bytes((len(chosen), *chosen)))


def read(shape: tuple[int, int], sections: SectionReader, residues: ResidueReader, dtype: Any) -> Rows:
    """Read rows of *shape* back.

    Raises
    ------
    CodecError
        The data are damaged.
    """
    (levels,) = sections.take_plain(1)
    if levels > _MOST_LEVELS:
        raise CodecError(f"{levels} levels are too many")
    filters = sections.take_plain(levels)
    lengths = [shape[1]]
    for _ in range(levels):
        lengths.append((lengths[-1] + 1) // 2)
    first = residues.take(shape[0] * lengths[-1]).reshape(shape[0], lengths[-1])
    rows: Rows = np.cumsum(first, axis=1, dtype=dtype)
    for length, chosen in zip(lengths[-2::-1], filters, strict=True):
        if chosen >= len(FILTERS):
            raise CodecError(f"unknown filter {chosen}")
        neighbours = _Neighbours(rows, length // 2)
        odd = residues.take(shape[0] * (length // 2), neighbours.keys()).reshape(shape[0], -1)
        odd += neighbours.predict(*FILTERS[chosen])
        finer = np.empty((shape[0], length), dtype)
        finer[:, ::2] = rows
        finer[:, 1::2] = odd
        rows = finer
    return rows


class _Neighbours:
    """The even samples around each odd one; beyond the ends the last even sample goes on."""

    def __init__(self, even: Rows, count: int) -> None:
        height, width = even.shape
        padded = np.empty((height, width + 5), even.dtype)
        padded[:, 2:-3] = even
        padded[:, :2] = even[:, :1]
        padded[:, -3:] = even[:, -1:]
        slopes = padded[:, 1:] - padded[:, :-1]
        self._curves = slopes[:, 1:] - slopes[:, :-1]
        self.count = count
        self.left = padded[:, 2 : 2 + count]
        self.slope = slopes[:, 2 : 2 + count]
        self.near = self._curve(1) + self._curve(2)
        self.far = self._curve(0) + self._curve(3)

    def _curve(self, place: int) -> Rows:
        curve: Rows = self._curves[:, place : place + self.count]
        return curve

    def predict(self, near: int, far: int) -> Rows:
        """``left + slope / 2 + (near * curvature + far * curvature) / 64``, rounded."""
        kind = self.slope.dtype.type
        change: Rows = self.slope & kind(1)
        change <<= kind(5)
        change += kind(32)
        if near:
            change += self.near * kind(near)
        if far:
            change += self.far * kind(far)
        change >>= kind(6)
        change += self.slope >> kind(1)
        change += self.left
        return change

    def keys(self) -> Keys:
        """How large a residue is to be expected: the curvature and slope around it."""
        unsigned = f"u{self.slope.itemsize}"
        bends: Unsigned = np.abs(self._curves).view(unsigned)
        four = [bends[:, place : place + self.count] for place in range(4)]
        keys = four[0] + four[3]
        keys >>= keys.dtype.type(1)
        keys += four[1]
        keys += four[2]
        keys += np.abs(self.slope).view(unsigned)
        return clipped_keys(keys)


def _choose(around: _Neighbours, odd: Rows) -> int:
    """The filter whose residues are smallest on a part of the samples."""
    columns = slice(None, None, max(1, odd.size // _TRIAL))
    twice = odd[:, columns] - around.left[:, columns]
    twice += twice
    twice -= around.slope[:, columns]
    base = twice.ravel().astype(np.float32)
    curves = np.array((around.near[:, columns], around.far[:, columns]), np.float32).reshape(2, -1)
    misses = np.abs(base - _WEIGHTS @ curves)
    cap = max(_LEAST_CAP, float(np.add.reduce(misses[0])) / len(base))
    return int(np.add.reduce(np.minimum(misses, np.float32(cap)), axis=1).argmin())
