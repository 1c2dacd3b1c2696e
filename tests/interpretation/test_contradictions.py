"""What a reading never says together, of whatever may be measured."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.narrative import narrate
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.reading import read
from cardioserver.interpretation.statement import Certainty, Section, Severity, Statement
from cardioserver.interpretation.territory import CHEST, HIGH_LATERAL, INFERIOR
from cardioserver.interpretation.vocabulary import VOCABULARY
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.beats import BeatClass, Beats
from cardioserver.signal.quality import Grade
from cardioserver.signal.reversal import Reversal
from tests.interpretation.cases import case, waves

INFARCTIONS = {"IMI", "ILMI", "IPMI", "IPLMI", "PMI", "ASMI", "AMI", "ALMI", "LMI"}
STEMI = {code for code in VOCABULARY if code.startswith("STEMI_")} - {"STEMI_SGARBOSSA"}
ISCHAEMIC = {code for code in VOCABULARY if code.startswith("ISC")}
NONSPECIFIC = {"NST_", "NDT", "LOWT", "STE_", "DIG", "EL"}
HYPERTROPHY = {"LVH", "LVH_STRAIN", "VCLVH", "HVOLT", "RVH", "HYP_BIVENTRICULAR"}
DRIVERS = {"SR", "SBRAD", "STACH", "EAR", "JRHYT"}
ESCAPES = {"JESCR", "ACJR", "SVTAC", "IDIOR", "ACVR", "WQTAC", "ARRHY", "UNRHY"}
FASCICLES = {"LAFB", "LPFB", "BLOCK_BIFASCICULAR", "BLOCK_TRIFASCICULAR"}
AXES = {code for code in VOCABULARY if code.startswith("AXIS_")}
SHAPES = (
    FASCICLES
    | HYPERTROPHY
    | INFARCTIONS
    | STEMI
    | ISCHAEMIC
    | NONSPECIFIC
    | AXES
    | {"IVCD", "QWAVE", "ANEUR"}
)
SHAPES |= {"LNGQT", "QT_UPPER", "QT_SHORT", "EARLY_REPOL", "PERICARDITIS_PATTERN"}

ONE_AT_MOST: tuple[set[str], ...] = (
    DRIVERS | ESCAPES | {"AFIB", "AFLT"},
    DRIVERS | ESCAPES | {"PACE"},
    AXES,
    {"RATE_NORMAL", "RATE_SLOW", "RATE_FAST"},
    {"CRBBB", "IRBBB", "RSR_V1", "CLBBB", "ILBBB", "IVCD", "QRS_UPPER", "WPW"},
    {"1AVB", "LPR", "SHTPR", "WPW"},
    {"LAFB", "LPFB"},
    {"BLOCK_BIFASCICULAR", "BLOCK_TRIFASCICULAR"},
    {"LNGQT", "QT_UPPER", "QT_SHORT"},
    {"LVH", "VCLVH", "HVOLT"},
    {"LVOLT", "LVOLT_LIMB"},
    {"LVH", "LVOLT"},
    {"HVOLT", "LVOLT"},
    STEMI,
    {"BRUGADA_1", "BRUGADA_2", "EARLY_REPOL", "PERICARDITIS_PATTERN"},
    {"NDT", "LOWT"},
    ISCHAEMIC,
    {"NORM", "ECG_BORDERLINE", "ECG_ABNORMAL", "ECG_PARTIAL", "ECG_UNREADABLE"},
    {"QUALITY_POOR", "QUALITY_LEADS"},
)
"""Sets of which a reading states one member at the most."""

NEVER_TOGETHER: tuple[tuple[set[str], set[str]], ...] = (
    (
        {"AFIB", "AFLT"},
        {"1AVB", "LPR", "SHTPR", "WPW", "LAO/LAE", "RAO/RAE", "PAC", "SARRH", "WANDP", "2AVB"},
    ),
    ({"SARRH", "WANDP", "SPAUS", "SABLK"}, ESCAPES | {"EAR", "JRHYT"}),
    ({"SBRAD"}, {"RATE_FAST", "RATE_NORMAL"}),
    ({"SVTAC", "WQTAC"}, {"RATE_SLOW", "RATE_NORMAL"}),
    ({"STACH"}, {"JESCR", "IDIOR", "SPAUS", "SABLK"}),
    ({"JESCR", "IDIOR"}, {"RATE_FAST"}),
    (ESCAPES, {"1AVB", "LPR", "SHTPR"}),
    ({"WQTAC", "ARRHY", "UNRHY"}, {"PAC", "PAPCS", "PSVT"}),
    ({"CLBBB"}, FASCICLES | HYPERTROPHY | INFARCTIONS | STEMI | ISCHAEMIC | NONSPECIFIC | {"QWAVE", "ANEUR"}),
    ({"ILBBB"}, {"LAFB"}),
    ({"WPW"}, FASCICLES | HYPERTROPHY | INFARCTIONS | STEMI | ISCHAEMIC | NONSPECIFIC | {"QWAVE", "ANEUR"}),
    ({"PACE", "IDIOR", "ACVR", "WQTAC", "QUALITY_POOR"}, SHAPES),
    ({"PACE", "QUALITY_POOR"}, {"CRBBB", "CLBBB", "IRBBB", "ILBBB", "WPW", "STEMI_SGARBOSSA"}),
    ({"RVH"}, {"LPFB"}),
    ({"QWAVE"}, INFARCTIONS - {"PMI"}),
    (STEMI, {"EARLY_REPOL", "PERICARDITIS_PATTERN", "STE_"} | ISCHAEMIC),
    (ISCHAEMIC, {"NST_", "NDT", "LOWT"}),
    ({"LVH_STRAIN"}, ISCHAEMIC | {"NST_", "NDT", "LOWT", "DIG"}),
    ({"NORM"}, {"QUALITY_LEADS", "LEADS_FEW", "QUALITY_POOR", "ELECTRODES_SWAPPED"}),
    ({"SR"}, {"3AVB", "AVDIS"}),
)
"""Pairs of sets: no member of one beside a member of the other."""

UNITS = re.compile(r"^(µV|ms|s|°|/min|µV·ms|µV·s|)$")
DIMENSIONLESS = re.compile(
    r"^(beats|spikes|p|atrial|rr)\.|shape$|r_to_s$|j_to_t$|^romhilt_estes$|\.(flat|saturated|missing)$"
)

COMPLEXES = st.sampled_from([
    (None, 900.0, None, None, None), (None, 300.0, -900.0, None, None), (-900.0, None, None, None, None),
    (-150.0, 600.0, None, None, None), (-40.0, 1400.0, -200.0, None, None), (-300.0, 250.0, None, None, None),
    (None, 120.0, -400.0, 300.0, None), (None, 120.0, -400.0, 80.0, -60.0), (None, None, None, None, None),
    (None, 2800.0, -100.0, None, None), (None, 80.0, -2600.0, None, None),
])  # fmt: skip
LEVELS = st.sampled_from([-250.0, -120.0, -60.0, -20.0, 0.0, 30.0, 90.0, 130.0, 260.0])
LASTING = st.sampled_from([12.0, 22.0, 32.0, 42.0, 62.0])


@st.composite
def any_waves(draw: st.DrawFn) -> dict[str, float | None]:
    """The waves of a lead: what a delineation may find, usual or not."""
    found: dict[str, float | None] = {}
    for name, size in zip(("q", "r1", "s1", "r2", "s2"), draw(COMPLEXES), strict=True):
        found[name] = size
        found[f"{name}_ms"] = None if size is None else draw(LASTING)
    level, slope = draw(LEVELS), draw(st.sampled_from([-60.0, 0.0, 60.0]))
    return {
        **found,
        **{f"st{ms}": level + slope * ms / 80 for ms in (20, 40, 60, 80)},
        "j": level,
        "t_max": draw(st.sampled_from([0.0, 60.0, 130.0, 400.0, 1200.0])),
        "t_min": draw(st.sampled_from([0.0, -60.0, -150.0, -400.0])),
        "activation_ms": draw(st.sampled_from([20.0, 46.0, 58.0, 75.0])),
        "p_max": draw(st.sampled_from([20.0, 100.0, 260.0])),
        "p_min": draw(st.sampled_from([0.0, -60.0, -120.0])),
        "p_terminal": draw(st.sampled_from([None, -2000.0, -6000.0])),
    }


BLOCK_LEFT = {
    **waves(Lead.V1, r1=100, s1=-1500), **waves(Lead.V2, r1=200, s1=-1800), **waves(Lead.I, r1=900),
    **waves(Lead.V5, r1=1200, activation_ms=75), **waves(Lead.V6, r1=1100, activation_ms=75),
}  # fmt: skip
BLOCK_RIGHT = {
    **waves(Lead.V1, r1=100, s1=-300, r2=600, r2_ms=60, activation_ms=80),
    Lead.I: {"s1_ms": 60},
    Lead.V6: {"s1": -300, "s1_ms": 60},
}
FASCICLE_LEFT = {
    **waves(Lead.I, q=-80, r1=700), **waves(Lead.aVL, q=-150, r1=800), **waves(Lead.II, r1=300, s1=-700),
    **waves(Lead.III, r1=200, s1=-1200), **waves(Lead.aVF, r1=250, s1=-900),
}  # fmt: skip
FASCICLE_RIGHT = {
    **waves(Lead.I, r1=100, s1=-600), **waves(Lead.aVL, r1=100, s1=-700),
    **waves(Lead.III, q=-60, r1=1200), **waves(Lead.aVF, q=-60, r1=1000),
}  # fmt: skip
SCAR_BELOW = {name: {"q": -400, "q_ms": 42, "t_min": -150} for name in (Lead.II, Lead.III, Lead.aVF)}
SCAR_IN_FRONT = {**waves(Lead.V2, q=-900, q_ms=80), **waves(Lead.V3, q=-900, q_ms=80)}
SCAR_BEHIND = {**waves(Lead.V1, r1=900, r1_ms=45, s1=-300), **waves(Lead.V2, r1=1200, r1_ms=45, s1=-400)}
SCAR_ASIDE = {name: {"q": -400, "q_ms": 42} for name in (Lead.V5, Lead.V6)}
HIGH_LEFT = {**waves(Lead.V1, r1=100, s1=-2000), **waves(Lead.V5, r1=2500), Lead.aVL: {"r1": 1300}}
HIGH_RIGHT = {**waves(Lead.V1, r1=900, s1=-300), Lead.V6: {"s1": -400}}
LOW = {lead: {"r1": 300, "s1": -100, "q": None, "q_ms": None} for lead in TWELVE_LEADS}
FLAT_T = {lead: {"t_max": 40} for lead in (Lead.V4, Lead.V5, Lead.V6)}
INVERTED_T = {lead: {"t_max": 0, "t_min": -200} for lead in (Lead.V4, Lead.V5, Lead.V6, Lead.II, Lead.aVF)}
SAGGING = {"j": -20, "st20": -50, "st40": -80, "st60": -80, "st80": -70, "t_max": 100, "t_min": -60}
PATTERNS: tuple[Any, ...] = (
    BLOCK_LEFT, BLOCK_RIGHT, FASCICLE_LEFT, FASCICLE_RIGHT, SCAR_BELOW, SCAR_IN_FRONT, SCAR_BEHIND,
    SCAR_ASIDE, HIGH_LEFT, HIGH_RIGHT, LOW, FLAT_T, INVERTED_T,
    {Lead.V5: SAGGING, Lead.V6: SAGGING},
    *({lead: dict.fromkeys(("j", "st20", "st40", "st60", "st80"), level) for lead in places}
      for level in (260.0, 110.0, -80.0)
      for places in (INFERIOR, CHEST[:3], (*HIGH_LATERAL, *CHEST[4:]))),
)  # fmt: skip
"""What blocks, infarctions, hypertrophy and ischaemia make of leads."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A case of any measurements whose rhythm, intervals and waves do not know of each other."""
    leads: dict[Lead, dict[str, float | None]] = {}
    for pattern in draw(st.lists(st.sampled_from(PATTERNS), max_size=4)):
        leads = {lead: {**leads.get(lead, {}), **pattern.get(lead, {})} for lead in {**leads, **pattern}}
    for lead in draw(st.lists(st.sampled_from(TWELVE_LEADS), max_size=3, unique=True)):
        leads[lead] = draw(any_waves())
    rate = draw(st.sampled_from([28.0, 44.0, 59.4, 72.0, 99.0, 100.3, 104.0, 126.0, 165.0, 215.0]))
    activity = draw(st.sampled_from([AtrialActivity.P_WAVES] * 4 + list(AtrialActivity)))
    wild = activity in (AtrialActivity.FIBRILLATION, AtrialActivity.FLUTTER)
    pr = None if wild else draw(st.sampled_from([None, 90.0, 119.0, 160.0, 205.0, 218.0, 290.0]))
    kind = draw(st.sampled_from([BeatClass.NORMAL] * 8 + [BeatClass.PACED, BeatClass.VENTRICULAR]))
    poor = draw(st.sampled_from([()] * 6 + [(Lead.V2,), (Lead.II, Lead.V6)]))
    made = case(
        leads,
        Person(
            draw(st.sampled_from(list(Sex))),
            draw(st.sampled_from([None, 50.0, 50.0, 80.0, 22.0, 15.0, 5.0, 0.3, 0.003])),
        ),
        kind=kind,
        only=draw(st.sampled_from([TWELVE_LEADS] * 6 + [(Lead.II,), (Lead.I, Lead.II, Lead.V1)])),
        grade=draw(st.sampled_from([Grade.GOOD] * 6 + [Grade.FAIR, Grade.POOR])),
        reversals=draw(st.sampled_from([()] * 6 + [(Reversal.RIGHT_ARM_LEFT_ARM,)])),
        rise_ms=draw(st.sampled_from([30.0, 30.0, 46.0])),
        rate=rate, rr=60_000 / rate, pr=pr, p=None if pr is None else draw(st.sampled_from([90.0, 124.0])),
        p_axis=None if pr is None else draw(st.sampled_from([50.0, -70.0])),
        qrs=draw(st.sampled_from([84.0, 84.0, None, 110.0, 114.0, 124.0, 150.0, 190.0])),
        qrs_axis=draw(st.sampled_from([50.0, None, *map(float, range(-180, 181, 15)), -30.3, 90.2, -0.4])),
        qt=draw(st.sampled_from([None, 300.0, 390.0, 470.0, 540.0])),
    )  # fmt: skip
    span = AtrialSpan(
        0, 5000, activity, odds=2.0 if activity is AtrialActivity.FIBRILLATION else None, in_step=0.5,
        alike=draw(st.sampled_from([0.2, 0.6, 0.95, 1.0])),
        cycle=0.2 if activity is AtrialActivity.FLUTTER else None,
        ratio=draw(st.sampled_from([None, 2, 4])), p_shapes=draw(st.sampled_from([1, 3])),
        p_interval=draw(st.sampled_from([None, 0.4])) if activity is not AtrialActivity.DISSOCIATED else 0.7,
    )  # fmt: skip
    quality = replace(
        made.analysis.quality,
        leads=tuple(
            replace(one, grade=Grade.POOR) if one.lead in poor else one for one in made.analysis.quality.leads
        ),
    )
    analysis = replace(
        made.analysis, atrial=Atrial((span,)), beats=_beats(draw, kind, 60 / rate), quality=quality
    )
    return replace(made, analysis=analysis)


