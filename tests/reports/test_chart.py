"""Rows of a chart: what is marked where, and whose name stands where."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from cardioserver.ecg.lead import Lead
from cardioserver.reports import Layout, Options, Part, render_pdf
from cardioserver.reports.chart import Chart
from cardioserver.reports.document import pages
from cardioserver.reports.ecgpage import EcgPage
from cardioserver.reports.label import Labels
from cardioserver.reports.paper import PULSE_MM, Paper
from cardioserver.reports.sheet import Sheet
from tests.reports import samples
from tests.reports.paperwork import runs, scan, text_of

ECG = frozenset({Part.ECG})
SPIKES = (300, 1300, 2600, 4900)


def chart(recording=None, **options: object) -> Chart:
    first = pages(samples.content(recording), replace(samples.OPTIONS, parts=ECG, **options))[0]
    assert isinstance(first, EcgPage)
    return first.chart


@pytest.mark.parametrize("seconds", [10.0, 8.0])
@pytest.mark.parametrize("layout", [Layout.THREE_BY_FOUR, Layout.SIX_BY_TWO, Layout.TWELVE_BY_ONE])
def test_each_spike_is_marked_once_below_the_lowest_trace_that_shows_it(
    layout: Layout, seconds: float
) -> None:
    """Columns of a recording too short to go on show one time side by side: each has marks of its own."""
    found = chart(samples.recording(seconds, pacemaker_spikes=SPIKES[:3]), layout=layout, rhythm=())
    places = [
        (number, cell.x + place)
        for number, line in enumerate(found.lines)
        for cell in line.row.cells
        for place in found.spikes_of(number, cell)
    ]
    assert {number for number, _ in places} == {len(found.lines) - 1}
    columns = {cell.x for cell in found.lines[0].row.cells}
    if seconds == 10.0 or len(columns) == 1:
        assert sorted(x for _, x in places) == pytest.approx([spike / 500 * 25 for spike in SPIKES[:3]])
    else:
        starts = sorted(columns)
        within = [spike / 500 * 25 for spike in SPIKES[:3] if spike / 500 * 25 < starts[1]]
        assert sorted(x for _, x in places) == pytest.approx(
            sorted(start + place for start in starts for place in within)
        )


def test_the_rhythm_strip_has_the_marks_of_the_columns_above_it() -> None:
    found = chart(samples.recording(pacemaker_spikes=SPIKES))
    strip = found.lines[-1].row.cells[0]
    assert len(found.spikes_of(3, strip)) == len(SPIKES)
    above = [found.spikes_of(row, cell) for row in range(3) for cell in found.lines[row].row.cells]
    assert not any(above)


def test_every_peak_is_on_the_grid_if_there_is_room() -> None:
    """Also of one beat in a hundred: the doctor measures it."""
    recording = samples.recording()
    values = recording.samples.copy()
    values[10, 4600:4610] = 3200
    found = chart(replace(recording, samples=values))
    for line in found.lines:
        highest = line.baseline - found.scale.gain * np.nanmax(line.envelope.high)
        lowest = line.baseline - found.scale.gain * np.nanmin(line.envelope.low)
        assert found.box.y <= highest < lowest <= found.box.bottom
    assert found.scale.gain == 10.0


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("layout", [Layout.THREE_BY_FOUR, Layout.SIX_BY_TWO])
def test_names_stand_above_their_own_traces_and_in_no_traces_way(layout: Layout, portrait: bool) -> None:
    found = chart(layout=layout, portrait=portrait)
    free = Labels(found)
    for number, line in enumerate(found.lines):
        for cell in line.row.cells:
            place = free.find(number, cell, 6.0)
            above = found.lines[number - 1].baseline if number else found.box.y
            assert (above + line.baseline) / 2 * bool(number) <= place.bottom < line.baseline
            assert cell.x <= place.x < cell.x + (cell.stop - cell.start) * 25
            columns = slice(int(place.x), int(place.right) + 1)
            tops = line.baseline - found.scale.gain * line.envelope.high[columns]
            assert (tops > place.bottom).all()


@pytest.mark.parametrize("speed", [25.0, 50.0])
def test_names_of_rows_close_to_each_other_stand_beside_them(speed: float) -> None:
    """Right of the calibration pulse, on the height of the trace, clear of both."""
    options = replace(samples.OPTIONS, layout=Layout.TWELVE_BY_ONE, parts=ECG, speed=speed)
    found = chart(layout=Layout.TWELVE_BY_ONE, speed=speed)
    page = scan(render_pdf(samples.content(), options))
    for line in found.lines[1:]:
        ink = page.ink(found.box.x, line.baseline - 1, found.box.x + PULSE_MM - 0.2, line.baseline + 1)
        stretches = [(page.mm(start), page.mm(stop)) for start, stop in runs(ink.any(axis=0))]
        name = [each for each in stretches if each[0] > 6.4]
        assert name
        assert name[-1][1] == pytest.approx(PULSE_MM - 0.6, abs=0.3)
    assert "aVF" in text_of(render_pdf(samples.content(), options))


def test_the_head_grows_before_a_text_goes_on_on_another_page() -> None:
    lines = "\n".join(f"{number}. Умеренные изменения миокарда." for number in range(12))
    content = replace(samples.content(), conclusions=(samples.conclusion(lines),), document=None)
    options = Options(samples.OPTIONS.created_at, parts=ECG, filters=frozenset())
    found = pages(content, options)
    assert len(found) == 1
    assert isinstance(found[0], EcgPage)
    usual = pages(samples.content(), options)[0]
    assert isinstance(usual, EcgPage)
    assert found[0].header.height > usual.header.height
    assert found[0].chart.box.y > usual.chart.box.y
    assert "11. Умеренные изменения миокарда." in text_of(render_pdf(content, options))


def test_lines_of_an_overview_have_their_times_and_names_beside_them_clear_of_each_other() -> None:
    """More than an hour: times are long; the names get smaller."""
    leads = (Lead.aVF, Lead.V5)
    recording = samples.recording(2 * 3600.0, leads, 125.0)
    content = replace(
        samples.content(samples.recording(20.0, leads, 125.0)), recording=recording, document=None
    )
    options = replace(samples.OPTIONS, parts=frozenset({Part.STRIP}), rhythm=leads)
    page = pages(content, options)[4]
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(842, 595))
    page.draw(Sheet(canvas, Paper()), 5, 8)
    canvas.save()
    seen, box = scan(file.getvalue()), Paper().inside
    left = seen.ink(box.x, box.y + 12, box.x + PULSE_MM - 0.1, box.bottom - 12)
    for start, stop in runs(left.any(axis=1)):
        assert seen.mm(stop - start) < 4.0, "a line's texts do not run into the next line's"
    words = text_of(file.getvalue())
    assert re.search(r"1:\d\d:00 aVF", words)
    assert "V5" in words
