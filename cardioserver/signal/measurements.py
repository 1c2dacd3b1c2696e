"""Numbers read from a delineated ECG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead
from cardioserver.signal.average import AverageBeat
from cardioserver.signal.beats import Beats
from cardioserver.signal.delineation import Marks
from cardioserver.signal.fiducials import NONE, Fiducials
from cardioserver.signal.leadwaves import lead_waves
from cardioserver.signal.order import median

Signal = npt.NDArray[np.float64]


FROM_I_AND_II = {Lead.III: (-1.0, 1.0), Lead.aVR: (-0.5, -0.5), Lead.aVL: (1.0, -0.5), Lead.aVF: (-0.5, 1.0)}
"""Limb leads as sums of I and II (Einthoven, Goldberger)."""


@dataclass(frozen=True, slots=True)
class LeadMeasurements:
    """Waves of one lead of the representative beat; amplitudes in µV, durations in ms.

    Amplitudes are against the level before the QRS (IEC 60601-2-25), those of P against its own onset.
    ``None`` means that there is no such wave. A QS complex has ``q`` alone.
    """

    lead: Lead
    p_max: float | None = None
    p_min: float | None = None
    p_ms: float | None = None  # as long as the wave stands out in this lead
    p_terminal: float | None = None  # µV·ms: depth times duration of the negative end of P
    q: float | None = None
    q_ms: float | None = None
    r1: float | None = None
    r1_ms: float | None = None
    s1: float | None = None
    s1_ms: float | None = None
    r2: float | None = None
    r2_ms: float | None = None
    s2: float | None = None
    s2_ms: float | None = None
    qrs_ms: float | None = None
    qrs_area: float | None = None  # µV·ms, net
    notches: int | None = None  # turns within the waves of the QRS that do not reach its level
    notch_ms: float | None = None  # QRS onset to the first of them
    activation_ms: float | None = None  # QRS onset to the last R peak
    j: float | None = None
    st20: float | None = None
    st40: float | None = None
    st60: float | None = None
    st80: float | None = None
    t_max: float | None = None
    t_min: float | None = None
    t_ms: float | None = None  # as long as the wave stands out in this lead


@dataclass(frozen=True, slots=True)
class Measurements:
    """Numbers of the whole record; intervals in ms, axes in degrees (-180 to 180), ``None`` if unknown."""

    rate: float | None = None  # beats a minute, from the mean RR interval
    rr: float | None = None
    rr_sd: float | None = None
    rr_rmssd: float | None = None
    rr_min: float | None = None
    rr_max: float | None = None
    p: float | None = None
    pr: float | None = None
    qrs: float | None = None
    qt: float | None = None
    qtc_bazett: float | None = None
    qtc_fridericia: float | None = None
    qtc_framingham: float | None = None
    qtc_hodges: float | None = None
    p_axis: float | None = None
    qrs_axis: float | None = None
    t_axis: float | None = None


def measure(leads: Sequence[Lead], rate: float, beats: Beats, fiducials: Fiducials) -> Measurements:
    """What the whole of a delineated record measures.

    Parameters
    ----------
    leads
        Names of the leads in the order of the samples.
    rate
        Sampling rate in Hz.
    """
    values: dict[str, float | None] = dict(_rhythm(beats, rate))
    usual = beats.dominant
    for name, first, last in (
        ("p", "p_on", "p_off"),
        ("pr", "p_on", "qrs_on"),
        ("qrs", "qrs_on", "qrs_off"),
        ("qt", "qrs_on", "t_off"),
    ):
        values[name] = _interval(fiducials, usual, first, last, rate)
    values |= corrected_qt(values["qt"], values.get("rr"))
    beat, marks = fiducials.average, fiducials.marks
    if beat is not None and marks is not None:
        values |= _axes(leads, beat, marks)
    return Measurements(**values)


def measure_leads(leads: Sequence[Lead], fiducials: Fiducials) -> tuple[LeadMeasurements, ...]:
    """What each lead of the representative beat measures; nothing without such a beat.

    Where I and II were recorded, the other limb leads are added. Parameters are those of :func:`measure`.
    """
    beat, marks = fiducials.average, fiducials.marks
    if beat is None or marks is None:
        return ()
    lines = list(zip(leads, beat.samples, strict=True))
    rows = dict(lines)
    if Lead.I in rows and Lead.II in rows:
        lines += [
            (lead, one * rows[Lead.I] + two * rows[Lead.II])
            for lead, (one, two) in FROM_I_AND_II.items()
            if lead not in rows
        ]
    return tuple(LeadMeasurements(lead, **lead_waves(line, beat, marks)) for lead, line in lines)


def corrected_qt(qt: float | None, rr: float | None) -> dict[str, float | None]:
    """QT for a rate of 60 a minute by the four formulas that AHA/ACC/HRS 2009 (part IV) discusses, ms.

    Bazett 1920, Fridericia 1920, Framingham (Sagie 1992) and Hodges 1983. A straight line gives nothing for
    beats so many seconds apart that it falls below zero: ``None``.
    """
    if qt is None or rr is None:
        return dict.fromkeys(("qtc_bazett", "qtc_fridericia", "qtc_framingham", "qtc_hodges"))
    seconds = rr / 1000
    corrected = {
        "qtc_bazett": qt / math.sqrt(seconds),
        "qtc_fridericia": qt / math.cbrt(seconds),
        "qtc_framingham": qt + 154 * (1 - seconds),
        "qtc_hodges": qt + 1.75 * (60 / seconds - 60),
    }
    return {name: value if value > 0 else None for name, value in corrected.items()}


def _rhythm(beats: Beats, rate: float) -> dict[str, float]:
    intervals = np.diff(beats.samples) * 1000 / rate
    if not len(intervals):
        return {}
    changes = np.diff(intervals)
    return {
        "rate": 60_000 / float(intervals.mean()),
        "rr": float(intervals.mean()),
        "rr_sd": float(intervals.std()),
        "rr_rmssd": float(np.sqrt((changes**2).mean())) if len(changes) else 0.0,
        "rr_min": float(intervals.min()),
        "rr_max": float(intervals.max()),
    }


def _interval(
    fiducials: Fiducials, usual: npt.NDArray[np.bool_], first: str, last: str, rate: float
) -> float | None:
    """Median over the dominant beats, ms."""
    start, stop = fiducials.of(first), fiducials.of(last)
    known = usual & (start != NONE) & (stop != NONE)
    return float(median(stop[known] - start[known])) * 1000 / rate if known.any() else None


def _axes(leads: Sequence[Lead], beat: AverageBeat, marks: Marks) -> dict[str, float | None]:
    """Frontal axes from the net areas of P, QRS and T (AHA/ACC/HRS 2007, part I)."""
    found: dict[str, float | None] = {}
    spans = {
        "p_axis": (marks.p_on, marks.p_off),
        "qrs_axis": (marks.qrs_on, marks.qrs_off),
        "t_axis": (marks.t_on, marks.t_off),
    }
    rows = dict(zip(leads, beat.samples, strict=True))
    for name, (start, stop) in spans.items():
        if start is None or stop is None:
            continue
        first, last = max(round(beat.origin + start), 0), round(beat.origin + stop)
        level = first if name == "p_axis" else max(round(beat.origin + marks.pr_end), 0)
        areas = {lead: float((row[first : last + 1] - row[level]).sum()) for lead, row in rows.items()}
        found[name] = frontal_axis(areas)
    return found


def frontal_axis(sizes: dict[Lead, float]) -> float | None:
    """Angle of the frontal vector in degrees from lead I towards aVF; needs two of I, II, III."""
    one, two, three = (sizes.get(lead) for lead in (Lead.I, Lead.II, Lead.III))
    if one is None and two is not None and three is not None:
        one = two - three
    if two is None and one is not None and three is not None:
        two = one + three
    if one is None or two is None or (one == 0 and two == 0):
        return None
    return math.degrees(math.atan2((2 * two - one) / math.sqrt(3), one))
