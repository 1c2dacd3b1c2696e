"""The page of a 10 s twelve-lead ECG, 3×4 with a rhythm strip: time, size, and the same page by others.

    OMP_NUM_THREADS=1 python -m benchmarks.report [--records 20] [--repeat 5] [--dpi 150] [--json]

Times are processor time of one thread in ms, the median over the records of the best of some runs; the
analysis is not in them. The peers (the ``bench`` extra) draw the same grid, traces and labels, matplotlib
also the texts of the head; ecg-plot knows no head.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from uuid import UUID

import numpy as np

from benchmarks.ecgs import twelve_lead_ecgs
from cardioserver.ecg.exam import Exam
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording
from cardioserver.interpretation.interpreter import interpret
from cardioserver.reports import Content, Filter, ImageFormat, Options, Part, render_image, render_pdf

SECONDS = 10.0
CREATED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PAGE = Options(CREATED, parts=frozenset({Part.ECG}), filters=frozenset())
Draw = Callable[[Content, int], bytes]


@dataclass(frozen=True)
class Row:
    """One way to a file."""

    what: str
    milliseconds: float
    kibibytes: float


def contents(count: int) -> list[Content]:
    """Exams of the first 10 s of *count* records, analysed."""
    patient = Patient("1017-А", Sex.MALE, date(1961, 4, 12), "Иванов", "Пётр", "Сергеевич")
    exam = Exam(
        UUID(int=1), patient, CREATED, CREATED + timedelta(seconds=SECONDS), height_cm=176, weight_kg=82
    )
    made = []
    for whole in twelve_lead_ecgs(count):
        samples = round(SECONDS * whole.format.rate)
        part = Recording(whole.format.part(0, samples), np.ascontiguousarray(whole.samples[:, :samples]))
        made.append(Content(exam, part, interpret(part), hcf="Городская поликлиника № 5", archive="ЭКГ"))
    return made


def ours(options: Options, kind: ImageFormat | None) -> Draw:
    """The PDF, or a picture."""
    if kind is None:
        return lambda content, _dpi: render_pdf(content, options)
    return lambda content, dpi: render_image(content, options, kind, dpi=dpi)


def ways(dpi: int) -> dict[str, Draw]:
    """Everything that is compared."""
    usual = replace(PAGE, filters=frozenset({Filter.DAPLF, Filter.DRIFT}))
    found = {
        "Cardioserver, PDF": ours(PAGE, None),
        "Cardioserver, PDF, filters daplf and drift": ours(usual, None),
        f"Cardioserver, PNG, {dpi} dpi": ours(PAGE, ImageFormat.PNG),
        f"Cardioserver, JPEG, {dpi} dpi": ours(PAGE, ImageFormat.JPEG),
        "Cardioserver, PDF with the page of beats": ours(replace(usual, parts=frozenset(Part)), None),
    }
    if find_spec("matplotlib"):
        from benchmarks.report_matplotlib import with_matplotlib

        found |= {
            "matplotlib, PDF": with_matplotlib("pdf"),
            f"matplotlib, PNG, {dpi} dpi": with_matplotlib("png"),
        }
    if find_spec("ecg_plot") and find_spec("cairosvg"):
        from benchmarks.report_ecg_plot import with_ecg_plot

        found |= {"ecg-plot, PDF": with_ecg_plot("pdf"), f"ecg-plot, PNG, {dpi} dpi": with_ecg_plot("png")}
    return found


def measure(what: str, draw: Draw, exams: list[Content], dpi: int, repeat: int) -> Row:
    """Median over the exams of the best time, and of the size."""
    draw(exams[0], dpi)  # fonts and modules are loaded once a process
    times, sizes = [], []
    for exam in exams:
        best = float("inf")
        for _ in range(repeat):
            begun = time.process_time()
            file = draw(exam, dpi)
            best = min(best, time.process_time() - begun)
        times.append(best * 1000)
        sizes.append(len(file) / 1024)
    return Row(what, float(np.median(times)), float(np.median(sizes)))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--dpi", type=int, default=150)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    exams = contents(options.records)
    rows = [
        measure(what, draw, exams, options.dpi, options.repeat) for what, draw in ways(options.dpi).items()
    ]
    if options.json:
        print(json.dumps([row.__dict__ for row in rows], ensure_ascii=False, indent=2))
        return
    print("| file | ms | KiB |\n|---|---:|---:|")
    for row in rows:
        print(f"| {row.what} | {row.milliseconds:.0f} | {row.kibibytes:.0f} |")


if __name__ == "__main__":
    main()
