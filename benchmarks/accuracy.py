"""Accuracy of signal and interpretation on real ECGs: regenerates the tables of docs/accuracy.md.

    python benchmarks/accuracy.py [filters|beats|waves|rhythm|statements|speed]… [--data DIR] [--write]

Without names every part is run. ``--write`` puts the tables into docs/accuracy.md in place of the old ones.
The peers (the ``bench`` extra) are measured in the same run if they are installed.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import accuracy_beats
import accuracy_filters
import accuracy_rhythm
import accuracy_speed
import accuracy_statements
import accuracy_waves

ROOT = Path(__file__).resolve().parent.parent
PARTS = {
    "filters": accuracy_filters.tables,
    "beats": accuracy_beats.tables,
    "waves": accuracy_waves.tables,
    "rhythm": accuracy_rhythm.tables,
    "statements": accuracy_statements.tables,
    "speed": accuracy_speed.tables,
}


def main() -> None:
    """Run the parts asked for and print or write their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    parser.add_argument("--limit", type=int, default=None, help="at most so many records of each kind")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    document = ROOT / "docs" / "accuracy.md"
    for part in options.parts or PARTS:
        text = PARTS[part](options.data, options.limit)
        print(text)
        if options.write and part == "filters":
            accuracy_filters.plot(options.data, document.with_name("accuracy-filters.png"))
        if options.write:
            old = document.read_text(encoding="utf-8")
            marks = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
            document.write_text(
                re.sub(marks, lambda found, new=text: found[1] + new + found[2], old, flags=re.S),
                encoding="utf-8",
            )


if __name__ == "__main__":
    main()
