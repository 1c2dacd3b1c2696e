"""Numbers read from a delineated ECG, with their codes."""

from __future__ import annotations

import itertools
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

Signal = npt.NDArray[np.float64]

LEAST_UV, LEAST_S = 20.0, 0.006  # IEC 60601-2-25: smallest wave of a QRS that is counted
LEVEL_S = 0.01


@dataclass(frozen=True, slots=True)
class LeadMeasurements:
    """Waves of one lead of the representative beat; amplitudes in µV, durations in ms.

    Amplitudes are against the level before the QRS (IEC 60601-2-25), those of P against its own onset.
    ``None`` means that there is no such wave. A QS complex has ``q`` alone.
    """

    lead: Lead
    p_max: float | None = None
    p_min: float | None = None
    p_ms: float | None = None
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
    activation_ms: float | None = None  # QRS onset to the last R peak
    j: float | None = None
    st20: float | None = None
    st40: float | None = None
    st60: float | None = None
    st80: float | None = None
    t_max: float | None = None
    t_min: float | None = None


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


@dataclass(frozen=True, slots=True)
class Code:
    """A term of ISO/IEEE 11073-10102 as DICOM PS3.16 (CID 3227, 3228, 3229, 3687, 3688) lists it.

    ``value`` is the code documents carry, ``partition:term``; for one lead the lead's own code is added to
    the term. ``reference`` is its reference identifier; those of amplitudes and of the global P duration
    follow the naming scheme of the standard and were not compared with its text.
    """

    value: str
    reference: str
    unit: str  # UCUM


GLOBAL_CODES = {
    "rate": Code("2:16770", "MDC_ECG_HEART_RATE", "{H.B.}/min"),
    "rr": Code("2:16168", "MDC_ECG_TIME_PD_RR_GL", "ms"),
    "p": Code("2:16184", "MDC_ECG_TIME_PD_P_GL", "ms"),
    "pr": Code("2:15872", "MDC_ECG_TIME_PD_PR_GL", "ms"),
    "qrs": Code("2:16156", "MDC_ECG_TIME_PD_QRS_GL", "ms"),
    "qt": Code("2:16160", "MDC_ECG_TIME_PD_QT_GL", "ms"),
    "qtc_bazett": Code("2:15880", "MDC_ECG_TIME_PD_QTcB", "ms"),
    "qtc_fridericia": Code("2:15892", "MDC_ECG_TIME_PD_QTcF", "ms"),
    "p_axis": Code("2:16128", "MDC_ECG_ANGLE_P_FRONT", "deg"),
    "qrs_axis": Code("2:16132", "MDC_ECG_ANGLE_QRS_FRONT", "deg"),
    "t_axis": Code("2:16136", "MDC_ECG_ANGLE_T_FRONT", "deg"),
}
"""Codes of :class:`Measurements`; fields without one have no term there."""