def _beats(draw: st.DrawFn, kind: BeatClass, rr: float) -> Beats:
    """Beats at about that interval, some of another class."""
    count = max(int(9 / rr), 4)
    at = 0.4 + np.concatenate(
        [[0.0], np.cumsum([rr * draw(st.sampled_from([1.0] * 8 + [0.6, 1.9])) for _ in range(count)])]
    )
    odd = draw(st.sets(st.integers(0, count), max_size=3))
    other = st.sampled_from([BeatClass.VENTRICULAR, BeatClass.SUPRAVENTRICULAR])
    classes = tuple(draw(other) if number in odd else kind for number in range(count + 1))
    dominant = classes.count(kind) * 2 > len(classes)
    classes = classes if dominant else (kind,) * (count + 1)
    forms = np.array([list(BeatClass).index(one) for one in classes], dtype=np.intp)
    return Beats(
        np.round(at * 500).astype(np.intp), classes, np.empty(0, dtype=np.intp), np.ones(count + 1), forms
    )


ANY = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@ANY
@given(cases())
def test_nothing_contradicts_itself(made: Case) -> None:
    codes = [one.code for one in read(made)]
    assert len(codes) == len(set(codes)), "stated twice"
    said = set(codes)
    for members in ONE_AT_MOST:
        assert len(said & members) <= 1, sorted(said & members)
    for these, those in NEVER_TOGETHER:
        assert not (said & these and said & those), sorted(said & (these | those))


