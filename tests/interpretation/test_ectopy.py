"""Early, late and repeated beats are counted and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cardioserver.ecg.recording import LeadOff
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.statement import Statement
from cardioserver.signal.atrial import Atrial, AtrialActivity, AtrialSpan
from cardioserver.signal.beats import BeatClass, Beats
from tests.interpretation.cases import case, statements
from tests.interpretation.rhythms import recorded, steady
from tests.interpretation.rhythms import statements as stated

LETTERS = {
    "n": BeatClass.NORMAL,
    "v": BeatClass.VENTRICULAR,
    "s": BeatClass.SUPRAVENTRICULAR,
}
EARLY, FULL, AFTER = 0.5, 0.8, 1.1  # s before an early beat, a usual one, one after an early beat
ECTOPIC = {
    "PVC",
    "PVPCS",
    "PVC_POLYMORPHIC",
    "VIC",
    "NSVT",
    "VTACH",
    "RVPCS",
    "VEC",
    "PAC",
    "PAPCS",
    "PSVT",
    "BIGU",
    "TRIGU",
}


def series(letters: str, intervals: list[float] | None = None) -> Case:
    """A case whose beats have these classes; early ones come early. ``w`` is ventricular of another form."""
    forms = np.array(["nsvw".index(letter) for letter in letters], dtype=np.intp)
    letters = letters.replace("w", "v")
    if intervals is None:
        before = zip("n" + letters, letters, strict=False)
        intervals = [
            EARLY if now in "vs" else AFTER if last in "vs" else FULL for last, now in list(before)[1:]
        ]
    times = np.concatenate([[0.5], 0.5 + np.cumsum(intervals)])
    beats = Beats(
        np.round(times * 500).astype(np.intp),
        tuple(LETTERS[letter] for letter in letters),
        np.empty(0, dtype=np.intp),
        np.ones(len(letters)),
        forms,
    )
    given = case()
    whole = int(times[-1] * 500) + 500
    analysis = replace(
        given.analysis,
        beats=beats,
        atrial=Atrial((AtrialSpan(0, whole, AtrialActivity.P_WAVES, in_step=0.9, alike=0.9),)),
    )
    return replace(given, analysis=analysis, format=replace(given.format, sample_count=whole))


def ectopic(letters: str, intervals: list[float] | None = None) -> dict[str, Statement]:
    return {code: one for code, one in statements(series(letters, intervals)).items() if code in ECTOPIC}


@pytest.mark.parametrize(
    ("letters", "codes"),
    [
        ("nnnnnnnnnnnn", set()),
        ("nnnnvnnnnnnn", {"PVC"}),
        ("nnnnvvnnnnnn", {"PVC", "PVPCS"}),
        ("nnnnvvvnnnnn", {"PVC", "NSVT"}),
        ("nvnvnvnvnvnn", {"PVC", "BIGU"}),
        ("nnvnnvnnvnnv", {"PVC", "TRIGU"}),
        ("nnnvnnnwnnnn", {"PVC", "PVC_POLYMORPHIC"}),
        ("nnnnsnnnnnnn", {"PAC"}),
        ("nnnnssnnnnnn", {"PAC", "PAPCS"}),
        ("nnnnsssnnnnn", {"PAC", "PSVT"}),
        ("nsnsnsnsnnnn", {"PAC", "BIGU"}),
        ("nnnvnnnsnnnn", {"PVC", "PAC"}),
    ],
)
def test_patterns(letters: str, codes: set[str]) -> None:
    assert ectopic(letters).keys() == codes


def test_counts_and_frequency_are_said() -> None:
    assert ectopic("nnnnvnnnnnnn")["PVC"].ru == "Желудочковая экстрасистолия: одиночная (1)"
    assert ectopic("nnvnnvnnnvnn")["PVC"].ru == "Желудочковая экстрасистолия: одиночная, частая (3)"
    assert ectopic(("n" * 40 + "v") * 5 + "n" * 200)["PVC"].ru == "Желудочковая экстрасистолия: одиночная (5)"
    assert ectopic("nnnnvvnnnvnn")["PVC"].en == "Ventricular premature complexes: 3, frequent"
    assert ectopic("nsnnnvvnnnvvnnn")["PVPCS"].en == "Paired ventricular premature complexes: 2"


def test_a_form_of_few_among_many_is_left_out() -> None:
    assert "PVC_POLYMORPHIC" not in ectopic("nnnv" * 20 + "nnnw" + "nnnv" * 5)
    assert "(форм: 2)" in ectopic("nnnv" * 5 + "nnnw" * 3)["PVC_POLYMORPHIC"].ru


def test_a_run_tells_its_length_and_rate() -> None:
    found = ectopic("nnnnvvvvvnnnnnnvvvnnn")
    assert found["NSVT"].ru == (
        "Неустойчивая желудочковая тахикардия: пробежек 2, самая длинная из 5 комплексов с ЧСС 120 уд/мин"
    )
    slow = [0.8] * 4 + [0.7, 0.7, 0.7] + [0.8] * 4
    assert ectopic("nnnnnvvvnnnn", slow).keys() == {"PVC", "RVPCS"}


def test_half_a_minute_of_it_is_sustained() -> None:
    found = ectopic("n" * 80 + "v" * 70 + "n" * 20)
    assert "VTACH" in found
    assert "NSVT" not in found


def test_a_ventricular_beat_between_two_others_in_step_is_interpolated() -> None:
    between = [0.8] * 5 + [0.4, 0.42] + [0.8] * 4
    assert ectopic("nnnnnnvnnnnn", between).keys() == {"PVC", "VIC"}


def test_a_late_ventricular_beat_has_escaped() -> None:
    late = [0.8] * 5 + [1.6] + [0.8] * 5
    assert ectopic("nnnnnnvnnnnn", late).keys() == {"VEC"}


def test_what_is_late_depends_on_the_rate_at_that_time() -> None:
    slower = [0.7] * 60 + [1.1] * 40  # a beat of the slow half would be late in the fast one
    assert ectopic("n" * 80 + "v" + "n" * 20, slower).keys() == {"PVC"}
    assert ectopic("nnnnnnvnnnnn", [0.6] * 5 + [0.9] + [0.6] * 5).keys() == {"PVC"}  # sooner than any escapes


def test_in_fibrillation_no_beat_is_supraventricular_and_premature() -> None:
    given = series("nnnnsnnnvnnn")
    wild = AtrialSpan(0, 5000, AtrialActivity.FIBRILLATION, odds=2.0, in_step=0.1, alike=0.2)
    found = statements(replace(given, analysis=replace(given.analysis, atrial=Atrial((wild,)))))
    assert "PVC" in found
    assert "PAC" not in found


def test_ectopic_beats_of_a_made_ecg() -> None:
    times = steady(0.85)
    times[3] -= 0.33
    times[8] -= 0.33
    assert "PVC" in stated(recorded(times, 10, broad={3, 8}))
    assert "PAC" in stated(recorded(times, 10))


@pytest.mark.parametrize(
    ("intervals", "code"),
    [
        ([0.8] * 5 + [1.6] + [0.8] * 5, "SABLK"),
        ([0.8] * 5 + [2.3] + [0.8] * 5, "SPAUS"),
        ([0.8, 0.82, 0.9, 1.0, 1.1, 1.05, 0.95, 0.85, 0.8, 0.82, 0.9], None),
    ],
)
def test_pauses(intervals: list[float], code: str | None) -> None:
    found = statements(series("n" * 12, intervals)).keys() & {"SABLK", "SPAUS", "LRR"}
    assert found == ({code} if code else set())


def test_seconds_are_written_as_each_language_does() -> None:
    pause = statements(series("n" * 12, [0.8] * 5 + [2.3] + [0.8] * 5))["SPAUS"]
    assert "2,3 с" in pause.ru
    assert "2.3 s" in pause.en


def test_an_early_beat_of_no_known_rhythm_is_not_premature() -> None:
    given = series("nnsnnnnsnn")
    unclear = Atrial((AtrialSpan(0, 5000, AtrialActivity.UNKNOWN, in_step=0.1, alike=0.3),))
    unclear_beats = replace(given.analysis, atrial=unclear)
    assert "PAC" in statements(given)
    found = statements(replace(given, analysis=unclear_beats))
    assert "ARRHY" in found
    assert "PAC" not in found


def test_the_pause_after_an_early_beat_is_none() -> None:
    compensated = [0.8] * 5 + [0.45, 1.6] + [0.8] * 4
    assert not statements(series("nnnnnnsnnnnn", compensated)).keys() & {"SABLK", "SPAUS", "LRR"}


def test_where_no_qrs_is_found_no_pause_is_measured() -> None:
    found = statements(series("n" * 12, [0.8] * 5 + [14.2] + [0.8] * 5))
    assert "наибольший 14 с" in found["QRS_NONE"].ru
    assert not found.keys() & {"SABLK", "SPAUS", "LRR"}


def test_an_arrest_at_the_end_of_a_record_is_told() -> None:
    """No beat follows that would make an interval of it."""
    given = series("n" * 6)
    longer = replace(given.format, sample_count=given.analysis.beats.samples[-1] + 2100)
    assert "наибольший 4 с" in statements(replace(given, format=longer))["QRS_NONE"].ru
    shorter = replace(given.format, sample_count=given.analysis.beats.samples[-1] + 1900)
    assert "QRS_NONE" not in statements(replace(given, format=shorter))


def test_a_lead_that_was_off_makes_no_pause() -> None:
    given = series("n" * 12, [0.8] * 5 + [2.3] + [0.8] * 5)  # from 4.5 s on
    leads = given.format.leads
    for off, code in ((leads, set()), (leads[1:], {"SPAUS"})):
        marks = tuple(LeadOff(lead, 2500, 3000) for lead in off)
        seen = replace(given, format=replace(given.format, lead_off=marks))
        assert statements(seen).keys() & {"SABLK", "SPAUS", "LRR"} == code
