"""docs/cardiobank.md and the reader written from it agree with the codec."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardioserver.ecg import codec, segment
from tests.ecg.signals import recording, resampled, walk, with_limb_leads
from tests.ecg.test_codec import GOLDEN, samples_of_each_method

ROOT = Path(__file__).parents[2]
READER = ROOT / "examples" / "cardiobank" / "read_exam.py"
DOCUMENT = (ROOT / "docs" / "cardiobank.md").read_text("utf-8")


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    """The plain reader, which shares no code with this program."""
    spec = importlib.util.spec_from_file_location("read_exam", READER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(kind: str) -> bytes:
    """The bytes that the document shows in a block of that kind."""
    block = re.search(rf"```{kind}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert block
    return bytes.fromhex("".join(re.findall(r"^[0-9a-f]{4}: ((?:[0-9a-f]{2} ?)+)", block[1], re.MULTILINE)))


def test_the_segment_in_the_document_is_what_it_says(reader: ModuleType) -> None:
    told = [0, 1, 4, 9, 12, 11, 6, 2, 0, 0, 1, 1]
    assert segment.decode(shown("segment"), 12, [0], np.dtype("<i2")).tolist() == [told]
    assert reader.read_segment(shown("segment"), 12, [0]) == [told]


def test_the_plain_reader_reads_the_file_in_the_document(tmp_path: Path) -> None:
    path = tmp_path / "example.ecg"
    path.write_bytes(shown("hex"))
    printed = subprocess.run(
        [sys.executable, READER, path, "--samples"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert printed.endswith("I\tV2\n0\t3\n1\t3\n4\t5\n9\t8\n12\t9\n11\t7\n6\t4\n2\t3\n0\t3\n0\t3\n")


@pytest.mark.parametrize("name", samples_of_each_method())
def test_the_plain_reader_reads_every_method(reader: ModuleType, name: str) -> None:
    rows = reader.read_samples((GOLDEN / f"{name}.lft1").read_bytes())
    assert rows == samples_of_each_method()[name].tolist()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 999),
    st.integers(1, 700),
    st.sampled_from(["<i2", "<i4"]),
    st.sampled_from([1, 7, 700, 20_000]),
)
def test_the_plain_reader_reads_what_the_codec_writes(
    reader: ModuleType, seed: int, length: int, kind: str, size: int
) -> None:
    random = np.random.default_rng(seed)
    info = np.iinfo(kind)
    smooth = (walk(8, length, seed=seed).astype(np.int64) * size).astype(kind)
    coarse = resampled(3, length, seed=seed, step=5 * size, kind="<i8").astype(kind)
    noise = random.integers(info.min, info.max, (2, length), endpoint=True).astype(kind)
    for samples in (smooth, coarse, noise, with_limb_leads(smooth)):
        assert reader.read_samples(codec.encode(recording(samples))) == samples.tolist()
