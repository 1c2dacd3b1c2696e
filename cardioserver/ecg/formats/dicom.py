"""Reads DICOM waveform files: resting, general and ambulatory ECG (PS3.3 A.34.3 to A.34.5)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cardioserver.ecg.errors import EcgError, FormatError, InvalidField
from cardioserver.ecg.formats.foreign import ForeignExam
from cardioserver.ecg.formats.placement import centred, gaps, lasting, runs
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import MAX_RATE_HZ, MIN_RATE_HZ, HardwareFilters, Recording, SignalFormat

_MAGIC = slice(128, 132)  # PS3.10 section 7.1
_ECG_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.9.1.1",  # 12-lead ECG Waveform Storage
    "1.2.840.10008.5.1.4.1.1.9.1.2",  # General ECG Waveform Storage
    "1.2.840.10008.5.1.4.1.1.9.1.3",  # Ambulatory ECG Waveform Storage
    "1.2.840.10008.5.1.4.1.1.9.1.4",  # General 32-bit ECG Waveform Storage
}
"""SOP classes that are ECGs (PS3.4 table B.5-1); others may be in volts too, an EEG for one."""

_TYPES = {"SB": "i1", "UB": "u1", "SS": "i2", "US": "u2", "SL": "i4", "UL": "u4"}
"""Waveform Sample Interpretation (PS3.3 C.10.9.1.5) that is linear and fits 32 bits."""

_MICROVOLTS = {"nV": Decimal("0.001"), "uV": Decimal(1), "mV": Decimal(1000), "V": Decimal(1_000_000)}
"""µV in a unit of voltage, by its UCUM code."""

_SEXES = {"M": Sex.MALE, "F": Sex.FEMALE, "O": Sex.OTHER}
_DAYS = {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}
_DAYS_IN_YEAR = 365.25


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file has DICOM's preamble."""
    return head[_MAGIC] == b"DICM"


