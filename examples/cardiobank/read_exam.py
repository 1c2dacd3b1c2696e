"""Read an exam's file of the cardiobank with nothing of Cardioserver: written from docs/cardiobank.md.

    python read_exam.py EXAM.ecg            the header
    python read_exam.py EXAM.ecg --samples  and the samples, one line a sample, one column a lead

It is slow and simple on purpose: plain integers and loops, one function for each section of the document.
The only thing it needs beside Python is a Zstandard decoder.
"""

import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path

import zstandard

FILTERS = ((0, 0), (-4, 0), (-5, 1), (16, 4))
INTERPOLATION = (
    (2, (-5, 0, 5, 10), (-16, 172, 114, -14)),
    (4, (0, 2, 5, 10), (-31, 128, 164, -5)),
    (1, (-5, 0, 2, 4), (-2, 115, 164, -21)),
    (3, (1, 2, 4, 5), (-43, 171, 171, -43)),
)


def require(condition: bool, otherwise: str) -> None:
    """Give up if something is not so."""
    if not condition:
        raise SystemExit(otherwise)


def u32(data: bytes, at: int) -> int:
    """The u32 at a place."""
    return int.from_bytes(data[at : at + 4], "little")


def read_file(content: bytes) -> tuple[dict, list[list[int]]]:
    """Section "The file of an exam": the header and the samples of each lead."""
    magic, version, header_size, samples_size = struct.unpack_from("<8sIIQ", content)
    require((magic, version) == (b"CARDIO\x1a\n", 1), "not an exam of format 1")
    require(len(content) == 64 + header_size + samples_size, "cut off, or too long")
    require(hashlib.sha256(content[:-32]).digest() == content[-32:], "damaged")
    require(zlib.crc32(content[:24]) == u32(content, 24), "the beginning is damaged")
    header = content[28 : 28 + header_size]
    require(zlib.crc32(header) == u32(content, 28 + header_size), "the header is damaged")
    record = json.loads(header)
    require(record["codec"] == "lifting-1", "another codec")
    rows = read_samples(content[32 + header_size : -32])
    kind = "h" if record["signal"]["bits"] == 16 else "i"
    raw = b"".join(struct.pack(f"<{len(row)}{kind}", *row) for row in rows)
    require(hashlib.sha256(raw).hexdigest() == record["sha256"], "other samples")
    return record, rows


