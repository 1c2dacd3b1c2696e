"""Errors of the archive.

Each class has the wire's error code and its text in both languages, so that any room that speaks to a
person or a peer can pass it on::

    ArchiveError
    ├── AccessDenied         the access rule says no
    ├── NotFound             no such thing, or none that the actor may know of
    ├── Conflict             somebody else was first (an order taken, a number used)
    ├── NotOffered           switched off in the configuration
    ├── LoginFailed          wrong login or password, or the account is disabled
    ├── LoginThrottled       too many attempts; see ``retry_after``
    ├── WeakPassword
    ├── UploadUnknown        a chunk or commit without a begin
    ├── UploadOffset         a chunk that does not continue; see ``detail``
    ├── UploadIncomplete     a commit before the last byte
    ├── DigestMismatch       the bytes are not those whose digest was announced
    ├── UuidReused           this UUID already names another exam
    ├── StorageFull          no room in the bank; nothing was written
    ├── DatabaseUnavailable  the database does not answer
    └── DamagedExam          a bank file fails its checks
"""

from __future__ import annotations

from typing import ClassVar

from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.texts import TEXTS


class ArchiveError(Exception):
    """Base of all errors of :mod:`cardioserver.archive`.

    Parameters
    ----------
    detail
        For ``UPLOAD_OFFSET`` the expected offset, else 0.
    retry_after
        Seconds after which trying again makes sense; 0: no advice.
    note
        Where it happened, for logs: ids and paths, never personal data.
    """

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    text_en: ClassVar[str] = TEXTS[code][0]
    text_ru: ClassVar[str] = TEXTS[code][1]

    def __init_subclass__(cls) -> None:
        """Take the texts of the code, unless the class has its own."""
        if "text_en" not in vars(cls):
            cls.text_en, cls.text_ru = TEXTS[cls.code]

    def __init__(self, note: str = "", *, detail: int = 0, retry_after: int = 0) -> None:
        super().__init__(note)
        self.note = note
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.text_en} ({self.note})" if self.note else self.text_en


class AccessDenied(ArchiveError):
    code = ErrorCode.ACCESS_DENIED


class NotFound(ArchiveError):
    code = ErrorCode.NOT_FOUND


class Conflict(ArchiveError):
    code = ErrorCode.CONFLICT


class NotOffered(ArchiveError):
    code = ErrorCode.NOT_OFFERED


class LoginFailed(ArchiveError):
    code = ErrorCode.LOGIN_FAILED


class LoginThrottled(ArchiveError):
    code = ErrorCode.LOGIN_THROTTLED


class WeakPassword(ArchiveError):
    code = ErrorCode.WEAK_PASSWORD


class UploadUnknown(ArchiveError):
    code = ErrorCode.UPLOAD_UNKNOWN


class UploadOffset(ArchiveError):
    code = ErrorCode.UPLOAD_OFFSET


class UploadIncomplete(ArchiveError):
    code = ErrorCode.UPLOAD_INCOMPLETE


class DigestMismatch(ArchiveError):
    code = ErrorCode.DIGEST_MISMATCH


class UuidReused(ArchiveError):
    code = ErrorCode.UUID_REUSED


class StorageFull(ArchiveError):
    code = ErrorCode.STORAGE_FULL


class DatabaseUnavailable(ArchiveError):
    code = ErrorCode.DATABASE_UNAVAILABLE


class DamagedExam(ArchiveError):
    code = ErrorCode.DAMAGED_EXAM
