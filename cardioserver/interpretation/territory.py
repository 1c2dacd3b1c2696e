"""Regions of the left ventricle and the leads that see them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from enum import StrEnum

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.language import Phrase

CHEST = (Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6)
INFERIOR = (Lead.II, Lead.III, Lead.aVF)
HIGH_LATERAL = (Lead.I, Lead.aVL)
GROUPS = (CHEST, INFERIOR, HIGH_LATERAL)
"""Contiguous leads (fourth universal definition of myocardial infarction); in the chest neighbours are."""


class Region(StrEnum):
    """A wall, as statements name it."""

    SEPTAL = "septal"
    ANTERIOR = "anterior"
    ANTEROSEPTAL = "anteroseptal"
    ANTEROLATERAL = "anterolateral"
    LATERAL = "lateral"
    INFERIOR = "inferior"
    INFEROLATERAL = "inferolateral"


def contiguous(leads: Iterable[Lead]) -> tuple[Lead, ...]:
    """Those of *leads* that have a contiguous one among them."""
    chosen = set(leads)
    kept: set[Lead] = set()
    for group in GROUPS:
        inside = [lead for lead in group if lead in chosen]
        if group is CHEST:
            steps = [(one, other) for one, other in itertools.pairwise(CHEST) if {one, other} <= chosen]
            kept |= {lead for step in steps for lead in step}
        elif len(inside) > 1:
            kept |= set(inside)
    return tuple(lead for lead in TWELVE_LEADS if lead in kept)


def region(leads: Sequence[Lead]) -> Region:
    """The wall that *leads* see."""
    chosen = set(leads)
    front = bool(chosen & {Lead.V2, Lead.V3, Lead.V4})
    side = bool(chosen & {Lead.I, Lead.aVL, Lead.V5, Lead.V6})
    below = len(chosen & set(INFERIOR)) > 1
    if below and not front:
        return Region.INFEROLATERAL if side else Region.INFERIOR
    if not front and not chosen & {Lead.V1}:
        return Region.LATERAL
    if side:
        return Region.ANTEROLATERAL if front else Region.LATERAL
    if chosen <= {Lead.V1, Lead.V2}:
        return Region.SEPTAL
    return Region.ANTEROSEPTAL if Lead.V1 in chosen or Lead.V2 in chosen else Region.ANTERIOR


def named(leads: Iterable[Lead]) -> str:
    """The names of *leads*, as a text lists them: ``II, III, aVF``; neighbours in the chest as ``V2–V5``."""
    chosen = set(leads)
    parts: list[list[Lead]] = []
    for lead in (lead for lead in TWELVE_LEADS if lead in chosen):
        follows = parts and lead in CHEST and parts[-1][-1] in CHEST
        if follows and CHEST.index(lead) - CHEST.index(parts[-1][-1]) == 1:
            parts[-1].append(lead)
        else:
            parts.append([lead])
    texts = []
    for part in parts:
        if len(part) > 2:
            texts.append(f"{part[0].label}–{part[-1].label}")
        else:
            texts += [lead.label for lead in part]
    texts += sorted(lead.label for lead in chosen - {*TWELVE_LEADS, Lead.UNSPECIFIED})
    return ", ".join(texts)


def with_unnamed(names: str, leads: Sequence[Lead]) -> Phrase:
    """The *names* of those of *leads* that have one, and how many have none."""
    count = leads.count(Lead.UNSPECIFIED)
    if not count:
        return Phrase(names, names)
    unnamed = Phrase(f"{count} unnamed lead{'s' if count > 1 else ''}", f"без названия ({count})")
    return Phrase(*(", ".join(filter(None, (names, text))) for text in (unnamed.en, unnamed.ru)))


def among(leads: Iterable[Lead]) -> Phrase:
    """Leads as they stand after "in": "II, III, aVF"; in Russian with the noun in its case and number."""
    chosen = tuple(leads)
    names = with_unnamed(named(chosen), chosen)
    noun = "отведениях" if len(chosen) > 1 else "отведении"
    return Phrase(names.en, f"{noun} {names.ru}")


WALL = {
    Region.SEPTAL: Phrase("septal", "перегородочной области"),
    Region.ANTERIOR: Phrase("anterior", "передней стенки"),
    Region.ANTEROSEPTAL: Phrase("anteroseptal", "переднеперегородочной области"),
    Region.ANTEROLATERAL: Phrase("anterolateral", "переднебоковой стенки"),
    Region.LATERAL: Phrase("lateral", "боковой стенки"),
    Region.INFERIOR: Phrase("inferior", "нижней стенки"),
    Region.INFEROLATERAL: Phrase("inferolateral", "нижнебоковой стенки"),
}
"""The regions in words."""
