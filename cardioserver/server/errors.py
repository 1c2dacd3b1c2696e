"""From exceptions to the error messages of the wire."""

from __future__ import annotations

from cardioserver.archive.errors import ArchiveError
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol import texts
from cardioserver.protocol.messages import Error, ErrorCode
from cardioserver.server.pools import PoolBusy

BUSY_RETRY_SECONDS = 5


def error_of(error: BaseException) -> Error:
    """What to tell the peer about *error*; what it does not know is ``INTERNAL``."""
    if isinstance(error, ArchiveError):
        return Error(error.code, "", error.text_en, error.text_ru, error.retry_after, error.detail)
    if isinstance(error, InvalidField):
        return texts.error_of(error)
    if isinstance(error, PoolBusy):
        return texts.error_message(ErrorCode.BUSY, retry_after=BUSY_RETRY_SECONDS)
    return texts.error_message(ErrorCode.INTERNAL)
