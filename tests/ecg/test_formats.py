"""Reading files of other systems."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
import wfdb
from pydicom.data import get_testdata_file

from cardioserver.ecg.errors import EcgError, FormatError, InvalidField
from cardioserver.ecg.formats import reader
from cardioserver.ecg.formats.reader import read
from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.ecg.recording import HardwareFilters, LeadOff

SHIPPED = Path(str(get_testdata_file("waveform_ecg.dcm")))


@pytest.fixture
def dataset() -> pydicom.Dataset:
    """The ECG that comes with pydicom, to be changed and saved."""
    return pydicom.dcmread(SHIPPED)


def read_changed(dataset: pydicom.Dataset, folder: Path) -> object:
    path = folder / "changed.dcm"
    dataset.save_as(path)
    return read(path)


def test_the_shipped_dicom_ecg_is_read_sample_for_sample() -> None:
    found = read(SHIPPED)
    signal = found.recording.format
    assert signal.leads == TWELVE_LEADS
    assert (signal.rate, signal.sample_count, signal.bits) == (1000.0, 10_000, 16)
    assert set(signal.resolution) == {1.25}
    assert signal.filters == HardwareFilters(0.05, 300.0, None)
    group = pydicom.dcmread(SHIPPED).WaveformSequence[0]
    interleaved = np.frombuffer(group.WaveformData, "<i2").reshape(10_000, 12)
    assert (found.recording.samples == interleaved.T).all()
    assert found.started_at == datetime(2013, 1, 25, 10, 59, 19)  # noqa: DTZ001  the file gives no offset
    assert (found.age_years, found.patient.sex) == (42, Sex.FEMALE)
    assert found.source_uid == pydicom.dcmread(SHIPPED).SOPInstanceUID


def test_what_a_dicom_file_says_of_the_patient_is_kept(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Әлімқұлов^Іңкәр^Өмірұлы"
    dataset.PatientID = "К-77"
    dataset.PatientBirthDate = "19610430"
    dataset.AccessionNumber = "A-2026/1"
    dataset.PatientSize, dataset.PatientWeight = "1.8", "82.5"
    dataset.AcquisitionDateTime = "20260716093012.250000+0500"
    found = read_changed(dataset, tmp_path)
    patient = found.patient
    assert (patient.family_name, patient.personal_name, patient.patronymic) == (
        "Әлімқұлов",
        "Іңкәр",
        "Өмірұлы",
    )
    assert (patient.number, patient.birthday) == ("К-77", date(1961, 4, 30))
    assert (found.height_cm, found.weight_kg, found.accession_number) == (180.0, 82.5, "A-2026/1")
    assert found.started_at == datetime(2026, 7, 16, 4, 30, 12, 250_000, tzinfo=UTC)
    exam = found.exam(UUID(int=7))
    assert exam.started_at.utcoffset() == timedelta(hours=5)
    assert exam.ended_at - exam.started_at == timedelta(seconds=10)


def test_units_correction_and_baseline_of_dicom_channels(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    before = read(SHIPPED).recording
    channel = dataset.WaveformSequence[0].ChannelDefinitionSequence[0]
    channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = "0.005", "0.5"
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mV"
    channel.ChannelBaseline = "0.1"  # 40 counts of 2.5 µV
    found = read_changed(dataset, tmp_path).recording
    assert found.format.resolution[0] == 2.5
    assert (found.samples[0] == before.samples[0] + 40).all()
    assert (found.samples[1:] == before.samples[1:]).all()


def test_padding_of_a_tenth_of_a_second_is_a_gap(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    group = dataset.WaveformSequence[0]
    samples = np.frombuffer(group.WaveformData, "<i2").reshape(10_000, 12).copy()
    samples[2000:2100, 3] = samples[4000:4099, 3] = -32768
    group.WaveformData = samples.tobytes()
    group.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    found = read_changed(dataset, tmp_path).recording
    assert found.format.lead_off == (LeadOff(Lead.aVR, 2000, 2100),)
    assert not found.samples[3, 2000:2100].any()
    assert (found.samples[3, 4000:4099] == -32768).all()


@pytest.mark.filterwarnings("ignore:The PN component length")
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.pop("WaveformSequence"), "without waveforms"),
        (lambda d: setattr(d.WaveformSequence[0], "NumberOfWaveformSamples", 10_001), "cut off"),
        (lambda d: setattr(d.WaveformSequence[0], "WaveformSampleInterpretation", "MB"), "MB"),
        (lambda d: d.WaveformSequence[0].ChannelDefinitionSequence.pop(), "number of channels"),
        (
            lambda d: d.WaveformSequence[0].ChannelDefinitionSequence[2].pop("ChannelSensitivity"),
            "microvolts",
        ),
        (lambda d: setattr(d.WaveformSequence[0], "SamplingFrequency", "0"), "signal.rate"),
        (lambda d: setattr(d.WaveformSequence[0], "WaveformOriginality", "DERIVED"), "no original waveform"),
        (lambda d: setattr(d, "PatientName", "x" * 101), "patient.family_name"),
        (lambda d: setattr(d, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.9.7.1"), "another kind: Routine"),
    ],
)
def test_dicom_files_that_cannot_be_an_ecg_are_refused(
    dataset: pydicom.Dataset, tmp_path: Path, change: object, complaint: str
) -> None:
    change(dataset)
    with pytest.raises(EcgError, match=complaint):
        read_changed(dataset, tmp_path)


@pytest.mark.parametrize("keep", [132, 140, 500, 2000, 100_000, 230_000])
def test_truncated_dicom_files_are_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(SHIPPED.read_bytes()[:keep])
    with pytest.raises(FormatError):
        read(path)


def test_no_damage_to_a_dicom_file_escapes_as_another_error(tmp_path: Path) -> None:
    whole = bytearray(SHIPPED.read_bytes()[:40_000])
    random = np.random.default_rng(1)
    path = tmp_path / "damaged.dcm"
    for _ in range(150):
        damaged = bytearray(whole)
        for at in random.integers(132, 4000, 8):
            damaged[at] = random.integers(256)
        path.write_bytes(damaged)
        with pytest.raises(EcgError):  # it is cut off in any case
            read(path)


# ---------------------------------------------------------------- WFDB


def write_wfdb(folder: Path, digital: np.ndarray, **changes: object) -> Path:
    names = changes.pop("sig_name", ["ii", "MLII", "vx"])
    wfdb.wrsamp(
        "record",
        fs=changes.pop("fs", 250),
        units=changes.pop("units", ["mV", "uV", "mV"]),
        sig_name=names,
        d_signal=digital,
        fmt=["16"] * 3,
        adc_gain=[200.0, 0.5, 1000.0],
        baseline=[1024, 0, -100],
        comments=changes.pop("comments", ["<age>: 51", "<sex>: F"]),
        write_dir=str(folder),
        **changes,
    )
    return folder / "record.hea"


@pytest.fixture
def digital() -> np.ndarray:
    return np.random.default_rng(2).integers(-2000, 2000, (1000, 3))


def test_a_wfdb_record_is_read_with_its_baselines_taken_off(digital: np.ndarray, tmp_path: Path) -> None:
    header = write_wfdb(tmp_path, digital)
    for path in (header, header.with_suffix(".dat")):
        found = read(path)
        assert found.recording.format.leads == (Lead.II, Lead.UNSPECIFIED, Lead.X)
        assert found.recording.format.resolution == (5.0, 2.0, 1.0)
        assert (found.recording.samples == digital.T - [[1024], [0], [-100]]).all()
        assert (found.age_years, found.patient.sex) == (51, Sex.FEMALE)


@pytest.mark.parametrize(
    ("comments", "age", "sex"),
    [
        (["69 M 1085 1629 x1"], 69, Sex.MALE),
        (["age: 81", "sex: female"], 81, Sex.FEMALE),
        (["Aldomet, Inderal"], None, Sex.UNKNOWN),
    ],
)
def test_age_and_sex_from_the_comments(
    digital: np.ndarray, tmp_path: Path, comments: list[str], age: int | None, sex: Sex
) -> None:
    found = read(write_wfdb(tmp_path, digital, comments=comments))
    assert (found.age_years, found.patient.sex) == (age, sex)


def test_missing_samples_of_a_wfdb_record_are_a_gap(digital: np.ndarray, tmp_path: Path) -> None:
    digital[100:200, 0] = -32768
    found = read(write_wfdb(tmp_path, digital)).recording
    assert found.format.lead_off == (LeadOff(Lead.II, 100, 200),)
    assert (found.samples[0, 100:200] == 0).all()


def test_a_long_record_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digital = np.random.default_rng(3).integers(-2000, 2000, (1000, 3))
    digital[390:710, 1] = digital[300:320, 1] = -32768
    digital[:400, 2] = 32_700  # beyond 16 bits only once its baseline is off, and only in the first part
    header = write_wfdb(tmp_path, digital)
    whole = read(header).recording
    for length in (100, 400, 999):
        monkeypatch.setattr(reader.wfdb, "_PART", length)
        parts = read(header).recording
        assert parts.format == whole.format
        assert np.array_equal(parts.samples, whole.samples)
    assert whole.format.lead_off == (LeadOff(Lead.UNSPECIFIED, 390, 710),)


@pytest.mark.parametrize(("disturbance", "resolution"), [(0, 1.0), (3, None)])
def test_limb_leads_that_fit_each_other_have_one_gain(
    tmp_path: Path, disturbance: int, resolution: float | None
) -> None:
    digital = np.random.default_rng(4).integers(-500, 500, (1000, 3))
    digital[:, 2] = digital[:, 1] - digital[:, 0] + disturbance
    found = read(write_wfdb(tmp_path, digital, sig_name=["i", "ii", "iii"], units=["mV"] * 3)).recording
    if resolution is None:
        assert found.format.resolution == (5.0, 2000.0, 1.0)
    else:
        assert found.format.resolution == (resolution,) * 3
        assert np.array_equal(found.samples, digital.T)


def test_signals_that_are_no_voltage_are_left_out(digital: np.ndarray, tmp_path: Path) -> None:
    found = read(write_wfdb(tmp_path, digital, units=["mV", "mmHg", "mV"])).recording
    assert found.format.leads == (Lead.II, Lead.X)
    with pytest.raises(FormatError, match="without a signal in volts"):
        read(write_wfdb(tmp_path, digital, units=["mmHg", "mmHg", "bpm"]))


def test_a_rate_that_no_recorder_has_is_refused_by_name(digital: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=r"signal\.rate"):
        read(write_wfdb(tmp_path, digital, fs=50))


def test_a_wfdb_record_without_its_samples_is_refused(digital: np.ndarray, tmp_path: Path) -> None:
    header = write_wfdb(tmp_path, digital)
    header.with_suffix(".dat").write_bytes(b"\0" * 100)
    with pytest.raises(FormatError):
        read(header)
    header.with_suffix(".dat").unlink()
    with pytest.raises(OSError, match=r"record\.dat"):
        read(header)


# ---------------------------------------------------------------- what is no ECG


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff\xe0 a photograph", b"hello\n", b"\0" * 200, b"record 3 250\n"]
)
def test_files_that_are_no_ecg_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        read(path)


def test_a_folder_is_refused_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="folder"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.dcm")


# ---------------------------------------------------------------- real files


def test_real_records_of_every_set_are_read(shared_ecg: Path) -> None:
    for folder, rate in (("ptbxl", 500), ("mitdb", 360), ("qtdb", 250), ("ptb", 1000)):
        header = min((shared_ecg / folder).glob("*.hea"))
        found = read(header).recording
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=True)
        assert found.format.rate == rate
        millivolts = found.microvolts() / 1000
        assert np.allclose(millivolts, record.p_signal.T, atol=1e-9)


def test_the_counts_of_ludb_are_microvolts(shared_ecg: Path) -> None:
    headers = sorted((shared_ecg / "ludb").glob("*.hea"))
    for header in headers[::10]:
        found = read(header).recording
        record = wfdb.rdrecord(str(header.with_suffix("")), physical=False)
        assert np.array_equal(found.microvolts(), record.d_signal.T)


def test_real_dicom_files_are_read_and_nonconforming_ones_refused(shared_ecg: Path) -> None:
    found = read(shared_ecg / "interop" / "Example.dcm")
    assert found.recording.format.leads == TWELVE_LEADS
    assert found.recording.samples.shape == (12, 5000)
    assert found.recording.format.lead_off == ()
    for path in (shared_ecg / "interop").glob("nonconforming_*"):
        with pytest.raises(EcgError):
            read(path)
    digest = hashlib.sha256(found.recording.samples.tobytes()).hexdigest()
    assert len(digest) == 64
