"""Orthanc, an established open DICOM server, as the peer of the ingest benchmark.

It stores the same ECGs as 12-lead ECG waveform objects, sent by four ``storescu`` of dcmtk with one
association each. Its index is SQLite, and ``SyncStorageArea`` is on, so that it syncs its files too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

from cardioserver.ecg.recording import Recording
from tests.servers import free_port

SENDERS = 4
_DEADLINE = 30.0


def missing() -> str:
    """Why the peer cannot run; empty if it can."""
    absent = [name for name in ("Orthanc", "storescu") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def version() -> str:
    """Orthanc's version."""
    answer = subprocess.run(["Orthanc", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split("\n", 1)[0]


def exams_per_second(folder: Path, ecgs: Sequence[Recording], count: int) -> float:
    """Send *count* ECGs to an Orthanc of its own below *folder*; its rate."""
    for sender in range(SENDERS):
        outgoing = folder / f"sender-{sender}"
        outgoing.mkdir(parents=True)
        for number in range(sender, count, SENDERS):
            _dicom(ecgs[number % len(ecgs)], number).save_as(
                outgoing / f"{number}.dcm", enforce_file_format=True
            )
    dicom_port, http_port = free_port(), free_port()
    server = _start(folder, dicom_port, http_port)
    try:
        _store(folder / "sender-0", dicom_port, limit=1)  # what it does once, on its first association
        began = time.perf_counter()
        senders = [_storescu(folder / f"sender-{sender}", dicom_port) for sender in range(SENDERS)]
        failed = [sender.wait() for sender in senders if sender.wait() != 0]
        seconds = time.perf_counter() - began
        stored = _statistics(http_port)["CountInstances"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(_DEADLINE)
    if failed or stored != count:
        raise RuntimeError(f"Orthanc stored {stored} of {count} ECGs")
    return count / seconds


def _start(folder: Path, dicom_port: int, http_port: int) -> subprocess.Popen[bytes]:
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "SyncStorageArea": True,
                "DicomPort": dicom_port,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "DicomCheckCalledAet": False,
            }
        )
    )
    with (folder / "orthanc.log").open("wb") as log:
        server = subprocess.Popen(["Orthanc", str(configuration)], stdout=log, stderr=log)
    end = time.monotonic() + _DEADLINE
    while True:
        try:
            _statistics(http_port)
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "orthanc.log").read_text()[-2000:]) from None
            time.sleep(0.05)
        else:
            return server


def _statistics(http_port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/statistics") as answer:
        return dict(json.load(answer))


def _storescu(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = ["storescu", "--required", "--scan-directories", "127.0.0.1", str(port), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _store(folder: Path, port: int, limit: int) -> None:
    files = sorted(str(path) for path in folder.iterdir())[:limit]
    subprocess.run(
        ["storescu", "--required", "127.0.0.1", str(port), *files], check=True, env=dict(os.environ)
    )


def _dicom(ecg: Recording, number: int) -> Dataset:
    """A 12-lead ECG waveform object (PS3.3 A.34.3), each of its own patient and study."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = TwelveLeadECGWaveformStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.Modality = "ECG"
    dataset.PatientID = f"P-{number}"
    dataset.PatientName = f"Patient^{number}"
    dataset.PatientBirthDate = "19600101"
    dataset.PatientSex = "F"
    moment = datetime.now(UTC)
    dataset.StudyDate = dataset.ContentDate = f"{moment:%Y%m%d}"
    dataset.StudyTime = dataset.ContentTime = f"{moment:%H%M%S}"
    dataset.AcquisitionDateTime = f"{moment:%Y%m%d%H%M%S}"
    dataset.StudyID = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Manufacturer = "Cardioserver benchmark"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.AcquisitionContextSequence = []
    dataset.WaveformSequence = [_multiplex_group(ecg)]
    return dataset


def _multiplex_group(ecg: Recording) -> Dataset:
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = len(ecg.format.leads)
    group.NumberOfWaveformSamples = ecg.format.sample_count
    group.SamplingFrequency = ecg.format.rate
    group.ChannelDefinitionSequence = [
        _channel(lead.value, lead.label, resolution)
        for lead, resolution in zip(ecg.format.leads, ecg.format.resolution, strict=True)
    ]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = ecg.samples.T.tobytes()
    return group


def _channel(code: int, label: str, resolution: float) -> Dataset:
    channel = Dataset()
    channel.ChannelSourceSequence = [_code(f"5.6.3-9-{code}", "SCPECG", f"Lead {label}", "1.3")]
    channel.ChannelSensitivity = str(resolution)
    channel.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt", "1.4")]
    channel.ChannelSensitivityCorrectionFactor = "1"
    channel.ChannelBaseline = "0"
    channel.ChannelSampleSkew = "0"
    channel.WaveformBitsStored = 16
    return channel


def _code(value: str, scheme: str, meaning: str, scheme_version: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = scheme
    code.CodingSchemeVersion = scheme_version
    code.CodeMeaning = meaning
    return code
