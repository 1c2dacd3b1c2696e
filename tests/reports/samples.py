"""A made ECG of known shape, and everything else a page carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.interpretation.document import Beat, Document, Waves
from cardioserver.interpretation.interpreter import interpret
from cardioserver.language import Phrase
from cardioserver.reports import Conclusion, Content, Options
from cardioserver.signal.beats import BeatClass
from cardioserver.signal.measurements import LeadMeasurements, Measurements
from cardioserver.signal.quality import Grade

ZONE = timezone(timedelta(hours=3))
RATE = 500.0
RR_S, FIRST_S = 0.8, 0.3
WAVES = ((-0.16, 0.025, 0.12), (-0.02, 0.006, -0.1), (0.0, 0.012, 1.0), (0.25, 0.05, 0.25))
"""P, Q, R and T as bells: centre and width in s, size as a share of R."""
HEIGHTS = dict(
    zip(TWELVE_LEADS, (700, 1100, 400, -900, 150, 750, -600, -1200, 500, 1500, 1300, 1000), strict=True)
)
"""µV of R."""
MARKS = {
    "p_on": -0.212, "p_peak": -0.16, "p_off": -0.108, "qrs_on": -0.046, "r_peak": 0.0, "qrs_off": 0.046,
    "t_on": 0.14, "t_peak": 0.25, "t_off": 0.36,
}  # fmt: skip
"""Of each beat, s from its R peak."""
NUMBERS = Measurements(
    rate=75.0, rr=800.0, rr_min=796.0, rr_max=804.0, p=104.0, pr=158.0, qrs=92.0, qt=386.0,
    qtc_bazett=431.6, qtc_fridericia=415.8, p_axis=52.0, qrs_axis=-12.0, t_axis=41.0,
)  # fmt: skip
OPTIONS = Options(datetime(2026, 11, 21, 9, 0, tzinfo=ZONE), filters=frozenset())
TEXT = Phrase(
    "Sinus rhythm. Normal rate, HR = 75 bpm.\nNormal axis.",
    "Синусовый водитель ритма. Нормосистолия, ЧСС = 75 уд/мин.\nНормальное положение оси сердца.",
)


def line(seconds: float, rate: float = RATE) -> np.ndarray:
    """One lead with an R of 1; the first one at :data:`FIRST_S`."""
    count, period = round(seconds * rate), RR_S * rate
    if period == round(period):
        one = _shape(np.arange(round(period)) / rate)
        return np.tile(one, -(-count // len(one)))[:count]
    return _shape(np.arange(count) / rate)


def _shape(time: np.ndarray) -> np.ndarray:
    phase = (time - FIRST_S) % RR_S
    return sum(
        size * np.exp(-0.5 * ((phase + period * RR_S - centre) / width) ** 2)
        for centre, width, size in WAVES
        for period in (-1, 0, 1)
    )  # type: ignore[return-value]


def beats(seconds: float) -> np.ndarray:
    """Times of the R peaks, s."""
    return np.arange(FIRST_S, seconds - 0.01, RR_S)


def recording(
    seconds: float = 10.0, leads: tuple[Lead, ...] = TWELVE_LEADS, rate: float = RATE, **marks: Any
) -> Recording:
    """The made ECG; unknown leads have an R of 1 mV."""
    heights = np.array([HEIGHTS.get(lead, 1000) for lead in leads])
    samples = np.round(np.outer(heights, line(seconds, rate))).astype("<i2")
    signal = SignalFormat(rate, leads, (1.0,) * len(leads), 16, samples.shape[1], **marks)
    return Recording(signal, samples)


def exam(seconds: float = 10.0, **changes: Any) -> Exam:
    """A described exam."""
    started = datetime(2026, 11, 21, 8, 30, 15, tzinfo=ZONE)
    patient = Patient("1017-А", Sex.FEMALE, date(1961, 4, 12), "Әлиева", "Гүлнұр", "Һамитқызы")
    described = Exam(
        UUID(int=7), patient, started, started + timedelta(seconds=seconds),
        height_cm=164, weight_kg=61.5, device_number="KMT-0042", accession_number="A-2026-000123",
    )  # fmt: skip
    return replace(described, **changes)


def document(of: Recording) -> Document:
    """A reading of the made ECG that stays as it is, whatever the analysis learns."""
    rate, leads = of.format.rate, of.format.leads
    found = interpret(of)
    at = [round(beat * rate) for beat in beats(of.duration)]
    marks = {name: round(seconds * rate) for name, seconds in MARKS.items()}
    good = [
        replace(lead, grade=Grade.GOOD, flat=False, saturated=False, missing=0.0)
        for lead in found.quality.leads
    ]
    return replace(
        found,
        beats=tuple(Beat(sample, BeatClass.NORMAL) for sample in at),
        fiducials=tuple(
            Waves(**{name: max(sample + mark, 0) for name, mark in marks.items()}) for sample in at
        ),
        measurements=NUMBERS,
        leads=tuple(_measured(lead) for lead in leads),
        quality=replace(found.quality, leads=tuple(good), grade=Grade.GOOD),
        text=TEXT,
    )


def _measured(lead: Lead) -> LeadMeasurements:
    height = float(HEIGHTS.get(lead, 1000))
    return LeadMeasurements(
        lead, p_max=0.12 * height, p_min=0.0, p_ms=104.0, q=-0.1 * height, q_ms=24.0, r1=height, r1_ms=60.0,
        qrs_ms=92.0, j=5.0, st20=10.0, st40=15.0, st60=20.0, st80=30.0, t_max=0.25 * height, t_min=0.0,
    )  # fmt: skip


def content(of: Recording | None = None, **changes: Any) -> Content:
    """Everything about the made ECG; without a conclusion unless one is given."""
    shown = of or recording()
    whole = Content(
        exam(shown.duration),
        shown,
        document(shown),
        hcf="Городская поликлиника № 5",
        archive="ЭКГ",
        exam_id=123,
    )
    return replace(whole, **changes)


def conclusion(text: str = "Вариант нормы.", **changes: Any) -> Conclusion:
    """A signed one."""
    signed = Conclusion(text, "Петрова Анна Викторовна", datetime(2026, 11, 21, 14, 5, tzinfo=ZONE))
    return replace(signed, **changes)
