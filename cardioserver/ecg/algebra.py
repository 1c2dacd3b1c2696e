"""Leads that follow from I and II.

Einthoven's and Goldberger's relations give four of the twelve leads (W. Einthoven, 1908: I + III = II;
E. Goldberger, 1942: aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2). Between integers they hold
only up to the recorder's rounding; :func:`derive` fixes one rounding, so that a recording can be told as
I, II and the differences, which are zero or nearly so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.lead import Lead

Row = npt.NDArray[np.signedinteger[Any]]

DERIVED_LEADS = (Lead.III, Lead.aVR, Lead.aVL, Lead.aVF, Lead.MaVR)
"""Leads that :func:`derive` knows; their place here is their code in the codec, counted from 1."""

_LOOK = 1024  # pairs of samples by which follows() judges


def derive(lead: Lead, one: Row, two: Row) -> Row:
    """A lead out of I and II, in counts of equal size, modulo the integers' width.

    ``III = II - I``, ``aVR = -floor((I + II) / 2)``, ``-aVR = floor((I + II) / 2)``,
    ``aVL = I - floor((II + 1) / 2)``, ``aVF = II - floor((I + 1) / 2)``.

    Raises
    ------
    ValueError
        *lead* does not follow from I and II.
    """
    unit = one.dtype.type(1)
    if lead is Lead.III:
        return two - one
    if lead is Lead.aVR:
        return -((one + two) >> unit)
    if lead is Lead.MaVR:
        return (one + two) >> unit
    if lead is Lead.aVL:
        return one - ((two + unit) >> unit)
    if lead is Lead.aVF:
        return two - ((one + unit) >> unit)
    raise ValueError(f"{lead.label} does not follow from I and II")


def follows(lead: Lead, one: Row, two: Row, row: Row) -> bool:
    """Whether *row* is told more shortly by its difference from :func:`derive` than by its own changes."""
    look = slice(None, -1, max(1, len(row) // _LOOK))
    after = slice(1, None, max(1, len(row) // _LOOK))
    if len(row) < 2:
        return bool((row == derive(lead, one, two)).all())
    differences = row[look].astype(np.int64) - derive(lead, one[look], two[look])
    changes = row[after].astype(np.int64) - row[look]
    return bool(np.abs(differences).sum() <= np.abs(changes).sum())
