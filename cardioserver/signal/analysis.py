"""Everything the signal room knows of one record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cardioserver.ecg.recording import Recording
from cardioserver.signal.beats import Beats, bridged, find_beats
from cardioserver.signal.fiducials import Fiducials, find_fiducials
from cardioserver.signal.filters import missing_of
from cardioserver.signal.measurements import LeadMeasurements, Measurements, measure, measure_leads
from cardioserver.signal.quality import Quality, assess


@dataclass(frozen=True, slots=True)
class Analysis:
    """Beats, their waves, what is measured, and how far it can be trusted."""

    beats: Beats
    fiducials: Fiducials
    measurements: Measurements
    leads: tuple[LeadMeasurements, ...]
    quality: Quality


def analyse(recording: Recording) -> Analysis:
    """Analyse a recording of any length, rate and number of leads."""
    signal_format = recording.format
    samples = recording.microvolts()
    missing = missing_of(signal_format)
    beats = find_beats(samples, signal_format.rate, missing=missing, spikes=signal_format.pacemaker_spikes)
    whole = samples if missing is None else bridged(samples, missing)
    fiducials = find_fiducials(np.ascontiguousarray(whole), signal_format.rate, beats)
    return Analysis(
        beats,
        fiducials,
        measure(signal_format.leads, signal_format.rate, beats, fiducials),
        measure_leads(signal_format.leads, fiducials),
        assess(whole, signal_format.rate, signal_format.leads, beats, fiducials, missing=missing),
    )
