"""Recurring runs of five samples, told by their place in a book.

A recorder that takes samples at four fifths of the rate it delivers interpolates between them. Then every
fifth sample lies on the coarse steps of its converter, and what stands between two of those recurs: the
same few ways to get from one step to the next. This module writes the samples of that *grid* by
:mod:`~cardioserver.ecg.lifting`, and the four samples between two of them as a rank in a book of the
phrases that occur at least twice in the segment. What is in no book is predicted by cubic interpolation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg import lattice, lifting
from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lattice import Rows
from cardioserver.ecg.residues import Keys, ResidueReader, ResidueWriter, clipped_keys
from cardioserver.ecg.sections import SectionReader, SectionWriter

PERIOD = 5
INNER = PERIOD - 1

INTERPOLATION = (
    (2, (-5, 0, 5, 10), (-16, 172, 114, -14)),
    (4, (0, 2, 5, 10), (-31, 128, 164, -5)),
    (1, (-5, 0, 2, 4), (-2, 115, 164, -21)),
    (3, (1, 2, 4, 5), (-43, 171, 171, -43)),
)
"""Order in which the samples between two of the grid (at 0 and 5) are predicted: place, places of the four
known samples, and their weights in 1/256 (Lagrange's cubic through them, rounded)."""

_HEAD = struct.Struct("<BI")
_ESCAPE = 255  # a rank that says: not in the book
_BIAS = 128
_INDEX_BITS = 20  # of a sort key; the rest are the phrase
_SPELLED_OUT = 1 << 40  # a bit above all phrases
_FEWEST = 256  # phrases below which a book is not worth its space


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the samples of the grid are: the first one's place, and their step in counts."""

    offset: int
    step: int


def find(rows: Rows) -> Grid | None:
    """The grid of *rows*, if every fifth sample is on coarser steps than the others."""
    if rows.size < _FEWEST * PERIOD or rows.shape[1] < 3 * PERIOD:
        return None
    for offset in range(PERIOD):
        step = lattice.step_of(rows[:, offset::PERIOD])
        if step > 1:
            return Grid(offset, step)
    return None


def write(rows: Rows, grid: Grid, sections: SectionWriter, residues: ResidueWriter) -> bool:
    """Write *rows*, or write nothing and return ``False`` if their phrases do not recur."""
    places = _Places(rows.shape, grid.offset)
    anchors = rows[:, places.grid]
    quotients, remainders = lattice.divide(anchors, grid.step)
    rises = quotients[:, 1:] - quotients[:, :-1]
    inner = [rows[:, places.between(i)] for i in range(1, PERIOD)]
    book, ranks = _index(rises, [row - anchors[:, :-1] for row in inner])
    spelled = np.flatnonzero(ranks == _ESCAPE)
    if 2 * len(spelled) > len(ranks):
        return False
    sections.put_plain(_HEAD.pack(grid.offset, grid.step) + remainders.astype("<i4").tobytes())
    lifting.write(quotients, sections, residues)
    sections.put(_spell(book, grid.step))
    sections.put(ranks[np.argsort(_rank_keys(quotients, rises), kind="stable")].tobytes())
    around = _Around(anchors, spelled)
    for place, known, weights in INTERPOLATION:
        prediction, keys = around.predict(known, weights)
        actual = inner[place - 1].ravel()[spelled].astype(np.int64)
        residues.add((actual - prediction).astype(rows.dtype), keys)
        around.at[place] = actual
    residues.add(np.concatenate([part.ravel() for part in places.margins(rows, anchors)]))
    return True


def read(shape: tuple[int, int], sections: SectionReader, residues: ResidueReader, dtype: Any) -> Rows:
    """Read rows of *shape* back.

    Raises
    ------
    CodecError
        The data are damaged.
    """
    height = shape[0]
    offset, step = _HEAD.unpack(sections.take_plain(_HEAD.size))
    if offset >= PERIOD or shape[1] < 3 * PERIOD or not 0 < step <= np.iinfo(dtype).max:
        raise CodecError("a grid lies outside its rows")
    places = _Places(shape, offset)
    remainders = np.frombuffer(sections.take_plain(4 * height), "<i4").astype(dtype)
    quotients = lifting.read((height, places.count), sections, residues, dtype)
    rises = quotients[:, 1:] - quotients[:, :-1]
    book = _unspell(sections.take(rises.size * PERIOD), step)
    ordered = np.frombuffer(sections.take(rises.size), np.uint8)
    if len(ordered) != rises.size:
        raise CodecError("ranks of phrases are missing")
    ranks = np.empty_like(ordered)
    ranks[np.argsort(_rank_keys(quotients, rises), kind="stable")] = ordered
    spelled = np.flatnonzero(ranks == _ESCAPE)

    rows = np.empty(shape, dtype)
    anchors = lattice.multiply(quotients, remainders, step)
    rows[:, places.grid] = anchors
    inner = _look_up(book, rises.ravel(), ranks)
    around = _Around(anchors, spelled)
    for place, known, weights in INTERPOLATION:
        prediction, keys = around.predict(known, weights)
        actual = (residues.take(len(spelled), keys) + prediction).astype(dtype)
        around.at[place] = actual.astype(np.int64)
    for i in range(1, PERIOD):
        values = inner[i - 1].reshape(rises.shape) + anchors[:, :-1]
        values.reshape(-1)[spelled] = around.at[i]
        rows[:, places.between(i)] = values
    after = shape[1] - places.last - 1
    margins = residues.take(height * (offset + after))
    rows[:, :offset] = margins[: height * offset].reshape(height, offset) + anchors[:, :1]
    rows[:, places.last + 1 :] = margins[height * offset :].reshape(height, after) + anchors[:, -1:]
    return rows


class _Places:
    """Where the grid and its surroundings are in rows of a shape."""

    def __init__(self, shape: tuple[int, int], offset: int) -> None:
        self.offset = offset
        self.count = -(-(shape[1] - offset) // PERIOD)
        self.last = offset + (self.count - 1) * PERIOD
        self.grid = slice(offset, None, PERIOD)

    def between(self, place: int) -> slice:
        """The samples at *place* after each sample of the grid but the last."""
        return slice(self.offset + place, self.last, PERIOD)

    def margins(self, rows: Rows, anchors: Rows) -> tuple[Rows, Rows]:
        """Samples before the grid and after it, less the nearest sample of the grid."""
        return rows[:, : self.offset] - anchors[:, :1], rows[:, self.last + 1 :] - anchors[:, -1:]


class _Around:
    """Values known around the spelled-out phrases, by their place."""

    def __init__(self, anchors: Rows, spelled: npt.NDArray[np.intp]) -> None:
        padded = np.pad(anchors, ((0, 0), (1, 1)), mode="edge").astype(np.int64)
        row, column = np.divmod(spelled, anchors.shape[1] - 1)
        self.at = {(i - 1) * PERIOD: padded[row, column + i] for i in range(4)}

    def predict(self, known: tuple[int, ...], weights: tuple[int, ...]) -> tuple[Rows, Keys]:
        """The weighted sum of the values at *known*, and the height of the step in their middle."""
        values = [self.at[place] for place in known]
        total = sum(weight * value for weight, value in zip(weights, values, strict=True))
        return (total + 128) >> 8, clipped_keys(np.abs(values[2] - values[1]))


def _index(rises: Rows, inner: list[Rows]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The book, one phrase a row (biased rise, then biased heights), and each phrase's rank."""
    phrases = np.zeros((rises.size, 8), np.uint8)
    unsigned = f"u{rises.dtype.itemsize}"
    bias = rises.dtype.type(_BIAS)
    widest = np.zeros(rises.shape, unsigned)
    for byte, values in zip((4, 3, 2, 1, 0), (rises, *inner), strict=True):
        biased = (values + bias).view(unsigned)
        np.maximum(widest, biased, out=widest)
        phrases[:, byte] = biased.ravel()
    keys = phrases.view("<u8").ravel()
    keys[(widest > 0xFF).ravel()] = _SPELLED_OUT
    keys <<= np.uint64(_INDEX_BITS)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64((1 << _INDEX_BITS) - 1)).astype(np.int64)
    keys >>= np.uint64(_INDEX_BITS)
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(first, append=len(keys))
    distinct = keys[first].astype(np.int64)
    recurring = np.flatnonzero((counts > 1) & (distinct < _SPELLED_OUT))
    by_use = _by_rise_and_use(distinct, counts, recurring)
    within = _place_in_group(distinct[by_use] >> 32)
    by_use, within = by_use[within < _ESCAPE], within[within < _ESCAPE]
    rank_of = np.full(len(distinct), _ESCAPE, np.uint8)
    rank_of[by_use] = within
    ranks = np.empty(len(keys), np.uint8)
    ranks[order] = np.repeat(rank_of, counts)
    book = distinct[by_use].astype("<u8").view(np.uint8).reshape(-1, 8)[:, 4::-1]
    return book, ranks


def _by_rise_and_use(distinct: Any, counts: Any, chosen: Any) -> Any:
    """*chosen* in the order of their rise, the most used first."""
    top = (1 << _INDEX_BITS) - 1
    keys = (distinct[chosen] >> 32 << 2 * _INDEX_BITS) | (top - counts[chosen] << _INDEX_BITS) | chosen
    keys.sort()
    return keys & top


def _place_in_group(groups: Any) -> Any:
    places = np.arange(len(groups))
    starts = np.concatenate(([True], groups[1:] != groups[:-1]))[: len(groups)]
    return places - np.maximum.accumulate(np.where(starts, places, 0))


def _spell(book: npt.NDArray[np.uint8], step: int) -> bytes:
    rise = book[:, 0].astype(np.int64) - _BIAS
    heights = (book[:, 1:].astype(np.int64) - _BIAS).T - _ramp(rise, step)
    planes = np.concatenate((np.diff(rise, prepend=-_BIAS)[None], np.diff(heights, axis=0, prepend=0)))
    planes = planes.astype(np.int8)
    return ((planes << 1) ^ (planes >> 7)).tobytes()


def _unspell(data: bytes, step: int) -> tuple[Any, Any]:
    """The rises of the book's phrases, ascending, and their heights (one row for each place)."""
    if len(data) % PERIOD:
        raise CodecError("the book of phrases is cut off")
    planes = np.frombuffer(data, np.uint8).reshape(PERIOD, -1)
    steps = ((planes >> 1) ^ -(planes & 1)).view(np.int8)
    rise = np.cumsum(steps[0].view(np.uint8), dtype=np.int64) - _BIAS
    heights = np.cumsum(steps[1:], axis=0, dtype=np.int64) + _ramp(rise, step)
    return rise, heights.astype(np.int8)


def _ramp(rise: Any, step: int) -> Any:
    return rise * step * np.arange(1, PERIOD)[:, None] // PERIOD


def _look_up(book: tuple[Any, Any], rises: Rows, ranks: npt.NDArray[np.uint8]) -> Any:
    """Heights of all phrases, one row for each place; those spelled out are any number."""
    rise, heights = book
    told = ranks != _ESCAPE
    if ((rises[told] < -_BIAS) | (rises[told] >= _BIAS)).any():
        raise CodecError("a phrase is in no book")
    starts = np.searchsorted(rise, np.arange(-_BIAS, _BIAS + 2))
    groups = np.where(told, rises, 0).astype(np.int64) + _BIAS
    entries = starts[groups] + ranks
    if (entries[told] >= starts[groups[told] + 1]).any():
        raise CodecError("a phrase is in no book")
    entries[~told] = 0
    if not len(rise):
        return np.zeros((INNER, len(rises)), rises.dtype)
    return heights[:, entries].astype(rises.dtype)


def _rank_keys(quotients: Rows, rises: Rows) -> Keys:
    """Steep phrases last; among equally steep ones, those at a bend last."""
    kind = f"u{quotients.dtype.itemsize}"
    bends = np.zeros(quotients.shape, kind)
    bends[:, 1:-1] = np.abs(rises[:, 1:] - rises[:, :-1]).view(kind)
    steep = np.abs(rises).view(kind)
    bend = bends[:, :-1] + bends[:, 1:] + steep
    keys = np.minimum(steep, 0xFF).astype(np.uint16)
    keys <<= np.uint16(8)
    keys |= np.minimum(bend, 0xFF).astype(np.uint16)
    return clipped_keys(keys)