LEAD_CODES = {
    "p_max": Code("2:1280", "MDC_ECG_AMPL_P_MAX", "uV"),
    "p_min": Code("2:1536", "MDC_ECG_AMPL_P_MIN", "uV"),
    "p_ms": Code("2:6656", "MDC_ECG_TIME_PD_P", "ms"),
    "q": Code("2:1792", "MDC_ECG_AMPL_Q", "uV"),
    "q_ms": Code("2:7680", "MDC_ECG_TIME_PD_Q", "ms"),
    "r1": Code("2:12800", "MDC_ECG_AMPL_R_1", "uV"),
    "r1_ms": Code("2:11264", "MDC_ECG_TIME_PD_R_1", "ms"),
    "s1": Code("2:13568", "MDC_ECG_AMPL_S_1", "uV"),
    "s1_ms": Code("2:12032", "MDC_ECG_TIME_PD_S_1", "ms"),
    "r2": Code("2:13056", "MDC_ECG_AMPL_R_2", "uV"),
    "r2_ms": Code("2:11520", "MDC_ECG_TIME_PD_R_2", "ms"),
    "s2": Code("2:13824", "MDC_ECG_AMPL_S_2", "uV"),
    "s2_ms": Code("2:12288", "MDC_ECG_TIME_PD_S_2", "ms"),
    "qrs_ms": Code("2:7936", "MDC_ECG_TIME_PD_QRS", "ms"),
    "activation_ms": Code("2:11008", "MDC_ECG_TIME_PD_VENT_ACTIV", "ms"),
    "j": Code("2:1024", "MDC_ECG_AMPL_J", "uV"),
    "st20": Code("2:14848", "MDC_ECG_AMPL_ST_20", "uV"),
    "st40": Code("2:15104", "MDC_ECG_AMPL_ST_40", "uV"),
    "st60": Code("2:14336", "MDC_ECG_AMPL_ST_60", "uV"),
    "st80": Code("2:14592", "MDC_ECG_AMPL_ST_80", "uV"),
    "t_max": Code("2:2560", "MDC_ECG_AMPL_T_MAX", "uV"),
    "t_min": Code("2:2816", "MDC_ECG_AMPL_T_MIN", "uV"),
}
"""Codes of :class:`LeadMeasurements`; the base term, to which the lead's own code is added."""


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

    Parameters are those of :func:`measure`.
    """
    beat, marks = fiducials.average, fiducials.marks
    if beat is None or marks is None:
        return ()
    return tuple(
        _measure_lead(lead, line, beat, marks) for lead, line in zip(leads, beat.samples, strict=True)
    )


def corrected_qt(qt: float | None, rr: float | None) -> dict[str, float | None]:
    """QT for a rate of 60 a minute by the four formulas that AHA/ACC/HRS 2009 (part IV) discusses, ms.

    Bazett 1920, Fridericia 1920, Framingham (Sagie 1992) and Hodges 1983.
    """
    if qt is None or rr is None:
        return dict.fromkeys(("qtc_bazett", "qtc_fridericia", "qtc_framingham", "qtc_hodges"))
    seconds = rr / 1000
    return {
        "qtc_bazett": qt / math.sqrt(seconds),
        "qtc_fridericia": qt / math.cbrt(seconds),
        "qtc_framingham": qt + 154 * (1 - seconds),
        "qtc_hodges": qt + 1.75 * (60 / seconds - 60),
    }


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
    return float(np.median(stop[known] - start[known])) * 1000 / rate if known.any() else None


def _measure_lead(lead: Lead, line: Signal, beat: AverageBeat, marks: Marks) -> LeadMeasurements:
    values: dict[str, float | None] = {}
    origin, rate = beat.origin, beat.rate
    on, off = round(origin + marks.qrs_on), round(origin + marks.qrs_off)
    before = max(on - round(LEVEL_S * rate), 0)
    line = line - line[before : on + 1].mean()
    values |= _qrs_waves(line[on : off + 1], rate)
    values["j"] = _at(line, off)
    for name, seconds in (("st20", 0.02), ("st40", 0.04), ("st60", 0.06), ("st80", 0.08)):
        values[name] = _at(line, off + round(seconds * rate))
    if marks.p_on is not None and marks.p_off is not None:
        start, stop = max(round(origin + marks.p_on), 0), round(origin + marks.p_off)
        wave = line[start : stop + 1] - line[start]
        values |= {"p_max": max(float(wave.max()), 0.0), "p_min": min(float(wave.min()), 0.0)}
        values["p_ms"] = (stop - start) * 1000 / rate
    if marks.t_on is not None and marks.t_off is not None:
        wave = line[round(origin + marks.t_on) : round(origin + marks.t_off) + 1]
        if len(wave):
            values |= {"t_max": max(float(wave.max()), 0.0), "t_min": min(float(wave.min()), 0.0)}
    return LeadMeasurements(lead, **values)


def _at(line: Signal, place: int) -> float | None:
    return float(line[place]) if 0 <= place < len(line) else None


def _qrs_waves(line: Signal, rate: float) -> dict[str, float | None]:
    """Q, R, S, R' and S' between onset and offset; each lasts from one crossing of the level to the next."""
    begin, end = _active(line, rate)
    edges = begin + np.flatnonzero(np.diff(np.sign(line[begin:end]), prepend=0, append=0))
    waves: list[tuple[float, float, int]] = []
    for start, stop in itertools.pairwise(edges.tolist()):
        peak = start + int(np.abs(line[start:stop]).argmax())
        height, width = float(line[peak]), (stop - start) * 1000 / rate
        if abs(height) < LEAST_UV or width < LEAST_S * 1000:
            continue
        if waves and (waves[-1][0] > 0) == (height > 0):  # nothing that counts lies between: one wave
            last = waves.pop()
            width += last[1]
            height, peak = max((height, peak), (last[0], last[2]), key=lambda top: abs(top[0]))
        waves.append((height, width, peak))
    if len(waves) > 1 and waves[-1][2] >= len(line) - 1 - LEAST_S * rate:
        waves.pop()  # still growing at the offset: the ST segment begins
    values: dict[str, float | None] = {}
    if not waves:
        return values
    values["qrs_ms"] = (len(line) - 1) * 1000 / rate
    risen = 0
    for height, width, peak in waves:
        if height > 0:
            risen += 1
            name = f"r{risen}"
            if risen <= 2:
                values["activation_ms"] = peak * 1000 / rate
        else:
            name = f"s{risen}" if risen else "q"
        if risen <= 2 and name not in values:
            values[name], values[f"{name}_ms"] = height, width
    return values


def _active(line: Signal, rate: float) -> tuple[int, int]:
    """Where the QRS of a lead begins and ends within the global one.

    Isoelectric parts before and after (the I and K waves of IEC 60601-2-25) belong to no wave: other leads
    are active then.
    """
    beyond = np.flatnonzero(np.abs(line) > LEAST_UV)
    if not len(beyond):
        return 0, 0
    shortest = LEAST_S * rate
    first, last = int(beyond[0]), int(beyond[-1]) + 1
    return first if first >= shortest else 0, last if len(line) - last >= shortest else len(line)


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
        level = first if name == "p_axis" else max(round(beat.origin + marks.qrs_on), 0)
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
