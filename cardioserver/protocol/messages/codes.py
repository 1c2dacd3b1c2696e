"""Enumerations and sets of bits, with their codes on the wire."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Role(IntEnum):
    """What an account may do; the access rule is in :mod:`cardioserver.archive.access`."""

    RECORDER = 1
    DOCTOR = 2
    VIEWER = 3
    ADMINISTRATOR = 4
    SERVICE = 5
    SUPER_ADMINISTRATOR = 6


class Capability(IntFlag):
    """Abilities beyond the base protocol, offered in the hello and used when both sides have them."""

    NONE = 0
    RESUME = 1
    EVENTS = 2
    ORDERS = 4
    ALL = 7  # of this version


class EventKind(IntFlag):
    """Kinds of events to subscribe to."""

    EXAM_STORED = 1
    AUTO_REPORT = 2
    CONCLUSION = 4
    CONSULTATION = 8
    ORDER = 16
    INTERPRETATION_REQUEST = 32


class UploadStatus(IntEnum):
    """Where an upload stands."""

    RECEIVING = 1
    STORED = 2


class OrderStatus(IntEnum):
    """Life of an order."""

    NEW = 1
    TAKEN = 2
    DONE = 3
    CANCELLED = 4


class ErrorCode(IntEnum):
    """Why a request failed; 1–99 close the connection, the others do not."""

    BAD_MAGIC = 1
    BAD_CRC = 2
    FRAME_TOO_LARGE = 3
    UNSUPPORTED_VERSION = 4
    TIMEOUT = 5
    TOO_MANY_CONNECTIONS = 6
    SHUTTING_DOWN = 7
    BAD_HEADER = 8
    DUPLICATE_REQUEST = 9
    SESSION_ENDED = 10
    UNKNOWN_MESSAGE = 100
    MALFORMED_MESSAGE = 101
    INVALID_FIELD = 102
    UNEXPECTED_MESSAGE = 103
    HELLO_REQUIRED = 110
    LOGIN_REQUIRED = 111
    ALREADY_LOGGED_IN = 112
    LOGIN_FAILED = 113
    LOGIN_THROTTLED = 114
    WEAK_PASSWORD = 115
    ACCESS_DENIED = 120
    NOT_FOUND = 121
    CONFLICT = 122
    NOT_OFFERED = 123
    UPLOAD_UNKNOWN = 130
    UPLOAD_OFFSET = 131
    UPLOAD_INCOMPLETE = 132
    DIGEST_MISMATCH = 133
    UUID_REUSED = 134
    TOO_MANY_REQUESTS = 140
    BUSY = 141
    STORAGE_FULL = 150
    DATABASE_UNAVAILABLE = 151
    DAMAGED_EXAM = 152
    INTERNAL = 160

    @classmethod
    def _missing_(cls, value: object) -> ErrorCode | None:
        """A code of a later server that does not close the connection is read as ``INTERNAL``."""
        return cls.INTERNAL if isinstance(value, int) and value >= 100 else None
