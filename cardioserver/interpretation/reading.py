"""The statements of a case, in the order in which a cardiologist reads."""

from __future__ import annotations

from dataclasses import replace

from cardioserver.interpretation.case import Case
from cardioserver.interpretation.rules import (
    anteriorfascicle,
    atria,
    avblock,
    axis,
    bundle,
    children,
    ectopy,
    electrolytes,
    elevation,
    escape,
    fibrillation,
    infarction,
    injury,
    leftventricle,
    pacing,
    pauses,
    posteriorfascicle,
    preexcitation,
    printerval,
    qt,
    quality,
    rate,
    repolarisation,
    rhythm,
    rightventricle,
    sgarbossa,
    silence,
    summary,
    voltage,
)
from cardioserver.interpretation.statement import Section, Statement, said

RHYTHM = (
    pacing.pacing,
    fibrillation.fibrillation,
    avblock.blocks,
    rhythm.rhythm,
    escape.escape,
    ectopy.ectopy,
    pauses.pauses,
    silence.silence,
    rate.rate,
)
SHAPES = (
    preexcitation.preexcitation,
    printerval.pr_interval,
    bundle.bundle,
    anteriorfascicle.anterior_fascicle,
    axis.axis,
    leftventricle.left_ventricle,
    rightventricle.right_ventricle,
    posteriorfascicle.posterior_fascicle,
    children.children,
    atria.atria,
    voltage.voltage,
    infarction.infarction,
    injury.injury,
    sgarbossa.sgarbossa,
    elevation.elevation,
    repolarisation.repolarisation,
    electrolytes.electrolytes,
    qt.qt,
    summary.summary,
)
"""Rules in the order in which they run: later ones know what earlier ones have found."""

MODULES = (
    quality,
    pacing,
    fibrillation,
    rhythm,
    escape,
    ectopy,
    pauses,
    silence,
    rate,
    avblock,
    printerval,
    preexcitation,
    bundle,
    anteriorfascicle,
    posteriorfascicle,
    axis,
    leftventricle,
    rightventricle,
    atria,
    voltage,
    infarction,
    injury,
    sgarbossa,
    elevation,
    repolarisation,
    electrolytes,
    qt,
    summary,
)
"""Those that have terms of their own, in ``TERMS``."""

_ORDER = {section: place for place, section in enumerate(Section)}


def read(case: Case) -> tuple[Statement, ...]:
    """All statements about *case*, ordered by section."""
    found = list(quality.quality(case, ()))
    case = replace(case, misread=quality.misread(case))
    for rule in RHYTHM:
        found += rule(case, tuple(found))
    case = replace(case, is_ventricular=said(found, *escape.VENTRICULAR))
    for rule in SHAPES:
        found += rule(case, tuple(found))
    return tuple(sorted(found, key=lambda statement: _ORDER[statement.section]))
