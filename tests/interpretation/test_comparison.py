"""What is told of two ECGs of one person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.comparison import compare
from cardioserver.interpretation.document import Document, decode, document_of, encode
from cardioserver.interpretation.narrative import narrate
from cardioserver.interpretation.reading import read
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.quality import Grade
from cardioserver.signal.reversal import Reversal
from tests.interpretation.cases import case, waves


def document(leads: Any = None, **changes: Any) -> Document:
    given = case(leads, **changes)
    found = read(given)
    return document_of(given, found, narrate(found))


def codes(before: Document, now: Document) -> set[str]:
    return {statement.code.removeprefix("CHANGE_") for statement in compare(before, now).statements}


def test_nothing_changed() -> None:
    told = compare(document(), document(rate=75))
    assert [statement.code for statement in told.statements] == ["CHANGE_NONE"]
    assert told.text.ru == "По сравнению с предыдущей ЭКГ: без существенной динамики."
    assert told.text.en == "Compared with the previous ECG: no significant change."


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [
        ({"rate": 79}, {"rate": 101}, "RHYTHM"),
        ({"rate": 82}, {"rate": 101}, None),
        ({"rate": 60}, {"rate": 85}, None),
        ({"pr": 190}, {"pr": 210}, "CONDUCTION"),
        ({"pr": 190}, {"pr": 209}, None),
        ({"pr": 150}, {"pr": 190}, None),
        ({"qrs": 100}, {"qrs": 112}, None),
        ({"qtc_fridericia": 380}, {"qtc_fridericia": 441}, "REPOLARISATION"),
        ({"qtc_fridericia": 380}, {"qtc_fridericia": 440}, None),
        ({"qrs_axis": 20}, {"qrs_axis": 50}, "STATUS"),
        ({"qrs_axis": 20}, {"qrs_axis": 49}, None),
    ],
)
def test_limits_of_numbers(before: dict[str, float], now: dict[str, float], code: str | None) -> None:
    found = codes(document(**before), document(**now))
    assert (code in found) if code else found == {"NONE"}


def test_the_axis_goes_round_the_circle() -> None:
    assert "STATUS" in codes(document(qrs_axis=100), document(qrs_axis=-175))
    told = compare(document(qrs_axis=175), document(qrs_axis=-175)).text.en
    assert "QRS axis 175" not in told


RAISED = {
    lead: {"j": 250, "st40": 250, "st60": 250, "t_max": 500} for lead in (Lead.II, Lead.III, Lead.aVF)
} | {Lead.aVL: {"j": -100, "st60": -100}}


def test_new_elevation_is_new_ischaemia_and_its_end_a_regression() -> None:
    calm, ill = document(), document(RAISED)
    came = compare(calm, ill)
    assert "New or worsened ischemia or infarction: ST higher in II, III, aVF" in came.statements[0].en
    assert "появилось: острый инфаркт миокарда нижней стенки с подъёмом сегмента ST" in came.text.ru
    assert codes(ill, calm) == {"REGRESSION"}


def test_a_block_that_came_and_went() -> None:
    block = document(
        {
            **waves(Lead.V1, r1=100, s1=-1500),
            **waves(Lead.I, r1=900),
            **waves(Lead.V5, r1=1200, activation_ms=75),
            **waves(Lead.V6, r1=1100, activation_ms=75),
        },
        qrs=150,
    )
    came = compare(document(), block).text
    assert "QRS 90 → 150 мс; появилось: полная блокада левой ножки пучка Гиса" in came.ru
    assert "gone: complete left bundle-branch block" in compare(block, document()).text.en


def test_inverted_t_waves_and_their_return() -> None:
    after = {lead: {"t_max": 0, "t_min": -150} for lead in (Lead.V4, Lead.V5)}
    assert "T inverted in V4, V5" in compare(document(), document(after)).text.en
    back = compare(document(after), document())
    assert "T снова положительный в V4, V5" in back.text.ru
    assert {one.code for one in back.statements} == {"CHANGE_REGRESSION"}


def test_st_that_sinks_is_new_ischaemia() -> None:
    low = {lead: {"j": -100, "st40": -100, "st60": -100, "st80": -100} for lead in (Lead.V5, Lead.V6)}
    told = compare(document(), document(low)).text
    assert "ST lower in V5, V6" in told.en
    assert "ST ниже в V5, V6" in told.ru


def test_a_wider_qrs_and_a_longer_qt_are_told_in_numbers() -> None:
    assert "QRS 105 → 125 мс" in compare(document(qrs=105), document(qrs=125)).text.ru
    told = compare(document(), document(qtc_fridericia=475)).text.ru
    assert "QTc 411 → 475 мс" in told
    assert "появилось: удлинение интервала QT" in told


def test_a_new_rhythm_is_told_before_all_else() -> None:
    wild = AtrialSpan(0, 5000, AtrialActivity.FIBRILLATION, odds=3.0, in_step=0.1, alike=0.2)
    given = case(pr=None, qrs_axis=-45)
    given = replace(given, analysis=replace(given.analysis, atrial=Atrial((wild,))))
    found = read(given)
    told = compare(document(), document_of(given, found, narrate(found)))
    assert [one.code for one in told.statements] == ["CHANGE_RHYTHM", "CHANGE_STATUS"]
    assert "появилось: фибрилляция предсердий" in told.text.ru
    assert "ось QRS 50° → −45°" in told.text.ru


def test_other_leads_limit_the_comparison() -> None:
    assert codes(document(only=(Lead.I, Lead.II)), document()) >= {"LIMITED"}
    assert codes(document(only=(Lead.I, Lead.II)), document(only=(Lead.I, Lead.II))) == {"NONE"}


def test_st_and_t_are_not_compared_where_the_qrs_is_wide() -> None:
    assert "ISCHEMIA" in codes(document(), document(RAISED))
    assert "ST higher" not in compare(document(), document(RAISED, qrs=130)).text.en


def test_poor_recordings_limit_the_comparison() -> None:
    assert codes(document(), document(grade=Grade.POOR)) >= {"LIMITED"}
    assert codes(document(reversals=(Reversal.RIGHT_ARM_LEFT_ARM,)), document()) >= {"LIMITED"}


def test_a_comparison_is_kept_in_the_document() -> None:
    before, now = document(), document(qrs_axis=-40)
    whole = replace(now, comparison=compare(before, now))
    assert decode(encode(whole)) == whole
    assert decode(encode(now)).comparison is None
