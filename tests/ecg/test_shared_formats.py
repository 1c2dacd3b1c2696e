"""Readers on files that nobody of this project wrote (``../shared/ecg``)."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from cardioserver.ecg.errors import EcgError, FormatError
from cardioserver.ecg.formats.reader import read
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex


@pytest.fixture
def interop(shared_ecg: Path) -> Path:
    return shared_ecg / "interop"


def test_the_dicom_ecg_has_the_samples_of_its_hl7_twin(interop: Path) -> None:
    """``Example.xml`` is the same ECG as an HL7 aECG, with its counts in plain text."""
    text = (interop / "Example.xml").read_text("utf-8")
    rhythm = text[: text.index("</series>")] if "</series>" in text else text
    sequences = re.findall(
        r'<code code="MDC_ECG_LEAD_(\w+)".*?<scale value="([\d.]+)" unit="uV"/>.*?<digits>([^<]*)</digits>',
        rhythm,
        re.DOTALL,
    )
    found = read(interop / "Example.dcm").recording
    compared = set()
    for name, scale, digits in sequences:
        counts = np.array(digits.split(), np.int64)
        if len(counts) != found.format.sample_count:
            continue  # a median beat
        row = found.format.leads.index(Lead.parse(name))
        assert found.format.resolution[row] == float(scale)
        assert np.array_equal(found.samples[row], counts)
        compared.add(found.format.leads[row])
    assert compared == set(TWELVE_LEADS)


def test_what_the_dicom_ecg_says_of_its_patient(interop: Path) -> None:
    found = read(interop / "Example.dcm")
    assert (found.patient.number, found.patient.sex) == ("SBJ-123", Sex.MALE)
    assert (found.patient.family_name, found.patient.birthday) == ("Clark", date(1953, 5, 8))
    assert found.started_at == datetime(2002, 11, 22, 9, 10)  # noqa: DTZ001  the file gives no offset


def test_mdc_codes_and_an_accession_number(interop: Path) -> None:
    found = read(interop / "waveform_ecg_synthetic_12_lead.dcm")
    assert found.recording.format.leads == TWELVE_LEADS
    assert (found.recording.format.filters.mains_hz, found.accession_number) == (50.0, "A0001")
    assert found.patient.sex is Sex.OTHER


def test_groups_of_unknown_amplitude_are_refused(interop: Path) -> None:
    with pytest.raises(FormatError, match="microvolts"):
        read(interop / "waveform_ecg_synthetic_multi_group.dcm")


def test_everything_else_there_is_read_or_refused_cleanly(interop: Path) -> None:
    for path in sorted(interop.iterdir()):
        if path.suffix == ".dcm" and "multi_group" not in path.name and "nonconforming" not in path.name:
            read(path)
        else:
            with pytest.raises(EcgError, match=r"\w"):
                read(path)


@pytest.mark.parametrize(
    ("record", "leads", "rate", "count"),
    [
        ("ptbxl/00001_hr", TWELVE_LEADS, 500.0, 5000),
        ("ludb/1", TWELVE_LEADS, 500.0, 5000),
        ("mitdb/100", (Lead.UNSPECIFIED, Lead.V5), 360.0, 650_000),
        ("qtdb/sel100", (Lead.UNSPECIFIED, Lead.V5), 250.0, 225_000),
        ("ptb/s0010_re", (*TWELVE_LEADS, Lead.X, Lead.Y, Lead.Z), 1000.0, 38_400),
        ("nstdb/bw", (Lead.UNSPECIFIED, Lead.UNSPECIFIED), 360.0, 650_000),
    ],
)
def test_wfdb_records_of_many_kinds(
    shared_ecg: Path, record: str, leads: tuple[Lead, ...], rate: float, count: int
) -> None:
    signal = read(shared_ecg / f"{record}.hea").recording.format
    assert (signal.leads, signal.rate, signal.sample_count, signal.bits) == (leads, rate, count, 16)


def test_a_wfdb_record_is_read_sample_for_sample(shared_ecg: Path) -> None:
    found = read(shared_ecg / "ptbxl" / "00001_hr.dat").recording
    stored = np.fromfile(shared_ecg / "ptbxl" / "00001_hr.dat", "<i2").reshape(-1, 12).T
    assert np.array_equal(found.samples, stored)
    assert set(found.format.resolution) == {1.0}


def test_the_baseline_of_mit_bih_is_taken_off(shared_ecg: Path) -> None:
    found = read(shared_ecg / "mitdb" / "100.hea")
    assert found.recording.samples[:, 0].tolist() == [995 - 1024, 1011 - 1024]  # initial values in 100.hea
    assert (found.age_years, found.patient.sex) == (69, Sex.MALE)
