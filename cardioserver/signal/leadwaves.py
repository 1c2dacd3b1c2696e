"""Sizes of the waves of one lead of the representative beat."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.signal.average import AverageBeat
from cardioserver.signal.delineation import Marks

Signal = npt.NDArray[np.float64]

LEAST_UV, LEAST_S = 20.0, 0.006  # IEC 60601-2-25: smallest wave of a QRS that is counted
LEVEL_S = 0.01
STANDS_OUT = 0.15  # of its own size: a wave of one lead lasts as long as it is larger
NOTCH_UV, NOTCH_SHARE = 40.0, 0.04  # of the height of the QRS; a smaller turn is noise


def lead_waves(line: Signal, beat: AverageBeat, marks: Marks) -> dict[str, Any]:
    """Fields of :class:`~cardioserver.signal.measurements.LeadMeasurements` for one lead.

    Parameters
    ----------
    line
        µV, that lead of *beat*.
    """
    values: dict[str, Any] = {}
    origin, rate = beat.origin, beat.rate
    on, off = max(round(origin + marks.qrs_on), 0), round(origin + marks.qrs_off)
    pr_end = max(round(origin + marks.pr_end), 0)
    line = line - line[max(pr_end - round(LEVEL_S * rate), 0) : pr_end + 1].mean()
    values |= _qrs(line[on : off + 1], rate)
    values["j"] = _at(line, off)
    for name, seconds in (("st20", 0.02), ("st40", 0.04), ("st60", 0.06), ("st80", 0.08)):
        values[name] = _at(line, off + round(seconds * rate))
    if marks.p_on is not None and marks.p_off is not None:
        values |= _p(line, max(round(origin + marks.p_on), 0), round(origin + marks.p_off), rate)
    if marks.t_on is not None and marks.t_off is not None:
        wave = line[max(round(origin + marks.t_on), 0) : round(origin + marks.t_off) + 1]
        if len(wave):
            values |= {"t_max": max(float(wave.max()), 0.0), "t_min": min(float(wave.min()), 0.0)}
            values["t_ms"] = _lasting(wave, rate)
    return values


def _at(line: Signal, place: int) -> float | None:
    return float(line[place]) if 0 <= place < len(line) else None


def _lasting(wave: Signal, rate: float) -> float | None:
    """How long a wave stands out in this lead, ms; ``None`` if it does nowhere."""
    size = np.abs(wave)
    beyond = np.flatnonzero(size >= max(STANDS_OUT * size.max(), LEAST_UV / 2))
    return float(beyond[-1] - beyond[0] + 1) * 1000 / rate if len(beyond) else None


def _p(line: Signal, on: int, off: int, rate: float) -> dict[str, float | None]:
    wave = line[on : off + 1] - line[max(on - round(LEVEL_S * rate), 0) : on + 1].mean()
    values: dict[str, float | None] = {
        "p_max": max(float(wave.max()), 0.0),
        "p_min": min(float(wave.min()), 0.0),
        "p_ms": _lasting(wave, rate),
    }
    against_line = wave - np.linspace(0.0, wave[-1], len(wave))
    deepest = int(against_line.argmin())
    if against_line[deepest] <= -LEAST_UV:
        positive = np.flatnonzero(against_line[:deepest] >= 0)
        begin = int(positive[-1]) + 1 if len(positive) else 0
        values["p_terminal"] = float(against_line[deepest]) * (len(wave) - begin) * 1000 / rate
    return values


def _qrs(line: Signal, rate: float) -> dict[str, float | int | None]:
    """Q, R, S, R' and S' between onset and offset; each lasts from one crossing of the level to the next."""
    waves = _waves(line, rate)
    if not waves:
        return {}
    values: dict[str, float | int | None] = {
        "qrs_ms": (len(line) - 1) * 1000 / rate,
        "qrs_area": float(line.sum()) * 1000 / rate,
    }
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
    notches = _notches(line)
    values["notches"] = len(notches)
    if notches:
        values["notch_ms"] = notches[0] * 1000 / rate
    return values


def _waves(line: Signal, rate: float) -> list[tuple[float, float, int]]:
    """Height, duration in ms and place of the peak of each wave."""
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
    return waves


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


def _notches(line: Signal) -> list[int]:
    """Places where the QRS turns back within a wave, before it has reached the level."""
    least = max(NOTCH_UV, NOTCH_SHARE * float(np.ptp(line)))
    pivots = _pivots(line.tolist(), least)
    notches = []
    for before, place, after in zip(pivots, pivots[1:], pivots[2:], strict=False):
        height = line[place]
        inside = height >= least if line[before] > height else height <= -least
        if inside and line[before] * height > 0 and line[after] * height > 0:
            notches.append(place)
    return notches


def _pivots(values: list[float], least: float) -> list[int]:
    """Where a line turns by at least *least*, between its ends."""
    pivots = [0]
    best, direction = 0, 0
    for place, value in enumerate(values):
        if (direction >= 0 and value > values[best]) or (direction <= 0 and value < values[best]):
            if direction or abs(value - values[pivots[0]]) >= least:
                direction = direction or (1 if value > values[pivots[0]] else -1)
                best = place
        elif abs(value - values[best]) >= least and direction:
            pivots.append(best)
            best, direction = place, -direction
    return [*pivots, best]
