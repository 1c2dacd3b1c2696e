"""Whatever a recorder sends becomes a page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cardioserver.ecg.exam import ExamType
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import LeadOff, Recording
from cardioserver.interpretation.interpreter import interpret
from cardioserver.reports import Content, Filter, Options, Part, render_pdf
from cardioserver.reports.paper import PULSE_MM
from tests.reports import samples
from tests.reports.paperwork import Scan, chart_box, runs, scan, text_of

ECG = replace(samples.OPTIONS, parts=frozenset({Part.ECG}))
BOX = chart_box()
LEFT = BOX.x + PULSE_MM


def analysed(recording: Recording, **changes: object) -> Content:
    return samples.content(recording, document=interpret(recording), **changes)


def changed(values: np.ndarray, **marks: object) -> Recording:
    return replace(samples.recording(**marks), samples=values.astype("<i2"))


def seen(content: Content, options: Options = ECG, dpi: int = 300) -> Scan:
    return scan(render_pdf(content, options), dpi=dpi)


def test_flat_lines() -> None:
    page = seen(analysed(changed(np.zeros((12, 5000)))))
    ink = page.ink(LEFT + 40, BOX.y, LEFT + 60, BOX.bottom)
    lines = runs(ink.all(axis=1))
    assert len(lines) == 4  # nothing but the traces, from side to side
    assert {stop - start for start, stop in lines} <= {2, 3, 4}


@pytest.mark.parametrize("limit", [32767, -32768])
def test_a_saturated_lead_stays_on_the_grid_and_is_marked(limit: int) -> None:
    values = samples.recording().samples.copy()
    values[6, ::2] = limit  # V1 swings over all of the range
    content = analysed(changed(values), conclusions=(samples.conclusion(),))
    page = seen(content)
    assert not page.ink(LEFT + 120, BOX.y - 1, LEFT + 190, BOX.y - 0.3).any()
    assert not page.ink(LEFT + 120, BOX.bottom + 0.3, LEFT + 190, BOX.bottom + 1).any()
    text = text_of(render_pdf(content, ECG))
    assert "кривая выходит за сетку" in text
    assert "стр. 1 из 1" in text


def test_what_leaves_the_grid_is_cut_off_there() -> None:
    """The same header, with and without an artefact of 30 mV below it."""
    values = samples.recording().samples.copy()
    calm = seen(samples.content(), replace(ECG, gain=10.0), dpi=150)
    values[:, 1000:1010] = 30_000
    wild = seen(replace(samples.content(), recording=changed(values)), replace(ECG, gain=10.0), dpi=150)
    above = slice(0, calm.pixels(BOX.y - 0.5))
    assert np.array_equal(calm.grey[above], wild.grey[above])
    assert not np.array_equal(calm.grey, wild.grey)


def test_tall_complexes_lower_the_gain_and_the_page_says_so() -> None:
    values = samples.recording().samples.astype(int) * 6
    pdf = render_pdf(analysed(changed(values.clip(-32768, 32767))), ECG)
    assert "5 мм/мВ (усиление снижено: большая амплитуда)" in text_of(pdf)
    kept = render_pdf(analysed(changed(values.clip(-32768, 32767))), replace(ECG, gain=10.0))
    assert "10 мм/мВ" in text_of(kept)
    assert "усиление снижено" not in text_of(kept)


def test_one_lead() -> None:
    content = analysed(samples.recording(leads=(Lead.V3,)))
    pdf = render_pdf(content, samples.OPTIONS)
    assert "V3" in text_of(pdf, 1)
    assert "aVR" not in text_of(pdf)


def test_a_gap_is_a_gap_and_is_named() -> None:
    off = (LeadOff(Lead.II, 2000, 3000),)
    content = analysed(samples.recording(leads=(Lead.II,), lead_off=off))
    page = seen(content)
    ink = page.ink(LEFT, BOX.y, BOX.right, BOX.y + 50)
    missing = runs(~ink.any(axis=0))
    gap = max(missing, key=lambda each: each[1] - each[0])
    assert page.mm(gap[0]) >= 99.5  # from 4 s …
    inside = page.ink(LEFT + 100.5, BOX.y, LEFT + 149.5, BOX.y + 50)
    text = runs(inside.any(axis=0))
    assert page.mm(text[0][0]) > 10  # … nothing but the name in the middle …
    assert page.mm(inside.shape[1] - text[-1][1]) > 10
    assert page.ink(LEFT + 150.2, BOX.y, LEFT + 152, BOX.y + 50).any(axis=0).all()  # … to 6 s
    assert "обрыв электрода" in text_of(render_pdf(content, ECG))


def test_leads_that_follow_from_a_lead_that_is_off_have_the_gap_too() -> None:
    eight = (Lead.I, Lead.II, *TWELVE_LEADS[6:])
    content = analysed(samples.recording(leads=eight, lead_off=(LeadOff(Lead.I, 0, 5000),)))
    page = seen(content, replace(ECG, rhythm=()))
    limb = page.ink(LEFT + 64, BOX.y, LEFT + 124, BOX.bottom)
    assert page.mm(max(stop - start for start, stop in runs(~limb.any(axis=0)))) > 15  # aVR, aVL, aVF
    assert page.ink(LEFT + 126, BOX.y, LEFT + 187, BOX.bottom).any(axis=0).all()


def test_pacemaker_spikes_are_marked_where_they_are() -> None:
    spikes = (1000, 2500, 4000)
    plain = analysed(samples.recording(leads=(Lead.II,)))
    marked = replace(plain, recording=samples.recording(leads=(Lead.II,), pacemaker_spikes=spikes))
    without, page = seen(plain), seen(marked)
    added = (page.grey < 128) & ~(without.grey < 128)
    region = added[: page.pixels(BOX.y + 50), page.pixels(LEFT) :]
    places = [page.mm((start + stop) / 2) for start, stop in runs(region.any(axis=0))]
    assert places == pytest.approx([spike / 500 * 25 for spike in spikes], abs=0.15)
    assert "импульс ЭКС" in text_of(render_pdf(marked, ECG))


def test_five_minutes() -> None:
    content = analysed(samples.recording(300.0, (Lead.II,)))
    pdf = render_pdf(content, samples.OPTIONS)
    assert "0:00–1:00 из 5:00" in text_of(pdf, 1)
    assert "4:00–5:00 из 5:00" in text_of(pdf, 5)
    assert "стр. 5 из 5" in text_of(pdf, 5)


@pytest.mark.parametrize("rate", [125.0, 250.0, 333.0, 1000.0, 2000.0])
def test_any_rate(rate: float) -> None:
    content = samples.content(samples.recording(3.0, rate=rate))
    page = seen(content, replace(ECG, filters=frozenset(Filter)))
    strip = page.ink(LEFT + 0.2, BOX.bottom - 30, LEFT + 74.8, BOX.bottom)
    assert strip.any(axis=0).all()


@pytest.mark.parametrize("count", [1, 2, 10])
def test_hardly_any_samples(count: int) -> None:
    recording = samples.recording(1.0)
    short = Recording(recording.format.part(0, count), np.ascontiguousarray(recording.samples[:, :count]))
    content = replace(samples.content(recording, document=None), recording=short)
    assert "стр. 1 из 1" in text_of(render_pdf(content, samples.OPTIONS))


@pytest.mark.parametrize("kind", list(ExamType))
def test_every_exam_type(kind: ExamType) -> None:
    leads = {ExamType.LIMB: TWELVE_LEADS[:6], ExamType.NEHB: (Lead.D, Lead.A, Lead.J)}.get(kind, TWELVE_LEADS)
    content = analysed(samples.recording(leads=leads), exam=samples.exam(exam_type=kind))
    text = text_of(render_pdf(content, ECG))
    assert ("-aVR" in text) is (kind is ExamType.CABRERA)
    for lead in leads:
        assert lead.label in text


def test_files_of_other_systems(shared_ecg) -> None:  # type: ignore[no-untyped-def]
    """Real records of all kinds, in all layouts, make pages."""
    from uuid import UUID

    from cardioserver.ecg.formats.reader import read
    from cardioserver.reports import Layout

    for name in ("ptbxl/00085_hr.hea", "ptb/s0010_re.hea", "ludb/1.hea", "interop/Example.dcm"):
        foreign = read(shared_ecg / name)
        content = Content(foreign.exam(UUID(int=1)), foreign.recording, interpret(foreign.recording))
        for number, layout in enumerate(Layout):
            upright = number % 2 == 1
            options = replace(ECG, layout=layout, portrait=upright, filters=frozenset(Filter))
            assert "aVR" in text_of(render_pdf(content, options)) or layout is Layout.RHYTHM
