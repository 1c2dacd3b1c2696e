"""The page of representative beats: to scale, at the gain of the first page if the beats fit at it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.interpretation.interpreter import interpret
from cardioserver.reports import Content, Options, Part, render_pdf
from cardioserver.reports.beatspage import BeatsPage
from cardioserver.reports.chart import Chart
from cardioserver.reports.document import pages
from cardioserver.reports.paper import PULSE_MM
from tests.reports import samples
from tests.reports.paperwork import runs, scan, text_of

BEATS = frozenset({Part.BEATS})
STROKE_MM = 0.25


def beats_page(content: Content, options: Options) -> BeatsPage:
    return next(page for page in pages(content, options) if isinstance(page, BeatsPage))


def enlarged(times: float) -> Content:
    recording = samples.recording()
    recording = replace(recording, samples=(recording.samples * times).astype("<i2"))
    return samples.content(recording, document=interpret(recording))


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("gain", [5.0, 10.0])
def test_pulse_and_peaks_are_to_scale(gain: float, portrait: bool) -> None:
    """50 mm/s and the gain, within 1 %, between the middles of the strokes."""
    options, content = replace(samples.OPTIONS, gain=gain, portrait=portrait), samples.content()
    seen, page = scan(render_pdf(content, options), page=2), beats_page(content, options)
    chart = page.chart()
    box, baseline = chart.box, chart.lines[0].baseline
    ink = seen.ink(box.x + 0.4, baseline - gain - 1, box.x + PULSE_MM - 0.2, baseline + 1)
    rise, fall = runs(ink.sum(axis=0) > seen.pixels(gain / 2))
    assert seen.mm(sum(fall) / 2 - sum(rise) / 2) == pytest.approx(0.2 * 50, rel=0.01)
    top = runs(ink[:, (rise[0] + fall[1]) // 2])[0]
    level = runs(ink[:, rise[0] - seen.pixels(0.5)])[0]
    assert seen.mm(sum(level) / 2 - sum(top) / 2) == pytest.approx(gain, rel=0.01)
    middle = (page.beats.marks["qrs_on"] + page.beats.marks["qrs_off"]) / 2 * 50
    left = box.x + PULSE_MM + middle
    ink = seen.ink(left - 0.8, box.y, left + 0.8, baseline + 1)
    peak = seen.mm(np.flatnonzero(ink.any(axis=1))[0]) + STROKE_MM / 2
    height = samples.HEIGHTS[Lead.I] / 1000 * gain
    assert baseline - box.y - peak == pytest.approx(height, abs=0.01 * height + 0.05)


def chart_of(content: Content, options: Options) -> Chart:
    return beats_page(content, options).chart()


@pytest.mark.parametrize(("gain", "speed"), [(None, 25.0), (5.0, 25.0), (10.0, 50.0)])
def test_gain_is_that_of_the_first_page(gain: float | None, speed: float) -> None:
    chart = chart_of(samples.content(), replace(samples.OPTIONS, gain=gain, speed=speed))
    assert chart.scale.gain == (gain or 10.0)
    assert chart.scale.speed == 50.0


@pytest.mark.parametrize("times", [1, 2, 4, 8])
@pytest.mark.parametrize("portrait", [False, True])
def test_beats_of_neighbours_never_overlap(times: int, portrait: bool) -> None:
    """What does not fit is drawn at a smaller gain, and the page says so."""
    content, options = enlarged(times), replace(samples.OPTIONS, portrait=portrait)
    chart = chart_of(content, options)
    for above, below in pairwise(chart.lines):
        lowest = above.baseline - chart.scale.gain * above.envelope.low
        highest = below.baseline - chart.scale.gain * below.envelope.high
        known = np.isfinite(lowest) & np.isfinite(highest)
        assert (lowest < highest)[known].all()
    text = text_of(render_pdf(content, options), 2)
    assert f"{chart.scale.gain:g}".replace(".", ",") + " мм/мВ" in text


def test_upright_the_limb_leads_stand_left_of_the_chest_leads() -> None:
    chart = chart_of(samples.content(), replace(samples.OPTIONS, portrait=True))
    columns = [[cell.channel.lead for cell in line.row.cells] for line in chart.lines]
    assert columns == [list(each) for each in zip(TWELVE_LEADS[:6], TWELVE_LEADS[6:], strict=True)]


def test_beats_alone_have_a_gain_of_their_own() -> None:
    chart = chart_of(samples.content(), replace(samples.OPTIONS, parts=BEATS))
    assert chart.scale.gain == 10.0
    recording = samples.recording(leads=(Lead.II,))
    content = samples.content(recording, document=interpret(recording))
    assert len(chart_of(content, replace(samples.OPTIONS, parts=BEATS)).lines) == 1


def test_a_lead_of_which_is_not_known_what_it_is_has_the_same_name_everywhere() -> None:
    recording = samples.recording(leads=(Lead.UNSPECIFIED, Lead.V5))
    document = interpret(recording)
    assert [each.lead for each in document.leads] == list(recording.format.leads)
    text = text_of(render_pdf(samples.content(recording, document=document), samples.OPTIONS), 2)
    assert text.count("Отв. 1") == 2  # beside its beat, and in the table
    assert "UNSPECIFIED" not in text
