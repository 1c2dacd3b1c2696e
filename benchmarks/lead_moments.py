"""What leads have in common in PTB-XL and LUDB: prints cardioserver/signal/leadmoments.py.

python benchmarks/lead_moments.py [--data ../shared/ecg] > cardioserver/signal/leadmoments.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy_records import ludb, ptbxl

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.signal.beats import find_beats
from cardioserver.signal.fiducials import find_fiducials
from cardioserver.signal.reversal import INDEPENDENT, moments
from cardioserver.signal.trace import Trace

ROOT = Path(__file__).resolve().parent.parent
HEAD = '''"""What leads have in common: mean second moments of P, QRS and T over leads I, II, V1 to V6.

Printed by ``benchmarks/lead_moments.py`` from PTB-XL (P. Wagner et al., Scientific Data 7:154, 2020;
CC BY 4.0; records 1 to 250) and LUDB (A. Kalyakulina et al., IEEE Access 8:186181, 2020; ODC-By; odd
records). Each record counts once, with trace 1.
"""

import numpy as np
'''


def records(data: Path) -> Iterator[np.ndarray]:
    """Signals of both databases, µV at 500 Hz."""
    for _, signal in ptbxl(data):
        yield signal
    for _, signal in ludb(data):
        yield signal


def record_moments(signal: np.ndarray) -> dict[str, np.ndarray]:
    """Moments of one record; nothing if no beat was found."""
    fiducials = find_fiducials(Trace(signal), 500.0, find_beats(signal, 500.0))
    if fiducials.average is None or fiducials.marks is None:
        return {}
    rows = [TWELVE_LEADS.index(lead) for lead in INDEPENDENT]
    return moments(fiducials.average.samples[rows], fiducials.average, fiducials.marks)


def main() -> None:
    """Print the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "ecg")
    options = parser.parse_args()
    found: dict[str, list[np.ndarray]] = {"p": [], "qrs": [], "t": []}
    for signal in records(options.data):
        for wave, matrix in record_moments(signal).items():
            found[wave].append(matrix)
    print(HEAD)
    for wave, matrices in found.items():
        rows = np.mean(matrices, axis=0)
        print(f"{wave.upper()}_MOMENTS = np.array(\n    [")
        for row in rows:
            print("        [" + ", ".join(f"{value:.5f}" for value in row) + "],")
        print("    ]\n)")


if __name__ == "__main__":
    main()
