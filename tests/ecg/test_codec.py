"""The codec: every bit comes back, parts are cheap, damage is told."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cardioserver.ecg import codec, segment
from cardioserver.ecg.errors import CodecError
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording
from tests.ecg.signals import EIGHT, Array, recording, resampled, walk, with_limb_leads

GOLDEN = Path(__file__).parent / "golden"

INT16, INT32 = np.iinfo(np.int16), np.iinfo(np.int32)


def assert_round_trip(of: Recording) -> bytes:
    encoded = codec.encode(of)
    decoded = codec.decode(encoded)
    assert decoded.dtype == of.samples.dtype
    assert np.array_equal(decoded, of.samples)
    return encoded


# ---------------------------------------------------------------- any samples at all

shapes = st.one_of(
    st.tuples(st.integers(1, 32), st.integers(1, 40)),
    st.tuples(st.integers(1, 4), st.integers(190, 450)),
    st.just((12, 300)),
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(["<i2", "<i4"]), shapes)
def test_any_samples_come_back(data: Any, kind: str, shape: tuple[int, int]) -> None:
    info = np.iinfo(kind)
    values = data.draw(
        st.sampled_from(
            [
                st.integers(info.min, info.max),
                st.integers(-3, 3),
                st.sampled_from([info.min, info.max]),
                st.integers(-100, 100).map(lambda n: 5 * n),
            ]
        )
    )
    assert_round_trip(recording(data.draw(arrays.arrays(kind, shape, elements=values))))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 1200), st.sampled_from([2, 5, 300]))
def test_interpolated_samples_come_back(seed: int, rows: int, length: int, step: int) -> None:
    shifted = resampled(rows, length + 4, seed=seed, step=step)[:, seed % 5 :]
    assert_round_trip(recording(shifted))


@pytest.mark.parametrize("kind", ["<i2", "<i4"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 3), (12, 1), (12, 17), (2, 201), (1, 140_001), (32, 4001)]
)
def test_pathological_samples_come_back(kind: str, shape: tuple[int, int]) -> None:
    info, random = np.iinfo(kind), np.random.default_rng(5)
    for samples in (
        np.zeros(shape),
        np.full(shape, info.min),
        np.full(shape, info.max),
        random.integers(info.min, info.max, shape, endpoint=True),
        random.choice([info.min, info.max], shape),
        np.where(random.random(shape) > 0.999, info.max, 0),
        np.arange(shape[1])[None] % 2 * info.max + np.zeros(shape),
        random.laplace(0, 300, shape),
        np.tile(random.integers(-9, 9, shape[1]), (shape[0], 1)),
    ):
        assert_round_trip(recording(samples.astype(np.int64).astype(kind)))


def test_noise_of_full_scale_grows_by_little() -> None:
    noise = np.random.default_rng(1).integers(INT16.min, INT16.max, (12, 5000), endpoint=True).astype("<i2")
    encoded = assert_round_trip(recording(noise))
    assert len(encoded) <= noise.nbytes + 200


def test_32_bit_samples_that_fit_16_bits_cost_the_same() -> None:
    narrow = walk(8, 5000)
    wide = recording(narrow.astype("<i4"), EIGHT)
    assert abs(len(assert_round_trip(wide)) - len(assert_round_trip(recording(narrow, EIGHT)))) <= 4


# ---------------------------------------------------------------- what makes it short


@settings(deadline=None)
@given(st.permutations(TWELVE_LEADS), st.integers(2, 12))
def test_leads_may_come_in_any_order(order: list[Lead], count: int) -> None:
    twelve = with_limb_leads(walk(8, 300))
    leads = tuple(order[:count])
    of = recording(twelve[[TWELVE_LEADS.index(lead) for lead in leads]], leads)
    encoded = assert_round_trip(of)
    assert np.array_equal(codec.decode(encoded, 20, 30, [count - 1]), of.samples[count - 1 :, 20:50])


@pytest.mark.parametrize("rounding", [np.floor, np.ceil, np.trunc, np.rint])
def test_leads_that_follow_from_others_cost_next_to_nothing(rounding: Any) -> None:
    eight = walk(8, 5000)
    twelve = with_limb_leads(eight)
    one, two = eight[0].astype(float), eight[1].astype(float)
    twelve[3:6] = rounding([-(one + two) / 2, one - two / 2, two - one / 2])
    alone = len(codec.encode(recording(eight, EIGHT)))
    assert len(assert_round_trip(recording(twelve))) < 1.08 * alone


def test_limb_leads_that_follow_only_nearly_are_still_told_by_their_difference() -> None:
    twelve = with_limb_leads(walk(8, 5000))
    noise = np.random.default_rng(3).integers(-4, 5, (4, 5000)).astype("<i2")
    twelve[2:6] += noise
    alone = len(codec.encode(recording(twelve[[0, 1, *range(6, 12)]], EIGHT)))
    noise_bytes = noise.size * np.log2(9) / 8
    assert len(assert_round_trip(recording(twelve))) < alone + 1.1 * noise_bytes


def test_limb_leads_that_follow_from_nothing_are_told_as_they_are() -> None:
    twelve = walk(12, 5000)
    unnamed = recording(twelve, (Lead.UNSPECIFIED,) * 12)
    assert len(assert_round_trip(recording(twelve))) < 1.03 * len(codec.encode(unnamed))


def test_coarse_steps_cost_as_much_as_fine_ones() -> None:
    fine = walk(8, 5000, stride=3)
    coarse = recording((fine * 5 + np.arange(8, dtype="<i2")[:, None]).astype("<i2"), EIGHT)
    assert len(assert_round_trip(coarse)) < 1.01 * len(codec.encode(recording(fine, EIGHT)))


def test_interpolated_samples_cost_much_less_than_others() -> None:
    samples = resampled(8, 12_000)
    disturbed = samples + (np.arange(12_000) % 977 == 0).astype("<i2")
    told = len(assert_round_trip(recording(samples, EIGHT)))
    assert told < 0.6 * len(codec.encode(recording(disturbed, EIGHT)))


def test_real_ecgs_take_less_than_a_quarter(shared_ecg: Path) -> None:
    raw = np.fromfile(shared_ecg / "ptbxl" / "00001_hr.dat", "<i2").reshape(-1, 12).T
    encoded = assert_round_trip(recording(np.ascontiguousarray(raw)))
    assert len(encoded) < raw.nbytes / 6


# ---------------------------------------------------------------- parts


@pytest.fixture(scope="module")
def long_recording() -> Recording:
    """Eight minutes of twelve leads, more than one segment."""
    return recording(with_limb_leads(walk(8, 120_000)))


@pytest.fixture(scope="module")
def long_encoded(long_recording: Recording) -> bytes:
    return codec.encode(long_recording)


@settings(deadline=None)
@given(st.data())
def test_a_part_is_that_part_of_the_whole(long_recording: Recording, long_encoded: bytes, data: Any) -> None:
    total = long_recording.format.sample_count
    start = data.draw(st.integers(0, total - 1))
    count = data.draw(st.integers(0, min(total - start, 30_000)))
    rows = data.draw(st.lists(st.integers(0, 11), min_size=1, max_size=12))
    stop = start + count if count else total
    part = codec.decode(long_encoded, start, count, rows)
    assert np.array_equal(part, long_recording.samples[rows, start:stop])


@pytest.fixture
def decoded_segments(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each segment that is decoded, in order."""
    seen: list[int] = []
    decode = segment.decode

    def counting(data: bytes, count: int, kinds: Any, dtype: Any) -> Array:
        seen.append(len(kinds))
        return decode(data, count, kinds, dtype)

    monkeypatch.setattr(segment, "decode", counting)
    return seen


