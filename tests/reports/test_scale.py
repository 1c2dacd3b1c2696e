"""True scale, measured on the rendered page as with a ruler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.reports import Layout, Options, Part, render_pdf
from cardioserver.reports.paper import PULSE_MM
from tests.reports import samples
from tests.reports.paperwork import Scan, chart_box, runs, scan

ECG = frozenset({Part.ECG})
ONE_LEAD = samples.recording(leads=(Lead.II,))
TOLERANCE = 0.01
STROKE_MM = 0.25


def page(options: Options, of=None) -> Scan:
    return scan(render_pdf(samples.content(of), replace(options, parts=ECG)))


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 20.0), (25.0, 5.0)])
def test_calibration_pulse(speed: float, gain: float, portrait: bool) -> None:
    """1 mV and 200 ms, between the middles of the strokes."""
    seen = page(replace(samples.OPTIONS, speed=speed, gain=gain, portrait=portrait), ONE_LEAD)
    box = chart_box(portrait)
    ink = seen.ink(box.x + 0.4, box.y, box.x + PULSE_MM - 0.2, box.y + 50)
    sides = runs(ink.sum(axis=0) > seen.pixels(gain / 2))
    top = runs(ink[:, (sides[0][0] + sides[1][1]) // 2])[0]
    level = runs(ink[:, sides[0][0] - seen.pixels(1)])[0]
    height = sum(level) / 2 - sum(top) / 2
    assert seen.mm(height) == pytest.approx(gain, rel=TOLERANCE)
    half = int((sum(level) + sum(top)) / 4)
    rise, fall = runs(ink[half])[:2]
    assert seen.mm(sum(fall) / 2 - sum(rise) / 2) == pytest.approx(0.2 * speed, rel=TOLERANCE)


def test_peaks_have_the_height_of_the_samples_and_stand_where_they_are_in_time() -> None:
    seen = page(samples.OPTIONS, ONE_LEAD)
    box = chart_box()
    left = box.x + PULSE_MM
    ink = seen.ink(left, box.y, box.right, box.y + 50)
    baseline = sum(runs(ink[:, seen.pixels(2)])[-1]) / 2
    peaks = []
    for at in samples.beats(10.0):
        middle = seen.pixels(at * 25)
        window = ink[:, max(middle - 20, 0) : middle + 20]
        highest = np.flatnonzero(window.any(axis=1))[0]
        height = seen.mm(baseline - highest) - STROKE_MM / 2
        assert height == pytest.approx(samples.HEIGHTS[Lead.II] / 100, rel=TOLERANCE)
        peaks.append(max(middle - 20, 0) + np.flatnonzero(window[highest]).mean())
    assert [seen.mm(each) for each in np.diff(peaks)] == pytest.approx(
        [25 * samples.RR_S] * (len(peaks) - 1), rel=TOLERANCE
    )
    assert seen.mm(peaks[0]) == pytest.approx(25 * samples.FIRST_S, abs=0.1)


def test_grid_lines_are_one_millimetre_apart() -> None:
    seen = page(samples.OPTIONS, ONE_LEAD)
    box = chart_box()
    row = seen.grey[seen.pixels(box.y + 47.5), seen.pixels(box.x) - 4 : seen.pixels(box.right) + 4]
    lines = runs(row < 250)
    assert len(lines) == 266
    assert seen.mm(sum(lines[-1]) / 2 - sum(lines[0]) / 2) == pytest.approx(265, rel=0.001)
    darkest = [int(row[start:stop].min()) for start, stop in lines]
    fives = {place for place, grey in enumerate(darkest) if grey < 200}
    assert fives == set(range(0, 266, 5))


def test_columns_go_on_in_time_above_the_rhythm_strip() -> None:
    """An R of the last column stands exactly above the same R of the strip."""
    seen = page(replace(samples.OPTIONS, gain=10.0))
    box = chart_box()
    ink = seen.ink(box.x + PULSE_MM, box.y, box.right, box.bottom)
    strip = round(sum(runs(ink[:, seen.pixels(0.5)])[-1]) / 2)
    for at in samples.beats(10.0)[-2:]:
        window = slice(seen.pixels(at * 25) - 25, seen.pixels(at * 25) + 25)
        above = ink[:, window]
        below = ink[strip - seen.pixels(12) : strip, window]
        places = [np.flatnonzero(part[np.flatnonzero(part.any(axis=1))[0]]).mean() for part in (above, below)]
        assert places[0] == pytest.approx(places[1], abs=seen.pixels(0.1))


def test_a_photocopy_keeps_traces_and_drops_the_grid() -> None:
    """Black and white only: the grid is gone, the trace is unbroken."""
    seen = page(samples.OPTIONS, ONE_LEAD)
    box = chart_box()
    ink = seen.ink(box.x + PULSE_MM + 0.2, box.y, box.right - 0.2, box.y + 50)
    assert ink.any(axis=0).all()
    empty = seen.ink(box.x + 30, box.y + 42, box.right - 1, box.y + 49)
    assert not empty.any()


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("layout", [Layout.THREE_BY_FOUR, Layout.SIX_BY_TWO, Layout.TWELVE_BY_ONE])
def test_every_lead_of_every_layout_is_to_scale(layout: Layout, portrait: bool) -> None:
    """The tip of an R is where ruler and samples say, in each lead of the first column."""
    seen = page(replace(samples.OPTIONS, layout=layout, gain=10.0, rhythm=(), portrait=portrait))
    box = chart_box(portrait)
    ink = seen.ink(box.x + PULSE_MM, box.y, box.right, box.bottom)
    baselines = [sum(each) / 2 for each in runs(ink[:, seen.pixels(0.4)])]
    leads = TWELVE_LEADS[: {"3x4": 3, "6x2": 6, "12x1": 12}[layout]]
    x = seen.pixels(samples.FIRST_S * 25)
    for lead, baseline in zip(leads, baselines, strict=True):
        y = round(baseline - samples.HEIGHTS[lead] / 1000 * 10 / 25.4 * seen.dpi)
        assert ink[y - 1 : y + 2, x - 1 : x + 2].sum() > 4, lead  # within 0.06 mm
