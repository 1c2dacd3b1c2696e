"""The documents of an exam that other systems read from files."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import numpy as np

from cardioserver.ecg.recording import Recording, SignalFormat
from cardioserver.integration.exporter import Delivery, Source
from cardioserver.protocol.messages import AutoReport, Conclusion, ExamDetails

MICROVOLTS_PER_MILLIVOLT = 1000

JSON_VERSION = 1
"""Of :func:`exam_document`; goes up when a field changes its meaning or goes away, not when one is added."""


def exam_document(
    delivery: Delivery, details: ExamDetails, conclusions: tuple[Conclusion, ...], source: Source
) -> bytes:
    """``exam.json``: everything the archive knows of an exam but its samples.

    ``docs/integration.md`` describes the fields. The same delivery of an unchanged exam gives the same bytes.
    """
    document = {
        "format": "cardioserver.exam",
        "version": JSON_VERSION,
        "event": {
            "id": delivery.event_id,
            "kind": (delivery.kind.name or "").lower(),
            "time": delivery.created_at,
        },
        "patient": _patient(details),
        "patient_exam": _patient_exam(details, source),
        "signal": _signal(details.signal, details.digest),
        "auto_report": _auto_report(source.auto_report(details.exam_id)),
        "conclusion": [_conclusion(one, source) for one in conclusions],
    }
    return json.dumps(document, ensure_ascii=False, indent=2, default=_plain).encode() + b"\n"


def conclusion_text(details: ExamDetails, conclusions: tuple[Conclusion, ...]) -> bytes:
    """``conclusion.txt``: the conclusions for people, oldest first, in the recorder's local time."""
    here = details.exam.started_at.tzinfo
    return "\n".join(
        f"{one.created_at.astimezone(here):%d.%m.%Y %H:%M} {one.account_name}\n\n{one.text.strip()}\n"
        for one in conclusions
    ).encode()


def wfdb_record(name: str, details: ExamDetails, recording: Recording) -> dict[str, bytes]:
    """The recording as a WFDB record: the files ``name.hea`` and ``name.dat``.

    Formats 16 and 32 hold the samples as they are. WFDB reads the least value (-32768 of 16 bits) as "no
    sample". See header(5) and signal(5) of the WFDB Applications Guide.
    """
    signal, samples = recording.format, recording.samples
    # The sum of all samples modulo 2**16, as a signed number.
    checksums = samples.sum(axis=1, dtype=np.int64).astype(np.int16)
    started_at = details.exam.started_at
    header = [
        f"{name} {len(signal.leads)} {_number(signal.rate)} {signal.sample_count} "
        f"{started_at:%H:%M:%S}.{started_at.microsecond // 1000:03d} {started_at:%d/%m/%Y}"
    ]
    for lead, resolution, first, checksum in zip(
        signal.leads, signal.resolution, samples[:, 0], checksums, strict=True
    ):
        gain = _number(MICROVOLTS_PER_MILLIVOLT / resolution)
        header.append(
            f"{name}.dat {signal.bits} {gain}(0)/mV {signal.bits} 0 {first} {checksum} 0 {lead.label}"
        )
    return {
        f"{name}.hea": "\n".join(header).encode("ascii") + b"\n",
        f"{name}.dat": np.ascontiguousarray(samples.T).tobytes(),
    }


def _number(value: float) -> str:
    """Without an exponent, which WFDB headers cannot hold."""
    return np.format_float_positional(value, trim="-")


def _patient(details: ExamDetails) -> dict[str, Any]:
    patient = details.exam.patient
    return {
        "id": details.patient_id,
        "number": patient.number,
        "sex": patient.sex.name.lower(),
        "birthday": patient.birthday,
        "family_name": patient.family_name,
        "personal_name": patient.personal_name,
        "patronymic": patient.patronymic,
        "passport": patient.passport,
        "insurance": patient.insurance,
        "snils": patient.snils,
        "address": patient.address,
        "phone": patient.phone,
    }


def _patient_exam(details: ExamDetails, source: Source) -> dict[str, Any]:
    exam = details.exam
    return {
        "id": details.exam_id,
        "uuid": str(exam.uuid),
        "type": exam.exam_type.label,
        "method": exam.method.label,
        "start_time": exam.started_at,
        "end_time": exam.ended_at,
        "stored_time": details.stored_at,
        "height": exam.height_cm,
        "weight": exam.weight_kg,
        "age": exam.age_years,
        "comment": exam.comment,
        "hcf_id": details.hcf_id,
        "hcf_name": source.hcf_name(details.hcf_id),
        "archive_id": details.archive_id,
        "archive_name": source.archive_name(details.archive_id),
        "recorder_account_id": details.recorder_account_id,
        "recorder_hcf_id": details.recorder_hcf_id,
        "recorder_hcf_name": source.hcf_name(details.recorder_hcf_id),
        "device_number": exam.device_number,
        "accession_number": exam.accession_number,
        "latitude": exam.latitude,
        "longitude": exam.longitude,
        "oktmo": exam.oktmo,
    }


def _signal(signal: SignalFormat, digest: bytes) -> dict[str, Any]:
    return {
        "rate": signal.rate,
        "leads": [lead.label for lead in signal.leads],
        "resolution": list(signal.resolution),
        "bits": signal.bits,
        "sample_count": signal.sample_count,
        "lead_off": [
            {"lead": mark.lead.label, "start": mark.start, "stop": mark.stop} for mark in signal.lead_off
        ],
        "pacemaker_spikes": list(signal.pacemaker_spikes),
        "filters": {
            "high_pass": signal.filters.high_pass_hz,
            "low_pass": signal.filters.low_pass_hz,
            "mains": signal.filters.mains_hz,
        },
        "sha256": digest.hex(),
    }


def _auto_report(report: AutoReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "version": report.version,
        "time": report.created_at,
        "text_ru": report.text_ru,
        "text_en": report.text_en,
        "document": json.loads(report.document) if report.document else None,
    }


def _conclusion(conclusion: Conclusion, source: Source) -> dict[str, Any]:
    return {
        "id": conclusion.conclusion_id,
        "uuid": str(conclusion.conclusion_uuid),
        "time": conclusion.created_at,
        "account_id": conclusion.account_id,
        "account_name": conclusion.account_name,
        "hcf_id": conclusion.hcf_id,
        "hcf_name": source.hcf_name(conclusion.hcf_id),
        "text": conclusion.text,
    }


def _plain(value: object) -> str:
    assert isinstance(value, date | datetime)  # noqa: S101  nothing else is in there
    return value.isoformat()
