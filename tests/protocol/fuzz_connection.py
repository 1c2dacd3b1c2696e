"""Coverage-guided fuzzing of both ends of a connection, with atheris.

Run it as long as you like; it stops at the first finding and keeps the input in a file::

    python -m tests.protocol.fuzz_connection [-max_total_time=600] [CORPUS_FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cardioserver.protocol", "cardioserver.ecg"]):
    from tests.protocol.fuzz_target import run_input, seeds


def main(arguments: list[str]) -> None:
    """Fuzz until told to stop, or until a finding."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        corpora = [argument for argument in arguments if not argument.startswith("-")]
        options = [argument for argument in arguments if argument.startswith("-")]
        atheris.Setup([sys.argv[0], *options, *corpora, folder], run_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
