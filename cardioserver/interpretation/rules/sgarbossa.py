"""Acute infarction beside a left bundle-branch block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.interpretation.case import Case
from cardioserver.interpretation.complexes import j_point, net_qrs, peak_to_peak, s_depth, st_level
from cardioserver.interpretation.rules.bundle import CLBBB
from cardioserver.interpretation.statement import Certainty, Fact, Section, Severity, Statement, Term, said
from cardioserver.interpretation.territory import CHEST

SOURCE = "E. Sgarbossa et al., N. Engl. J. Med. 334:481, 1996; S. Smith et al., Ann. Emerg. Med. 60:766, 2012"
CONCORDANT_UV, DISCORDANT_SHARE = 100.0, 0.25
CLEAR_SHARE = 0.3  # of the QRS: else it points neither up nor down
ENOUGH_POINTS = 3

STEMI_IN_BLOCK = Term(
    "STEMI_SGARBOSSA", Section.INFARCTION, Severity.ABNORMAL,
    "Signs of acute infarction by Sgarbossa's criteria ({points} points)",
    "Признаки острого инфаркта миокарда по критериям Сгарбоссы (баллов: {points})", SOURCE,
)  # fmt: skip
TERMS = (STEMI_IN_BLOCK,)


def sgarbossa(case: Case, found: Sequence[Statement]) -> Iterator[Statement]:
    """Five points for concordant elevation, three for depression in V1–V3, two for too much discordance.

    Discordance is measured as Smith et al. do, against the S wave. Not of paced beats: the level before the
    QRS, against which ST is measured, is that of the spike.
    """
    if not said(found, CLBBB) or not case.is_readable:
        return
    kinds: dict[int, list[Fact]] = {5: [], 3: [], 2: []}
    for name in TWELVE_LEADS:
        lead = case.lead(name)
        if lead is None or name is Lead.aVR:
            continue
        if abs(net_qrs(lead)) < CLEAR_SHARE * peak_to_peak(lead):
            continue
        up, j, st = net_qrs(lead) > 0, j_point(lead), st_level(lead)
        if up and min(j, st) >= CONCORDANT_UV:
            kinds[5].append(Fact(f"{name.label}.j", j, "µV", f"≥ {CONCORDANT_UV:g}"))
        elif not up and j >= max(CONCORDANT_UV, DISCORDANT_SHARE * s_depth(lead)):
            kinds[2].append(Fact(f"{name.label}.j", j, "µV", f"≥ {DISCORDANT_SHARE:g} S"))
        elif not up and name in CHEST[:3] and max(j, st) <= -CONCORDANT_UV:
            kinds[3].append(Fact(f"{name.label}.j", j, "µV", f"≤ -{CONCORDANT_UV:g}"))
    points = sum(worth for worth, facts in kinds.items() if facts)
    if points:
        every = [fact for facts in kinds.values() for fact in facts]
        certainty = Certainty.PROBABLE if points >= ENOUGH_POINTS else Certainty.POSSIBLE
        yield STEMI_IN_BLOCK.state(*every, certainty=certainty, points=points)
