"""Checks of a request that need more than one field of it, or the time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from cardioserver.ecg.errors import InvalidField
from cardioserver.ecg.patient import Patient
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.messages import CreateOrder, Limits, Upload, UploadBegin

_ONE_DAY = timedelta(days=1)
"""Somewhere it is tomorrow already."""


def check_request(message: object, limits: Limits, today: Callable[[], date]) -> None:
    """Check what :func:`~cardioserver.protocol.layout.parse` could not.

    Raises
    ------
    InvalidField
        A birthday in the future; a signal that is larger than the server takes, or whose
        ``sample_count`` does not match the samples that came with it.
    """
    match message:
        case Upload():
            _check_birthday(message.exam.patient, today)
            _check_size(message.signal, limits)
            if len(message.data) != message.signal.byte_count:
                allowed = f"{message.signal.byte_count} bytes of samples for this format"
                raise InvalidField("signal.sample_count", len(message.data), allowed)
        case UploadBegin():
            _check_birthday(message.exam.patient, today)
            _check_size(message.signal, limits)
        case CreateOrder():
            _check_birthday(message.patient, today)


def _check_birthday(patient: Patient, today: Callable[[], date]) -> None:
    if patient.birthday is not None and patient.birthday > today() + _ONE_DAY:
        raise InvalidField("patient.birthday", patient.birthday, "not in the future")


def _check_size(signal: SignalFormat, limits: Limits) -> None:
    if signal.byte_count > limits.max_upload:
        allowed = f"at most {limits.max_upload} bytes of samples"
        raise InvalidField("signal.sample_count", signal.sample_count, allowed)
