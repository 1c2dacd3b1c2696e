"""Errors of the archive.

Each class has the wire's error code and its text in both languages, so that any room that speaks to a
person or a peer can pass it on::

    ArchiveError
    ├── AccessDenied         the access rule says no
    ├── NotFound             no such thing, or none that the actor may know of
    ├── Conflict             somebody else was first (an order taken, a number used)
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
    text_en: ClassVar[str] = "The server failed; the failure is in its log."
    text_ru: ClassVar[str] = "Сбой сервера; подробности в его журнале."

    def __init__(self, note: str = "", *, detail: int = 0, retry_after: int = 0) -> None:
        super().__init__(note)
        self.note = note
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.text_en} ({self.note})" if self.note else self.text_en


class AccessDenied(ArchiveError):
    code = ErrorCode.ACCESS_DENIED
    text_en = "This account may not do that."
    text_ru = "У этой учётной записи нет права на это действие."


class NotFound(ArchiveError):
    code = ErrorCode.NOT_FOUND
    text_en = "Not found."
    text_ru = "Не найдено."


class Conflict(ArchiveError):
    code = ErrorCode.CONFLICT
    text_en = "Somebody else has already changed this."
    text_ru = "Это уже изменено кем-то другим."


class LoginFailed(ArchiveError):
    code = ErrorCode.LOGIN_FAILED
    text_en = "Wrong login or password."
    text_ru = "Неверный логин или пароль."


class LoginThrottled(ArchiveError):
    code = ErrorCode.LOGIN_THROTTLED
    text_en = "Too many failed logins; wait and try again."
    text_ru = "Слишком много неудачных попыток входа; подождите и повторите."


class WeakPassword(ArchiveError):
    code = ErrorCode.WEAK_PASSWORD
    text_en = "The password is too weak: at least 10 characters, not the login."
    text_ru = "Слишком слабый пароль: нужно не менее 10 символов и не логин."


class UploadUnknown(ArchiveError):
    code = ErrorCode.UPLOAD_UNKNOWN
    text_en = "No upload with this exam UUID was begun."
    text_ru = "Передача обследования с таким UUID не начата."


class UploadOffset(ArchiveError):
    code = ErrorCode.UPLOAD_OFFSET
    text_en = "The chunk does not continue the upload."
    text_ru = "Фрагмент не продолжает передачу."


class UploadIncomplete(ArchiveError):
    code = ErrorCode.UPLOAD_INCOMPLETE
    text_en = "The upload is not complete."
    text_ru = "Передача не завершена."


class DigestMismatch(ArchiveError):
    code = ErrorCode.DIGEST_MISMATCH
    text_en = "The samples differ from the announced SHA-256; send them again."
    text_ru = "Отсчёты не совпадают с объявленной суммой SHA-256; передайте их заново."


class UuidReused(ArchiveError):
    code = ErrorCode.UUID_REUSED
    text_en = "This exam UUID already names another exam."
    text_ru = "Этот UUID уже принадлежит другому обследованию."


class StorageFull(ArchiveError):
    code = ErrorCode.STORAGE_FULL
    text_en = "No room in the cardiobank; keep the exam and send it later."
    text_ru = "В кардиобанке нет места; сохраните обследование и передайте позже."


class DatabaseUnavailable(ArchiveError):
    code = ErrorCode.DATABASE_UNAVAILABLE
    text_en = "The database does not answer; try again later."
    text_ru = "База данных не отвечает; повторите позже."


class DamagedExam(ArchiveError):
    code = ErrorCode.DAMAGED_EXAM
    text_en = "The exam's file in the cardiobank is damaged."
    text_ru = "Файл обследования в кардиобанке повреждён."
