"""Which leads stand where, and which time they show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardioserver.ecg.exam import ExamType
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.reports import Layout
from cardioserver.reports.channel import channels_of
from cardioserver.reports.montage import Montage, montage
from tests.reports import samples

EIGHT = (Lead.I, Lead.II, *TWELVE_LEADS[6:])
LANDSCAPE, PORTRAIT = (250.0, 140.0), (175.0, 200.0)


def arranged(
    leads: tuple[Lead, ...],
    seconds: float = 10.0,
    kind: ExamType = ExamType.STANDARD,
    room: tuple[float, float] = LANDSCAPE,
    **options: object,
) -> Montage:
    chosen = replace(samples.OPTIONS, **options)
    cabrera = kind is ExamType.CABRERA if chosen.cabrera is None else chosen.cabrera
    channels = channels_of(samples.recording(1.0, leads).format, kind, cabrera, "ru")
    return montage(channels, seconds, chosen, *room)


def names(shown: Montage) -> list[str]:
    return [" ".join(cell.channel.label for cell in row.cells) for row in shown.rows]


def test_three_by_four_with_a_rhythm_strip() -> None:
    shown = arranged(TWELVE_LEADS)
    assert names(shown) == ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6", "II"]
    assert [(cell.start, cell.stop, cell.x) for cell in shown.rows[0].cells] == [
        (0.0, 2.5, 0.0), (2.5, 5.0, 62.5), (5.0, 7.5, 125.0), (7.5, 10.0, 187.5),
    ]  # fmt: skip
    assert shown.rows[3].cells[0].stop == 10.0
    assert shown.title == "3×4 + II"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"layout": Layout.SIX_BY_TWO}, ["I V1", "II V2", "III V3", "aVR V4", "aVL V5", "aVF V6", "II"]),
        ({"layout": Layout.TWELVE_BY_ONE}, [lead.label for lead in TWELVE_LEADS]),
        ({"rhythm": (Lead.II, Lead.V1)}, ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6", "II", "V1"]),
        ({"rhythm": ()}, ["I aVR V1 V4", "II aVL V2 V5", "III aVF V3 V6"]),
        ({"cabrera": True}, ["aVL II V1 V4", "I aVF V2 V5", "-aVR III V3 V6", "II"]),
        (
            {"cabrera": True, "layout": Layout.SIX_BY_TWO},
            ["aVL V1", "I V2", "-aVR V3", "II V4", "aVF V5", "III V6", "II"],
        ),
        (
            {"cabrera": True, "layout": Layout.TWELVE_BY_ONE},
            ["aVL", "I", "-aVR", "II", "aVF", "III", "V1", "V2", "V3", "V4", "V5", "V6"],
        ),
        ({"layout": Layout.RHYTHM, "rhythm": (Lead.V1,)}, ["V1"]),
        ({"speed": 50.0}, ["I V1", "II V2", "III V3", "aVR V4", "aVL V5", "aVF V6", "II"]),
    ],
)
def test_layouts_of_twelve_leads(options: dict[str, object], expected: list[str]) -> None:
    assert names(arranged(TWELVE_LEADS, **options)) == expected


def test_the_exam_type_decides() -> None:
    assert names(arranged(TWELVE_LEADS, kind=ExamType.CABRERA))[0] == "aVL II V1 V4"
    limb = arranged((Lead.I, Lead.II), kind=ExamType.LIMB)
    assert names(limb) == ["I", "II", "III", "aVR", "aVL", "aVF"]
    assert names(arranged((Lead.D, Lead.A, Lead.J), kind=ExamType.NEHB)) == ["D", "A", "J"]
    assert names(arranged(TWELVE_LEADS, room=PORTRAIT))[0] == "I V1"


def test_leads_that_follow_from_others_are_made() -> None:
    assert names(arranged(EIGHT)) == names(arranged(TWELVE_LEADS))
    assert names(arranged((Lead.I, Lead.II, Lead.V1))) == ["I", "II", "V1"]  # nobody placed a chest here
    signal = samples.recording(1.0, EIGHT).format
    weights = {
        channel.lead: channel.weights for channel in channels_of(signal, ExamType.STANDARD, False, "ru")
    }
    assert weights[Lead.aVR] == ((0, -0.5), (1, -0.5))
    weights = {
        channel.lead: channel.weights for channel in channels_of(signal, ExamType.STANDARD, True, "ru")
    }
    assert weights[Lead.MaVR] == ((0, 0.5), (1, 0.5))
    assert Lead.aVR not in weights


def test_a_recorded_avr_is_turned_for_cabrera_and_back() -> None:
    recorded = channels_of(samples.recording(1.0).format, ExamType.STANDARD, True, "ru")
    assert next(each.weights for each in recorded if each.lead is Lead.MaVR) == ((3, -1.0),)
    other = (*TWELVE_LEADS[:3], Lead.MaVR, *TWELVE_LEADS[4:])
    back = channels_of(samples.recording(1.0, other).format, ExamType.STANDARD, False, "ru")
    assert next(each.weights for each in back if each.lead is Lead.aVR) == ((3, -1.0),)


def test_few_leads_fill_the_page_line_after_line() -> None:
    shown = arranged((Lead.II,), 300.0)
    assert names(shown) == ["II"] * 6
    assert [row.at for row in shown.rows] == [0, 10, 20, 30, 40, 50]
    assert shown.span == (0.0, 60.0)
    assert len(arranged((Lead.II,), 12.0).rows) == 2
    assert arranged((Lead.II,), 12.0).rows[1].cells[0].stop == 12.0


def test_leads_without_a_name_are_told_apart() -> None:
    shown = arranged((Lead.UNSPECIFIED, Lead.V5, Lead.UNSPECIFIED))
    assert names(shown) == ["V5", "Отв. 1", "Отв. 3"]


def test_more_leads_make_more_columns() -> None:
    fifteen = (*TWELVE_LEADS, Lead.V7, Lead.V8, Lead.V9)
    assert names(arranged(fifteen))[0] == "I aVR V1 V4 V7"
    eighteen = (*fifteen, Lead.V3R, Lead.V4R, Lead.V5R)
    assert names(arranged(eighteen))[0] == "I V1 V7"


def test_a_short_recording_shows_the_same_time_in_all_columns() -> None:
    shown = arranged(TWELVE_LEADS, 4.0)
    assert {(cell.start, cell.stop) for row in shown.rows[:3] for cell in row.cells} == {(0.0, 2.5)}
    assert shown.rows[3].cells[0].stop == 4.0


def test_another_start() -> None:
    shown = arranged(TWELVE_LEADS, 24.0, start=8.0)
    assert shown.span == (8.0, 18.0)
    assert arranged(TWELVE_LEADS, 24.0, start=100.0).span == (14.0, 24.0)