def read(path: Path) -> ForeignExam:
    """Read the longest original ECG of a DICOM file.

    Raises
    ------
    FormatError
        The file is damaged, or has no ECG whose amplitudes and rate are known.
    InvalidField
        A value in the file cannot be true.
    OSError
        The file cannot be opened.
    """
    import pydicom  # noqa: PLC0415  slow to import, and the server does not need it

    content = BytesIO(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with a value shows when the value is used
        try:
            return _exam(pydicom.dcmread(content))
        except EcgError:
            raise
        except Exception as error:  # a damaged file makes pydicom raise nearly anything
            raise FormatError(
                f"damaged DICOM file ({type(error).__name__})",
                f"повреждённый файл DICOM ({type(error).__name__})",
            ) from None


def _exam(dataset: Any) -> ForeignExam:
    groups = dataset.get("WaveformSequence")
    if not groups:
        raise FormatError("a DICOM file without waveforms", "файл DICOM без кривых")
    if dataset.get("SOPClassUID") not in _ECG_CLASSES:
        raise FormatError(
            f"a DICOM file with waveforms of another kind: {dataset.SOPClassUID.name}",
            f"файл DICOM с кривыми другого вида: {dataset.SOPClassUID.name}",
        )
    return ForeignExam(
        format="DICOM",
        recording=_choose(groups, dataset.original_encoding[1] is not False),
        patient=_patient(dataset),
        started_at=_started_at(dataset),
        age_years=_age(dataset),
        height_cm=_positive(dataset, "PatientSize", 100),  # metres
        weight_kg=_positive(dataset, "PatientWeight", 1),
        comment=_text(dataset, "PatientComments"),
        device_number=_text(dataset, "DeviceSerialNumber"),
        accession_number=_text(dataset, "AccessionNumber"),
        institution=_text(dataset, "InstitutionName"),
        source_uid=_text(dataset, "SOPInstanceUID"),
    )


def _choose(groups: Iterable[Any], little_endian: bool) -> Recording:
    """The longest of the original multiplex groups with the most leads; a median beat is not original."""
    found: list[Recording] = []
    refused: list[EcgError] = []
    for group in groups:
        if group.get("WaveformOriginality", "ORIGINAL") != "ORIGINAL":
            continue
        try:
            found.append(_recording(group, little_endian))
        except EcgError as error:
            refused.append(error)
    if not found:
        raise (
            refused[0]
            if refused
            else FormatError("no original waveform in the file", "в файле нет исходной записи")
        )
    return max(found, key=lambda recording: (len(recording.format.leads), recording.duration))


def _recording(group: Any, little_endian: bool) -> Recording:
    interpretation = group.WaveformSampleInterpretation
    if interpretation not in _TYPES:
        raise FormatError(
            f"waveform samples of kind {interpretation} are not linear or too wide",
            f"отсчёты вида {interpretation} нелинейны или слишком широки",
        )
    rate = float(group.SamplingFrequency)
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InvalidField("signal.rate", rate, f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz")
    raw = _samples(group, np.dtype(_TYPES[interpretation]).newbyteorder("<" if little_endian else ">"))
    channels = [_Channel.of(definition) for definition in group.ChannelDefinitionSequence]
    if len(channels) != len(raw):
        raise FormatError(
            "the waveform has another number of channels than definitions of them",
            "число каналов записи не совпадает с числом их описаний",
        )
    leads = tuple(channel.lead for channel in channels)
    zero = np.array([channel.zero for channel in channels], np.int64)
    absent = lasting(_padding(group, raw), rate)
    samples = centred(np.where(absent, zero[:, None], raw) if absent.any() else raw, zero)
    return Recording(
        SignalFormat(
            rate=rate,
            leads=leads,
            resolution=tuple(channel.resolution for channel in channels),
            bits=8 * samples.itemsize,
            sample_count=samples.shape[1],
            lead_off=gaps(runs(absent), leads),
            filters=channels[0].filters,
        ),
        samples,
    )


def _samples(group: Any, dtype: np.dtype[Any]) -> npt.NDArray[np.integer[Any]]:
    """Shape ``(channels, samples)``; in the file channels alternate sample by sample (C.10.9.1.7)."""
    channels, count = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    data: bytes = group.WaveformData
    size = channels * count * dtype.itemsize
    if channels < 1 or count < 1 or not size <= len(data) <= size + 1:  # an odd length is padded
        raise FormatError(
            "the waveform data are cut off or have another length than they say",
            "данные записи обрезаны или не той длины, что указана",
        )
    return np.frombuffer(data[:size], dtype).reshape(count, channels).T


def _padding(group: Any, raw: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    value = group.get("WaveformPaddingValue")
    if value is None:
        return np.zeros(raw.shape, np.bool_)
    if isinstance(value, bytes):
        value = np.frombuffer(value[: raw.itemsize], raw.dtype)[0]
    padding: npt.NDArray[np.bool_] = raw == value
    return padding


@dataclass(frozen=True, slots=True)
class _Channel:
    lead: Lead
    resolution: float  # µV per count
    zero: int  # the count at 0 V
    filters: HardwareFilters

    @classmethod
    def of(cls, definition: Any) -> _Channel:
        sensitivity = _number(definition, "ChannelSensitivity")
        units = definition.get("ChannelSensitivityUnitsSequence")
        if sensitivity is None or not units:
            raise FormatError(
                "the waveform does not say how many microvolts a count is",
                "в записи не указано, сколько микровольт в единице отсчёта",
            )
        unit = units[0].CodeValue
        if unit not in _MICROVOLTS:
            raise FormatError(
                f"the waveform is in {unit!r}, which is no voltage",
                f"запись в единицах {unit!r}, а это не напряжение",
            )
        factor = _number(definition, "ChannelSensitivityCorrectionFactor")
        step = sensitivity * (Decimal(1) if factor is None else factor)
        if not step.is_finite() or step <= 0:
            raise InvalidField("signal.resolution", step, "a positive number of µV per count")
        # Channel Baseline is the value of count 0, in the units of the sensitivity (C.10.9.1.4.4).
        baseline = _number(definition, "ChannelBaseline") or Decimal(0)
        return cls(
            lead=_lead(definition.ChannelSourceSequence[0]),
            resolution=float(step * _MICROVOLTS[unit]),
            zero=-round(baseline / step),
            filters=HardwareFilters(
                high_pass_hz=_hertz(definition, "FilterLowFrequency"),
                low_pass_hz=_hertz(definition, "FilterHighFrequency"),
                mains_hz=_hertz(definition, "NotchFilterFrequency"),
            ),
        )


def _lead(source: Any) -> Lead:
    """By code: MDC ``2:n`` (PS3.16 CID 3001) or SCP-ECG ``5.6.3-9-n``, else by the code's meaning."""
    code = str(source.CodeValue)
    try:
        if source.CodingSchemeDesignator in ("MDC", "SCPECG"):
            return Lead(int(code.replace(":", "-").rsplit("-", 1)[-1]))
        return Lead.parse(str(source.CodeMeaning).removeprefix("Lead "))
    except ValueError:
        return Lead.UNSPECIFIED


def _patient(dataset: Any) -> Patient:
    name = dataset.get("PatientName") or ""
    return Patient(
        number=_text(dataset, "PatientID"),
        sex=_SEXES.get(_text(dataset, "PatientSex"), Sex.UNKNOWN),
        birthday=_birthday(dataset),
        family_name=str(getattr(name, "family_name", "")).strip(),
        personal_name=str(getattr(name, "given_name", "")).strip(),
        patronymic=str(getattr(name, "middle_name", "")).strip(),
        address=_text(dataset, "PatientAddress"),
        phone=_text(dataset, "PatientTelephoneNumbers"),
    )


def _text(dataset: Any, keyword: str) -> str:
    value = dataset.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and isinstance(value, Iterable):
        value = next(iter(value), "")
    return str(value).strip("\0 ")


def _number(dataset: Any, keyword: str) -> Decimal | None:
    text = _text(dataset, keyword)
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        raise FormatError(f"{keyword} is not a number", f"{keyword} — не число") from None


def _positive(dataset: Any, keyword: str, factor: float) -> float | None:
    value = _number(dataset, keyword)
    return float(value) * factor if value is not None and value > 0 else None


def _hertz(dataset: Any, keyword: str) -> float | None:
    return _positive(dataset, keyword, 1)


def _age(dataset: Any) -> int | None:
    """Age String (PS3.5 section 6.2): three digits and D, W, M or Y."""
    text = _text(dataset, "PatientAge")
    if not text[:-1].isdecimal() or text[-1:] not in _DAYS:
        return None
    return int(int(text[:-1]) * _DAYS[text[-1]] / _DAYS_IN_YEAR)


def _birthday(dataset: Any) -> date | None:
    text = _text(dataset, "PatientBirthDate")
    if not text:
        return None
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidField("patient.birthday", text, "a day of the calendar") from None


def _started_at(dataset: Any) -> datetime | None:
    for day, clock in (
        ("AcquisitionDateTime", None),
        ("AcquisitionDate", "AcquisitionTime"),
        ("StudyDate", "StudyTime"),
    ):
        text = _text(dataset, day) + (_text(dataset, clock) if clock else "")
        moment = _moment(text, _text(dataset, "TimezoneOffsetFromUTC"))
        if moment is not None:
            return moment
    return None


def _moment(text: str, default_offset: str) -> datetime | None:
    """Date Time (PS3.5 section 6.2): ``YYYYMMDDHHMMSS.FFFFFF&ZZXX``; at least the hour must be there."""
    for sign in "+-":
        if sign in text:
            text, _, offset = text.partition(sign)
            default_offset = sign + offset
            break
    whole, _, fraction = text.partition(".")
    try:
        moment = datetime.strptime(whole.ljust(14, "0")[:14], "%Y%m%d%H%M%S") if len(whole) >= 10 else None  # noqa: DTZ007
        if moment is None:
            return None
        if fraction:
            moment += timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
        return moment.replace(tzinfo=_zone(default_offset))
    except ValueError:
        return None


def _zone(offset: str) -> timezone | None:
    if len(offset) != 5:
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:5])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
