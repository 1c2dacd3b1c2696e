"""Normal limits by age and sex, for people younger than sixteen.

From 11 days on: P. Rijnbeek et al., "New normal limits for the paediatric electrocardiogram", Eur. Heart J.
22:702, 2001 (1912 children; 2nd and 98th percentiles). For the first ten days, which that study leaves out:
A. Davignon et al., "Normal ECG standards for infants and children", Pediatr. Cardiol. 1:123, 1979, as the
Task Force on the neonatal ECG repeats them (P. Schwartz et al., Eur. Heart J. 23:1329, 2002).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.person import DAYS_IN_YEAR, Person

RIJNBEEK = "P. Rijnbeek et al., Eur. Heart J. 22:702, 2001"
NEONATAL = "P. Schwartz et al., Eur. Heart J. 23:1329, 2002 (A. Davignon et al., 1979)"
ADULT_FROM = 16.0
"""Years; from then on the limits of adults apply."""


class Quantity(StrEnum):
    """What a limit is for; intervals in ms, the rate a minute, the axis in degrees, voltages in µV."""

    RATE = "rate"
    PR = "pr"
    QRS = "qrs"
    QTC = "qtc"  # by Bazett's formula, as in the source
    AXIS = "axis"
    R_V1 = "r_v1"
    S_V1 = "s_v1"
    R_V6 = "r_v6"
    S_V6 = "s_v6"


@dataclass(frozen=True, slots=True)
class Norm:
    """The usual range; voltages have an upper limit only."""

    low: float | None
    high: float
    source: str

    def text(self, value: float) -> str:
        """The limit that *value* is beyond or within: "> 98", "< 50" or "50–98"."""
        if value > self.high:
            return f"> {self.high:g}"
        if self.low is None:
            return f"≤ {self.high:g}"
        return f"< {self.low:g}" if value < self.low else f"{self.low:g}–{self.high:g}"


Limits = tuple[float | None, float]

NEWBORN_DAYS = (1, 3, 11)
"""Ages at which the groups of newborns end."""
NEWBORN: dict[Quantity, tuple[Limits, ...]] = {
    Quantity.RATE: ((93, 154), (91, 159), (90, 166)),
    Quantity.PR: ((80, 160), (80, 140), (70, 150)),
    Quantity.QRS: ((20, 80), (20, 80), (20, 80)),
    Quantity.QTC: ((None, 440), (None, 440), (None, 440)),
    Quantity.AXIS: ((59, 192), (64, 197), (77, 187)),
    Quantity.R_V1: ((500, 2600), (500, 2700), (300, 2400)),
    Quantity.S_V1: ((None, 2250), (None, 2100), (None, 1700)),
    Quantity.R_V6: ((None, 1100), (None, 1200), (50, 1200)),
    Quantity.S_V6: ((None, 980), (None, 950), (None, 1000)),
}

CHILD_YEARS = (1 / 12, 3 / 12, 6 / 12, 1, 3, 5, 8, 12, 16)
"""Ages at which the groups of children end."""
BOYS: dict[Quantity, tuple[Limits, ...]] = {
    Quantity.RATE: (
        (129, 192), (126, 187), (112, 165), (106, 194), (97, 155), (73, 123), (62, 113), (55, 101), (48, 99),
    ),
    Quantity.PR: (
        (77, 120), (85, 120), (87, 134), (82, 141), (86, 151), (98, 152), (99, 160), (105, 174), (107, 178),
    ),
    Quantity.QRS: (
        (50, 85), (52, 77), (54, 85), (52, 86), (54, 88), (58, 92), (63, 98), (67, 103), (78, 111),
    ),
    Quantity.QTC: (
        (378, 448), (396, 458), (391, 453), (379, 449), (383, 455), (377, 448), (371, 443), (373, 440),
        (362, 449),
    ),
    Quantity.AXIS: (
        (75, 140), (37, 138), (-6, 107), (14, 122), (-4, 118), (7, 112), (-10, 112), (-21, 114), (-9, 112),
    ),
    Quantity.R_V1: tuple((None, high) for high in (2050, 2070, 2200, 2140, 2110, 1780, 1480, 1140, 1180)),
    Quantity.S_V1: tuple((None, high) for high in (1410, 1570, 2020, 1880, 2270, 2110, 2290, 2460, 2440)),
    Quantity.R_V6: tuple((None, high) for high in (1780, 2230, 2730, 2790, 2960, 3140, 2980, 3240, 3050)),
    Quantity.S_V6: tuple((None, high) for high in (770, 1120, 1250, 1210, 910, 860, 890, 790, 850)),
}  # fmt: skip
GIRLS: dict[Quantity, tuple[Limits, ...]] = {
    Quantity.RATE: (
        (136, 216), (126, 200), (122, 191), (106, 187), (95, 178), (78, 124), (68, 115), (58, 110), (54, 107),
    ),
    Quantity.PR: (
        (91, 121), (78, 133), (84, 127), (88, 133), (78, 147), (99, 153), (92, 156), (103, 163), (106, 176),
    ),
    Quantity.QRS: (
        (54, 79), (48, 77), (50, 78), (52, 80), (54, 85), (58, 88), (59, 95), (66, 99), (72, 106),
    ),
    Quantity.QTC: (
        (379, 462), (381, 454), (386, 448), (381, 446), (381, 447), (388, 442), (375, 449), (365, 447),
        (370, 457),
    ),
    Quantity.AXIS: (
        (63, 155), (39, 121), (17, 108), (1, 102), (2, 121), (3, 106), (27, 117), (5, 117), (5, 101),
    ),
    Quantity.R_V1: tuple((None, high) for high in (2220, 1990, 2040, 1920, 1910, 1380, 1240, 1140, 1100)),
    Quantity.S_V1: tuple((None, high) for high in (1480, 1590, 1640, 1860, 2130, 2110, 2490, 2580, 2050)),
    Quantity.R_V6: tuple((None, high) for high in (1640, 2670, 2800, 2740, 2670, 2910, 3250, 3040, 2520)),
    Quantity.S_V6: tuple((None, high) for high in (1070, 770, 970, 700, 880, 610, 770, 750, 670)),
}  # fmt: skip


def norm(person: Person, quantity: Quantity) -> Norm | None:
    """The usual range of *quantity* in a child; ``None`` for adults and people of unknown age.

    A child of unknown sex is held against the wider range of both sexes.
    """
    if person.age is None or person.age >= ADULT_FROM:
        return None
    days = person.age * DAYS_IN_YEAR
    if days < NEWBORN_DAYS[-1]:
        low, high = NEWBORN[quantity][bisect_right(NEWBORN_DAYS, days)]
        return Norm(low, high, NEONATAL)
    group = bisect_right(CHILD_YEARS, person.age)
    tables = {Sex.MALE: (BOYS,), Sex.FEMALE: (GIRLS,)}.get(person.sex, (BOYS, GIRLS))
    ranges = [table[quantity][group] for table in tables]
    lows = [low for low, _ in ranges if low is not None]
    return Norm(min(lows) if lows else None, max(high for _, high in ranges), RIJNBEEK)
