"""Measured ECGs that never were: a healthy adult's, and what is to be different in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.statement import Statement
from cardioserver.signal.analysis import Analysis
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.average import AverageBeat
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.delineation import Marks
from cardioserver.signal.fiducials import NAMES, Fiducials
from cardioserver.signal.measurements import LeadMeasurements, Measurements, corrected_qt
from cardioserver.signal.quality import Grade, LeadQuality, Quality
from cardioserver.signal.reversal import Reversal

MAN = Person(Sex.MALE, 50.0)
WOMAN = Person(Sex.FEMALE, 50.0)

HEALTHY: dict[Lead, dict[str, float]] = {
    Lead.I: {"r1": 700, "s1": -100, "t_max": 250},
    Lead.II: {"r1": 1000, "s1": -150, "t_max": 350},
    Lead.III: {"r1": 400, "s1": -150, "t_max": 100},
    Lead.aVR: {"q": -850, "q_ms": 80, "t_min": -300},
    Lead.aVL: {"r1": 300, "s1": -150, "t_max": 100},
    Lead.aVF: {"r1": 700, "s1": -150, "t_max": 220},
    Lead.V1: {"r1": 200, "s1": -900, "s1_ms": 50, "t_max": 60},
    Lead.V2: {"r1": 500, "s1": -1300, "s1_ms": 50, "t_max": 500},
    Lead.V3: {"r1": 800, "s1": -900, "t_max": 500},
    Lead.V4: {"r1": 1300, "s1": -500, "t_max": 450},
    Lead.V5: {"q": -50, "q_ms": 15, "r1": 1300, "s1": -200, "t_max": 350},
    Lead.V6: {"q": -60, "q_ms": 15, "r1": 1000, "s1": -80, "t_max": 250},
}
"""µV and ms; a wave whose duration is not given lasts as long as is usual."""
USUAL: dict[str, float] = {
    "p_max": 80, "p_min": 0, "p_ms": 100, "activation_ms": 42, "qrs_ms": 90,
    "j": 0, "st20": 0, "st40": 0, "st60": 0, "st80": 0, "t_max": 0, "t_min": 0,
}  # fmt: skip
DURATIONS = {"q": 15.0, "r1": 40.0, "s1": 25.0, "r2": 30.0, "s2": 20.0}
INTERVALS: dict[str, float] = {
    "rate": 70, "rr": 857, "p": 100, "pr": 160, "qrs": 90, "qt": 390,
    "p_axis": 50, "qrs_axis": 50, "t_axis": 45,
}  # fmt: skip


def case(
    leads: dict[Lead, dict[str, float | None]] | None = None,
    person: Person = MAN,
    *,
    only: tuple[Lead, ...] = TWELVE_LEADS,
    kind: BeatClass = BeatClass.NORMAL,
    grade: Grade = Grade.GOOD,
    poor: tuple[Lead, ...] = (),
    reversals: tuple[Reversal, ...] = (),
    rise_ms: float = 30.0,
    **intervals: float | None,
) -> Case:
    """A healthy ECG but for *leads* (fields of single leads) and *intervals* (of the record).

    ``rise_ms`` is how long the QRS takes from its onset to most of its height.
    """
    measured = {**INTERVALS, **intervals}
    measured = {**corrected_qt(measured["qt"], measured["rr"]), **measured}
    changes = leads or {}
    quality = Quality(
        tuple(
            LeadQuality(lead, 5.0, 100.0, 3.0, False, False, 0.0, Grade.POOR if lead in poor else Grade.GOOD)
            for lead in only
        ),
        grade,
        reversals,
    )
    analysis = Analysis(
        Beats(
            np.arange(8) * 430 + 300,
            (kind,) * 8,
            np.empty(0, dtype=np.intp),
            np.ones(8),
            np.zeros(8, dtype=np.intp),
        ),
        _fiducials(len(only), rise_ms),
        Atrial((AtrialSpan(0, 5000, AtrialActivity.P_WAVES, in_step=0.95, alike=1.0),)),
        Measurements(**{name: value if value is None else float(value) for name, value in measured.items()}),
        tuple(_lead(lead, changes.get(lead, {})) for lead in only),
        quality,
    )
    return Case(SignalFormat(500.0, only, (1.0,) * len(only), 16, 5000), analysis, person)


def _lead(lead: Lead, changes: dict[str, float | None]) -> LeadMeasurements:
    values: dict[str, Any] = {**USUAL, **HEALTHY[lead], **changes}
    for wave, lasting in DURATIONS.items():
        if values.get(wave) is not None and values.get(f"{wave}_ms") is None:
            values[f"{wave}_ms"] = lasting
    return LeadMeasurements(
        lead, **{name: value if value is None else float(value) for name, value in values.items()}
    )


def _fiducials(leads: int, rise_ms: float) -> Fiducials:
    """One beat at 500 Hz that rises slowly for *rise_ms* and then at once."""
    time = (np.arange(200) - 100) * 2.0
    line = np.where(time >= rise_ms, 1.0, np.clip(time, 0, None) / rise_ms / 4)
    beat = AverageBeat(np.tile(line, (leads, 1)), 500.0, 100, np.zeros(leads), np.zeros((leads, 1, 200)))
    return Fiducials(np.full((8, len(NAMES)), -1, dtype=np.intp), beat, Marks(0.0, 20.0, 60.0, 0.0))


def statements(given: Case) -> dict[str, Statement]:
    """What is said of a case, by code."""
    return {statement.code: statement for statement in read(given)}


def waves(lead: Lead, **values: float) -> dict[Lead, dict[str, float | None]]:
    """A lead whose QRS has these waves and no others; ST and T are as in health unless given."""
    gone = dict.fromkeys(("q", "q_ms", "r1", "r1_ms", "s1", "s1_ms", "r2", "r2_ms", "s2", "s2_ms"))
    return {lead: {**gone, **values}}
