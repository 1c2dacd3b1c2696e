"""Everything the signal room knows of one record."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.ecg.recording import Recording
from cardioserver.signal.atrial import Atrial, find_atrial, without_p
from cardioserver.signal.beats import Beats, beats_of
from cardioserver.signal.fiducials import Fiducials, find_fiducials
from cardioserver.signal.markorder import in_order
from cardioserver.signal.measurements import LeadMeasurements, Measurements, measure, measure_leads
from cardioserver.signal.quality import Quality, assess
from cardioserver.signal.trace import Trace


@dataclass(frozen=True, slots=True)
class Analysis:
    """Beats, their waves, what the atria do, what is measured, and how far it can be trusted."""

    beats: Beats
    fiducials: Fiducials
    atrial: Atrial
    measurements: Measurements
    leads: tuple[LeadMeasurements, ...]
    quality: Quality


def analyse(recording: Recording) -> Analysis:
    """Analyse a recording of any length, rate and number of leads."""
    leads, rate = recording.format.leads, recording.format.rate
    trace = Trace.of(recording)
    beats = beats_of(trace, rate, recording.format.pacemaker_spikes)
    fiducials = find_fiducials(trace, rate, beats)
    atrial = find_atrial(trace, rate, leads, beats, fiducials)
    fiducials = in_order(without_p(fiducials, beats, atrial), beats)
    return Analysis(
        beats,
        fiducials,
        atrial,
        measure(leads, rate, beats, fiducials),
        measure_leads(leads, fiducials),
        assess(trace, rate, leads, beats, fiducials),
    )
