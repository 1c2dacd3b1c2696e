"""A short run of the fuzzer; ``fuzz_connection.py`` says how to run it for longer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocol.fuzz_target import run_input, seeds

RUNS = 2_000


@pytest.mark.parametrize("seed", seeds())
def test_the_seeds_are_no_findings(seed: bytes) -> None:
    run_input(seed)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_the_fuzzer_finds_nothing_in_a_short_run(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.protocol.fuzz_connection",
        f"-runs={RUNS}",
        "-seed=1",
        "-max_len=2000",
        f"-artifact_prefix={tmp_path}/",
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert f"Done {RUNS} runs" in done.stderr
