"""The measurements of each lead as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cardioserver.language import Language
from cardioserver.reports import words
from cardioserver.reports.channel import lead_names
from cardioserver.reports.paper import Box
from cardioserver.reports.sheet import Sheet
from cardioserver.signal.measurements import LeadMeasurements

TEXT_PT = 7.0
ROW_MM = 3.5
RULE_MM = 0.15
LEAD_MM = 13.0

AMPLITUDES = {
    "p_max": "P+", "p_min": "P−", "q": "Q", "r1": "R", "s1": "S", "r2": "R′", "s2": "S′", "j": "J",
    "st20": "ST20", "st40": "ST40", "st60": "ST60", "st80": "ST80", "t_max": "T+", "t_min": "T−",
}  # fmt: skip
"""In mV; the number of an ST level is that of ms after J."""
DURATIONS = {"p_ms": "P", "q_ms": "Q", "r1_ms": "R", "s1_ms": "S", "qrs_ms": "QRS"}
"""In ms."""


def table_height(leads: int) -> float:
    """Height of a table of so many leads, mm."""
    return (leads + 2) * ROW_MM


def draw_table(sheet: Sheet, box: Box, leads: Sequence[LeadMeasurements], language: Language) -> None:
    """Draw the table; a wave that is not there leaves its place empty."""
    columns = [*AMPLITUDES.items(), *DURATIONS.items()]
    step = (box.width - LEAD_MM) / len(columns)
    right = [box.x + LEAD_MM + step * (number + 1) for number in range(len(columns))]
    groups = ((0, words.MV), (len(AMPLITUDES), words.MS))
    for first, unit in groups:
        left = box.x + LEAD_MM + step * first + step * 0.35
        sheet.text(left, box.y + ROW_MM - 0.8, unit.say(language), TEXT_PT)
    y = box.y + 2 * ROW_MM - 0.8
    for x, (_, name) in zip(right, columns, strict=True):
        sheet.text(x, y, name, TEXT_PT, bold=True, align="right")
    sheet.line(box.x, y + 0.7, box.right, y + 0.7, RULE_MM)
    between = right[len(AMPLITUDES) - 1] + step * 0.15
    sheet.line(between, box.y, between, box.y + table_height(len(leads)), RULE_MM)
    names = lead_names([lead.lead for lead in leads], language)
    for number, (name, lead) in enumerate(zip(names, leads, strict=True), start=3):
        y = box.y + number * ROW_MM - 0.8
        sheet.text(box.x, y, name, TEXT_PT, bold=True)
        for x, (field, _) in zip(right, columns, strict=True):
            value = getattr(lead, field)
            if value is not None:
                sheet.text(x, y, _said(field, value, language), TEXT_PT, align="right")


def _said(field: str, value: float, language: Language) -> str:
    if field in AMPLITUDES:
        return words.number(value / 1000, 2, language)
    return f"{value:.0f}"
