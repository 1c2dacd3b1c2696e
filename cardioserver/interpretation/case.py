"""What the rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import SignalFormat
from cardioserver.interpretation.norms import ADULT_FROM
from cardioserver.interpretation.person import Person
from cardioserver.signal.analysis import Analysis
from cardioserver.signal.beats import BeatClass
from cardioserver.signal.measurements import LeadMeasurements, Measurements
from cardioserver.signal.quality import Grade


@dataclass(frozen=True)  # without slots: what many rules ask for is worked out once
class Case:
    """An analysed record and its person.

    Attributes
    ----------
    misread
        Leads whose electrodes seem swapped: to the rules they do not exist.
    is_ventricular
        Whether the rhythm may begin in a ventricle.
    """

    format: SignalFormat
    analysis: Analysis
    person: Person
    misread: frozenset[Lead] = frozenset()
    is_ventricular: bool = False

    @property
    def measurements(self) -> Measurements:
        """Numbers of the whole record."""
        return self.analysis.measurements

    @property
    def is_adult(self) -> bool:
        """Whether adult limits apply; a person of unknown age is taken for an adult."""
        return self.person.age is None or self.person.age >= ADULT_FROM

    @cached_property
    def dominant(self) -> BeatClass | None:
        """The class of the beats that were measured; ``None`` without beats."""
        beats = self.analysis.beats
        first = int(beats.dominant.argmax()) if len(beats.samples) else None
        return None if first is None else beats.classes[first]

    @cached_property
    def is_readable(self) -> bool:
        """Whether the shape of the beats says something of the heart itself.

        Not if the record is too poor, nor if the beats that were measured are paced or may be ventricular.
        """
        own = self.dominant in (BeatClass.NORMAL, BeatClass.SUPRAVENTRICULAR)
        return own and not self.is_ventricular and self.analysis.quality.grade is not Grade.POOR

    @property
    def axis(self) -> float | None:
        """The frontal QRS axis in degrees; ``None`` if limb electrodes seem swapped."""
        return None if Lead.I in self.misread else self.measurements.qrs_axis

    def lead(self, lead: Lead) -> LeadMeasurements | None:
        """What was measured in one lead; ``None`` if it is not there or cannot be read."""
        return self._leads.get(lead)

    @cached_property
    def _leads(self) -> dict[Lead, LeadMeasurements]:
        """The leads that can be read; limb leads that were not recorded follow from I and II."""
        poor = {each.lead for each in self.analysis.quality.leads if each.grade is Grade.POOR}
        doubtful = bool(poor & {Lead.I, Lead.II})
        readable: dict[Lead, LeadMeasurements] = {}
        for each in self.analysis.leads:
            bad = each.lead in poor if each.lead in self.format.leads else doubtful
            if not bad and each.lead not in self.misread:
                readable.setdefault(each.lead, each)
        return readable
