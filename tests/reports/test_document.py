"""The file itself: the same bytes each time, small, with embedded fonts and described; from any thread."""

from __future__ import annotations

import multiprocessing
import pickle
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.reports import Content, ImageFormat, Layout, Options, Part, render_image, render_pdf
from cardioserver.reports.document import pages
from cardioserver.reports.strippage import MOST_OVERVIEW_PAGES, MOST_PAGES, StripPage
from tests.reports import samples
from tests.reports.paperwork import poppler, text_of

KIB = 1024


@pytest.fixture(scope="module")
def content() -> Content:
    return samples.content(conclusions=(samples.conclusion(),))


@pytest.fixture(scope="module")
def pdf(content: Content) -> bytes:
    return render_pdf(content, samples.OPTIONS)


def test_the_same_input_gives_the_same_bytes(content: Content, pdf: bytes) -> None:
    assert render_pdf(content, samples.OPTIONS) == pdf
    again = pickle.loads(pickle.dumps((content, samples.OPTIONS)))
    assert render_pdf(*again) == pdf
    later = replace(samples.OPTIONS, created_at=samples.OPTIONS.created_at + timedelta(minutes=1))
    assert render_pdf(content, later) != pdf


def test_threads_and_processes_make_the_same_file(content: Content, pdf: bytes) -> None:
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(render_pdf, content, samples.OPTIONS) for _ in range(4)]
        pictures = [pool.submit(render_image, content, samples.OPTIONS, ImageFormat.PNG, dpi=60)] * 4
        assert {future.result() for future in futures} == {pdf}
        assert len({future.result() for future in pictures}) == 1
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert processes.submit(render_pdf, content, samples.OPTIONS).result() == pdf


def test_an_ecg_page_is_small(content: Content) -> None:
    only = render_pdf(content, replace(samples.OPTIONS, parts=frozenset({Part.ECG})))
    assert len(only) < 200 * KIB


def test_metadata(pdf: bytes) -> None:
    told = poppler("pdfinfo", pdf)
    for name, value in (
        ("Title", "Электрокардиограмма, 1017-А, 21.11.2026 08:30"),
        ("Author", "Петрова Анна Викторовна"),
        ("Creator", "Cardioserver"),
        ("Encrypted", "no"),
        ("Page size", "841.89 x 595.276 pts (A4)"),
    ):
        assert re.search(rf"{name}: +{re.escape(value)}", told), told
    assert "(D:20261121090000+03'00')" in pdf.decode("latin-1")
    assert "/Lang (ru)" in pdf.decode("latin-1")


def test_all_fonts_are_embedded_as_subsets(pdf: bytes) -> None:
    fonts = [line.split() for line in poppler("pdffonts", pdf).splitlines()[2:]]
    assert {font[0].partition("+")[2] for font in fonts} == {
        "DejaVuSansCondensed",
        "DejaVuSansCondensed-Bold",
    }
    assert all(font[-5:-2] == ["yes", "yes", "yes"] for font in fonts)  # embedded, subset, with Unicode


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"speed": 30.0}, "speed"), ({"gain": 7.0}, "gain"), ({"mains": 16.7}, "mains"),
     ({"start": -1.0}, "start"), ({"parts": frozenset()}, "parts"),
     ({"created_at": samples.OPTIONS.created_at.replace(tzinfo=None)}, "created_at")],
)  # fmt: skip
def test_impossible_options_are_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as told:
        replace(samples.OPTIONS, **changes)
    assert told.value.field == f"report.{field}"


def kinds(seconds: float, leads: tuple[Lead, ...] = TWELVE_LEADS, **options: object) -> list[str]:
    """Names of the pages of a recording of that length; only its first minute is analysed."""
    shown = samples.recording(min(seconds, 60.0), leads)
    content = samples.content(shown)
    if seconds > 60:
        content = replace(content, recording=samples.recording(seconds, leads, 125.0))
    return [type(page).__name__ for page in pages(content, replace(samples.OPTIONS, **options))]


def test_pages_of_recordings_of_all_lengths() -> None:
    assert kinds(10.0) == ["EcgPage", "BeatsPage"]
    assert kinds(24.0) == ["EcgPage", "BeatsPage"] + ["StripPage"] * 3
    assert kinds(300.0) == ["EcgPage", "BeatsPage"] + ["StripPage"] * 3
    assert kinds(300.0, parts=frozenset({Part.STRIP})) == ["StripPage"] * 3
    assert kinds(10.0, layout=Layout.RHYTHM, parts=frozenset({Part.ECG})) == ["EcgPage"]


def strip(seconds: float) -> list[StripPage]:
    short = samples.content(samples.recording(20.0, (Lead.II,), 125.0))
    content = replace(short, recording=samples.recording(seconds, (Lead.II,), 125.0), document=None)
    found = pages(content, replace(samples.OPTIONS, parts=frozenset({Part.STRIP})))
    return [page for page in found if isinstance(page, StripPage)]


def test_a_strip_shows_each_second_once() -> None:
    found = strip(303.3)
    spans = [page.montage.span for page in found]
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(303.3, abs=0.01)
    assert all(one[1] == other[0] for one, other in pairwise(spans))


def test_a_day_is_an_overview_of_bounded_length_and_more_than_that_says_what_is_left_out() -> None:
    day = strip(24 * 3600.0)
    assert MOST_PAGES < len(day) <= MOST_OVERVIEW_PAGES
    assert all(page.overview for page in day)
    assert day[-1].montage.span[1] == 24 * 3600.0
    more = strip(30 * 3600.0)
    assert len(more) == MOST_OVERVIEW_PAGES
    shown = replace(more[0], montage=replace(more[0].montage, rows=more[0].montage.rows[:2]))
    text = text_of(_drawn(shown))
    assert re.search(r"первые 2\d:\d\d:\d\d из 30:00:00", text)
    assert "Обзор, минута в строке" in text


def _drawn(page: StripPage) -> bytes:
    import io

    from reportlab.pdfgen.canvas import Canvas

    from cardioserver.reports.paper import Paper
    from cardioserver.reports.sheet import Sheet

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(842, 595))
    page.draw(Sheet(canvas, Paper()), 1, 40)
    canvas.save()
    return file.getvalue()


def test_beats_of_an_exam_without_an_analysis_are_refused(content: Content) -> None:
    with pytest.raises(InvalidField, match=r"report\.parts"):
        render_pdf(replace(content, document=None), replace(samples.OPTIONS, parts=frozenset({Part.BEATS})))


def test_a_rhythm_strip_of_a_lead_that_is_not_there_is_refused(content: Content) -> None:
    with pytest.raises(InvalidField, match=r"report\.rhythm: allowed is I, II") as told:
        render_pdf(content, replace(samples.OPTIONS, rhythm=(Lead.II, Lead.V9)))
    assert "V9" not in told.value.allowed


def test_options_have_the_names_of_the_command() -> None:
    from cardioserver.cli import report
    from cardioserver.reports import Filter
    from cardioserver.reports.options import GAINS, SPEEDS

    assert [each.value for each in report.LayoutName] == [each.value for each in Layout]
    assert [each.value for each in report.PartName] == [each.value for each in Part]
    assert [float(each.value) for each in report.SpeedName] == list(SPEEDS)
    assert [float(each.value) for each in report.GainName] == list(GAINS)
    assert set(Filter) == {"daplf", "drift", "tremor"}
    assert isinstance(samples.OPTIONS, Options)
