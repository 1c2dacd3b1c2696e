"""Stretches without QRS complexes: too long for a pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.statement import Fact, Section, Severity, Statement, Term

Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

SOURCE = "ACC/AHA/HRS 2018 on bradycardia (F. Kusumoto et al., Circulation 140:e382), table 1"
NO_QRS_S = 10.0  # longer than the heart pauses without an escape beat or syncope
EDGE_S = 4.0  # at 15 beats a minute the first one comes within, and the last one is no farther from the end

NO_QRS = Term(
    "QRS_NONE", Section.RHYTHM, Severity.ABNORMAL,
    "No QRS complexes in parts of the record: {count:.0f}, the longest of {longest:.0f} s; "
    "exclude ventricular tachycardia or fibrillation, asystole and a lost signal",
    "Участки без комплексов QRS: {count:.0f}, наибольший {longest:.0f} с; "
    "исключить желудочковую тахикардию или фибрилляцию, асистолию, потерю сигнала", SOURCE,
)  # fmt: skip
TERMS = (NO_QRS,)


def silence(case: Case, _: Sequence[Statement]) -> Iterator[Statement]:
    """Long stretches between beats, and shorter ones before the first and after the last."""
    edges = np.concatenate([[0], case.analysis.beats.samples, [case.format.sample_count]])
    lengths = np.diff(edges) / case.format.rate
    least = np.full(len(lengths), NO_QRS_S)
    least[[0, -1]] = EDGE_S
    none = lengths[seen_between(case, edges) & (lengths > least)]
    if len(none):
        longest = float(none.max())
        limit = f"> {NO_QRS_S:g}" if longest > NO_QRS_S else f"> {EDGE_S:g}"
        yield NO_QRS.state(Fact("rr.longest", longest, "s", limit), count=len(none), longest=longest)


def seen_between(case: Case, places: Index) -> Mask:
    """Which stretches from one of *places* to the next hold no place where every lead was off."""
    marks = case.format.lead_off
    if not marks:
        return np.ones(len(places) - 1, dtype=np.bool_)
    edges = np.array([(mark.start, 1) for mark in marks] + [(mark.stop, -1) for mark in marks])
    edges = edges[np.lexsort(edges.T[::-1])]
    dark = np.cumsum(edges[:, 1]) >= len(case.format.leads)  # from this edge to the next
    starts, stops = edges[:-1, 0][dark[:-1]], edges[1:, 0][dark[:-1]]
    seen: Mask = np.searchsorted(starts, places[1:]) == np.searchsorted(stops, places[:-1], side="right")
    return seen
