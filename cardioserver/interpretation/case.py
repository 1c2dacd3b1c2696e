"""What the rules look at."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import SignalFormat
from cardioserver.interpretation.person import Person
from cardioserver.signal.analysis import Analysis
from cardioserver.signal.measurements import LeadMeasurements, Measurements

ADULT_FROM = 16.0
"""Years; below, limits depend on age (P. Rijnbeek et al., Eur. Heart J. 22:702, 2001)."""


@dataclass(frozen=True, slots=True)
class Case:
    """An analysed record and its person."""

    format: SignalFormat
    analysis: Analysis
    person: Person

    @property
    def measurements(self) -> Measurements:
        """Numbers of the whole record."""
        return self.analysis.measurements

    @property
    def is_adult(self) -> bool:
        """Whether adult limits apply; a person of unknown age is taken for an adult."""
        return self.person.age is None or self.person.age >= ADULT_FROM

    def lead(self, lead: Lead) -> LeadMeasurements | None:
        """What was measured in one lead."""
        return next((each for each in self.analysis.leads if each.lead is lead), None)
