"""The reply that says why not."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.protocol.messages.codes import ErrorCode
from cardioserver.protocol.wire import U32, U64, Text


@dataclass(frozen=True, slots=True)
class Error:
    """Payload of a reply with the ERROR flag."""

    code: ErrorCode
    field: Text  # dotted field name for INVALID_FIELD, else empty
    text_en: Text
    text_ru: Text
    retry_after: U32 = 0  # seconds; 0: no advice
    detail: U64 = 0  # UPLOAD_OFFSET: the offset the server expects
