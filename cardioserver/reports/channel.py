"""The leads a page can show: those recorded, and those that follow from I and II."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardioserver.ecg.exam import ExamType
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.recording import SignalFormat
from cardioserver.language import Language, Phrase

CHEST = TWELVE_LEADS[6:]
CABRERA = (Lead.aVL, Lead.I, Lead.MaVR, Lead.II, Lead.aVF, Lead.III)
FROM_LIMBS: dict[Lead, tuple[float, float]] = {
    Lead.III: (-1.0, 1.0),
    Lead.aVR: (-0.5, -0.5),
    Lead.aVL: (1.0, -0.5),
    Lead.aVF: (-0.5, 1.0),
    Lead.MaVR: (0.5, 0.5),
}
"""Shares of I and II (Einthoven, Goldberger; see :mod:`cardioserver.ecg.algebra`)."""
SAME = {Lead.aVR: Lead.MaVR, Lead.MaVR: Lead.aVR}
"""One lead, upside down."""
NAMELESS = Phrase("Lead {}", "Отв. {}")

_USUAL = (
    *TWELVE_LEADS, Lead.MaVR, Lead.V7, Lead.V8, Lead.V9, Lead.V2R, Lead.V3R, Lead.V4R, Lead.V5R, Lead.V6R,
    Lead.V7R, Lead.V8R, Lead.V9R, Lead.D, Lead.A, Lead.J, Lead.X, Lead.Y, Lead.Z, Lead.UNSPECIFIED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Channel:
    """A lead to show.

    Attributes
    ----------
    weights
        Rows of the recording and their shares, by which the lead is made.
    """

    lead: Lead
    label: str
    weights: tuple[tuple[int, float], ...]


def channels_of(
    signal: SignalFormat, exam_type: ExamType, cabrera: bool, language: Language
) -> tuple[Channel, ...]:
    """All leads to show, in the order in which they are read.

    Limb leads that were not recorded are made from I and II in a twelve-lead or limb-lead exam; -aVR takes
    the place of aVR in the order of Cabrera.
    """
    names = lead_names(signal.leads, language)
    shown = [
        Channel(lead, name, ((row, 1.0),))
        for row, (lead, name) in enumerate(zip(signal.leads, names, strict=True))
    ]
    shown += _made(signal.leads, exam_type)
    unwanted = Lead.aVR if cabrera else Lead.MaVR
    leads = {channel.lead for channel in shown}
    if {Lead.aVR, Lead.MaVR} <= leads:
        shown = [channel for channel in shown if channel.lead is not unwanted]
    elif unwanted in leads:
        shown = [_turned(channel) if channel.lead is unwanted else channel for channel in shown]
    order = (*CABRERA, *_USUAL) if cabrera else _USUAL
    return tuple(sorted(shown, key=lambda channel: order.index(channel.lead)))


def lead_names(leads: Sequence[Lead], language: Language) -> list[str]:
    """Names of the leads of a recording; one of which is not known what it is has its place as a number."""
    return [
        NAMELESS.say(language).format(place) if lead is Lead.UNSPECIFIED else lead.label
        for place, lead in enumerate(leads, start=1)
    ]


def _made(recorded: Sequence[Lead], exam_type: ExamType) -> list[Channel]:
    complete = exam_type is ExamType.LIMB or all(lead in recorded for lead in CHEST)
    if not complete or Lead.I not in recorded or Lead.II not in recorded:
        return []
    one, two = recorded.index(Lead.I), recorded.index(Lead.II)
    return [
        Channel(lead, lead.label, ((one, shares[0]), (two, shares[1])))
        for lead, shares in FROM_LIMBS.items()
        if lead not in recorded and SAME.get(lead) not in recorded
    ]


def _turned(channel: Channel) -> Channel:
    """aVR as -aVR and the other way round."""
    lead = SAME[channel.lead]
    return Channel(lead, lead.label, tuple((row, -share) for row, share in channel.weights))
