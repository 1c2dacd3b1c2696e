"""The page of :mod:`benchmarks.report` drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from matplotlib.collections import LineCollection

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.reports import Content
from cardioserver.reports.fields import full_name, identity, measured

mpl.use("Agg")
COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))


def with_matplotlib(suffix: str) -> Callable[[Content, int], bytes]:
    """The same page: A4 landscape, millimetre grid, traces to scale, labels, texts of the head."""

    def lines(width: int, height: int, every: int) -> list[list[tuple[float, float]]]:
        across = [[(0.0, float(y)), (float(width), float(y))] for y in range(0, height + 1, every)]
        return across + [[(float(x), 0.0), (float(x), float(height))] for x in range(0, width + 1, every)]

    def draw(content: Content, dpi: int) -> bytes:
        figure = pyplot.figure(figsize=(297 / 25.4, 210 / 25.4))
        axes = figure.add_axes((16 / 297, 12 / 210, 265 / 297, 140 / 210))
        axes.set_xlim(0, 265)
        axes.set_ylim(0, 140)
        axes.axis("off")
        axes.add_collection(LineCollection(lines(265, 140, 1), colors=[(0.98, 0.82, 0.80)], linewidths=0.23))
        axes.add_collection(LineCollection(lines(265, 140, 5), colors=[(0.94, 0.62, 0.59)], linewidths=0.45))
        signal = dict(zip((lead.label for lead in TWELVE_LEADS), content.recording.microvolts(), strict=True))
        rate = content.recording.format.rate
        strips = [(name, 2.5 * place, 122 - 35 * row, 62.5 * place) for place, column in enumerate(COLUMNS)
                  for row, name in enumerate(column)]  # fmt: skip
        for name, start, baseline, x in strips:
            piece = signal[name][round(start * rate) : round((start + 2.5) * rate) + 1]
            axes.plot(15 + x + np.arange(len(piece)) / rate * 25, baseline + piece / 100, "k", lw=0.7)
            axes.text(16 + x, baseline + 5, name, fontsize=9, weight="bold")
        strip = signal["II"]
        axes.plot(15 + np.arange(len(strip)) / rate * 25, 17 + strip / 100, "k", lw=0.7)
        for baseline in (122, 87, 52, 17):
            axes.plot([3, 5, 5, 10, 10, 12], baseline + np.array([0, 0, 10, 10, 0, 0]), "k", lw=0.7)
        fields = [*identity(content, "ru"), *(measured(content.document, "ru") if content.document else ())]
        figure.text(16 / 297, 200 / 210, full_name(content.exam), fontsize=11, weight="bold")
        for number, field in enumerate(fields):
            place = (16 / 297 + number // 9 * 0.3, (194 - number % 9 * 4) / 210)
            figure.text(*place, f"{field.name} {field.value}", fontsize=8)
        if content.document:
            figure.text(0.6, 0.8, content.document.text.ru, fontsize=8)
        file = io.BytesIO()
        figure.savefig(file, format=suffix, dpi=dpi)
        pyplot.close(figure)
        return file.getvalue()

    return draw
