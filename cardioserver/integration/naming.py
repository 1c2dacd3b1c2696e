"""Names of exported files, from templates such as ``{patient_exam.start_date}/{patient_exam.uuid}``."""

from __future__ import annotations

import json
import re

from cardioserver.language import Phrase
from cardioserver.protocol.messages import ExamDetails
from cardioserver.settings import ConfigError, Problem

MAX_VALUE = 40  # characters of a field's value; a UUID has 36
MAX_PART = 200  # characters of a folder's or file's name, of the 255 that file systems allow

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""Names that Windows, which may mount the folder, takes for devices."""

FIELDS = (
    "patient_exam.id",
    "patient_exam.uuid",
    "patient_exam.start_date",
    "patient_exam.start_time",
    "patient_exam.device_number",
    "patient_exam.accession_number",
    "patient_exam.hcf_id",
    "patient_exam.archive_id",
    "patient.id",
    "patient.number",
)
"""What a template may name: identifiers and times, not names of people, which any directory listing shows."""

UNIQUE = ("patient_exam.id", "patient_exam.uuid")
"""One of them at least keeps two exams from having the same name."""


class NameTemplate:
    """A template of names.

    Parameters
    ----------
    template
        Text with fields in braces; ``/`` parts folders.
    option
        JSON path for the error.

    Raises
    ------
    ConfigError
        An unknown field, no unique one, too long, or a text that is no plain relative path.
    """

    def __init__(self, template: str, option: str) -> None:
        fields = set(_FIELD.findall(template))
        longest = _FIELD.sub("x" * MAX_VALUE, template).split("/")
        is_plain = all(part == safe(part) and len(part) <= MAX_PART for part in longest)
        if not is_plain or not fields <= set(FIELDS) or not fields & set(UNIQUE):
            raise ConfigError(None, (Problem(option, json.dumps(template, ensure_ascii=False), _ALLOWED),))
        self._parts = template.split("/")

    def of(self, details: ExamDetails) -> str:
        """The name of an exam: a relative path, the same on every attempt and safe on any system."""
        values = {field: safe(value)[:MAX_VALUE] for field, value in _values(details).items()}
        return "/".join(safe(_FIELD.sub(lambda field: values[field[1]], part)) for part in self._parts)


def _values(details: ExamDetails) -> dict[str, str]:
    exam = details.exam
    return {
        "patient_exam.id": str(details.exam_id),
        "patient_exam.uuid": str(exam.uuid),
        "patient_exam.start_date": f"{exam.started_at:%Y-%m-%d}",
        "patient_exam.start_time": f"{exam.started_at:%Y%m%dT%H%M%S}",
        "patient_exam.device_number": exam.device_number,
        "patient_exam.accession_number": exam.accession_number,
        "patient_exam.hcf_id": str(details.hcf_id),
        "patient_exam.archive_id": str(details.archive_id),
        "patient.id": str(details.patient_id),
        "patient.number": exam.patient.number,
    }


_FIELD = re.compile(r"\{([^{}]*)\}")

_ALLOWED = Phrase(
    f"allowed is a relative path of letters, digits, `_`, `-` and {{fields}}, with {{{UNIQUE[0]}}} or "
    f"{{{UNIQUE[1]}}} in it; fields are {', '.join(FIELDS)}",
    f"допустим относительный путь из латинских букв, цифр, `_`, `-` и {{полей}}, среди них "
    f"{{{UNIQUE[0]}}} или {{{UNIQUE[1]}}}; поля: {', '.join(FIELDS)}",
)


def safe(text: str) -> str:
    """*text* as a name on any file system: no path, no hidden file, no device, also a WFDB record's name.

    Other characters than ASCII letters, digits, ``_`` and ``-`` become ``_``.
    """
    name = _UNSAFE.sub("_", text)
    return f"_{name}" if not name or _DEVICES.fullmatch(name) else name
