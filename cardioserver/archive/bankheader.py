"""The header of an exam's file: JSON that people can read without this program.

The names and values are those of ``docs/cardiobank.md``; they stay when a Python name changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from cardioserver.ecg.exam import Exam, ExamType, Method
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import HardwareFilters, LeadOff, SignalFormat

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ExamRecord:
    """All that is known of a stored exam but its samples: enough to fill an empty database.

    Attributes
    ----------
    digest
        SHA-256 of the sample bytes as on the wire (``recording.samples.tobytes()``).
    stored_at
        When the server accepted the exam, aware.
    server_id
        The server that accepted it.
    recorder_account_id, recorder_login, recorder_hcf_id, recorder_hcf_name
        The account that uploaded it, and that account's facility.
    archive_id, archive_name, hcf_id, hcf_name, hcf_oktmo
        The archive that holds the exam, and the facility that owns the archive.
    issuer_hcf_id, issuer_hcf_name
        The facility that issued the patient's number.
    """

    exam_id: int
    exam: Exam
    signal: SignalFormat
    digest: bytes
    stored_at: datetime
    server_id: int
    recorder_account_id: int
    recorder_login: str
    recorder_hcf_id: int
    recorder_hcf_name: str
    hcf_id: int
    hcf_name: str
    hcf_oktmo: str
    archive_id: int
    archive_name: str
    issuer_hcf_id: int
    issuer_hcf_name: str


def encode(record: ExamRecord, codec: str) -> bytes:
    """The header of *record*, whose samples are written by *codec*."""
    content = {
        "exam_id": record.exam_id,
        "exam": _exam(record.exam),
        "signal": _signal(record.signal),
        "codec": codec,
        "sha256": record.digest.hex(),
        "stored_at": record.stored_at.isoformat(),
        "server_id": record.server_id,
        "recorder": {
            "account_id": record.recorder_account_id,
            "login": record.recorder_login,
            "hcf_id": record.recorder_hcf_id,
            "hcf_name": record.recorder_hcf_name,
        },
        "archive": {
            "archive_id": record.archive_id,
            "name": record.archive_name,
            "hcf_id": record.hcf_id,
            "hcf_name": record.hcf_name,
            "hcf_oktmo": record.hcf_oktmo,
        },
        "patient_issuer": {"hcf_id": record.issuer_hcf_id, "hcf_name": record.issuer_hcf_name},
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(header: bytes) -> tuple[ExamRecord, str]:
    """The record and the codec's name.

    Raises
    ------
    ValueError
        The header is not one of ours; the text names the field, never its value.
    """
    try:
        content = _Object("", json.loads(header))
    except RecursionError:
        raise _unlike("") from None
    recorder, archive = content.inside("recorder"), content.inside("archive")
    issuer = content.inside("patient_issuer")
    record = ExamRecord(
        exam_id=content.get("exam_id", int),
        exam=_read_exam(content.inside("exam")),
        signal=_read_signal(content.inside("signal")),
        digest=content.parse("sha256", bytes.fromhex),
        stored_at=content.parse("stored_at", datetime.fromisoformat),
        server_id=content.get("server_id", int),
        recorder_account_id=recorder.get("account_id", int),
        recorder_login=recorder.get("login", str),
        recorder_hcf_id=recorder.get("hcf_id", int),
        recorder_hcf_name=recorder.get("hcf_name", str),
        hcf_id=archive.get("hcf_id", int),
        hcf_name=archive.get("hcf_name", str),
        hcf_oktmo=archive.get("hcf_oktmo", str),
        archive_id=archive.get("archive_id", int),
        archive_name=archive.get("name", str),
        issuer_hcf_id=issuer.get("hcf_id", int),
        issuer_hcf_name=issuer.get("hcf_name", str),
    )
    return record, content.get("codec", str)


def _exam(exam: Exam) -> dict[str, Any]:
    return {
        "uuid": str(exam.uuid),
        "patient": _patient(exam.patient),
        "started_at": exam.started_at.isoformat(),
        "ended_at": exam.ended_at.isoformat(),
        "exam_type": exam.exam_type.name,
        "method": exam.method.label,
        "height_cm": exam.height_cm,
        "weight_kg": exam.weight_kg,
        "age_years": exam.age_years,
        "comment": exam.comment,
        "archive_id": exam.archive_id,
        "device_number": exam.device_number,
        "latitude": exam.latitude,
        "longitude": exam.longitude,
        "oktmo": exam.oktmo,
        "accession_number": exam.accession_number,
    }


def _read_exam(content: _Object) -> Exam:
    return Exam(
        uuid=content.parse("uuid", UUID),
        patient=_read_patient(content.inside("patient")),
        started_at=content.parse("started_at", datetime.fromisoformat),
        ended_at=content.parse("ended_at", datetime.fromisoformat),
        exam_type=content.parse("exam_type", ExamType.__getitem__),
        method=content.parse("method", _METHODS.__getitem__),
        height_cm=content.maybe("height_cm", float),
        weight_kg=content.maybe("weight_kg", float),
        age_years=content.maybe("age_years", int),
        comment=content.get("comment", str),
        archive_id=content.maybe("archive_id", int),
        device_number=content.get("device_number", str),
        latitude=content.maybe("latitude", float),
        longitude=content.maybe("longitude", float),
        oktmo=content.get("oktmo", str),
        accession_number=content.get("accession_number", str),
    )


_METHODS = {method.label: method for method in Method}


def _patient(patient: Patient) -> dict[str, Any]:
    return {
        "number": patient.number,
        "sex": patient.sex.name,
        "birthday": patient.birthday.isoformat() if patient.birthday else None,
        "family_name": patient.family_name,
        "personal_name": patient.personal_name,
        "patronymic": patient.patronymic,
        "passport": patient.passport,
        "insurance": patient.insurance,
        "snils": patient.snils,
        "address": patient.address,
        "phone": patient.phone,
    }


def _read_patient(content: _Object) -> Patient:
    birthday = content.maybe("birthday", str)
    return Patient(
        number=content.get("number", str),
        sex=content.parse("sex", Sex.__getitem__),
        birthday=None if birthday is None else content.parse("birthday", date.fromisoformat),
        family_name=content.get("family_name", str),
        personal_name=content.get("personal_name", str),
        patronymic=content.get("patronymic", str),
        passport=content.get("passport", str),
        insurance=content.get("insurance", str),
        snils=content.get("snils", str),
        address=content.get("address", str),
        phone=content.get("phone", str),
    )


def _signal(signal: SignalFormat) -> dict[str, Any]:
    return {
        "rate_hz": signal.rate,
        "leads": [lead.label for lead in signal.leads],
        "resolution_uv": signal.resolution,
        "bits": signal.bits,
        "sample_count": signal.sample_count,
        "lead_off": [[mark.lead.label, mark.start, mark.stop] for mark in signal.lead_off],
        "pacemaker_spikes": signal.pacemaker_spikes,
        "filters": {
            "high_pass_hz": signal.filters.high_pass_hz,
            "low_pass_hz": signal.filters.low_pass_hz,
            "mains_hz": signal.filters.mains_hz,
        },
    }


def _read_signal(content: _Object) -> SignalFormat:
    filters = content.inside("filters")
    return SignalFormat(
        rate=content.get("rate_hz", float),
        leads=tuple(Lead.parse(label) for label in content.items("leads", str)),
        resolution=tuple(content.items("resolution_uv", float)),
        bits=content.get("bits", int),
        sample_count=content.get("sample_count", int),
        lead_off=tuple(_read_mark(mark) for mark in content.items("lead_off", list)),
        pacemaker_spikes=tuple(content.items("pacemaker_spikes", int)),
        filters=HardwareFilters(
            filters.maybe("high_pass_hz", float),
            filters.maybe("low_pass_hz", float),
            filters.maybe("mains_hz", float),
        ),
    )


def _read_mark(mark: list[Any]) -> LeadOff:
    match mark:
        case [str() as lead, int() as start, int() as stop]:
            return LeadOff(Lead.parse(lead), start, stop)
    raise _unlike(".signal.lead_off")


class _Object:
    """A JSON object whose members have the types they should have, or else raise ValueError."""

    def __init__(self, name: str, content: object) -> None:
        if not isinstance(content, dict):
            raise _unlike(name)
        self._name = name
        self._content = content

    def maybe(self, name: str, kind: type[_T]) -> _T | None:
        """A member of that type, or None where the object has null."""
        try:
            value = self._content[name]
        except KeyError:
            raise _unlike(f"{self._name}.{name}") from None
        return None if value is None else _typed(f"{self._name}.{name}", value, kind)

    def get(self, name: str, kind: type[_T]) -> _T:
        """A member of that type."""
        value = self.maybe(name, kind)
        if value is None:
            raise _unlike(f"{self._name}.{name}")
        return value

    def parse(self, name: str, convert: Callable[[str], _T]) -> _T:
        """A member that is text for something else."""
        try:
            return convert(self.get(name, str))
        except (KeyError, ValueError):
            raise _unlike(f"{self._name}.{name}") from None

    def items(self, name: str, kind: type[_T]) -> Iterator[_T]:
        """The items of a list, all of that type."""
        return (_typed(f"{self._name}.{name}", item, kind) for item in self.get(name, list))

    def inside(self, name: str) -> _Object:
        """A member that is an object."""
        return _Object(f"{self._name}.{name}", self.get(name, dict))


def _typed(name: str, value: Any, kind: type[_T]) -> _T:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise _unlike(name)
    return value


def _unlike(name: str) -> ValueError:
    return ValueError(f"header{name} is not what it should be")
