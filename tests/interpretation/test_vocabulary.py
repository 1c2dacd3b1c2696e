"""Every statement of the vocabulary can be reached."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.comparison import compare
from cardioserver.interpretation.document import Document, document_of
from cardioserver.interpretation.narrative import narrate
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.territory import CHEST, INFERIOR
from cardioserver.interpretation.vocabulary import VOCABULARY
from cardioserver.signal.analysis import analyse
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.quality import Grade
from cardioserver.signal.reversal import Reversal
from tests.interpretation.cases import case, waves
from tests.interpretation.rhythms import P, fluttering, recorded, steady
from tests.interpretation.test_ectopy import series

BOY, STUDENT = Person(Sex.MALE, 6.0), Person(Sex.MALE, 22.0)
LEFT_BLOCK = {
    **waves(Lead.V1, r1=100, s1=-1500), **waves(Lead.I, r1=900),
    **waves(Lead.V5, r1=1200, activation_ms=75), **waves(Lead.V6, r1=1100, activation_ms=75),
}  # fmt: skip
RIGHT_BLOCK = {
    **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=60, activation_ms=80),
    Lead.V6: {"s1": -300, "s1_ms": 60},
}
LEFT_FASCICLE = {
    **waves(Lead.I, q=-80, r1=700, s1=-200, s1_ms=60), **waves(Lead.aVL, q=-150, r1=800),
    **waves(Lead.II, r1=300, s1=-700), **waves(Lead.III, r1=200, s1=-1200),
    **waves(Lead.aVF, r1=250, s1=-900),
}  # fmt: skip
RIGHT_FASCICLE = {
    **waves(Lead.I, r1=100, s1=-600), **waves(Lead.aVL, r1=100, s1=-700),
    **waves(Lead.III, q=-60, r1=1200), **waves(Lead.aVF, q=-60, r1=1000),
}  # fmt: skip
HIGH = {**waves(Lead.V1, r1=100, s1=-2000), Lead.V5: {"r1": 2000}}
HIGH_RIGHT = {**waves(Lead.V1, r1=800, s1=-300), Lead.V6: {"s1": -400}}
STRAIN = {"j": -60, "st60": -80, "st80": -80, "t_max": 0, "t_min": -200}
COVED = {"j": 250, "st20": 220, "st40": 180, "st60": 140, "st80": 90, "t_max": 0, "t_min": -200}
SADDLE = {"j": 250, "st20": 180, "st40": 110, "st60": 90, "st80": 110, "t_max": 350}
SAG = {"j": -20, "st20": -50, "st40": -80, "st60": -80, "st80": -70, "t_max": 100, "t_min": -60}
POSTERIOR = {**waves(Lead.V1, r1=900, r1_ms=45, s1=-300), **waves(Lead.V2, r1=1200, r1_ms=45, s1=-400)}


def scar(*leads: Lead, **after: float) -> Any:
    return {lead: {"q": -900, "q_ms": 45, **after} for lead in leads}


def st(level: float, *leads: Lead, **more: float) -> Any:
    return {lead: dict.fromkeys(("j", "st20", "st40", "st60", "st80"), level) | more for lead in leads}


def t_wave(height: float, *leads: Lead) -> Any:
    return {lead: {"t_max": max(height, 0), "t_min": min(height, 0)} for lead in leads}


def small(limb: float, chest: float) -> Any:
    sizes = {
        lead: chest if lead in CHEST else limb for lead in (Lead.I, *INFERIOR, Lead.aVL, Lead.aVR, *CHEST)
    }
    return {name: fields for lead, size in sizes.items() for name, fields in waves(lead, r1=size).items()}


def measured() -> Iterator[Case]:
    """Cases made of measurements."""
    for leads, intervals in _adults():
        yield case(leads, **intervals)
    yield case(person=Person())
    yield case(HIGH, STUDENT)
    yield case(st(100, Lead.V5, Lead.V6, st60=60), STUDENT)
    yield case(only=(Lead.II,))
    yield case(poor=(Lead.V2,))
    yield case(reversals=(Reversal.RIGHT_ARM_LEFT_ARM,))


def _adults() -> Iterator[tuple[Any, dict[str, float | None]]]:
    yield from (({}, {"rate": rate}) for rate in (50, 110))
    yield from (({}, {"pr": pr}) for pr in (100, 205, 230))
    yield from (({}, {"qrs_axis": axis}) for axis in (50, 10, 80, -10, -40, 100, -120))
    yield from (({}, {"qtc_fridericia": qtc}) for qtc in (480, 460, 330))
    yield from (({}, {"qrs": qrs}) for qrs in (114, 130))
    yield {}, {"pr": 100, "qrs": 130, "rise_ms": 46}
    yield from ((LEFT_BLOCK, {"qrs": qrs}) for qrs in (140, 114))
    yield from ((RIGHT_BLOCK, {"qrs": qrs}) for qrs in (140, 114, 100))
    yield {**RIGHT_BLOCK, **LEFT_FASCICLE}, {"qrs": 140, "qrs_axis": -60}
    yield {**RIGHT_BLOCK, **LEFT_FASCICLE}, {"qrs": 140, "qrs_axis": -60, "pr": 240}
    yield RIGHT_FASCICLE, {"qrs_axis": 120}
    yield {lead: {"s1": -400} for lead in (Lead.I, Lead.II, Lead.III)}, {}
    yield {**HIGH, Lead.V5: {"r1": 2000, **STRAIN}}, {}
    yield waves(Lead.aVL, r1=1200), {}
    yield HIGH_RIGHT, {"qrs_axis": 115}
    yield {**HIGH_RIGHT, **waves(Lead.V2, r1=800, s1=-3200), Lead.V5: {"r1": 3200}}, {"qrs_axis": 115}
    yield {Lead.II: {"p_max": 260}, Lead.V1: {"p_min": -120}}, {"p": 124}
    yield from ((small(400, chest), {}) for chest in (900, 1200))
    below = scar(*INFERIOR)
    for scars in (
        below, {**below, **scar(*CHEST[4:])}, {**below, **POSTERIOR},
        {**below, **scar(*CHEST[4:]), **POSTERIOR},
        POSTERIOR, scar(*CHEST[1:3]), scar(*CHEST[2:4]), scar(*CHEST[1:]), scar(*CHEST[4:]),
        waves(Lead.aVF, q=-80, q_ms=20, r1=250),
        {name: fields for lead in CHEST[1:4] for name, fields in
         waves(lead, q=-1500, q_ms=80, j=250, st40=250, st60=250, t_max=300).items()},
    ):  # fmt: skip
        yield scars, {}
    for raised in (
        CHEST[:2], CHEST[2:4], CHEST[:3], CHEST[2:6], CHEST[4:], INFERIOR, (*INFERIOR, *CHEST[4:]),
    ):  # fmt: skip
        opposite = Lead.aVL if set(raised) & set(INFERIOR) else Lead.aVF
        yield {**st(300, *raised), **st(-60, opposite)}, {}
    yield st(-60, Lead.V1, Lead.V2), {}
    yield {**LEFT_BLOCK, **waves(Lead.V6, r1=1100, activation_ms=75, j=120, st60=120)}, {"qrs": 140}
    yield {Lead.V1: COVED}, {}
    yield {Lead.V2: SADDLE}, {}
    yield st(90, Lead.I, Lead.II, Lead.aVF, *CHEST[3:]) | st(-70, Lead.aVR), {}
    for low in (
        CHEST[1:3], CHEST[2:4], CHEST[3:], CHEST[4:], INFERIOR[1:], (*INFERIOR[1:], *CHEST[4:]),
        (*INFERIOR, *CHEST[2:]),
    ):  # fmt: skip
        yield t_wave(-200, *low), {}
    yield st(-60, Lead.V6), {}
    yield t_wave(50, *CHEST[4:]), {}
    yield {**t_wave(115, *CHEST[4:]), Lead.V6: {"t_max": 115, "r1": 1200}}, {}
    yield {Lead.V2: {"j": 210, "st40": 210, "st60": 210}}, {}
    yield t_wave(1300, *CHEST[2:4]), {"pr": 230}
    yield {Lead.V5: SAG, Lead.V6: SAG}, {"qtc_fridericia": 380}


def beating() -> Iterator[Case]:
    """Cases made of beats and of what the atria do."""
    for letters in ("nvnvnvnvnn", "nnvnnvnnvnn", "nnvvnnnwnn", "nnnvvvvnnn", "nnsnnnnnn", "nnssnnssssnn"):
        yield series(letters)
    yield series("n" + "v" * 70 + "n" * 90)
    yield series("nnnvvvvnnn", [0.8, 0.8, 0.5, 0.7, 0.7, 0.7, 1.1, 0.8, 0.8])
    yield series("nnnnvnnnn", [1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0])
    yield series("nnnvnn", [0.9, 0.9, 1.6, 0.9, 0.9])
    for pause in (1.6, 2.3, 14.2):
        yield series("n" * 12, [0.8] * 5 + [pause] + [0.8] * 5)
    yield series("n" * 12, [0.8, 0.85, 0.95, 1.05, 1.1, 1.05, 0.95, 0.85, 0.8, 0.82, 0.9])
    without = AtrialSpan(0, 5000, AtrialActivity.UNKNOWN, in_step=0.1, alike=1.0)
    poor = case(grade=Grade.POOR, pr=None)
    yield replace(poor, analysis=replace(poor.analysis, atrial=Atrial((without,))))
    for rate, qrs in ((45, 90), (80, 90), (170, 90), (40, 150), (80, 150), (150, 150)):
        given = case(rate=rate, qrs=qrs, pr=None)
        yield replace(given, analysis=replace(given.analysis, atrial=Atrial((without,))))
    for activity, alike in ((AtrialActivity.FIBRILLATION, 0.2), (AtrialActivity.P_WAVES, 0.2)):
        given = case(pr=None, qrs=150)
        span = AtrialSpan(0, 5000, activity, odds=2.0, in_step=None, alike=alike)
        yield replace(given, analysis=replace(given.analysis, atrial=Atrial((span,))))
    given = series("n" * 12, [0.8] * 5 + [3.4] + [0.8] * 5)
    wild = replace(given.analysis.atrial.spans[0], activity=AtrialActivity.FIBRILLATION, odds=2.0)
    yield replace(given, analysis=replace(given.analysis, atrial=Atrial((wild,))))
    low = {lead: {"p_max": 10, "p_min": -120} for lead in (Lead.II, Lead.aVF)}
    yield from (case(low, pr=pr, p_axis=-80) for pr in (100, 150))
    span = AtrialSpan(0, 5000, AtrialActivity.P_WAVES, in_step=0.9, alike=1.0, p_shapes=3)
    yield replace(case(), analysis=replace(case().analysis, atrial=Atrial((span,))))
    unclear = replace(without, alike=0.3)
    given = case(pr=None, qrs=130)
    yield replace(given, analysis=replace(given.analysis, atrial=Atrial((unclear,))))


def heard() -> Iterator[Case]:
    """Cases made of samples: flutter, blocks and pacemakers."""
    atria = [0.3 + 0.8 * n for n in range(12)]
    spikes = [at - 0.06 for at in steady(0.85)]
    lost = [at for n, at in enumerate(steady(0.85)) if n not in (4, 8)]
    dropped: tuple[list[float | None], ...] = (
        [0.18, None],
        [0.18, 0.18, 0.18, None],
        [0.18, 0.28, 0.35, None],
    )
    recordings = [
        recorded(steady(0.44), 10, p=[], waves=fluttering(0.22)),
        *(recorded(list(_conducted(atria, delays)), 10, p=atria) for delays in dropped),
        recorded(steady(1.6), 10, p=[0.3 + 0.72 * n for n in range(13)]),
        recorded(steady(0.72), 10, p=[0.3 + 0.9 * n for n in range(10)]),
        recorded(lost, 10, p=[], broad=range(40), spikes=spikes),
        recorded(steady(0.85), 10, broad=range(5, 11), spikes=spikes[5:11], p_share=P),
    ]  # fmt: skip
    yield from (Case(one.format, analyse(one), Person(age=50.0)) for one in recordings)


def _conducted(atria: list[float], delays: list[float | None]) -> Iterator[float]:
    """QRS complexes so long after the P waves, over and over; ``None``: no QRS follows."""
    for at, delay in zip(atria, itertools.cycle(delays)):
        if delay is not None and at + delay < 9.7:
            yield at + delay


def document(given: Case) -> Document:
    found = read(given)
    return document_of(given, found, narrate(found))


def compared() -> Iterator[set[str]]:
    """Codes of changes between two ECGs."""
    calm, ill = document(case()), document(case(st(250, *INFERIOR, t_max=500)))
    others = (
        calm, ill, document(case(rate=130)), document(case(LEFT_BLOCK, qrs=150)),
        document(case(qrs_axis=-60)), document(case(qtc_fridericia=480)), document(case(grade=Grade.POOR)),
    )  # fmt: skip
    yield from ({one.code for one in compare(calm, other).statements} for other in others)
    yield {one.code for one in compare(ill, calm).statements}


def test_every_statement_of_the_vocabulary_is_made_of_some_ecg() -> None:
    reached = {one.code for made in (*measured(), *beating(), *heard()) for one in read(made)}
    reached |= set().union(*compared())
    assert VOCABULARY.keys() - reached == set()
    assert reached <= VOCABULARY.keys()