def test_a_part_decodes_only_the_segments_that_hold_it(
    long_encoded: bytes, decoded_segments: list[int]
) -> None:
    codec.decode(long_encoded)
    everything = len(decoded_segments)
    assert everything >= 8
    decoded_segments.clear()
    codec.decode(long_encoded, 50_000, 5000, [TWELVE_LEADS.index(Lead.V2)])
    assert decoded_segments == [6]
    decoded_segments.clear()
    codec.decode(long_encoded, 0, 0, [TWELVE_LEADS.index(Lead.aVF)])
    assert len(decoded_segments) == everything // 2


def test_only_the_bytes_of_those_segments_are_read(long_encoded: bytes) -> None:
    read = 0

    def reading(offset: int, length: int) -> bytes:
        nonlocal read
        read += length
        return long_encoded[offset : offset + length]

    codec.Encoded(reading).samples(60_000, 1000, [1])
    assert read < len(long_encoded) / 8


def test_a_resting_ecg_is_one_segment(decoded_segments: list[int]) -> None:
    codec.decode(codec.encode(recording(walk(12, 12_000))), 100, 10, [3])
    assert decoded_segments == [12]


@pytest.mark.parametrize(
    ("start", "count", "rows"),
    [(-1, 1, None), (0, 301, None), (300, 0, None), (299, 2, None), (0, -1, None), (0, 1, [3]), (0, 1, [-1])],
)
def test_parts_outside_the_recording_are_refused(start: int, count: int, rows: list[int] | None) -> None:
    with pytest.raises(CodecError, match="outside"):
        codec.decode(codec.encode(recording(walk(3, 300))), start, count, rows)


# ---------------------------------------------------------------- damage


