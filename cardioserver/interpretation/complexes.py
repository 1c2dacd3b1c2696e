"""Sizes of a QRS complex and what follows it, zero where there is no such wave; µV and ms."""

from __future__ import annotations

from cardioserver.interpretation.statement import Fact
from cardioserver.signal.measurements import LeadMeasurements

WIDE_QRS_MS = 120.0
"""From here on a QRS is wide in adults (AHA/ACCF/HRS 2009, part III)."""
LONGEST_P_MS = 165.0
"""Beyond, a P wave has been taken together with a T or U wave or drift before it: all others of 350 ECGs
lasted 158 ms or less, and those marked by hand 162 ms."""
SMALL_UV = 500.0  # waves below are written in small letters: qRs


def r_height(lead: LeadMeasurements | None) -> float:
    """The highest R wave."""
    return max(_size(lead, "r1"), _size(lead, "r2"))


def s_depth(lead: LeadMeasurements | None) -> float:
    """The deepest S wave, positive; the whole complex if there is no R wave."""
    if lead is None:
        return 0.0
    return max(-_size(lead, "s1"), -_size(lead, "s2"), -_size(lead, "q") if lead.r1 is None else 0.0)


def q_depth(lead: LeadMeasurements | None) -> float:
    """The Q wave, positive; a QS complex counts."""
    return -_size(lead, "q")


def q_ms(lead: LeadMeasurements | None) -> float:
    """Duration of the Q wave; a QS complex counts."""
    return _size(lead, "q_ms")


def is_qs(lead: LeadMeasurements | None) -> bool:
    """Whether the complex is negative as a whole."""
    return lead is not None and lead.q is not None and lead.r1 is None


def net_qrs(lead: LeadMeasurements | None) -> float:
    """Highest R less the deepest negative wave."""
    return r_height(lead) - max(s_depth(lead), q_depth(lead))


def peak_to_peak(lead: LeadMeasurements | None) -> float:
    """From the deepest to the highest point of the QRS."""
    return r_height(lead) + max(s_depth(lead), q_depth(lead))


def shape(lead: LeadMeasurements | None) -> str:
    """The complex in letters: ``qRs``, ``rSR'``, ``QS``."""
    if lead is None:
        return ""
    if is_qs(lead):
        return "QS"
    letters = (("q", "q", ""), ("r1", "r", ""), ("s1", "s", ""), ("r2", "r", "'"), ("s2", "s", "'"))
    text = ""
    for name, letter, prime in letters:
        size = abs(_size(lead, name))
        if size:
            text += (letter.upper() if size >= SMALL_UV else letter) + prime
    return text


def shapes(*leads: LeadMeasurements | None) -> tuple[Fact, ...]:
    """The complexes in letters, as facts of those leads that are there."""
    return tuple(Fact(f"{lead.lead.label}.shape", shape(lead)) for lead in leads if lead is not None)


def t_height(lead: LeadMeasurements | None) -> float:
    """The T wave's larger deflection, with its sign."""
    up, down = _size(lead, "t_max"), _size(lead, "t_min")
    return up if up >= -down else down


def j_point(lead: LeadMeasurements | None) -> float:
    """The level at the end of the QRS."""
    return _size(lead, "j")


def st_start(lead: LeadMeasurements | None) -> float:
    """The level where ST begins: at the end of the QRS, or after a J wave that still falls there.

    P. Macfarlane et al., J. Am. Coll. Cardiol. 66:470, 2015.
    """
    later = None if lead is None else lead.st40
    return j_point(lead) if later is None else min(j_point(lead), later)


def st_level(lead: LeadMeasurements | None) -> float:
    """The level 60 ms after the end of the QRS."""
    return _size(lead, "st60")


def _size(lead: LeadMeasurements | None, name: str) -> float:
    value = None if lead is None else getattr(lead, name)
    return 0.0 if value is None else float(value)
