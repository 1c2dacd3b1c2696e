"""The foot of a page: scale, filters, page number."""

from __future__ import annotations

from collections.abc import Sequence

import cardioserver
from cardioserver.ecg.recording import HardwareFilters
from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.content import Content
from cardioserver.reports.fonts import width
from cardioserver.reports.options import Filter, Options
from cardioserver.reports.plot import Drawn
from cardioserver.reports.sheet import Sheet
from cardioserver.reports.textblock import shortened

HEIGHT_MM = 8.0
FIRST_PT, SECOND_PT = 8.0, 6.5
LINES_MM = (4.2, 0.8)  # above the lower edge
SEPARATOR = "   "


def draw_footer(
    sheet: Sheet,
    content: Content,
    options: Options,
    page: tuple[int, int],
    *,
    drawn: Drawn | None = None,
    notes: Sequence[str] = (),
    confirmation: bool = True,
) -> None:
    """Draw the foot.

    Parameters
    ----------
    page
        Its number and how many there are.
    drawn
        The chart above, if there is one.
    notes
        More to say of it.
    confirmation
        Whether it is said here that no doctor has confirmed anything, and not in the head.
    """
    language, inside = options.language, sheet.paper.inside
    first, second = (inside.bottom - each for each in LINES_MM)
    right = words.PAGE.say(language).format(*page)
    room = inside.width - width(right, FIRST_PT, bold=True) - 4
    said = SEPARATOR.join(_scale(drawn, language)) if drawn else ""
    if drawn:
        said += SEPARATOR + filters_in_use(content.recording.format.filters, options)
    sheet.text(inside.x, first, shortened(said, room, FIRST_PT, bold=True), FIRST_PT, bold=True)
    sheet.text(inside.right, first, right, FIRST_PT, bold=True, align="right")
    made = words.moment(options.created_at, language)
    right = f"Cardioserver {cardioserver.__version__}, {words.CREATED.say(language)} {made}"
    room = inside.width - width(right, SECOND_PT) - 4
    unsigned = confirmation and content.confirmed_by is None
    said = words.UNCONFIRMED.say(language) if unsigned else ""
    remarks = [each for each in (said, *notes, *(_marks(drawn, language) if drawn else ())) if each]
    sheet.text(inside.x, second, shortened(SEPARATOR.join(remarks), room, SECOND_PT), SECOND_PT)
    sheet.text(inside.right, second, right, SECOND_PT, align="right")


def _scale(drawn: Drawn, language: Language) -> list[str]:
    said = [
        f"{words.plain(drawn.scale.speed, language)} {words.SPEED.say(language)}",
        f"{words.plain(drawn.scale.gain, language)} {words.GAIN.say(language)}",
    ]
    if drawn.lowered:
        said[-1] += f" ({words.LOW_GAIN.say(language)})"
    return said


def _marks(drawn: Drawn, language: Language) -> list[str]:
    marks = ((drawn.spikes, words.SPIKES), (drawn.clipped, words.CLIPPED))
    return [phrase.say(language) for there, phrase in marks if there]


def filters_in_use(hardware: HardwareFilters, options: Options) -> str:
    """The page's filters, then those of the recorder."""
    language = options.language
    names = [
        words.FILTER_NAMES[each].say(language).format(options.mains)
        for each in Filter
        if each in options.filters
    ]
    said = f"{words.FILTERS.say(language)}: {', '.join(names)}" if names else words.NO_FILTERS.say(language)
    own = _of_recorder(hardware, language)
    return f"{said}; {words.RECORDER.say(language)}: {own}" if own else said


def _of_recorder(hardware: HardwareFilters, language: Language) -> str:
    low, high, mains = hardware.high_pass_hz, hardware.low_pass_hz, hardware.mains_hz
    hz = words.HZ.say(language)

    def said(value: float) -> str:
        return f"{value:g}".replace(".", "," if language == "ru" else ".")

    parts = []
    if low and high:
        parts.append(f"{said(low)}–{said(high)} {hz}")
    elif low or high:
        parts.append(f"{'>' if low else '<'} {said(low or high or 0)} {hz}")
    if mains:
        parts.append(words.FILTER_NAMES[Filter.DAPLF].say(language).format(mains))
    return ", ".join(parts)