def samples_of_each_method() -> dict[str, Array]:
    twelve = with_limb_leads(walk(8, 700))
    noisy = twelve.copy()
    noisy[2:6] += np.random.default_rng(3).integers(-4, 5, (4, 700)).astype("<i2")
    return {
        "lifting": walk(3, 700),
        "lifting32": walk(3, 700, kind="<i4", stride=80) * np.int32(70_001),
        "phrases": resampled(6, 700),
        "derived": twelve,
        "derived-noisy": noisy,
        "derived-phrases": with_limb_leads(resampled(8, 700)),
        "coarse": walk(2, 700, stride=2) * np.int16(7),
        "stored": np.random.default_rng(1).integers(INT16.min, INT16.max, (2, 300)).astype("<i2"),
    }


@pytest.mark.parametrize("name", samples_of_each_method())
def test_every_flipped_bit_is_found(name: str) -> None:
    encoded = bytearray(codec.encode(recording(samples_of_each_method()[name])))
    for at in range(len(encoded)):
        encoded[at] ^= 1 << at % 8
        with pytest.raises(CodecError):
            codec.decode(bytes(encoded))
        encoded[at] ^= 1 << at % 8


@pytest.mark.parametrize("name", ["lifting", "phrases"])
def test_every_cut_is_found(name: str) -> None:
    encoded = codec.encode(recording(samples_of_each_method()[name]))
    for length in range(len(encoded)):
        with pytest.raises(CodecError):
            codec.decode(encoded[:length])


def mutations(encoded: bytes, random: np.random.Generator, rounds: int) -> Iterator[bytes]:
    """Segments changed so that their checksum would not tell: by someone who knows the format."""
    for number in range(rounds):
        changed = bytearray(encoded)
        if number % 4 == 0:
            del changed[random.integers(len(changed)) :]
        elif number % 4 == 1:
            for _ in range(random.integers(1, 4)):
                changed[random.integers(min(len(changed), 60))] = random.integers(256)
        elif number % 4 == 2:
            for _ in range(random.integers(1, 6)):
                changed[random.integers(len(changed))] = random.integers(256)
        else:
            _change_a_section(changed, random)
        yield bytes(changed)


def _change_a_section(changed: bytearray, random: np.random.Generator) -> None:
    at = changed.find(b"\x28\xb5\x2f\xfd", random.integers(len(changed)))
    if at < 0:
        return
    size = int.from_bytes(changed[at - 4 : at], "little")
    content = bytearray(zstandard.ZstdDecompressor().decompress(bytes(changed[at : at + size])))
    for _ in range(random.integers(1, 9)):
        content[random.integers(len(content))] = random.choice([0, 15, 255, random.integers(256)])
    frame = zstandard.ZstdCompressor().compress(bytes(content[: random.integers(len(content)) + 1]))
    changed[at - 4 : at + size] = len(frame).to_bytes(4, "little") + frame


@pytest.mark.parametrize("name", samples_of_each_method())
def test_hostile_segments_raise_nothing_but_codec_errors(name: str) -> None:
    samples = samples_of_each_method()[name]
    kinds = [0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0] if len(samples) == 12 else [0] * len(samples)
    encoded = segment.encode(samples, kinds)
    refused = 0
    for changed in mutations(encoded, np.random.default_rng(11), 600):
        try:
            decoded = segment.decode(changed, samples.shape[1], kinds, samples.dtype)
        except CodecError:
            refused += 1
        else:
            assert decoded.shape == samples.shape
            assert decoded.dtype == samples.dtype
    assert refused > 100


def test_an_index_that_claims_too_much_is_refused_at_once() -> None:
    encoded = bytearray(codec.encode(recording(walk(2, 300))))
    for at, value in ((8, 1 << 31), (12, 1 << 62), (6, 0xFFFF)):
        claiming = bytearray(encoded)
        size = 2 if at == 6 else 4 if at == 8 else 8
        claiming[at : at + size] = value.to_bytes(size, "little", signed=False)[:size]
        end = 20 + 1 + 2 * 2 + 8
        claiming[end : end + 4] = zlib.crc32(claiming[:end]).to_bytes(4, "little")
        with pytest.raises(CodecError):
            codec.decode(bytes(claiming))


def test_a_section_that_would_unpack_to_much_is_refused() -> None:
    samples = walk(1, 300)
    encoded = segment.encode(samples, [0])
    at = encoded.index(b"\x28\xb5\x2f\xfd")
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    size = int.from_bytes(encoded[at - 4 : at], "little")
    hostile = encoded[: at - 4] + len(bomb).to_bytes(4, "little") + bomb + encoded[at + size :]
    with pytest.raises(CodecError, match="more bytes"):
        segment.decode(hostile, 300, [0], samples.dtype)


# ---------------------------------------------------------------- the format stays


@pytest.mark.parametrize("name", samples_of_each_method())
def test_the_format_is_still_the_same(name: str) -> None:
    """Files written years ago are read, and today's are the same bytes (with the same libzstd)."""
    golden = (GOLDEN / f"{name}.lft1").read_bytes()
    samples = samples_of_each_method()[name]
    assert np.array_equal(codec.decode(golden), samples)
    assert codec.encode(recording(samples)) == golden
