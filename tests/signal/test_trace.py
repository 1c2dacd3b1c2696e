"""A trace gives the same µV whole or in pieces, and never a number that is none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cardioserver.ecg.lead import Lead
from cardioserver.ecg.recording import LeadOff, Recording, SignalFormat
from cardioserver.signal.trace import Trace, across

LEADS = (Lead.I, Lead.II)


def recording(lead_off: tuple[LeadOff, ...] = ()) -> Recording:
    counts = np.ascontiguousarray(np.arange(2000, dtype="<i2").reshape(2, 1000))
    return Recording(SignalFormat(500.0, LEADS, (1.0, 2.5), 16, 1000, lead_off), counts)


def test_pieces_are_microvolts() -> None:
    trace = Trace.of(recording())
    assert (trace.leads, trace.length) == (2, 1000)
    assert np.array_equal(trace.piece(10, 990), recording().microvolts()[:, 10:990])
    assert trace.missing(0, 1000) is None


@pytest.mark.parametrize(
    ("samples", "uncut", "parts"), [(2000, 0, 1), (400, 0, 2), (400, 1000, 1), (300, 999, 3)]
)
def test_spans_make_up_the_record(samples: int, uncut: int, parts: int) -> None:
    spans = Trace.of(recording()).spans(samples, uncut=uncut)
    assert len(spans) == parts
    assert (spans[0][0], spans[-1][1]) == (0, 1000)
    assert all(stop == start for (_, stop), (start, _) in pairwise(spans))
    assert parts == 1 or all(samples <= stop - start < 2 * samples for start, stop in spans)


def test_a_lead_that_is_off_is_bridged() -> None:
    trace = Trace.of(recording((LeadOff(Lead.II, 100, 200),)))
    missing = trace.missing(150, 300)
    assert missing is not None
    assert missing.sum(axis=1).tolist() == [0, 50]
    assert trace.missing(200, 300) is None
    assert trace.piece(50, 300)[1] == pytest.approx(recording().microvolts()[1, 50:300])


def test_a_lead_that_is_off_all_the_time_is_zero() -> None:
    trace = Trace.of(recording((LeadOff(Lead.I, 0, 1000),)))
    assert not trace.piece(0, 1000)[0].any()


def test_what_is_no_number_is_missing() -> None:
    samples = np.ones((1, 100))
    samples[0, 40:50] = np.nan
    trace = Trace(samples)
    missing = trace.missing(0, 100)
    assert missing is not None
    assert missing.sum() == 10
    assert np.array_equal(trace.piece(0, 100), np.ones((1, 100)))


def test_lines_go_across_what_is_hidden_and_on_level_at_the_ends() -> None:
    hidden = np.array([True, False, True, True, False, True])
    samples = np.array([[9.0, 1.0, 9.0, 9.0, 7.0, 9.0]])
    assert across(samples, hidden).tolist() == [[1.0, 1.0, 3.0, 5.0, 7.0, 7.0]]
    assert across(samples, np.ones(6, dtype=bool)) is samples
