"""What a process that prints does: one page after another, each within its limits."""

from __future__ import annotations

from cardioserver.bounds import limit_job
from cardioserver.ecg.errors import EcgError
from cardioserver.ecg.recording import Recording
from cardioserver.integration.errors import Permanent, Retryable
from cardioserver.integration.pages import PageFormat, PageJob, PageSettings
from cardioserver.interpretation.document import Document, decode
from cardioserver.reports import (
    Conclusion,
    Content,
    Filter,
    ImageFormat,
    Layout,
    Options,
    Part,
    render_images,
    render_pdf,
)
from cardioserver.trace import place_of


def work(job: PageJob, data: memoryview) -> tuple[bytes, ...]:
    """Print; a PDF, or a picture of each page.

    Raises
    ------
    Permanent
        The exam cannot be printed.
    Retryable
        It takes too much memory, or printing has failed. The system ends the process if it takes too long.
    """
    limit_job(job.seconds, job.memory_bytes)
    try:
        content, options = _content(job, Recording.from_bytes(job.signal, data)), _options(job)
        if job.format is PageFormat.PDF:
            return (render_pdf(content, options),)
        kind = ImageFormat(job.format.value)
        return tuple(render_images(content, options, kind, dpi=job.settings.dpi))
    except EcgError as error:
        raise Permanent(f"this exam cannot be printed: {error}") from None
    except MemoryError:
        raise Retryable("printing takes more memory than allowed") from None
    except Exception as error:
        raise Retryable(f"printing has failed: {type(error).__name__} at {place_of(error)}") from None


def _content(job: PageJob, recording: Recording) -> Content:
    zone = job.created_at.tzinfo
    conclusions = tuple(
        Conclusion(each.text, each.account_name, each.created_at.astimezone(zone)) for each in job.conclusions
    )
    return Content(job.exam, recording, _document(job.report), conclusions, job.hcf, job.archive, job.exam_id)


def _document(report: str) -> Document | None:
    try:
        return decode(report) if report else None
    except ValueError:  # it was made by another version of this program
        return None


def _options(job: PageJob) -> Options:
    settings: PageSettings = job.settings
    unwanted = {Part.BEATS: not settings.beats, Part.STRIP: not settings.strip}
    return Options(
        job.created_at,
        settings.language,
        Layout(settings.layout),
        speed=float(settings.speed),
        gain=None if settings.gain is None else float(settings.gain),
        filters=frozenset(Filter(name) for name in settings.filters),
        mains=float(settings.mains),
        portrait=settings.portrait,
        parts=frozenset(part for part in Part if not unwanted.get(part)),
    )
