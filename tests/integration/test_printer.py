"""Printing in processes of its own: the page that this process would print, and harm that stays there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from cardioserver.ecg.lead import TWELVE_LEADS
from cardioserver.ecg.recording import Recording
from cardioserver.integration.errors import Permanent, Retryable
from cardioserver.integration.pages import PageFormat, PageJob, PageSettings
from cardioserver.integration.printer import Printer
from cardioserver.interpretation import document
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.limits import Limits
from cardioserver.protocol.messages import Conclusion
from cardioserver.reports import Conclusion as Signed
from cardioserver.reports import (
    Content,
    Filter,
    ImageFormat,
    Layout,
    Options,
    Part,
    render_images,
    render_pdf,
)
from tests.archive import examples
from tests.integration import hostilepages
from tests.interpretation.signals import made
from tests.reports.paperwork import text_of

HERE = Path(__file__).parent
ZONE = timezone(timedelta(hours=5))
MOMENT = datetime(2026, 11, 20, 15, 4, 5, tzinfo=ZONE)
ECG = made(TWELVE_LEADS)
READING = interpret(ECG)
EXAM = examples.exam()
WRITTEN = Conclusion(7, EXAM.uuid, 123, 5, "Петрова А. С.", 11, MOMENT.astimezone(UTC), "Вариант нормы.")
JOB = PageJob(
    PageSettings(), PageFormat.PDF, 123, EXAM, ECG.format, document.encode(READING).decode(), (WRITTEN,),
    "Больница № 7", "ЭКГ", MOMENT,
)  # fmt: skip
CONTENT = Content(
    EXAM, ECG, document.decode(JOB.report), (Signed("Вариант нормы.", "Петрова А. С.", MOMENT),),
    "Больница № 7", "ЭКГ", 123,
)  # fmt: skip


@pytest.fixture(scope="module")
def printer() -> Iterator[Printer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        opened = Printer(module="hostilepages")
        yield opened
        opened.close()


def hostile(harm: int) -> Recording:
    samples = ECG.samples.copy()
    samples[0, 0] = harm
    return replace(ECG, samples=samples)


def test_the_pdf_is_that_of_this_process(printer: Printer) -> None:
    printed = printer.print(JOB, ECG)
    assert printed == (render_pdf(CONTENT, Options(MOMENT)),)
    assert "создано 20.11.2026 15:04" in text_of(printed[0])


def test_pictures_are_one_a_page_as_the_settings_say(printer: Printer) -> None:
    settings = PageSettings(
        language="en", layout="6x2", speed=50, gain=5, filters=("tremor",), mains=60, portrait=True, dpi=72
    )
    options = Options(
        MOMENT, "en", Layout.SIX_BY_TWO, speed=50.0, gain=5.0, filters=frozenset({Filter.TREMOR}), mains=60.0,
        portrait=True,
    )  # fmt: skip
    for kind in (PageFormat.PNG, PageFormat.JPEG):
        printed = printer.print(replace(JOB, settings=settings, format=kind), ECG)
        assert printed == tuple(render_images(CONTENT, options, ImageFormat(kind.value), dpi=72))
        assert len(printed) > 1
    one = PageSettings(beats=False, strip=False)
    assert printer.print(replace(JOB, settings=one), ECG) == (
        render_pdf(CONTENT, Options(MOMENT, parts=frozenset({Part.ECG}))),
    )


@pytest.mark.parametrize("report", ["", '{"version": 99}', "no JSON"])
def test_without_a_reading_that_can_be_read_there_is_none(printer: Printer, report: str) -> None:
    (printed,) = printer.print(replace(JOB, report=report), ECG)
    assert printed == render_pdf(replace(CONTENT, document=None), Options(MOMENT))


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        (hostilepages.ABORT, Retryable, "its process ended"),
        (hostilepages.BOMB, Retryable, "more memory than allowed"),
        (hostilepages.FAIL, Retryable, "ZeroDivisionError at hostilepages.py:"),
        (hostilepages.REFUSE, Permanent, "report.stamp"),
    ],
)
def test_harm_costs_one_page(printer: Printer, harm: int, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        printer.print(JOB, hostile(harm))
    assert "nobody" not in str(raised.value)
    assert printer.print(JOB, ECG)[0].startswith(b"%PDF-1.7")


def test_a_hang_is_ended_and_the_next_page_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)
    printer = Printer(Limits(seconds=0.5), module="hostilepages")
    try:
        with pytest.raises(Retryable, match="takes longer than 1 s"):
            printer.print(JOB, hostile(hostilepages.HANG))
        printer.limits = Limits()
        assert printer.print(JOB, ECG)[0].startswith(b"%PDF-1.7")
    finally:
        printer.close()


def test_no_process_to_be_had_is_a_matter_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    printer = Printer()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Retryable, match="no process can be started"):
        printer.print(JOB, ECG)
    printer.close()


def test_a_long_recording_goes_through_memory_made_for_it(printer: Printer) -> None:
    samples = np.tile(ECG.samples[1:2], (1, 180))
    signal = replace(ECG.format, leads=TWELVE_LEADS[1:2], resolution=(1.0,), sample_count=samples.shape[1])
    recording = Recording(signal, np.ascontiguousarray(samples))
    job = replace(JOB, signal=signal, report="")
    (printed,) = printer.print(job, recording)
    assert "стр. 1 из" in text_of(printed, 1)
    assert "30:00" in text_of(printed, 1)
