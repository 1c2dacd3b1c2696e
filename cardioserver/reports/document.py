"""The document: its pages, drawn into one PDF."""

from __future__ import annotations

import io
from dataclasses import replace
from threading import Lock

from reportlab import rl_config
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

import cardioserver
from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.exam import ExamType
from cardioserver.reports import words
from cardioserver.reports.beatspage import BeatsPage
from cardioserver.reports.channel import channels_of
from cardioserver.reports.content import Content
from cardioserver.reports.ecgpage import ecg_page, first_montage
from cardioserver.reports.fonts import face
from cardioserver.reports.header import Header
from cardioserver.reports.options import Options, Part
from cardioserver.reports.page import Page
from cardioserver.reports.paper import Paper
from cardioserver.reports.placement import NORMAL_GAIN
from cardioserver.reports.representative import representative
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.strippage import strip_pages
from cardioserver.reports.textpage import text_pages

PROGRAM = f"Cardioserver {cardioserver.__version__}"
rl_config.useA85 = 0  # streams in binary: a fifth smaller, and no time for the encoding
MUCH_LONGER = 1.5  # times what the first page shows: then the strip shows all of it
_ONE_AT_A_TIME = Lock()
"""reportlab's fonts are shared and have a place to read at: two threads must not subset them at once."""


def render_pdf(content: Content, options: Options) -> bytes:
    """The document as PDF 1.7; the same bytes for the same content and options.

    May be called from several threads and processes.

    Raises
    ------
    InvalidField
        None of the parts asked for can be made (``report.parts``), a lead of the rhythm strips is not there
        (``report.rhythm``), or a stamp is no picture (``report.stamp``).
    """
    with _ONE_AT_A_TIME:
        return _render(content, options)


def _render(content: Content, options: Options) -> bytes:
    file, paper = io.BytesIO(), Paper(options.portrait)
    planned = pages(content, options)
    canvas = Canvas(
        file,
        pagesize=(paper.width * mm, paper.height * mm),
        pageCompression=1,
        invariant=1,
        pdfVersion=(1, 7),
        lang=options.language,
        initialFontName=face(False),  # type: ignore[arg-type]  # a name, whatever the stubs say
    )
    _describe(canvas, content, options)
    for number, page in enumerate(planned, start=1):
        canvas.setLineCap(1)  # round: a mitred corner would make a sharp peak higher than it is
        canvas.setLineJoin(1)
        page.draw(Sheet(canvas, paper), number, len(planned))
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _describe(canvas: Canvas, content: Content, options: Options) -> None:
    exam, language = content.exam, options.language
    when = words.moment(exam.started_at, language) if content.time_known else ""
    parts = (words.TITLE.say(language), exam.patient.number, when)
    canvas.setTitle(", ".join(filter(None, parts)))
    signed = content.confirmed_by
    canvas.setAuthor(signed.author if signed else content.hcf or PROGRAM)
    canvas.setSubject(str(exam.uuid))
    canvas.setCreator(PROGRAM)
    canvas.setProducer(PROGRAM)
    offset = f"{options.created_at:%z}"
    made = f"D:{options.created_at:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:5]}'"
    canvas.setDateFormatter(lambda *_: made)


def pages(content: Content, options: Options) -> list[Page]:
    """The pages of a document, in order.

    Raises
    ------
    InvalidField
        There are none (``report.parts``), or a lead is not there (``report.rhythm``).
    """
    exam, language = content.exam, options.language
    cabrera = options.cabrera if options.cabrera is not None else exam.exam_type is ExamType.CABRERA
    channels = channels_of(content.recording.format, exam.exam_type, cabrera, language)
    known = tuple(channel.lead for channel in channels)
    if options.rhythm is not None and not set(options.rhythm) <= set(known):
        raise InvalidField("report.rhythm", options.rhythm, ", ".join(lead.label for lead in known))
    header = Header.fitting(Paper(options.portrait), content, language)
    first = first_montage(header, channels, content, options)
    ecg = ecg_page(header, first, content, options) if Part.ECG in options.parts else None
    found: list[Page] = []
    if Part.BEATS in options.parts:
        beats = representative(channels, content, options)
        if beats is not None:
            gain = ecg.chart.scale.gain if ecg else options.gain or NORMAL_GAIN
            found.append(BeatsPage(content, options, channels, beats, gain))
    if ecg is not None:
        fields = not header.holds_identity(content, language)
        texts = text_pages(content, options, texts=not ecg.findings.whole, fields=fields)
        number = len(found) + 2 if texts else 0
        found = [replace(ecg, text_page=number), *found, *texts]
    shown = first.span[1] - first.span[0]
    if Part.STRIP in options.parts and (content.recording.duration > MUCH_LONGER * shown or not found):
        found += strip_pages(channels, content, options)
    if not found:
        raise InvalidField("report.parts", options.parts, "parts that this exam has: it has no beats")
    return found
