"""The traces of :mod:`benchmarks.report` drawn by ecg-plot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import ecg_plot

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.reports import Content


def with_ecg_plot(suffix: str) -> Callable[[Content, int], bytes]:
    """Grid, traces, labels and calibration pulses of ecg-plot."""
    folder = Path(tempfile.mkdtemp())

    def draw(content: Content, dpi: int) -> bytes:
        chart = ecg_plot.plot(
            content.recording.microvolts() / 1000, sample_rate=content.recording.format.rate,
            lead_names=[lead.label for lead in TWELVE_LEADS], layout="12lead",
            rhythm_lead="II", time_mode="sequential",
        )  # fmt: skip
        file = folder / f"page.{suffix}"
        chart.save(file, dpi=dpi)
        return file.read_bytes()

    return draw
