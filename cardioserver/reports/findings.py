"""The machine's reading and the doctor's conclusion, in the head of the page."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.content import Conclusion, Content, Stamp
from cardioserver.reports.fields import reading, warnings
from cardioserver.reports.fonts import POINT_MM, line_height, width
from cardioserver.reports.paper import Box
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.textblock import TextBlock, fitted, shortened

TITLE_PT, SIGNATURE_PT = 8.0, 7.5
TEXT_PT = (9.0, 8.5, 8.0, 7.5, 7.0, 6.5)
SECOND_PT = (7.5, 7.0, 6.5)  # the machine's text below a doctor's
STAMP_MM = (30.0, 16.0)
STAMP_PT = (8.0, 7.0, 6.0, 5.0)
TITLE_MM = 4.8
SIGNATURE_MM = 5.0
GAP_MM = 1.0
FRAME_MM = 0.2
BADGE_PAD_MM = 1.0


@dataclass(frozen=True, slots=True)
class Findings:
    """All texts, fitted into a box; ``whole`` is false if some go on on a page of their own."""

    box: Box
    warning: TextBlock | None
    main: TextBlock
    second: TextBlock | None
    whole: bool


def fit_findings(content: Content, language: Language, box: Box) -> Findings:
    """Share *box* out among the texts."""
    document, conclusion = content.document, content.confirmed_by
    warned = warnings(document, language) if document else ""
    warning = (
        fitted(warned, (box.width, line_height(TITLE_PT) * 2), (TITLE_PT, 7.0), bold=True) if warned else None
    )
    said = reading(document, language) if document else words.NO_ANALYSIS.say(language)
    room = box.height - TITLE_MM - (warning.height + GAP_MM if warning else 0)
    if conclusion is None:
        main = fitted(said, (box.width, room - SIGNATURE_MM), TEXT_PT)
        return Findings(box, warning, main, None, main.whole)
    said = " ".join(said.split("\n")) if document else ""
    main, second = _fit_both(conclusion, said, box.width, room - SIGNATURE_MM)
    told = not said or (second is not None and second.whole)
    return Findings(box, warning, main, second, main.whole and told and len(content.conclusions) == 1)


def _fit_both(
    conclusion: Conclusion, said: str, width: float, room: float
) -> tuple[TextBlock, TextBlock | None]:
    """The doctor's text, and what is left of the room for the machine's."""
    beside = STAMP_MM[0] + GAP_MM if conclusion.stamp != Stamp() else 0.0
    for size in (*TEXT_PT, None):  # the last time: as large as the doctor's text can be by itself
        main = fitted(conclusion.text, (width - beside, room), TEXT_PT if size is None else (size,))
        left = room - max(main.height, STAMP_MM[1] - TITLE_MM if beside else 0.0) - TITLE_MM - GAP_MM
        second = fitted(said, (width, left), SECOND_PT) if left >= line_height(SECOND_PT[-1]) else None
        if main.whole and (not said or (second is not None and second.whole)):
            break
    return main, second if said else None


def draw_findings(sheet: Sheet, findings: Findings, content: Content, language: Language, more: str) -> None:
    """Draw the texts; *more* says where they are in full, if they are not here."""
    box = findings.box
    y = box.y
    if findings.warning:
        y = findings.warning.draw(sheet, box.x, y) + GAP_MM
    conclusion = content.confirmed_by
    if conclusion is None:
        _title(sheet, box, y, words.AUTO_REPORT.say(language), more)
        _badge(sheet, box, y, words.UNCONFIRMED.say(language))
        findings.main.draw(sheet, box.x, y + TITLE_MM)
        _line_to_sign(sheet, box, language)
        return
    _title(sheet, box, y, words.CONCLUSION.say(language), more)
    end = findings.main.draw(sheet, box.x, y + TITLE_MM)
    if conclusion.stamp != Stamp():
        corner = Box(box.right - STAMP_MM[0], y + GAP_MM, *STAMP_MM)
        draw_stamp(sheet, corner, conclusion.stamp)
        end = max(end, corner.bottom)
    end += line_height(SIGNATURE_PT)
    signed = shortened(signature(conclusion, language), box.width, SIGNATURE_PT, bold=True)
    sheet.text(box.right, end, signed, SIGNATURE_PT, bold=True, align="right")
    if findings.second:
        top = end + GAP_MM
        _title(sheet, box, top, words.AUTO_REPORT.say(language), "")
        findings.second.draw(sheet, box.x, top + TITLE_MM)


def signature(conclusion: Conclusion, language: Language) -> str:
    """Who signed and when."""
    return f"{conclusion.author}, {words.moment(conclusion.signed_at, language)}"


def draw_stamp(sheet: Sheet, box: Box, stamp: Stamp) -> None:
    """The picture, or else the text in a frame."""
    if stamp.image:
        sheet.picture(stamp.image, box)
        return
    block = fitted(stamp.text, (box.width - 2, box.height - 2), STAMP_PT, bold=True)
    sheet.frame(Box(box.x, box.y, box.width, block.height + 2), FRAME_MM * 2)
    block.draw(sheet, box.x + 1, box.y + 1)


def _title(sheet: Sheet, box: Box, y: float, title: str, more: str) -> None:
    sheet.text(box.x, y + 3, title, TITLE_PT, bold=True)
    if more:
        sheet.text(box.x + width(title, TITLE_PT, bold=True) + 2, y + 3, f"({more})", 7.0)


def _badge(sheet: Sheet, box: Box, y: float, text: str) -> None:
    """A text in a frame at the right."""
    wide = width(text, TITLE_PT, bold=True) + 2 * BADGE_PAD_MM
    frame = Box(box.right - wide, y - 0.3, wide, TITLE_PT * POINT_MM + 1.4)
    sheet.frame(frame, FRAME_MM)
    sheet.text(frame.x + BADGE_PAD_MM, y + 3, text, TITLE_PT, bold=True)


def _line_to_sign(sheet: Sheet, box: Box, language: Language) -> None:
    """Where a doctor signs on paper."""
    y = box.bottom - 0.8
    half = box.width * 0.62
    for word, start, stop in (
        (words.DOCTOR, box.x, box.x + half - 3),
        (words.DATE, box.x + half, box.right),
    ):
        said = word.say(language)
        sheet.text(start, y, said, SIGNATURE_PT)
        sheet.line(start + width(said, SIGNATURE_PT) + 1, y + 0.4, stop, y + 0.4, 0.15)