@ANY
@given(cases())
def test_the_summary_is_as_severe_as_the_worst_statement(made: Case) -> None:
    *found, last = read(made)
    assert last.section is Section.SUMMARY
    worst = {one.severity for one in found}
    if Severity.ABNORMAL in worst:
        assert last.code == "ECG_ABNORMAL"
    elif Severity.BORDERLINE in worst:
        assert last.code in {"ECG_BORDERLINE", "ECG_UNREADABLE"}
    else:
        assert last.severity is Severity.NORMAL or last.code == "ECG_UNREADABLE"


@ANY
@given(cases())
def test_every_statement_can_be_read_and_checked(made: Case) -> None:
    found = read(made)
    for one in found:
        assert re.search("[А-Яа-яё]", one.ru), one
        assert not re.search("[А-Яа-яё]", one.en), one
        for text in (one.ru, one.en):
            assert text == text.strip(), one
            assert not re.search(r"  | ,|\(\)|\bnan\b|\bNone\b|-0\b|[{}]", text), one
        assert one.source or one.code == "PERSON_UNKNOWN"
        assert all(UNITS.match(fact.unit) for fact in one.why), one
        bare = [fact.name for fact in one.why if not fact.unit and not isinstance(fact.value, str)]
        assert all(DIMENSIONLESS.search(name) for name in bare), one
    _text(found)


def _text(found: tuple[Statement, ...]) -> None:
    """No doubt is said twice in a sentence, in either language."""
    text = narrate(found)
    for language, doubts in ((text.ru, "возможно|вероятно|не исключ"), (text.en, "possibl|probabl|consider")):
        for sentence in re.split(r"\.\s", language.lower()):
            told = [doubt for doubt in re.findall(doubts, sentence) if "давность" not in sentence]
            scar = re.search(r"probably old|possibly acute|possibly recent|не исключена острая", sentence)
            assert len(told) <= (2 if scar else 1), sentence


def test_the_sets_name_statements_that_there_are() -> None:
    named = set(itertools.chain(*ONE_AT_MOST, *(these | those for these, those in NEVER_TOGETHER)))
    assert named <= VOCABULARY.keys()


def test_doubt_is_said_of_every_statement_that_is_not_definite() -> None:
    found = read(case({Lead.V1: {"p_min": -60, "p_terminal": -5000}}, p=120))
    doubtful = [one for one in found if one.certainty is not Certainty.DEFINITE]
    assert doubtful
    assert narrate(found).ru.count("Возможно:") == len(doubtful)
