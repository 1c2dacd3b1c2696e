"""From samples to the finished document: CPU time of one thread on one core, and memory for a day.

    python benchmarks/accuracy_speed.py short|day [--data ../shared/ecg]

prints one table; ``accuracy.py speed`` runs each in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import wfdb
from accuracy_records import ptbxl
from scipy.signal import resample_poly

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.document import abridge, document_of, encode
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.narrative import narrate
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.signal.analysis import analyse
from cardioserver.signal.atrial import find_atrial
from cardioserver.signal.beats import beats_of
from cardioserver.signal.fiducials import find_fiducials
from cardioserver.signal.measurements import measure, measure_leads
from cardioserver.signal.quality import assess
from cardioserver.signal.trace import Trace

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RECORDS = 40
RUNS = 5
PEER_RUNS = 2
DAY_RECORDS = 48  # of half an hour
RATE = 500
PERSON = Person(age=50.0)


def tables(data: Path, _limit: int | None) -> str:
    """Markdown tables, each from a process that has done nothing else."""
    command = [sys.executable, __file__, "--data", str(data)]
    return "\n".join(
        subprocess.run(
            [*command, what], check=True, text=True, stdout=subprocess.PIPE, env=os.environ | ONE_THREAD
        ).stdout.rstrip("\n")
        + "\n"
        for what in ("short", "day")
    )


def _short(data: Path) -> str:
    """Each step and the whole, median over records of the best of some passes over them all."""
    records = []
    for _, signal in islice(ptbxl(data), RECORDS):
        counts = np.ascontiguousarray(np.round(signal).astype("<i2"))
        records.append(Recording(SignalFormat(RATE, TWELVE_LEADS, (1.0,) * 12, 16, counts.shape[1]), counts))

    works = [_steps(record) for record in records]
    times = {name: _best([each[name] for each in works], RUNS) for name in works[0]}
    lines = [
        f"### 10 s × 12 leads × 500 Hz, {len(records)} records of PTB-XL, one core, one thread, CPU time",
        "",
        "| step | median, ms | slowest record, ms |",
        "|---|---|---|",
    ]
    peer = _neurokit(np.array([record.samples[1] for record in records]) / 1000)
    for name, seconds in [*times.items(), *peer.items()]:
        lines.append(f"| {name} | {1000 * statistics.median(seconds):.1f} | {1000 * max(seconds):.1f} |")
    return "\n".join([*lines, ""])


def _steps(of: Recording) -> dict[str, Callable[[], object]]:
    """What is done one after another, and all of it."""
    trace, found = Trace.of(of), analyse(of)
    case = Case(of.format, found, PERSON)
    statements = read(case)
    document = document_of(case, statements, narrate(statements))
    beats, fiducials = found.beats, found.fiducials
    return {
        "beats and their classes": lambda: beats_of(Trace.of(of), RATE),
        "waves of each beat": lambda: find_fiducials(trace, RATE, beats),
        "atria": lambda: find_atrial(trace, RATE, TWELVE_LEADS, beats, fiducials),
        "measurements of the record and of each lead": lambda: (
            measure(TWELVE_LEADS, RATE, beats, fiducials),
            measure_leads(TWELVE_LEADS, fiducials),
        ),
        "quality, swapped electrodes": lambda: assess(trace, RATE, TWELVE_LEADS, beats, fiducials),
        "statements and text": lambda: narrate(read(case)),
        "document": lambda: document_of(case, statements, document.text),
        "its JSON": lambda: encode(document),
        "**all, samples to JSON**": lambda: encode(interpret(of, PERSON)),
    }


def _neurokit(leads: np.ndarray) -> dict[str, list[float]]:
    """NeuroKit2 with one lead of each record, if it is installed; of those that it does not refuse."""
    try:
        import neurokit2
    except ImportError:
        return {}
    seconds = []
    for lead in leads:

        def work(signal: np.ndarray = lead) -> object:
            clean = neurokit2.ecg_clean(signal, sampling_rate=RATE)
            peaks = neurokit2.ecg_peaks(clean, sampling_rate=RATE)[1]["ECG_R_Peaks"]
            return neurokit2.ecg_delineate(clean, peaks, sampling_rate=RATE, method="dwt")

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seconds.append(min(_seconds(work) for _ in range(PEER_RUNS)))
        except (ValueError, IndexError, ZeroDivisionError):
            continue
    return {"NeuroKit2, lead II alone: R peaks and waves (`dwt`)": seconds} if seconds else {}


def _write_day(data: Path, file: Path) -> None:
    """All MIT-BIH records one after another, twice, as a recorder of three leads would give them."""
    headers = sorted((data / "mitdb").glob("*.hea"))
    part = 1800 * RATE
    counts = np.empty((3, DAY_RECORDS * part), dtype="<i2")
    for number in range(DAY_RECORDS):
        two = wfdb.rdrecord(str(headers[number % len(headers)].with_suffix(""))).p_signal.T * 1000.0
        resampled = resample_poly(np.nan_to_num(two), RATE, 360, axis=1)
        rows = np.array([resampled[0], resampled[1], resampled.mean(axis=0)])
        counts[:, number * part : (number + 1) * part] = np.clip(np.round(rows[:, :part]), -32768, 32767)
    np.save(file, counts)


def _day(data: Path) -> str:
    """One run over a day; its samples are made in another process, so that they cost no memory here."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "day.npy"
        with ProcessPoolExecutor(1, get_context("spawn")) as maker:
            maker.submit(_write_day, data, file).result()
        counts = np.load(file)
    leads = (Lead.I, Lead.V1, Lead.V5)
    recording = Recording(SignalFormat(RATE, leads, (1.0,) * 3, 16, counts.shape[1]), counts)
    _forget_peak()
    before = _peak_megabytes()
    start = time.process_time()
    document = interpret(recording)
    kept = encode(abridge(document))
    seconds = time.process_time() - start
    return "\n".join(
        [
            "### 24 h × 3 leads × 500 Hz, all MIT-BIH records twice, one core, one thread",
            "",
            "| | |",
            "|---|---|",
            f"| samples to JSON, CPU time | {seconds:.0f} s |",
            f"| beats | {len(document.beats)} |",
            f"| memory before, {counts.nbytes / 1e6:.0f} MB of samples in it | {before:.0f} MB |",
            f"| peak memory | {_peak_megabytes():.0f} MB |",
            f"| document that is kept | {len(kept) / 1e3:.0f} kB |",
            "",
        ]
    )


def _forget_peak() -> None:
    """The peak of memory is counted anew from now on (Linux, proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    """Most memory the process had resident."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def _best(works: Sequence[Callable[[], object]], passes: int) -> list[float]:
    """CPU time of each, the best of some passes over all of them."""
    return np.min([[_seconds(work) for work in works] for _ in range(passes)], axis=0).tolist()


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print the table that was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["short", "day"])
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "ecg")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print((_short if options.what == "short" else _day)(options.data))


if __name__ == "__main__":
    main()