def read_samples(data: bytes) -> list[list[int]]:
    """Section "Encoded samples": the index, then all segments."""
    magic, _, row_count, group_count, length, total = struct.unpack_from("<4sBBHIQ", data)
    require(magic == b"LFT1", "another codec")
    at = 20
    sizes = data[at : at + group_count]
    at += group_count
    groups = []
    for size in sizes:
        groups.append([(data[at + 2 * i], data[at + 2 * i + 1]) for i in range(size)])
        at += 2 * size
    blocks = -(-total // length)
    entries = [struct.unpack_from("<II", data, at + 8 * i) for i in range(blocks * group_count)]
    at += 8 * len(entries)
    require(zlib.crc32(data[:at]) == u32(data, at), "the index is damaged")
    at += 4
    rows: list[list[int]] = [[] for _ in range(row_count)]
    for number, (size, crc) in enumerate(entries):
        block, group = number // group_count, groups[number % group_count]
        part = data[at : at + size]
        require(zlib.crc32(part) == crc, "a segment is damaged")
        count = min(length, total - block * length)
        for (row, _), values in zip(group, read_segment(part, count, [k for _, k in group]), strict=True):
            rows[row] += values
        at += size
    require(at == len(data), "bytes are left")
    return rows


class Stream:
    """Bytes taken one after another."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def plain(self, count: int) -> bytes:
        self.at += count
        require(self.at <= len(self.data), "cut off")
        return self.data[self.at - count : self.at]

    def section(self) -> bytes:
        (size,) = struct.unpack("<I", self.plain(4))
        return zstandard.ZstdDecompressor().decompress(self.plain(size)) if size else b""


class Residues:
    """Section "Residues"."""

    def __init__(self, stream: Stream, width: int) -> None:
        self.width = width
        (count,) = struct.unpack("<H", stream.plain(2))
        self.heads = [struct.unpack("<BI", stream.plain(5)) for _ in range(count)]
        self.batch = 0
        small = [half for byte in stream.section() for half in (byte & 15, byte >> 4)]
        large = list(stream.section())
        self.low = Stream(stream.section())
        planes = stream.section()
        count = len(planes) // width
        overflow = iter(sum(planes[i + count * b] << 8 * b for b in range(width)) for i in range(count))
        self.small = iter([v + next(overflow) if v == 15 else v for v in small])
        self.large = iter([v + next(overflow) if v == 255 else v for v in large])

    def take(self, count: int, keys: list[int] | None = None) -> list[int]:
        shift, paired = self.heads[self.batch]
        order = -1 if self.batch % 2 else 1
        self.batch += 1
        values = [next(self.small) for _ in range(paired)][::order]
        values += [next(self.large) for _ in range(count - paired)][::order]
        if shift:
            values = [value << shift for value in values]
            for done in range(0, shift, 8):
                plane = self.low.plain(count)
                values = [value | byte << done for value, byte in zip(values, plane, strict=True)]
        values = [(z >> 1) ^ -(z & 1) for z in values]
        return values if keys is None else back_in_place(values, keys)


def back_in_place(values: list[int], keys: list[int]) -> list[int]:
    """Undo a stable sort by *keys*."""
    result = [0] * len(values)
    for value, place in zip(values, sorted(range(len(keys)), key=keys.__getitem__), strict=True):
        result[place] = value
    return result


def wrap(value: int, width: int) -> int:
    """The value modulo 2^(8 width), in two's complement."""
    half = 1 << 8 * width - 1
    return (value + half) % (2 * half) - half


def expectation(value: int, width: int) -> int:
    """An unsigned sum as a key: modulo 2^(8 width), at most 65535."""
    return min(value % (1 << 8 * width), 65535)


def read_segment(data: bytes, count: int, kinds: list[int]) -> list[list[int]]:
    """Section "A segment"."""
    stream = Stream(data)
    method, width, step = struct.unpack("<BBI", stream.plain(6))
    if method == 2:
        kind = "h" if width == 2 else "i"
        return [list(struct.unpack(f"<{count}{kind}", stream.plain(count * width))) for _ in kinds]
    residues = Residues(stream, width)
    height = kinds.count(0)
    remainders = struct.unpack(f"<{height}i", stream.plain(4 * height)) if step > 1 else [0] * height
    read = read_phrases if method == 1 else read_lifting
    rows = read(height, count, stream, residues, width)
    rows = [[wrap(v * step + r, width) for v in row] for row, r in zip(rows, remainders, strict=True)]
    if any(kinds):
        rows = with_derived(rows, kinds, stream, residues, width)
    require(stream.at == len(data), "bytes are left")
    return rows


def read_lifting(height: int, count: int, stream: Stream, residues: Residues, width: int) -> list[list[int]]:
    """Section "Lifting"."""
    filters = stream.plain(stream.plain(1)[0])
    lengths = [count]
    for _ in filters:
        lengths.append((lengths[-1] + 1) // 2)
    changes = residues.take(height * lengths[-1])
    rows = []
    for row in range(height):
        value, values = 0, []
        for change in changes[row * lengths[-1] : (row + 1) * lengths[-1]]:
            value = wrap(value + change, width)
            values.append(value)
        rows.append(values)
    for length, number in zip(lengths[-2::-1], filters, strict=True):
        near_weight, far_weight = FILTERS[number]
        predictions, keys = [], []
        for row in rows:
            even = [row[0], row[0], *row, row[-1], row[-1], row[-1]]  # row[j] is even[j + 2]
            for j in range(length // 2):
                slope = wrap(even[j + 3] - even[j + 2], width)
                c = [wrap(even[j + i] - 2 * even[j + i + 1] + even[j + i + 2], width) for i in range(4)]
                near, far = wrap(c[1] + c[2], width), wrap(c[0] + c[3], width)
                bend = wrap(32 * (slope & 1) + 32 + near_weight * near + far_weight * far, width)
                predictions.append(even[j + 2] + (slope >> 1) + (bend >> 6))
                size = [abs(v) for v in c]
                outer = (size[0] + size[3]) % (1 << 8 * width) >> 1
                keys.append(expectation(outer + size[1] + size[2] + abs(slope), width))
        odd = residues.take(len(keys), keys)
        finer = []
        for number_of_row, row in enumerate(rows):
            values = [0] * length
            values[::2] = row
            at = number_of_row * (length // 2)
            for j in range(length // 2):
                values[2 * j + 1] = wrap(odd[at + j] + predictions[at + j], width)
            finer.append(values)
        rows = finer
    return rows


def read_phrases(height: int, count: int, stream: Stream, residues: Residues, width: int) -> list[list[int]]:
    """Section "Phrases"."""
    offset, step = struct.unpack("<BI", stream.plain(5))
    remainders = struct.unpack(f"<{height}i", stream.plain(4 * height))
    points = -(-(count - offset) // 5)
    quotients = read_lifting(height, points, stream, residues, width)
    grid = [[wrap(q * step + r, width) for q in row] for row, r in zip(quotients, remainders, strict=True)]
    book = read_book(stream.section(), step)
    keys, rises = [], []
    for row in quotients:
        rise = [wrap(b - a, width) for a, b in zip(row, row[1:])]  # noqa: B905, RUF007
        bend = [0, *(abs(wrap(b - a, width)) for a, b in zip(rise, rise[1:])), 0]  # noqa: B905, RUF007
        for place, up in enumerate(rise):
            around = (bend[place] + bend[place + 1] + abs(up)) % (1 << 8 * width)
            keys.append(min(abs(up), 255) << 8 | min(around, 255))
        rises += rise
    ranks = back_in_place(list(stream.section()), keys)
    rows = [[0] * count for _ in range(height)]
    spelled = []
    for number, (rise, rank) in enumerate(zip(rises, ranks, strict=True)):
        row, place = divmod(number, points - 1)
        if rank == 255:
            spelled.append((row, place))
            continue
        for i, rise_above in enumerate(book[rise][rank], start=1):
            rows[row][offset + 5 * place + i] = wrap(grid[row][place] + rise_above, width)
    for (row, place), at in zip(spelled, spell_out(grid, spelled, residues, width), strict=True):
        for i in range(1, 5):
            rows[row][offset + 5 * place + i] = at[i]
    last = offset + 5 * (points - 1)
    after = count - last - 1
    margins = residues.take(height * (offset + after))
    for row in range(height):
        rows[row][offset::5] = grid[row]
        for i in range(offset):
            rows[row][i] = wrap(grid[row][0] + margins[row * offset + i], width)
        for i in range(after):
            rows[row][last + 1 + i] = wrap(grid[row][-1] + margins[height * offset + row * after + i], width)
    return rows


def spell_out(
    grid: list[list[int]], spelled: list[tuple[int, int]], residues: Residues, width: int
) -> list[dict[int, int]]:
    """The phrases that are in no book: values by their place after the grid."""
    known = []
    for row, place in spelled:
        last = len(grid[row]) - 1
        places = (max(place - 1, 0), place, place + 1, min(place + 2, last))
        known.append(dict(zip((-5, 0, 5, 10), (grid[row][p] for p in places), strict=True)))
    for target, near, weights in INTERPOLATION:
        predictions = [sum(w * at[p] for w, p in zip(weights, near, strict=True)) + 128 >> 8 for at in known]
        keys = [min(abs(at[near[2]] - at[near[1]]), 65535) for at in known]
        found = residues.take(len(known), keys)
        for at, residue, prediction in zip(known, found, predictions, strict=True):
            at[target] = wrap(residue + prediction, width)
    return known


def read_book(data: bytes, step: int) -> dict[int, list[list[int]]]:
    """The phrases of each rise, by their rank."""
    count = len(data) // 5
    book: dict[int, list[list[int]]] = {}
    rise = -128
    for number in range(count):
        change, *bends = ((b >> 1) ^ -(b & 1) for b in data[number::count])
        rise += change % 256
        heights, sum_of_bends = [], 0
        for i, bend in enumerate(bends, start=1):
            sum_of_bends += bend
            heights.append(wrap(sum_of_bends + rise * step * i // 5, 1))
        book.setdefault(rise, []).append(heights)
    return book


def with_derived(
    plain: list[list[int]], kinds: list[int], stream: Stream, residues: Residues, width: int
) -> list[list[int]]:
    """Section "Leads that follow from I and II"."""
    one, two = plain[0], plain[1]
    pairs = list(zip(one, two, strict=True))
    derived = [kind for kind in kinds if kind]
    if stream.plain(1) == b"\0":
        values = residues.take(len(derived) * len(one))
        differences = [values[i * len(one) : (i + 1) * len(one)] for i in range(len(derived))]
    else:
        keys = []
        for a, b in pairs:
            sums = (a + b, 2 * a - b, 2 * b - a)
            signs = [int(wrap(total, width) < 0) for total in sums]
            keys.append((a & 1) << 4 | (b & 1) << 3 | signs[0] << 2 | signs[1] << 1 | signs[2])
        packed = back_in_place(list(b"".join(stream.section() for _ in range(4))), keys)
        differences = [[p // 3**i % 3 - 1 for p in packed] for i in range(len(derived))]
        apart = [place for place, p in enumerate(packed) if p == 255]
        values = residues.take(len(derived) * len(apart))
        for i in range(len(derived)):
            for j, place in enumerate(apart):
                differences[i][place] = values[i * len(apart) + j]
    rows, told, left = [], iter(plain), iter(differences)
    for kind in kinds:
        if not kind:
            rows.append(next(told))
            continue
        values = []
        for (a, b), difference in zip(pairs, next(left), strict=True):
            half = wrap(a + b, width) >> 1
            expected = {
                1: b - a,
                2: -half,
                3: a - (wrap(b + 1, width) >> 1),
                4: b - (wrap(a + 1, width) >> 1),
                5: half,
            }[kind]
            values.append(wrap(expected + difference, width))
        rows.append(values)
    return rows


def main() -> None:
    record, rows = read_file(Path(sys.argv[1]).read_bytes())
    json.dump(record, sys.stdout, ensure_ascii=False, indent=1)
    print()
    if "--samples" in sys.argv:
        print(*record["signal"]["leads"], sep="\t")
        for values in zip(*rows, strict=True):
            print(*values, sep="\t")


if __name__ == "__main__":
    main()
